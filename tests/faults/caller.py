"""A client that logs: every call is an operation with its begin and its end, and is never repeated behind our back.

Must not decide what to do: the scenarios do.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import random
import uuid
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import grpc

from stellwerk.v1 import dead_letter_pb2, run_pb2
from tests.faults.records import FAIL, HUNG_UP, INFO, INVOKE, OK, Log, Operation, now
from tests.integration.api import Api, duration, payload, refused

UNARY_S, WAIT_S = 4.0, 6.0
# Nobody knows whether such a call did something; each of ours may be sent again.
OPEN = {"UNAVAILABLE", "DEADLINE_EXCEEDED", "CANCELLED"}
AGAIN = {"ABORTED", "RESOURCE_EXHAUSTED", "INTERNAL", "UNKNOWN"}
LATER_S, LATER_MAX_S = 0.1, 2.0

numbers = itertools.count(1)


@dataclass(frozen=True)
class Ended:
    """How a call ended."""

    kind: str
    result: dict[str, Any] = field(default_factory=dict)
    error: str = ""

    @property
    def ok(self) -> bool:
        """Whether it was acknowledged."""
        return self.kind == OK

    @property
    def again(self) -> bool:
        """Whether sending the same again is the right answer."""
        return self.kind == INFO or self.error.split(" ", 1)[0] in AGAIN


NOT_ENDED = Ended(INVOKE)


class GivenUp(Exception):
    """A call was not acknowledged for too long; the scenario ends here."""


class Caller:
    """One client of one namespace, with a line through each proxy."""

    def __init__(self, name: str, namespace: str, taint: str, apis: Sequence[Api], log: Log, chance: random.Random):
        self.name, self.namespace, self.taint, self.chance = name, namespace, taint, chance
        # How long one call is tried again.
        self.patience_s = 30.0
        self._apis, self._log = apis, log
        self._turn = chance.randrange(len(apis))

    def value(self) -> str:
        """A payload's text, unlike any other, tainted by the namespace."""
        return f"{self.taint}/{self.name}/{next(numbers)}"

    def input(self, **more: Any) -> dict[str, Any]:
        """An input, tainted by the namespace."""
        return {"taint": self.value(), **more}

    async def start(
        self, workflow: str, value: Any = None, *, key: str = "", request_id: str = "", **more: Any
    ) -> Ended:
        """Start a run; the same key or request id is sent until it is acknowledged or refused."""
        value = self.input() if value is None else value
        request_id = request_id or uuid.uuid4().hex
        args: dict[str, Any] = {"workflow": workflow, "input": value, "request_id": request_id}
        request = run_pb2.StartRunRequest(
            namespace=self.namespace, workflow=workflow, input=payload(value), idempotency_key=key
        )
        if key:
            args["key"] = key
        else:
            request.request_id = request_id
        if signal := more.get("signal"):
            args["signal"] = dict(zip(("name", "id", "value"), signal, strict=True))
            request.signal.CopyFrom(signal_of(*signal))
        if "timeout_s" in more:
            request.timeout.CopyFrom(duration(more["timeout_s"]))

        def told(answer: run_pb2.StartRunResponse) -> dict[str, Any]:
            return {"run_id": answer.run_id, "deduplicated": answer.deduplicated}

        return await self.insist("start", args, lambda api: api.runs.StartRun(request, timeout=UNARY_S), told)

    async def signal(self, run_id: str, name: str, identity: str, value: str, by: tuple[str, str] = ("", "")) -> Ended:
        """Tell a run something; `by` its workflow and key, where they are given."""
        workflow, key = by
        request = run_pb2.SignalRunRequest(
            namespace=self.namespace,
            run_id="" if key else run_id,
            workflow=workflow,
            idempotency_key=key,
            signal=signal_of(name, identity, value),
        )
        args = {"run_id": run_id, "name": name, "id": identity, "value": value, **({"key": key} if key else {})}
        return await self.insist(
            "signal",
            args,
            lambda api: api.runs.SignalRun(request, timeout=UNARY_S),
            lambda answer: {"run_id": answer.run_id, "deduplicated": answer.deduplicated},
        )

    async def end(self, how: str, run_id: str) -> Ended:
        """Cancel or terminate a run."""
        kinds: dict[str, tuple[Any, str]] = {
            "cancel": (run_pb2.CancelRunRequest, "CancelRun"),
            "terminate": (run_pb2.TerminateRunRequest, "TerminateRun"),
        }
        kind, method = kinds[how]
        request = kind(namespace=self.namespace, run_id=run_id, reason="a fault", request_id=uuid.uuid4().hex)
        return await self.insist(
            how,
            {"run_id": run_id},
            lambda api: getattr(api.runs, method)(request, timeout=UNARY_S),
            lambda answer: {"state": state_name(answer.state)},
        )

    async def retry(self, run_id: str) -> Ended:
        """Fork an ended run."""
        request_id = uuid.uuid4().hex
        request = run_pb2.RetryRunRequest(namespace=self.namespace, run_id=run_id, request_id=request_id)
        return await self.insist(
            "retry",
            {"run_id": run_id, "request_id": request_id},
            lambda api: api.runs.RetryRun(request, timeout=UNARY_S),
            lambda answer: {"run_id": answer.run_id},
        )

    async def settle(self, how: str, letter: dead_letter_pb2.DeadLetter) -> Ended:
        """Requeue or discard a dead letter."""
        kinds: dict[str, tuple[Any, str]] = {
            "requeue": (dead_letter_pb2.RequeueDeadLetterRequest, "RequeueDeadLetter"),
            "discard": (dead_letter_pb2.DiscardDeadLetterRequest, "DiscardDeadLetter"),
        }
        kind, method = kinds[how]
        request = kind(namespace=self.namespace, dead_letter_id=letter.dead_letter_id, request_id=uuid.uuid4().hex)
        args = {"dead_letter_id": letter.dead_letter_id, "run_id": letter.run_id, "step": letter.step}
        return await self.insist(
            how,
            args,
            lambda api: getattr(api.dead_letters, method)(request, timeout=UNARY_S),
            lambda answer: {"run_id": getattr(answer, "run_id", letter.run_id)},
        )

    async def wait(self, run_id: str, patience_s: float = 60.0) -> Ended:
        """Wait for a run's end; `ended` may be false when patience is over."""
        request = run_pb2.WaitRunRequest(namespace=self.namespace, run_id=run_id, wait=duration(WAIT_S))
        loop = asyncio.get_running_loop()
        until_s = loop.time() + patience_s
        while True:
            ended = await self.insist(
                "wait", {"run_id": run_id}, lambda api: api.runs.WaitRun(request, timeout=WAIT_S + UNARY_S), waited
            )
            if not ended.ok or ended.result["ended"] or loop.time() > until_s:
                return ended

    async def get(self, run_id: str) -> Ended:
        """Read a run and its steps."""
        request = run_pb2.GetRunRequest(namespace=self.namespace, run_id=run_id, include_steps=True)
        return await self.insist(
            "get", {"run_id": run_id}, lambda api: api.runs.GetRun(request, timeout=UNARY_S), read_run
        )

    async def peek(self, run_id: str) -> Ended:
        """Ask for a run of another namespace under ours."""
        request = run_pb2.GetRunRequest(namespace=self.namespace, run_id=run_id, include_steps=True)
        return await self.insist(
            "peek", {"run_id": run_id}, lambda api: api.runs.GetRun(request, timeout=UNARY_S), read_run
        )

    async def letters(self, run_id: str) -> list[dead_letter_pb2.DeadLetter]:
        """The open dead letters of a run; reading them is not logged."""
        request = dead_letter_pb2.ListDeadLettersRequest(namespace=self.namespace, run_id=run_id)
        answer = await self.asked(lambda api: api.dead_letters.ListDeadLetters(request, timeout=UNARY_S))
        return list(answer.dead_letters)

    async def insist(
        self,
        f: str,
        args: dict[str, Any],
        call: Callable[[Api], Awaitable[Any]],
        told: Callable[[Any], dict[str, Any]],
    ) -> Ended:
        """Make the same call until it is acknowledged or refused, each time as an operation of its own."""
        loop = asyncio.get_running_loop()
        until_s = loop.time() + self.patience_s
        later_s = LATER_S
        while True:
            ended = await self.once(f, args, call, told)
            if not ended.again:
                return ended
            if loop.time() > until_s:
                raise GivenUp(f"{f} {args}: {ended.error}")
            await asyncio.sleep(later_s * (0.5 + self.chance.random()))
            later_s = min(later_s * 2, LATER_MAX_S)

    async def once(
        self,
        f: str,
        args: dict[str, Any],
        call: Callable[[Api], Awaitable[Any]],
        told: Callable[[Any], dict[str, Any]],
    ) -> Ended:
        """One call, one operation."""
        number = next(numbers)
        self._write(number, f, INVOKE, args)
        ended = Ended(INFO, error=HUNG_UP)
        try:
            ended = await attempt(call(self._api()), told)
        finally:
            self._write(number, f, ended.kind, args, ended)
        return ended

    async def asked(self, call: Callable[[Api], Awaitable[Any]]) -> Any:
        """The answer of a call that only reads, however often it has to be asked."""
        until_s = asyncio.get_running_loop().time() + self.patience_s
        while asyncio.get_running_loop().time() < until_s:
            with suppress(grpc.aio.AioRpcError):
                return await call(self._api())
            await asyncio.sleep(LATER_S)
        raise GivenUp("a call that reads")

    def _api(self) -> Api:
        """The line of the next call: they take turns."""
        self._turn += 1
        return self._apis[self._turn % len(self._apis)]

    def _write(self, number: int, f: str, kind: str, args: dict[str, Any], ended: Ended = NOT_ENDED) -> None:
        line = Operation(now(), number, self.name, self.namespace, f, kind, args, ended.result, ended.error)
        self._log.write(line)


async def attempt(call: Awaitable[Any], told: Callable[[Any], dict[str, Any]]) -> Ended:
    """How a call ends."""
    try:
        return Ended(OK, told(await call))
    except grpc.aio.AioRpcError as error:
        found = refused(error)
        kind = INFO if found.code in OPEN | {"INTERNAL", "UNKNOWN"} else FAIL
        return Ended(kind, error=f"{found.code} {found.reason or found.message[:200]}")


def signal_of(name: str, identity: str, value: str) -> run_pb2.Signal:
    """The message."""
    return run_pb2.Signal(name=name, signal_id=identity, payload=payload(value))


def state_name(state: int) -> str:
    """ "SUCCEEDED" of RUN_STATE_SUCCEEDED."""
    return str(run_pb2.RunState.Name(state)).removeprefix("RUN_STATE_")


def waited(answer: run_pb2.WaitRunResponse) -> dict[str, Any]:
    """What a wait says."""
    result = answer.result
    said: dict[str, Any] = {"ended": answer.ended, "state": state_name(result.state)}
    if result.continued_as:
        said["continued_as"] = result.continued_as
    if result.HasField("output"):
        said["output"] = value_of(result.output)
    if result.HasField("failure"):
        said["failure"] = result.failure.type
    return said


def read_run(answer: run_pb2.GetRunResponse) -> dict[str, Any]:
    """What a read says."""
    steps = {
        step.step: {
            "state": str(run_pb2.StepState.Name(step.state)).removeprefix("STEP_STATE_"),
            "attempt": step.attempt,
            "output": value_of(step.output) if step.HasField("output") else None,
        }
        for step in answer.run.steps
    }
    return {"state": state_name(answer.run.state), "steps": steps}


def value_of(found: Any) -> Any:
    """A payload's value."""
    return json.loads(found.json) if found.json else None
