"""What a program says, op by op, for handlers of every kind: a generator that asks for what has to be waited for.

Must not wait for anything itself, nor know how its handler does.
"""

from __future__ import annotations

import base64
import os
import signal
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from stellwerk import RetryableError, TaskContext, TerminalError

Waiting = Callable[[], bool]


@dataclass(frozen=True)
class Request:
    """What the handler has to do: sleep, stream, yield, client, cancelled, or hold (until `value()` is true)."""

    kind: str
    value: Any = None


Ops = Generator[Request, Any, Any]


@dataclass(frozen=True)
class Ended:
    """The op ends the handler with this value."""

    value: Any


class Boom(Exception):
    """A plain error."""


class NotAnError(BaseException):
    """What Python can raise that is no Exception."""


class Folder:
    """Latches and notes, seen by the runner and by every worker."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def is_open(self, latch: str) -> bool:
        """Whether somebody has opened the latch."""
        return (self._path / latch).exists()

    def note(self, ctx: TaskContext, text: str) -> None:
        """Append a line; in one write, for many write to the file."""
        line = f"python {ctx.run_id} {ctx.step} {ctx.attempt} {text}\n"
        descriptor = os.open(self._path / "notes", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        os.write(descriptor, line.encode())
        os.close(descriptor)


def perform_ops(program: Any, ctx: TaskContext, folder: Folder) -> Ops:
    """Run the ops in order; gives the value of the one that ends the handler, or None."""
    if isinstance(program, bytes):
        return program
    performance = Performance(program, ctx, folder)
    for op in program["do"]:
        if op.get("from", 1) <= ctx.attempt <= op.get("upto", ctx.attempt):
            ended = yield from getattr(performance, f"op_{op['op']}")(op)
            if isinstance(ended, Ended):
                return ended.value
    return None


class Performance:
    """One attempt at a program."""

    def __init__(self, program: Any, ctx: TaskContext, folder: Folder) -> None:
        self._program = program
        self._ctx = ctx
        self._folder = folder
        self._outcomes: list[Any] = []

    def op_return(self, op: Any) -> Ops:
        yield from ()
        return Ended(op.get("value"))

    def op_echo(self, op: Any) -> Ops:
        yield from ()
        return Ended(self._program.get("value"))

    def op_make(self, op: Any) -> Ops:
        yield from ()
        return Ended(make(op["kind"], int(op.get("size", 0))))

    def op_fail(self, op: Any) -> Ops:
        yield from ()
        fail(op)

    def op_stream(self, op: Any) -> Ops:
        for chunk in op["chunks"]:
            yield Request("stream", unpacked(chunk))

    def op_yield(self, op: Any) -> Ops:
        for chunk in op["chunks"]:
            yield Request("yield", unpacked(chunk))

    def op_heartbeat(self, op: Any) -> Ops:
        self._ctx.heartbeat(op["progress"])
        yield from ()

    def op_sleep(self, op: Any) -> Ops:
        yield Request("sleep", op["s"])

    def op_await_cancel(self, op: Any) -> Ops:
        try:
            yield Request("cancelled")
        finally:
            self._folder.note(self._ctx, f"cancelled {self._ctx.cancelled.reason}")
        self._ctx.heartbeat()  # a thread hears of its cancel here
        yield Request("sleep", 0)

    def op_ignore_cancel(self, op: Any) -> Ops:
        until_s = time.monotonic() + op["s"]
        yield Request("hold", lambda: time.monotonic() >= until_s)
        self._folder.note(self._ctx, f"ignored {self._ctx.cancelled.reason}".rstrip())

    def op_spin(self, op: Any) -> Ops:
        until_s = time.monotonic() + op["s"]
        while time.monotonic() < until_s:
            pass
        yield from ()

    def op_await(self, op: Any) -> Ops:
        yield Request("hold", lambda: self._folder.is_open(op["latch"]))

    def op_note(self, op: Any) -> Ops:
        self._folder.note(self._ctx, op["text"])
        yield from ()

    def op_die(self, op: Any) -> Ops:
        os.kill(os.getpid(), signal.SIGKILL)
        yield from ()

    def op_context(self, op: Any) -> Ops:
        yield from ()
        return Ended(facts(self._ctx))

    def op_client(self, op: Any) -> Ops:
        asked = {**op, "with": filled(op.get("with", {}), self._ctx.run_id, self._outcomes)}
        self._outcomes.append((yield Request("client", asked)))

    def op_misuse(self, op: Any) -> Ops:
        self._outcomes.append((yield Request("client", {"misuse": op["what"]})))

    def op_outcomes(self, op: Any) -> Ops:
        yield from ()
        return Ended(self._outcomes)


def make(kind: str, size: int) -> Any:
    """A value no program can hold."""
    if kind == "deep":
        deep: list[Any] = []
        for _ in range(size - 1):
            deep = [deep]
        return deep
    if kind == "circular":
        circular: dict[str, Any] = {}
        circular["self"] = circular
        return circular
    made: dict[str, Callable[[], Any]] = {
        "text": lambda: "x" * size,
        "bytes": lambda: (bytes(range(256)) * (size // 256 + 1))[:size],
        "nothing": lambda: None,
        "nan": lambda: {"n": float("nan")},
        "infinity": lambda: {"n": float("inf")},
        "bigint": lambda: 2**80,
        "function": lambda: {"f": make},
        "date": lambda: datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
        "lone_surrogate": lambda: "\ud800",
        "bytes_inside": lambda: {"b": b"x"},
    }
    return made[kind]()


def fail(op: Any) -> None:
    """Raise what the op says."""
    message = op.get("message", "boom")
    about = {"type": op.get("type"), "details": op.get("details")}
    errors: dict[str, Callable[[], BaseException]] = {
        "terminal": lambda: TerminalError(message, **about),
        "retryable": lambda: RetryableError(message, retry_after=op.get("retry_after_s"), **about),
        "plain": lambda: Boom(message),
        "non_error": lambda: NotAnError(message),
    }
    error = errors[op["kind"]]()
    cause = op.get("cause")
    raise error from (Boom(cause["message"]) if cause else None)


def facts(ctx: TaskContext) -> dict[str, Any]:
    """What the context says."""
    names = ("run_id", "workflow", "step", "action", "attempt", "max_attempts", "idempotency_key")
    return {
        **{name: getattr(ctx, name) for name in names},
        "has_deadline": ctx.deadline is not None,
        "cancelled": bool(ctx.cancelled),
        "trace": dict(ctx.trace),
    }


def unpacked(chunk: Any) -> Any:
    """A chunk as it is streamed: `{"$bytes": base64}` are bytes."""
    return base64.b64decode(chunk["$bytes"]) if isinstance(chunk, dict) and "$bytes" in chunk else chunk


def filled(value: Any, run_id: str, outcomes: list[Any]) -> Any:
    """The value with `$run_id` and `$0.path` replaced, wherever they stand."""
    if isinstance(value, dict):
        return {key: filled(child, run_id, outcomes) for key, child in value.items()}
    if isinstance(value, list):
        return [filled(child, run_id, outcomes) for child in value]
    if value == "$run_id":
        return run_id
    if isinstance(value, str) and value.startswith("$") and value[1:2].isdigit():
        number, *path = value[1:].split(".")
        found = outcomes[int(number)]["ok"]
        for part in path:
            found = found[int(part)] if isinstance(found, list) else found[part]
        return found
    return value
