"""The load: clients that tell stories one after the other, bare workers, and what ends the runs they leave open.

Must not know any fault.
"""

from __future__ import annotations

import asyncio
import uuid
from contextlib import suppress
from typing import Any

import grpc

from stellwerk.v1 import run_pb2, workflow_pb2
from tests.faults.bare import Bare, Echo, random_of
from tests.faults.caller import UNARY_S, Caller, GivenUp
from tests.faults.definitions import CODE, DEFINITIONS
from tests.faults.ground import LEASE_S, NAMESPACES, WORKERS, Ground
from tests.faults.prober import Prober
from tests.faults.records import OPERATIONS, Log
from tests.faults.scenarios import Stories
from tests.integration.api import Api, Refused

CLIENTS = 32
BARES_EACH = 2
# Runs of a namespace that the other one's clients may ask for.
REMEMBERED = 50
PAUSE_S = 0.05
TEND_EVERY_S = 0.5
CODE_S = 60.0
OPEN_STATES = [run_pb2.RUN_STATE_RUNNING, run_pb2.RUN_STATE_BLOCKED]


class Load:
    """Everything that asks, with its logs."""

    def __init__(self, ground: Ground, seed: int, clients: int = CLIENTS) -> None:
        self._ground, self._seed = ground, seed
        self._log = Log(ground.folder / OPERATIONS)
        self._ledger = Log(ground.folder / "effects-bare.jsonl")
        self._direct = [Api(ground.ports[number * 2]) for number in range(len(ground.servers))]
        self._apis: list[Api] = []
        self._recent: dict[str, list[str]] = {namespace: [] for namespace in NAMESPACES}
        self._tasks: list[asyncio.Task[None]] = []
        self._bares: list[asyncio.Task[None]] = []
        self._telling: list[asyncio.Task[None]] = []
        self._stopping, self._bare_stopping = asyncio.Event(), asyncio.Event()
        self.going = asyncio.Event()
        # Stories and workers here that fell over: faults of ours.
        self.broken: list[str] = []
        self.prober = Prober(self._direct, "alpha", NAMESPACES["alpha"], self._log)
        self.stories = [self._stories(number) for number in range(clients)]

    async def prepare(self) -> None:
        """Register the workflows, through whatever answers first."""
        for namespace, taint in NAMESPACES.items():
            for definition in DEFINITIONS.values():
                await self._applied(Api(self._ground.ports[0], namespace), definition)
            self._recent[namespace] = []
            for number in range(BARES_EACH):
                bare = Bare(self._caller(f"bare-{taint}{number}", namespace), self._ledger, LEASE_S)
                self._bares.append(asyncio.create_task(bare.run(self._bare_stopping)))
        for number, api in enumerate(self._direct):
            echo = Echo(api, f"prober-{number}", "alpha", NAMESPACES["alpha"], self._ledger)
            self._spawn(echo.run())
        self._spawn(self.prober.run())

    def start(self) -> None:
        """Begin to tell stories; they rest while `going` is not set."""
        self.going.set()
        for stories in self.stories:
            self._telling.append(asyncio.create_task(self._tell(stories)))

    async def finish(self, patience_s: float) -> int:
        """No new stories; tend what is open until nothing is. Gives how many runs did not end."""
        self._stopping.set()
        loop = asyncio.get_running_loop()
        until_s = loop.time() + patience_s
        tenders = [self._caller(f"tender-{taint}", namespace) for namespace, taint in NAMESPACES.items()]
        while True:
            left = sum([await self._tend(tender) for tender in tenders])
            if loop.time() > until_s or not (left or any(not task.done() for task in self._telling)):
                return left
            await asyncio.sleep(TEND_EVERY_S)

    async def close(self) -> list[bool]:
        """Each client's last story, when all is well; then everything here stops. Gives how they went."""
        await self._end(self._telling)
        went = list(await asyncio.gather(*(self._last(stories) for stories in self.stories)))
        self._bare_stopping.set()
        await asyncio.gather(*self._bares, return_exceptions=True)
        await self.prober.stop()
        await self._end([*self._bares, *self._tasks])
        for api in [*self._apis, *self._direct]:
            await api.channel.close(None)
        self._log.close()
        self._ledger.close()
        return went

    async def _end(self, tasks: list[asyncio.Task[None]]) -> None:
        for task in tasks:
            task.cancel()
        ended = await asyncio.gather(*tasks, return_exceptions=True)
        self.broken += [f"{type(error).__name__}: {error}" for error in ended if isinstance(error, Exception)]

    async def _last(self, stories: Stories) -> bool:
        with suppress(GivenUp):
            return await stories.closing()
        return False

    def _stories(self, number: int) -> Stories:
        namespaces = list(NAMESPACES)
        namespace = namespaces[number % len(namespaces)]
        caller = self._caller(f"client-{number}", namespace)
        # Code in Java has a worker in one namespace only.
        languages = [each for each in self._ground.languages if each != "java" or namespace == "alpha"]
        stories = Stories(caller, languages, self._started)
        other = namespaces[(number + 1) % len(namespaces)]
        stories.strange = lambda: caller.chance.choice(self._recent[other]) if self._recent[other] else None
        return stories

    def _started(self, namespace: str, run_id: str) -> None:
        self._recent[namespace] = [*self._recent[namespace][-REMEMBERED:], run_id]

    def _caller(self, name: str, namespace: str) -> Caller:
        apis = [Api(proxy.port, namespace) for proxy in self._ground.proxies]
        self._apis += apis
        return Caller(name, namespace, NAMESPACES[namespace], apis, self._log, random_of(self._seed, name))

    async def _tell(self, stories: Stories) -> None:
        while not self._stopping.is_set():
            await self.going.wait()
            with suppress(GivenUp):
                await stories.any()
            await asyncio.sleep(PAUSE_S)

    async def wait_for_code(self) -> None:
        """Return once the workers have registered the code workflows."""
        for language in self._ground.languages:
            for namespace in [namespace for _, each, namespace in WORKERS if each == language]:
                request = workflow_pb2.GetWorkflowRequest(namespace=namespace, name=CODE[language])
                async with asyncio.timeout(CODE_S):
                    while not await _is_there(self._direct[0].workflows.GetWorkflow(request)):  # noqa: ASYNC110 - no event
                        await asyncio.sleep(TEND_EVERY_S / 5)

    async def _applied(self, api: Api, definition: str) -> None:
        self._apis.append(api)
        async with asyncio.timeout(30):
            while True:
                try:
                    await api.apply(definition)
                    return
                except Refused as error:
                    if error.code != "UNAVAILABLE":
                        raise
                await asyncio.sleep(TEND_EVERY_S / 5)

    async def _tend(self, caller: Caller) -> int:
        """Do what open runs wait for; gives how many are open."""
        request = run_pb2.ListRunsRequest(namespace=caller.namespace, states=OPEN_STATES, page_size=200)
        try:
            runs = list((await caller.asked(lambda api: api.runs.ListRuns(request, timeout=UNARY_S))).runs)
            for run in runs:
                if run.workflow != "probe":
                    await self._help(caller, run)
        except GivenUp:
            return 1
        return sum(run.workflow != "probe" for run in runs)

    async def _help(self, caller: Caller, run: Any) -> None:
        if run.state == run_pb2.RUN_STATE_BLOCKED:
            for letter in await caller.letters(run.run_id):
                await caller.settle("discard", letter)
            return
        request = run_pb2.GetRunRequest(namespace=caller.namespace, run_id=run.run_id, include_steps=True)
        found = (await caller.asked(lambda api: api.runs.GetRun(request, timeout=UNARY_S))).run
        for step in found.steps:
            if step.state == run_pb2.STEP_STATE_WAITING and step.signal == "go":
                await caller.signal(run.run_id, "go", uuid.uuid4().hex, caller.value())

    def _spawn(self, work: Any) -> None:
        self._tasks.append(asyncio.create_task(work))


async def _is_there(call: Any) -> bool:
    try:
        await call
    except grpc.aio.AioRpcError:
        return False
    return True
