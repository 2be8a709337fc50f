"""One run: servers, workers and clients under faults, then in peace, then until everything has ended."""

from __future__ import annotations

import asyncio
import gc
import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from random import Random
from typing import Any
from unittest.mock import patch
from warnings import catch_warnings, simplefilter

from google.protobuf.duration_pb2 import Duration

from stellwerk.v1 import payload_pb2, worker_pb2, workflow_pb2
from stellwerk_server import definition
from stellwerk_server.config import Config
from stellwerk_server.model import ids
from tests.simulation.chance import in_our_hand, seeded
from tests.simulation.clients import Client
from tests.simulation.cluster import Cluster
from tests.simulation.connections import Network, connected_to
from tests.simulation.fake_redis import FakeRedis, instead_of_redis
from tests.simulation.faults import Faults
from tests.simulation.ledger import Ledger, Violation, run_of
from tests.simulation.loop import VirtualLoop
from tests.simulation.postgres import Postgres
from tests.simulation.trace import Trace
from tests.simulation.transport import INDETERMINATE, CallFailed, Line, Transport
from tests.simulation.watch import Look, Watch
from tests.simulation.workers import Worker
from tests.simulation.workflows import ACTIONS, DEFINITIONS

CHAOS_S, SETTLE_S, CALM_S, END_S = 25.0, 12.0, 10.0, 120.0
_compile = cache(definition.compile)


@dataclass(frozen=True)
class Outcome:
    """What a run was: the digest of its trace, and how much has happened."""

    digest: str
    lines: int
    statements: int
    runs: int
    acknowledged: int
    faults: int
    virtual_s: float


class World:
    """Everything of one run."""

    def __init__(self, postgres: Postgres, seed: int, trace: Path | None = None) -> None:
        random = seeded(seed, "world")
        self.seed = seed
        self.loop = VirtualLoop()
        self.trace = Trace(self.loop, trace)
        self.loop.died = self.trace.problem
        self.loop.set_exception_handler(lambda loop, context: None)
        self.postgres = postgres
        postgres.begin(self.loop, self.trace)
        self.look = Look(postgres, self.loop)
        self.ledger = Ledger()
        self.network = Network(postgres, self.loop, self.trace, seeded(seed, "network"))
        self.redis = FakeRedis(seeded(seed, "redis"), self.trace)
        self.transport = Transport(self.loop, seeded(seed, "transport"), self.trace)
        self.lease_s = random.choice([4.0, 10.0])
        config = Config(
            database_url="simulated",
            redis_url=random.choice(["redis://simulated", None]),
            commit_lanes=random.randint(1, 3),
            read_connections=4,
            lease_s=self.lease_s,
            cached_runs=100,
        )
        self.cluster = Cluster(self.loop, self.network, self.trace, seeded(seed, "cluster"), config)
        self.instances = random.choice([1, 2, 2, 3])
        self.workers: list[Worker] = []
        self.lines: dict[str, Line] = {}
        self.merciful = False
        self._random = random
        self._completed_at: dict[tuple[int, str], float] = {}
        self._hired = 0
        self.watch = Watch(self)
        self.faults = Faults(self, seeded(seed, "faults"))

    def play(self) -> Outcome:
        """The whole run; raises Violation, with how to run it again."""
        gc.disable()
        try:
            with (
                in_our_hand(self.seed, self.loop),
                connected_to(self.network),
                instead_of_redis(self.redis),
                patch.object(definition, "compile", _compile),
                self._logged(),
            ):
                self.loop.run_until_complete(self._acts())
        finally:
            self._clear()
        return Outcome(
            self.trace.digest,
            self.trace.lines,
            self.postgres.statements,
            len(self.look.rows("select 1 from runs")),
            self.ledger.acknowledged,
            self.faults.count,
            self.loop.time(),
        )

    def hire(self) -> None:
        """Another worker comes."""
        self._hired += 1
        # Somebody is always there for everything.
        choice = [("x",), ("y",), ACTIONS] if any(worker.actions == ACTIONS for worker in self.workers) else [ACTIONS]
        actions = self._random.choice(choice)
        name = f"worker{self._hired}"
        worker = Worker(self, name, actions, self._random.randint(1, 4), seeded(self.seed, name))
        self.workers.append(worker)
        worker.start()

    def definite(self, failed: CallFailed, method: str) -> None:
        """A call may fail so that it is to be sent again, and in no other way."""
        if failed.code not in INDETERMINATE:
            raise Violation(f"{method}: {failed}")

    def handed_out(self, task: worker_pb2.Task, asked_at: float) -> None:
        """I3, I4, I9: a worker was given a task it asked for at that moment."""
        self.trace.note(f"task {task.run_id} {task.step} {task.attempt}")
        self.ledger.token(task.token)
        run_id = run_of(task)
        if self._completed_at.get((run_id, task.step), asked_at) < asked_at:
            raise Violation(f"{task.run_id} {task.step} was completed, and is handed out again")
        if self.ledger.ended_at.get(run_id, asked_at) < asked_at:
            raise Violation(f"{task.run_id} has ended, and {task.step} is handed out")

    def completed(self, place: tuple[int, str], output: str) -> None:
        """A worker was told that its result is recorded."""
        self.trace.note(f"done {ids.show(place[0])} {place[1]}")
        self.ledger.complete(place, output)
        self._completed_at.setdefault(place, self.loop.time())

    def plan(self, random: Random, task: worker_pb2.Task) -> tuple[float, worker_pb2.TaskResult]:
        """How long a handler takes, and how it ends."""
        output = payload_pb2.Payload(json=json.dumps(f"{task.step} {task.attempt} {task.token[-6:].hex()}"))
        done = worker_pb2.TaskResult(token=task.token, output=output)
        if self.merciful:
            return random.uniform(0.02, 0.3), done
        seconds = random.choice([0.05, 0.3, 1.0, 1.0, 3.0, 13.0]) * random.random()
        chance = random.random()
        if chance < 0.75:
            return seconds, done
        if chance < 0.8:
            return seconds, worker_pb2.TaskResult(token=task.token, release=worker_pb2.Release())
        failure = payload_pb2.Failure(type="Boom", message="no", terminal=chance > 0.98)
        if chance < 0.84:
            failure.retry_after.CopyFrom(Duration(seconds=random.randint(0, 2)))
        return seconds, worker_pb2.TaskResult(token=task.token, failure=failure)

    async def _acts(self) -> None:
        for _ in range(self.instances):
            self.cluster.boot()
        while len(self.cluster.doors) < self.instances:  # noqa: ASYNC110 - they come one by one
            await asyncio.sleep(0.1)
        first = Client(self, "client0", seeded(self.seed, "client0"))
        await first.host.spawn(self._register(first))
        for _ in range(self._random.randint(2, 4)):
            self.hire()
        watching = self.loop.create_task(self.watch.run())
        until_s = self.loop.time() + CHAOS_S
        clients = [Client(self, f"client{n}", seeded(self.seed, f"client{n}")) for n in range(1, 4)]
        acting = [client.host.spawn(client.run(until_s + SETTLE_S + CALM_S), "acts") for client in clients]
        await self._guarded(self.faults.run(until_s), watching)
        await self._guarded(asyncio.sleep(SETTLE_S), watching)
        self.watch.strict = True
        await self._guarded(self.faults.kill_workers(self.loop.time() + CALM_S), watching)
        await self._guarded(asyncio.wait(acting), watching)
        self.merciful = True
        await self._guarded(self._end(first), watching)
        watching.cancel()
        self.watch.check_all()

    async def _guarded(self, work: Any, watching: asyncio.Task[None]) -> None:
        """Do it, unless the watch finds something first."""
        task = self.loop.create_task(work) if asyncio.iscoroutine(work) else work
        await asyncio.wait({task, watching}, return_when=asyncio.FIRST_COMPLETED)
        if watching.done():
            watching.result()
        await task

    async def _register(self, client: Client) -> None:
        for text in DEFINITIONS.values():
            await client.ask("ApplyWorkflow", workflow_pb2.ApplyWorkflowRequest(definition=text))

    async def _end(self, client: Client) -> None:
        """Everybody is told what he waits for, and every run ends."""
        until_s = self.loop.time() + END_S
        while open_runs := self.look.rows("select id, state from runs where state < 5 order by id"):
            if self.loop.time() > until_s:
                raise Violation("runs do not end: " + self.watch.explain([row["id"] for row in open_runs]))
            await client.host.spawn(client.help_out())
            await asyncio.sleep(self._random.uniform(0.5, 1.5))

    @contextmanager
    def _logged(self) -> Iterator[None]:
        logger = logging.getLogger("stellwerk_server")
        handler, kept = _Listener(self.trace), (logger.propagate, logger.level)
        logger.addHandler(handler)
        logger.propagate = False
        logger.setLevel(logging.INFO)
        try:
            yield
        finally:
            logger.removeHandler(handler)
            logger.propagate, level = kept
            logger.setLevel(level)

    def _clear(self) -> None:
        """Nobody of this run does anything any more."""
        # Connections first, which give back what they wait with; whose connection is gone already comes after.
        self.network.cut()
        self.postgres.end_run()
        self.trace.close()
        for task in asyncio.all_tasks(self.loop):
            task._log_destroy_pending = False  # type: ignore[attr-defined]  # a host that is gone ends nothing
        self.loop.clear()
        gc.enable()
        with catch_warnings():
            # Calls that never began, of hosts that are gone.
            simplefilter("ignore")
            gc.collect()


class _Listener(logging.Handler):
    """An error in the log is a problem: the servers know no other way to say that something went wrong inside."""

    def __init__(self, trace: Trace) -> None:
        super().__init__(logging.INFO)
        self._trace = trace

    def emit(self, record: logging.LogRecord) -> None:
        text = record.getMessage()
        if record.exc_info and record.exc_info[1] is not None:
            text += f": {record.exc_info[1]!r}"
        if record.levelno >= logging.ERROR or "stalled" in text:
            self._trace.problem(text)
        else:
            self._trace.note(f"log: {text[:200]}")
