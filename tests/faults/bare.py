"""A worker without SDK that logs every poll and every completion: well-behaved, late, double, contradicting, silent.

It writes its ledger as the SDK's workers do. Must not know any fault.
"""

from __future__ import annotations

import asyncio
import itertools
import random
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Any

import grpc

from stellwerk.v1 import payload_pb2, worker_pb2
from tests.faults.caller import Caller, GivenUp
from tests.faults.records import Effect, Log, now
from tests.integration.api import Api, duration, payload

ACTION, LANGUAGE, POLL_S = "bare", "bare", 3.0
CALL_S = 4.0
LATER_S = 0.3
SLOTS, ECHO_SLOTS = 5, 100
AGAIN_S = 0.02


class Bare:
    """One such worker: polls as `caller` does, tasks in tasks of the loop."""

    def __init__(self, caller: Caller, ledger: Log, lease_s: float) -> None:
        self._caller, self._ledger, self._lease_s = caller, ledger, lease_s
        self._chance = caller.chance
        self._numbers = itertools.count(1)
        self._busy: set[asyncio.Task[None]] = set()

    async def run(self, stopping: asyncio.Event) -> None:
        """Work until told to stop; what is under way then is finished."""
        while not stopping.is_set():
            try:
                for task in await self._poll():
                    work = asyncio.create_task(self._work(task))
                    self._busy.add(work)
                    work.add_done_callback(self._busy.discard)
            except GivenUp:
                continue
        await asyncio.gather(*self._busy, return_exceptions=True)

    async def _poll(self) -> list[worker_pb2.Task]:
        caller = self._caller
        request = worker_pb2.PollTaskRequest(
            namespace=caller.namespace,
            worker_id=caller.name,
            actions=[ACTION],
            max_tasks=SLOTS,
            wait=duration(POLL_S),
        )
        args = {"worker": caller.name, "queue": "default", "actions": [ACTION]}
        tasks: list[worker_pb2.Task] = []

        def told(answer: worker_pb2.PollTaskResponse) -> dict[str, Any]:
            tasks.extend(answer.tasks)
            return {"tasks": [described(task) for task in answer.tasks]}

        ended = await caller.once(
            "poll", args, lambda api: api.workers.PollTask(request, timeout=POLL_S + CALL_S), told
        )
        if not ended.ok:
            await asyncio.sleep(LATER_S)
        return tasks

    async def _work(self, task: worker_pb2.Task) -> None:
        value = f"{self._caller.taint}/{self._caller.name}.1/{next(self._numbers)}"
        self._write(task, "begin")
        ways: list[Callable[[worker_pb2.Task, str], Awaitable[None]]]
        ways = [self._well, self._twice, self._contradict, self._zombie, self._abandon, self._fail]
        way = self._chance.choices(ways, [6, 2, 2, 1.5, 0.5, 1.5])[0]
        try:
            await way(task, value)
        except GivenUp:
            return

    async def _well(self, task: worker_pb2.Task, value: str) -> None:
        self._write(task, "done", value)
        await self._complete(task, value)

    async def _twice(self, task: worker_pb2.Task, value: str) -> None:
        """The same result again: at once, or later."""
        self._write(task, "done", value)
        if self._chance.random() < 0.5:
            await asyncio.gather(self._complete(task, value), self._complete(task, value))
            return
        await self._complete(task, value)
        await asyncio.sleep(self._chance.random())
        await self._complete(task, value)

    async def _contradict(self, task: worker_pb2.Task, value: str) -> None:
        """Another result with a token that is used: it must be refused."""
        await self._well(task, value)
        if self._chance.random() < 0.5:
            await self._complete(task, f"{value}-other")
        else:
            await self._complete(task, "", failed=True)

    async def _zombie(self, task: worker_pb2.Task, value: str) -> None:
        """Nobody names the task, so its lease is over when the result comes."""
        await asyncio.sleep(self._lease_s + 0.5 + self._chance.random() * 2)
        await self._well(task, value)

    async def _abandon(self, task: worker_pb2.Task, value: str) -> None:
        """Never heard of again."""

    async def _fail(self, task: worker_pb2.Task, value: str) -> None:
        self._write(task, "failed")
        await self._complete(task, "", failed=True)

    async def _complete(self, task: worker_pb2.Task, value: str, *, failed: bool = False) -> None:
        result = worker_pb2.TaskResult(token=task.token)
        if failed:
            result.failure.CopyFrom(payload_pb2.Failure(type="Bare", message="no"))
        else:
            result.output.CopyFrom(payload(value))
        request = worker_pb2.CompleteTaskRequest(
            namespace=self._caller.namespace, worker_id=self._caller.name, results=[result]
        )
        args = {
            "token": task.token.hex(),
            "run_id": task.run_id,
            "step": task.step,
            "attempt": task.attempt,
            "outcome": "failed" if failed else "succeeded",
            "value": value,
        }
        await self._caller.insist(
            "complete", args, lambda api: api.workers.CompleteTask(request, timeout=CALL_S), verdict
        )

    def _write(self, task: worker_pb2.Task, phase: str, value: str = "") -> None:
        self._ledger.write(effect(task, self._caller.name, self._caller.namespace, phase, value))


def effect(task: worker_pb2.Task, worker: str, namespace: str, phase: str, value: str) -> Effect:
    """A line of the ledger about a task."""
    return Effect(now(), worker, LANGUAGE, namespace, task.run_id, task.step, task.attempt, task.action, phase, value)


def described(task: worker_pb2.Task) -> dict[str, Any]:
    """A task as the log has it."""
    return {
        "token": task.token.hex(),
        "run_id": task.run_id,
        "step": task.step,
        "attempt": task.attempt,
        "action": task.action,
    }


def verdict(answer: worker_pb2.CompleteTaskResponse) -> dict[str, Any]:
    """What became of the one result."""
    found = answer.verdicts[0]
    return {"verdict": found.refusal.reason if found.HasField("refusal") else "OK"}


class Echo:
    """The prober's own worker: a poll at one server that completes at once, in the ledger and in no other log."""

    def __init__(self, api: Api, name: str, namespace: str, taint: str, ledger: Log) -> None:
        self._api, self._name, self._namespace, self._taint, self._ledger = api, name, namespace, taint, ledger
        self._numbers = itertools.count(1)
        self._busy: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Until cancelled. A slow answer to what is completed holds no poll up, else probes would queue for it."""
        request = worker_pb2.PollTaskRequest(
            namespace=self._namespace,
            worker_id=self._name,
            queue="probe",
            actions=["probe"],
            max_tasks=ECHO_SLOTS,
            wait=duration(POLL_S),
        )
        while True:
            try:
                answer = await self._api.workers.PollTask(request, timeout=POLL_S + 1)
            except grpc.aio.AioRpcError:
                await asyncio.sleep(AGAIN_S)
                continue
            if answer.tasks:
                work = asyncio.create_task(self._complete(answer.tasks))
                self._busy.add(work)
                work.add_done_callback(self._busy.discard)

    async def _complete(self, tasks: Sequence[worker_pb2.Task]) -> None:
        results = []
        for task in tasks:
            value = f"{self._taint}/{self._name}.1/{next(self._numbers)}"
            for phase, said in (("begin", ""), ("done", value)):
                self._ledger.write(effect(task, self._name, self._namespace, phase, said))
            results.append(worker_pb2.TaskResult(token=task.token, output=payload(value)))
        request = worker_pb2.CompleteTaskRequest(namespace=self._namespace, worker_id=self._name, results=results)
        with suppress(grpc.aio.AioRpcError):  # its lease will be over, and the task comes again
            await self._api.workers.CompleteTask(request, timeout=CALL_S)


def random_of(seed: int, name: str) -> random.Random:
    """A source of chance of that name's own, the same for the same seed."""
    return random.Random(f"{seed}/{name}")
