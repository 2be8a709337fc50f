"""The code workflow of the conformance cases: it runs the program it gets as input.

Must not know any case, nor do anything but through ctx: what a program may say stands in tests/conformance/README.md.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from breaking import BREAKS
from local import Local, die_once
from programs import Ended, fail, make

from stellwerk import StepFailed, WorkflowContext

Op = Mapping[str, Any]


@dataclass
class Scope:
    """What a block of ops sees: the outcomes kept so far, and which turn of a loop it is."""

    outcomes: list[Any] = field(default_factory=list)
    turn: int | None = None

    def inner(self, turn: int | None = None) -> Scope:
        """Of a block of its own: it sees what is kept, and keeps for itself."""
        return Scope(list(self.outcomes), self.turn if turn is None else turn)

    def keep(self, value: Any) -> None:
        """Keep a value as an outcome."""
        self.outcomes.append({"ok": value})


class Decider:
    """What the runs of one worker share: where latches and notes are, the queue of its steps, its build."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.queue = os.environ.get("CONFORMANCE_STEP_QUEUE") or os.environ["CONFORMANCE_QUEUE"]
        self.build = os.environ.get("CONFORMANCE_BUILD", "")
        self.local = Local(folder)

    async def decide(self, ctx: WorkflowContext, program: Any) -> Any:
        """The workflow's function."""
        ended = await Code(ctx, program, self).all_of(program["do"], Scope())
        return ended.value if ended else None

    def note(self, ctx: WorkflowContext, text: str) -> None:
        """Append a line."""
        with (self.folder / "notes").open("a", encoding="utf-8") as notes:
            notes.write(f"python {ctx.run_id} $code 0 {text}\n")


class Code:
    """One life of one run."""

    def __init__(self, ctx: WorkflowContext, program: Any, decider: Decider) -> None:
        self._ctx = ctx
        self._program = program
        self._decider = decider
        self._begun: dict[str, Any] = {}
        self._caught: list[BaseException] = []

    async def all_of(self, ops: list[Op], scope: Scope) -> Ended | None:
        """Run the ops in order; gives the value of the one that ends the code."""
        for op in ops:
            if op["op"] in CALLS:
                await self._kept(op, scope)
            elif op["op"] in VALUES:
                return Ended(VALUES[op["op"]](self, op, scope))
            elif op["op"] in FACTS:
                scope.keep(FACTS[op["op"]](self, op))
            elif ended := await DOINGS[op["op"]](self, op, scope):
                return ended
        return None

    def asked(self, op: Op, scope: Scope) -> Awaitable[Any]:
        """What ctx gives for a call that is waited for."""
        call: Callable[..., Awaitable[Any]] = CALLS[op["op"]]
        return call(self, op, scope)

    async def _kept(self, op: Op, scope: Scope) -> None:
        """Make the call, wait for it and keep what it gives; `caught` keeps an error, too."""
        try:
            scope.keep(await self.asked(op, scope))
        except Exception as error:
            if not op.get("caught"):
                raise
            scope.outcomes.append({"error": described(error)})

    async def _block(self, ops: list[Op], scope: Scope) -> Any:
        """The value of a block: what it returns, else its last outcome's."""
        ended = await self.all_of(ops, scope)
        if ended:
            return ended.value
        return last(scope)

    # --- calls: ctx gives something to wait for

    def _step(self, op: Op, scope: Scope) -> Awaitable[Any]:
        return self._ctx.step(
            op.get("action", "perform"),
            self._input(op, scope),
            queue=op.get("queue", self._decider.queue),
            **given(op, "name", "priority", "retry", "timeout"),
        )

    def _run(self, op: Op, scope: Scope) -> Awaitable[Any]:
        performed = self._decider.local.performed(self._ctx.run_id, op["name"], op["do"], self._filled(op, scope))
        return self._ctx.run(op["name"], performed, **given(op, "retry"))

    def _sleep(self, op: Op, scope: Scope) -> Awaitable[Any]:
        return self._ctx.sleep(op["s"])

    def _wait_signal(self, op: Op, scope: Scope) -> Awaitable[Any]:
        return self._ctx.wait_signal(op["name"], **({"timeout": op["timeout_s"]} if "timeout_s" in op else {}))

    def _child(self, op: Op, scope: Scope) -> Awaitable[Any]:
        return self._ctx.child(
            op["workflow"], self._input(op, scope), **given(op, "name", "parent_close", "retry", "timeout")
        )

    def _gather(self, op: Op, scope: Scope) -> Awaitable[Any]:
        turns = range(op["times"]) if "times" in op else [scope.turn]
        return asyncio.gather(*(self._block(ops, scope.inner(turn)) for turn in turns for ops in op["of"]))

    async def _select(self, op: Op, scope: Scope) -> Any:
        calls: list[Any] = [self.asked(call, scope) for call in op["of"]]
        index, value = await self._ctx.select(*calls)
        for number, call in enumerate(calls):
            if op.get("cancel") and number != index:
                call.cancel()
        return [index, value]

    def _finish(self, op: Op, scope: Scope) -> Awaitable[Any]:
        return self._begun[op["as"]]

    # --- facts: known at once

    def _now(self, op: Op) -> Any:
        return int(self._ctx.now().timestamp() * 1000)

    def _context(self, op: Op) -> Any:
        ctx = self._ctx
        return {
            "run_id": ctx.run_id,
            "workflow": ctx.workflow,
            "parent": ctx.parent,
            "cancelled": bool(ctx.cancelled),
            "trace": dict(ctx.trace),
        }

    # --- doings: nothing is kept

    async def _note(self, op: Op, scope: Scope) -> None:
        if op.get("always") or not self._ctx.replaying:
            self._decider.note(self._ctx, op["text"])

    async def _log(self, op: Op, scope: Scope) -> None:
        self._ctx.logger.warning(op["text"])

    async def _publish(self, op: Op, scope: Scope) -> None:
        self._ctx.publish(op["key"], self._filled(op, scope))

    async def _attributes(self, op: Op, scope: Scope) -> None:
        self._ctx.set_attributes(op["values"])

    async def _fail(self, op: Op, scope: Scope) -> None:
        fail(op)

    async def _rethrow(self, op: Op, scope: Scope) -> None:
        raise self._caught[-1]

    async def _continue_as_new(self, op: Op, scope: Scope) -> None:
        self._ctx.continue_as_new(self._input(op, scope), **given(op, "workflow"))

    async def _try(self, op: Op, scope: Scope) -> Ended | None:
        try:
            return await self.all_of(op["do"], scope)
        except Exception as error:
            if "catch" not in op:
                raise
            return await self._caught_by(op["catch"], error, scope)
        except asyncio.CancelledError as error:
            if "cancelled" not in op:
                raise
            return await self._caught_by(op["cancelled"], error, scope)
        finally:
            await self.all_of(op.get("finally", []), scope)

    async def _caught_by(self, ops: list[Op], error: BaseException, scope: Scope) -> Ended | None:
        self._caught.append(error)
        scope.outcomes.append({"error": described(error)})
        return await self.all_of(ops, scope)

    async def _loop(self, op: Op, scope: Scope) -> Ended | None:
        values = []
        for turn in range(op["times"]):
            inner = scope.inner(turn)
            if ended := await self.all_of(op["do"], inner):
                return ended
            values.append(last(inner))
        scope.keep(None if op.get("quiet") else values)
        return None

    async def _build(self, op: Op, scope: Scope) -> Ended | None:
        return await self.all_of(op["do"] if self._decider.build == op["is"] else op.get("else", []), scope)

    async def _if(self, op: Op, scope: Scope) -> Ended | None:
        is_open = (self._decider.folder / op["latch"]).exists()
        return await self.all_of(op["do"] if is_open else op.get("else", []), scope)

    async def _begin(self, op: Op, scope: Scope) -> None:
        self._begun[op["as"]] = self.asked(op["of"], scope.inner())

    async def _give_up(self, op: Op, scope: Scope) -> None:
        self._begun[op["as"]].cancel()

    async def _die(self, op: Op, scope: Scope) -> None:
        die_once(self._decider.folder / op["once"])

    async def _break(self, op: Op, scope: Scope) -> None:
        outcome = await BREAKS[op["rule"]](self._ctx, op)
        if outcome is not None:
            scope.outcomes.append(outcome)

    # --- values

    def _input(self, op: Op, scope: Scope) -> Any:
        """The input of a step, a child or the next run."""
        if "make" in op:
            return make(op["make"], int(op.get("size", 0)))
        return {"do": op["do"], "value": self._filled(op, scope)} if "do" in op else op.get("input")

    def _filled(self, op: Op, scope: Scope) -> Any:
        """The op's `value` with what `=…` stands for."""
        names = {"value": self._program.get("value"), "i": scope.turn, "run_id": self._ctx.run_id}
        return filled(op.get("value"), names, scope.outcomes)


def last(scope: Scope) -> Any:
    """The value of the last outcome, None without one."""
    return scope.outcomes[-1].get("ok") if scope.outcomes else None


def given(op: Op, *names: str) -> dict[str, Any]:
    """Those of the op's fields that are there, in Python's terms: `initial_s` is `initial`."""
    found = {name: op[name] for name in names if name in op}
    spans = {"retry", "timeout"} & found.keys()
    return {**found, **{name: _spans(found[name]) for name in spans}}


def _spans(options: Any) -> Any:
    return {key.removesuffix("_s"): value for key, value in options.items()} if isinstance(options, dict) else options


def filled(value: Any, names: Mapping[str, Any], outcomes: list[Any]) -> Any:
    """The value with `=0.path`, `=value.path`, `=i` and `=run_id` replaced, wherever they stand."""
    if isinstance(value, dict):
        return {key: filled(child, names, outcomes) for key, child in value.items()}
    if isinstance(value, list):
        return [filled(child, names, outcomes) for child in value]
    if not isinstance(value, str) or not value.startswith("="):
        return value
    first, *path = value[1:].split(".")
    found = outcomes[int(first)].get("ok") if first.isdigit() else names[first]
    for part in path:
        found = found[int(part)] if isinstance(found, list) else found[part]
    return found


def described(error: BaseException) -> dict[str, Any]:
    """The error as an outcome holds it."""
    if isinstance(error, asyncio.CancelledError):
        return {"kind": "Cancelled", "message": ""}
    described = {"kind": type(error).__name__, "message": str(error)}
    if isinstance(error, StepFailed):
        names = ("step", "type", "message", "attempt", "details")
        failure = {name: getattr(error, name) for name in names}
        cause = error.cause
        failure["category"] = str(error.category)
        failure["cause"] = {"type": cause.type, "message": cause.message} if cause is not None else None
        return {**described, "failure": failure}
    return described


CALLS: dict[str, Any] = {
    "step": Code._step,
    "run": Code._run,
    "sleep": Code._sleep,
    "wait_signal": Code._wait_signal,
    "child": Code._child,
    "gather": Code._gather,
    "select": Code._select,
    "finish": Code._finish,
}
FACTS: dict[str, Callable[[Code, Op], Any]] = {
    "now": Code._now,
    "context": Code._context,
    "random": lambda code, _: code._ctx.random(),
    "uuid": lambda code, _: str(code._ctx.uuid()),
    "patched": lambda code, op: code._ctx.patched(op["id"]),
}
VALUES: dict[str, Callable[[Code, Op, Scope], Any]] = {
    "return": lambda code, op, scope: code._filled(op, scope),
    "echo": lambda code, op, scope: code._program.get("value"),
    "make": lambda code, op, scope: make(op["kind"], int(op.get("size", 0))),
    "outcomes": lambda code, op, scope: scope.outcomes,
}
DOINGS: dict[str, Callable[[Code, Op, Scope], Awaitable[Ended | None]]] = {
    "note": Code._note,
    "log": Code._log,
    "publish": Code._publish,
    "attributes": Code._attributes,
    "fail": Code._fail,
    "rethrow": Code._rethrow,
    "continue_as_new": Code._continue_as_new,
    "try": Code._try,
    "loop": Code._loop,
    "build": Code._build,
    "if": Code._if,
    "begin": Code._begin,
    "give_up": Code._give_up,
    "die": Code._die,
    "break": Code._break,
}
