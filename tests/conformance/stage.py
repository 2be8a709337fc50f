"""Everything one case in one language has around it: server, proxy, workers, folder, and its runs.

Must not judge: `expect` does.
"""

from __future__ import annotations

import asyncio
import json
import re
import socket
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from google.protobuf.duration_pb2 import Duration

from stellwerk.v1 import admin_pb2, run_pb2, workflow_pb2
from tests.conformance import case_pb2, programs
from tests.conformance.programs import Program
from tests.conformance.proxy import Proxy
from tests.conformance.schema import Raw, definition, plain, plain_struct, program_text
from tests.integration.api import Api, Refused, call

PATIENCE_S = 30
MAIN = "main"
SHARED, FORGETFUL = "shared", "forgetful"


@dataclass
class World:
    """What the cases of a session share. `server_of` gives the port of a server for a case.

    `background` has the endings, by language, of the cases that began with the session.
    """

    folder: Path
    server_of: Callable[[int, AsyncExitStack], tuple[int, Program | None]]
    # By kind (SHARED, FORGETFUL) and language.
    shared_worker: Callable[[str, str], Program]
    background: dict[str, Future[dict[str, str]]] = field(default_factory=dict)


@dataclass
class Stage:
    """One case in one language while it runs."""

    raw: Raw
    language: str
    world: World
    api: Api = field(init=False)
    case: case_pb2.Case = field(init=False)
    server: Program | None = None
    proxy: Proxy | None = None
    port: int = 0
    workers: dict[str, Program] = field(default_factory=dict)
    worker_ids: dict[str, str] = field(default_factory=dict)
    runs: list[str] = field(default_factory=list)
    # Runs that go on for those, found when they have ended.
    continued: list[str] = field(default_factory=list)
    _log_begins: dict[str, int] = field(default_factory=dict)

    async def open(self, stack: AsyncExitStack) -> None:
        """Put it up; the stack takes it down."""
        kind = self.raw.message.server
        self.port, self.server = await self._server(kind, stack)
        self.case = self.raw.filled(self.names())
        self.api = await stack.enter_async_context(Api(self.port))
        if self.case.proxy:
            self.proxy = Proxy(self.port)
            await self.proxy.up()
            stack.push_async_callback(self.proxy.close)
        await self._apply()
        if kind == case_pb2.SHARED and (self.case.code or not self.case.workers):
            await self._await_shared_workers()
        stack.callback(self._end_workers)
        for spec in self.case.workers:
            if not spec.late:
                await self.start_worker(spec.name or MAIN)
        if self.case.code:
            await self.until(self._is_code_known, f"the workflows {self.workflows} are registered")

    def names(self) -> dict[str, str]:
        """What the placeholders stand for."""
        return {
            "name": self.name,
            "language": self.language,
            "queue": self.queue,
            "address": f"127.0.0.1:{self.port}",
            "closed_address": f"127.0.0.1:{closed_port()}",
        }

    @property
    def name(self) -> str:
        """Unique for case and language."""
        return f"{self.raw.name}-{self.language}"

    @property
    def queue(self) -> str:
        """The queue of the case's own workers, or that of the language's shared one."""
        return self.name if self.raw.message.workers else f"conformance-{self.language}"

    @property
    def workflows(self) -> list[str]:
        """What the case's runs are of, one run (or as many as it says) each."""
        if self.case.code and not self.case.workers:
            return [f"{kind}-{self.language}" for kind in self._kinds()]
        return [self.name]

    def _kinds(self) -> list[str]:
        return [SHARED, FORGETFUL] if self.raw.message.code and not self.raw.message.workers else [SHARED]

    @property
    def patience_s(self) -> int:
        """How long each wait may take."""
        return self.case.patience_s or PATIENCE_S

    async def start_runs(self) -> None:
        """Start the case's run, or several at once."""
        starts = [self._start_request(workflow) for workflow in self.workflows for _ in range(self.case.runs or 1)]
        for result in (await call(self.api.runs.StartRuns(run_pb2.StartRunsRequest(starts=starts)))).results:
            assert not result.HasField("refusal"), f"the run was refused: {result.refusal}"
            self.runs.append(result.run_id)

    def _start_request(self, workflow: str) -> run_pb2.StartRunRequest:
        case = self.case
        request = run_pb2.StartRunRequest(
            workflow=workflow, trace=dict(case.trace), idempotency_key=case.idempotency_key
        )
        request.input.json = program_text(case)
        if case.HasField("first_signal"):
            request.signal.CopyFrom(signal_of(case.first_signal))
        if case.run_timeout_s:
            request.timeout.CopyFrom(Duration(nanos=0, seconds=0))
            request.timeout.FromMilliseconds(int(case.run_timeout_s * 1000))
        return request

    async def start_worker(self, name: str) -> None:
        """Start one of the case's workers and wait until the server lists it."""
        spec = next(spec for spec in self.case.workers if (spec.name or MAIN) == name)
        generation = sum(known.startswith(f"{self.name}-{name}-") for known in self.worker_ids.values())
        worker_id = f"{self.name}-{name}-{generation}"
        program = programs.worker(
            spec.language or self.language, self._environment(spec, worker_id), self.world.folder / f"{worker_id}.log"
        )
        self.worker_ids[name] = worker_id
        self.workers[name] = program
        program.start()
        await self.until(lambda: self._is_there(program, worker_id), f"worker {name} is listed")

    async def _is_there(self, program: Program, worker_id: str) -> bool:
        """Whether it is listed, or has come and gone already."""
        return program.exit_code is not None or await self.is_listed(worker_id)

    async def _is_code_known(self) -> bool:
        """A worker is listed a moment before its workflows are; until they are the server refuses to say."""
        for name in self.workflows:
            await call(self.api.workflows.GetWorkflow(workflow_pb2.GetWorkflowRequest(name=name)))
        return True

    async def is_listed(self, worker_id: str) -> bool:
        """Whether the worker has told the server of itself."""
        answer = await call(self.api.admin.ListWorkers(admin_pb2.ListWorkersRequest()))
        return any(worker.worker_id == worker_id and worker.sdk for worker in answer.workers)

    async def until(self, look: Callable[[], Awaitable[Any]], what: str) -> None:
        """Wait until it is true; a server that is away is asked again."""
        loop = asyncio.get_running_loop()
        end_s = loop.time() + self.patience_s
        while True:
            with suppress(Refused):
                if await look():
                    return
            assert loop.time() < end_s, f"not in {self.patience_s} s: {what}\n{self.scene()}"
            await asyncio.sleep(0.02)

    def notes(self) -> list[str]:
        """The notes of this case's runs, and those that name the case, in order."""
        file = self.world.folder / "notes"
        lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
        ours = {*self.runs, *self.continued}
        return [line for line in lines if line.split(" ", 2)[1] in ours or line.endswith(f" {self.name}")]

    def count_notes(self, pattern: str) -> int:
        """How many notes are of that text; `language step attempt text` also matches."""
        words = [line.split(" ", 4) for line in self.notes()]
        lines = [(text, f"{language} {step} {attempt} {text}") for language, _, step, attempt, text in words]
        return sum(any(re.fullmatch(pattern, form) for form in forms) for forms in lines)

    def scene(self) -> str:
        """What to show when the case fails: the logs of its workers and its notes."""
        logs = [f"--- log of worker {name}\n{program.tail()}" for name, program in self.workers.items()]
        if not self.case.workers:
            logs = [f"--- log of the shared worker\n{self._shared_log()}"]
        if self.server is not None:
            logs.append(f"--- log of the server\n{self.server.tail()}")
        return "\n".join([f"runs: {self.runs}", "notes:", *self.notes(), *logs])

    def _shared_log(self) -> str:
        """What the shared worker has logged since the case began."""
        if self.language not in programs.COMMANDS:
            return ""
        begins = self._log_begins.items()
        return "\n".join(self.world.shared_worker(kind, self.language).tail(begin) for kind, begin in begins)

    async def _server(self, kind: int, stack: AsyncExitStack) -> tuple[int, Program | None]:
        """The server of the case; one of its own starts beside those of the other languages."""
        if kind == case_pb2.OWN:
            return await asyncio.to_thread(self.world.server_of, kind, stack)
        return self.world.server_of(kind, stack)

    async def _apply(self) -> None:
        """Register the case's workflows; those that are code are registered by their workers."""
        own = [] if self.case.code else [definition(self.case, self.name, self.queue)]
        for each in [*own, *map(plain_struct, self.case.more_workflows)]:
            await self.api.apply(json.dumps(each))

    async def _await_shared_workers(self) -> None:
        wanted = [self.language] if not self.case.once else list(programs.COMMANDS)
        for kind in self._kinds():
            for language in wanted:
                self._log_begins[kind] = self.world.shared_worker(kind, language).log_size
                await self.until(
                    partial(self.is_listed, f"{kind}-{language}"), f"the {kind} {language} worker is listed"
                )

    def _environment(self, spec: case_pb2.Worker, worker_id: str) -> dict[str, str]:
        environment = {
            "STELLWERK_ADDRESS": f"127.0.0.1:{self.port}" if self.proxy is None else self.proxy.address,
            "CONFORMANCE_FOLDER": str(self.world.folder),
            "CONFORMANCE_QUEUE": self.queue,
            "CONFORMANCE_WORKER_ID": worker_id,
            "CONFORMANCE_BUILD": spec.build,
            "CONFORMANCE_PIN_RUNS": "on" if spec.pin_runs else "",
            "CONFORMANCE_WORKFLOWS": spec.workflows or (self.name if self.case.code else ""),
        }
        environment["CONFORMANCE_ACTIONS"] = spec.actions or ("idle" if environment["CONFORMANCE_WORKFLOWS"] else "")
        if self.raw.message.server == case_pb2.SHARED:
            environment["CONFORMANCE_STEP_QUEUE"] = f"conformance-{self.language}"
        for option in ("slots", "polls", "drain_s", "cached_runs"):
            if spec.HasField(option):
                environment[f"CONFORMANCE_{option.upper()}"] = f"{getattr(spec, option):g}"
        return {name: text for name, text in environment.items() if text}

    def _end_workers(self) -> None:
        """Whatever a worker does, nothing waits for it any more."""
        for program in self.workers.values():
            program.end(kill=True)


def signal_of(told: case_pb2.Tell) -> run_pb2.Signal:
    """The signal as the API has it."""
    signal = run_pb2.Signal(name=told.name, signal_id=told.signal_id)
    signal.payload.json = json.dumps("x" * told.size if told.size else plain(told.payload))
    return signal


def closed_port() -> int:
    """A port of loopback where nobody listens."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
