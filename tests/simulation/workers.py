"""Fake workers that speak to real servicers: they poll, beat, complete and fail, and may freeze, die or come back."""

from __future__ import annotations

import asyncio
import json
from random import Random
from typing import TYPE_CHECKING

from google.protobuf.duration_pb2 import Duration

from stellwerk.v1 import payload_pb2, run_pb2, worker_pb2
from tests.simulation.code import BUILD, DECISION, NAME, decide
from tests.simulation.ledger import Place, Violation, run_of
from tests.simulation.loop import Host
from tests.simulation.transport import CallFailed, Door, Line
from tests.simulation.workflows import ACTIONS

if TYPE_CHECKING:
    from tests.simulation.world import World


_OPEN_POLLS = 2
_TRIES = 60


class Worker:
    """One worker process."""

    def __init__(self, world: World, name: str, actions: tuple[str, ...], slots: int, random: Random) -> None:
        self._world = world
        self._random = random
        self.name = name
        self.actions = actions
        self.slots = slots
        self.decides = actions == ACTIONS
        self.host = Host(world.loop, name, random)
        self.held: dict[bytes, asyncio.Task[None]] = {}
        # Open polls: since when each waits.
        self.polls: dict[int, float] = {}
        self._room = asyncio.Event()
        self._polled = 0
        self._taken = 0

    def start(self) -> None:
        """Begin to work."""
        self.host.begin(self._lines(), "line")
        for _ in range(_OPEN_POLLS):
            self.host.begin(self._poll(), "poll")

    async def _poll(self) -> None:
        world, door = self._world, None
        while True:
            room = self.slots - len(self.held) - self._taken
            if room <= 0:
                self._room.clear()
                await self._room.wait()
                continue
            size = self._random.randint(1, room)
            if door is None or not door.open or self._random.random() < 0.05:
                door = world.cluster.any_door(self._random)
            if door is None:
                await asyncio.sleep(0.1)
                continue
            self._taken += size
            self._polled += 1
            number = self._polled
            self.polls[number] = world.loop.time()
            wait_s = self._random.choice([3.0, 10.0, 20.0])
            try:
                tasks = await self._poll_once(door, size, wait_s)
            except CallFailed as failed:
                world.definite(failed, "PollTask")
                door, tasks = None, []
                await asyncio.sleep(self._random.uniform(0.05, 0.3))
            finally:
                self._taken -= size
                del self.polls[number]
            for task in tasks:
                self._take(task)

    async def _poll_once(self, door: Door, size: int, wait_s: float) -> list[worker_pb2.Task]:
        wait = Duration()
        wait.FromMilliseconds(int(wait_s * 1000))
        asked_at = self._world.loop.time()
        actions = [*self.actions, f"workflow:{NAME}"] if self.decides else self.actions
        request = worker_pb2.PollTaskRequest(worker_id=self.name, actions=actions, max_tasks=size, wait=wait)
        response = await self._world.transport.call(door, "PollTask", request, wait_s + 5.0)
        if len(response.tasks) > size:
            raise Violation(f"{self.name} asked for {size} tasks and got {len(response.tasks)}")
        for task in response.tasks:
            self._world.handed_out(task, asked_at)
        return list(response.tasks)

    def _take(self, task: worker_pb2.Task) -> None:
        self.held[task.token] = self.host.spawn(self._work(task), f"{task.step}")

    def _drop(self, token: bytes) -> None:
        self.held.pop(token, None)
        self._room.set()

    async def _work(self, task: worker_pb2.Task) -> None:
        try:
            seconds, result = self._world.plan(self._random, task)
            await asyncio.sleep(seconds)
            if task.step == DECISION and result.WhichOneof("outcome") == "output":
                result = await self._decide(task)
            await self._send(task, result)
        finally:
            self._drop(task.token)

    async def _send(self, task: worker_pb2.Task, result: worker_pb2.TaskResult) -> None:
        verdict = await self._complete(result)
        if verdict is None or verdict.HasField("refusal"):
            return
        if result.WhichOneof("outcome") != "output":
            return
        self._world.completed(_place(task), result.output.json)
        if self._random.random() < 0.15:
            await self._send_again(task, result)

    async def _decide(self, task: worker_pb2.Task) -> worker_pb2.TaskResult:
        """What the code wants, after it has read the history."""
        request = run_pb2.GetHistoryRequest(run_id=task.run_id)
        while True:
            door = self._world.cluster.any_door(self._random)
            if door is not None:
                try:
                    history = await self._world.transport.call(door, "GetHistory", request, 5.0)
                except CallFailed as failed:
                    self._world.definite(failed, "GetHistory")
                else:
                    decision = decide(run_of(task), list(history.events), task.journal.sequence)
                    return worker_pb2.TaskResult(token=task.token, decision=decision)
            await asyncio.sleep(self._random.uniform(0.05, 0.5))

    async def _send_again(self, task: worker_pb2.Task, result: worker_pb2.TaskResult) -> None:
        """I5: the same is OK, and anything else is refused."""
        other = self._random.random() < 0.5
        if other:
            result = worker_pb2.TaskResult(token=task.token, output=payload_pb2.Payload(json=json.dumps("other")))
        verdict = await self._complete(result)
        if verdict is not None and verdict.HasField("refusal") != other:
            raise Violation(f"{_place(task)}: {'another' if other else 'the same'} result again: {verdict}")

    async def _complete(self, result: worker_pb2.TaskResult) -> worker_pb2.TaskVerdict | None:
        """The verdict, however often it takes; None when there was none."""
        request = worker_pb2.CompleteTaskRequest(worker_id=self.name, results=[result])
        for _ in range(_TRIES):
            door = self._world.cluster.any_door(self._random)
            if door is not None:
                try:
                    response = await self._world.transport.call(door, "CompleteTask", request, 5.0)
                except CallFailed as failed:
                    self._world.definite(failed, "CompleteTask")
                else:
                    verdict: worker_pb2.TaskVerdict = response.verdicts[0]
                    if not verdict.HasField("refusal") or verdict.refusal.reason == "LEASE_LOST":
                        return verdict
                    if verdict.refusal.reason not in ("DATABASE_DOWN", "DRAINING"):
                        raise Violation(f"a result was refused: {verdict}")
            await asyncio.sleep(self._random.uniform(0.05, 0.5))
        return None

    async def _lines(self) -> None:
        while True:
            door = self._world.cluster.any_door(self._random)
            if door is None:
                await asyncio.sleep(0.1)
                continue
            line = self._world.transport.line(door, self._beat(first=True))
            beats = asyncio.get_running_loop().create_task(self._beats(line))
            self._world.lines[self.name] = line
            async for response in line:
                for cancelled in response.cancelled:
                    self._stop(cancelled.token)
            beats.cancel()
            await asyncio.sleep(self._random.uniform(0.01, 0.4))

    async def _beats(self, line: Line) -> None:
        while not line.broken.done():
            await asyncio.sleep(min(3.0, self._world.lease_s / 3))
            await line.send(self._beat())

    def _beat(self, *, first: bool = False) -> worker_pb2.HeartbeatRequest:
        beat = worker_pb2.HeartbeatRequest(
            worker_id=self.name, held=[worker_pb2.HeldTask(token=token) for token in self.held]
        )
        if first:
            beat.actions.extend(self.actions)
            beat.slots = self.slots
            if self.decides:
                beat.workflows.append(NAME)
                beat.build = BUILD
        return beat

    def _stop(self, token: bytes) -> None:
        task = self.held.get(token)
        if task is not None and self._random.random() < 0.8:
            task.cancel()


def _place(task: worker_pb2.Task) -> Place:
    return run_of(task), task.step
