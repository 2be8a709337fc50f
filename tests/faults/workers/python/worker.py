"""The Python worker under faults: ordinary handlers and one code workflow, on the SDK as its users have it.

Writes its ledger before anything is completed. ../README.md says what the three workers do; must not know any fault.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import signal
import sys
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from stellwerk import RetryableError, RetryOptions, StepFailed, TaskContext, TerminalError, Worker, WorkflowContext

sys.path.insert(0, str(Path(__file__).parents[4]))

from tests.faults.records import Effect, Log, now

NAME, LIFE = os.environ["FAULTS_WORKER"], os.environ["FAULTS_LIFE"]
NAMESPACE, TAINT = os.environ["STELLWERK_NAMESPACE"], os.environ["FAULTS_TAINT"]
LEASE_S = float(os.environ["FAULTS_LEASE_S"])
LANGUAGE = "python"
CHUNKS = 5
RETRY: RetryOptions = {"max_attempts": 10, "initial": 0.1, "max": 2.0}

Act = Callable[[TaskContext, str], Awaitable[None]]


class Ledger:
    """Says what happens here, before anybody else is told."""

    def __init__(self) -> None:
        self._log = Log(Path(os.environ["FAULTS_LEDGER"]))
        self._numbers = itertools.count(1)
        self._writing = threading.Lock()

    def value(self) -> str:
        """Unlike any other attempt's."""
        return f"{TAINT}/{NAME}.{LIFE}/{next(self._numbers)}"

    def write(self, run_id: str, step: str, attempt: int, action: str, phase: str, value: str = "") -> None:
        """A line."""
        effect = Effect(now(), NAME, LANGUAGE, NAMESPACE, run_id, step, attempt, action, phase, value)
        with self._writing:
            self._log.write(effect)


ledger = Ledger()


def chance(ctx: TaskContext, of: int) -> int:
    """0 to `of` - 1, the same in each attempt of a step and in each language."""
    return sum(map(ord, ctx.run_id + ctx.step)) % of


async def touch(ctx: TaskContext, value: str) -> None:
    """Nothing more."""


async def slow(ctx: TaskContext, value: str) -> None:
    """Seconds, sometimes longer than a lease."""
    await asyncio.sleep(LEASE_S * 1.5 if chance(ctx, 10) == 0 else 0.3 * (1 + chance(ctx, 5)))


async def flaky(ctx: TaskContext, value: str) -> None:
    """Up to two attempts fail."""
    if ctx.attempt <= chance(ctx, 3):
        raise RetryableError("not yet", type="Flaky")


async def linger(ctx: TaskContext, value: str) -> None:
    """The first attempt takes longer than it may."""
    if ctx.attempt == 1:
        await asyncio.sleep(LEASE_S)


async def poison(ctx: TaskContext, value: str) -> None:
    """Never."""
    raise RuntimeError("poison")


async def fatal(ctx: TaskContext, value: str) -> None:
    """Never, and no attempt follows."""
    raise TerminalError("fatal", type="Fatal")


async def crash(ctx: TaskContext, value: str) -> None:
    """The first attempt takes the worker with it."""
    if ctx.attempt == 1:
        os.kill(os.getpid(), signal.SIGKILL)


async def stream(ctx: TaskContext, value: str) -> None:
    """Chunks on the way."""
    for number in range(CHUNKS):
        await ctx.stream(f"{value}#{number}")


ACTS: dict[str, Act] = {act.__name__: act for act in (touch, slow, flaky, linger, poison, fatal, crash, stream)}


def recorded(action: str, act: Act) -> Callable[[Any, TaskContext], Awaitable[str]]:
    """The handler: its effects stand in the ledger before the server hears of them."""

    async def handler(_: Any, ctx: TaskContext) -> str:
        value = ledger.value()
        ledger.write(ctx.run_id, ctx.step, ctx.attempt, action, "begin")
        try:
            await act(ctx, value)
        except BaseException:
            ledger.write(ctx.run_id, ctx.step, ctx.attempt, action, "failed")
            raise
        ledger.write(ctx.run_id, ctx.step, ctx.attempt, action, "done", value)
        return value

    return handler


async def code(ctx: WorkflowContext, given: dict[str, Any]) -> Any:
    """Steps, local steps, a timer, a signal, a child, and the same again as a new run."""

    async def local() -> str:
        value = ledger.value()
        ledger.write(ctx.run_id, "local", 0, "$local", "begin")
        ledger.write(ctx.run_id, "local", 0, "$local", "done", value)
        return value

    said = {"taint": given["taint"]}
    first = await ctx.step("touch", said, name="first", retry=RETRY)
    await asyncio.gather(
        ctx.step("flaky", said, name="left", retry=RETRY),
        ctx.step("touch", said, name="right", retry=RETRY),
        ctx.run("local", local),
    )
    await ctx.sleep(given.get("sleep_s", 0.1))
    if given.get("signal"):
        await ctx.wait_signal("go", timeout=60.0)
    if given.get("child"):
        try:
            await ctx.child("sequence", said)
        except StepFailed:
            ctx.publish("child", f"{given['taint']}/lost")
    if given.get("turns", 1) > 1:
        ctx.continue_as_new({**given, "turns": given["turns"] - 1, "signal": False, "child": False})
    return first


def main() -> None:
    worker = Worker(worker_id=f"{NAME}.{LIFE}", slots=50, drain_s=2.0)
    for action, act in ACTS.items():
        worker.register(action, recorded(action, act))
    worker.register_workflow("code-python", code)
    worker.start()


if __name__ == "__main__":
    main()
