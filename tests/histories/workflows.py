"""The workflows whose histories are kept, in Python: `work` serves them, `replay CODE=FILE …` holds them against files.

Must go on replaying every file of tests/histories: what changes here is what a user may change in code that runs.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from stellwerk import (
    ChildFailed,
    RetryableError,
    SignalTimeout,
    StepFailed,
    TaskContext,
    TerminalError,
    Worker,
    WorkflowContext,
)
from stellwerk.testing import NonDeterminism, replay

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MS = timedelta(milliseconds=1)
LOST_TRIES = 2


async def order(ctx: WorkflowContext, order: Any) -> Any:
    """Steps in a row and in parallel; the names of the notes hold what a replay has to draw again."""
    paid = await ctx.step("charge", order["card"], retry={"max_attempts": 3, "initial": 0.02})
    shipped = await asyncio.gather(*(ctx.step("ship", item) for item in order["items"]))
    await ctx.step("note", shipped, name=f"drawn-{int(ctx.random() * 1_000_000)}")
    await ctx.step("note", name=f"gift-{ctx.uuid()}", priority=5, timeout={"attempt": 30, "total": 60})
    await ctx.step("note", name=f"at-{now_ms(ctx)}")
    return [paid, shipped]


async def changed(ctx: WorkflowContext, order: Any) -> Any:
    """The order as nobody may change it while it runs."""
    paid = await ctx.step("charge", order["card"])
    return [paid, await asyncio.gather(*(ctx.step("reserve", item) for item in order["items"]))]


async def waiting(ctx: WorkflowContext, name: str) -> Any:
    """Timers, and signals that are there, that come, and that do not."""
    early = await ctx.wait_signal("early")
    await asyncio.gather(ctx.sleep(0.2), ctx.sleep(0), ctx.sleep(0.1))
    ctx.publish("stage", "waiting")
    approval = await ctx.wait_signal("approval", timeout="1h")
    try:
        await ctx.wait_signal("never", timeout=0.1)
    except SignalTimeout as error:
        await ctx.step("note", name=f"without-{error.step}")
    return [name, early, approval]


async def local(ctx: WorkflowContext, number: int) -> Any:
    """Steps that run here: beside a task, tried again, and given up."""
    token = await ctx.run("token", lambda: number + 1)
    flaky, _ = await asyncio.gather(
        ctx.run("flaky", failing(LOST_TRIES, 7), retry={"initial": 0.02}), ctx.step("note", token)
    )
    try:
        await ctx.run("hopeless", failing(LOST_TRIES, 0), retry={"max_attempts": LOST_TRIES, "initial": 0.02})
    except StepFailed as error:
        await ctx.step("note", name=f"given-up-{error.attempt}")
    try:
        await ctx.run("refused", refuse)
    except StepFailed as error:
        await ctx.step("note", name=f"refused-{error.type}-at-{now_ms(ctx)}")
    return [token, flaky]


async def family(ctx: WorkflowContext, number: int) -> Any:
    """Runs that this one starts, and one of them fails."""
    halves = await asyncio.gather(ctx.child("half", number), ctx.child("half", number + 2, name="second"))
    try:
        await ctx.child("broken", number, retry={"max_attempts": 2, "initial": 0.02})
    except ChildFailed as error:
        await ctx.step("note", name=f"without-{error.type}")
    return halves


async def half(ctx: WorkflowContext, number: int) -> int:
    """A child."""
    await ctx.sleep(0.05)
    return number // 2


async def broken(ctx: WorkflowContext, number: int) -> None:
    """A child that fails."""
    await ctx.step("note", number)
    raise TerminalError("it is broken", type="Broken")


async def trip(ctx: WorkflowContext, to: str) -> Any:
    """The first of several, one given up and one left open; then a cancel, and what is undone after it."""
    flight = await ctx.step("charge", to)
    answer = ctx.wait_signal("answer")
    index, _ = await ctx.select(answer, ctx.sleep(0.05), ctx.sleep("30d"))
    answer.cancel()
    ctx.publish("stage", f"waiting {index}")
    try:
        await ctx.wait_signal("never")
    except asyncio.CancelledError:
        await ctx.step("refund", flight)
        raise


async def relay(ctx: WorkflowContext, lap: int) -> Any:
    """Goes on as a new run once, with a signal nobody has taken; shows values, and has got a patch."""
    show(ctx, lap)
    if ctx.patched("cheer"):
        await ctx.step("note", name="cheer")
    return await handed_on(ctx, lap)


async def before_patch(ctx: WorkflowContext, lap: int) -> Any:
    """The relay as it was: its histories are replayed with the patched one."""
    show(ctx, lap)
    return await handed_on(ctx, lap)


def show(ctx: WorkflowContext, lap: int) -> None:
    ctx.publish("lap", lap)
    ctx.set_attributes({"lap": lap, "team": "blue", "last": lap == 2})


async def handed_on(ctx: WorkflowContext, lap: int) -> Any:
    await ctx.step("note", lap)
    if lap < 2:
        ctx.continue_as_new(lap + 1)
    return [lap, await ctx.wait_signal("early")]


def now_ms(ctx: WorkflowContext) -> int:
    return (ctx.now() - EPOCH) // MS


def failing(times: int, then: int) -> Callable[[], int]:
    """Fails so often, then gives that."""
    tries = iter(range(times + 1))

    def attempt() -> int:
        if next(tries) < times:
            raise RetryableError("not yet")
        return then

    return attempt


def refuse() -> None:
    raise TerminalError("no luck", type="NoLuck")


def charge(what: str, ctx: TaskContext) -> str:
    """Some cards work at the second attempt only."""
    if what == "flaky" and ctx.attempt == 1:
        raise RetryableError("the bank is away")
    return f"paid by {what}"


Code = Callable[..., Any]
WORKED: dict[str, Code] = {
    "order": order,
    "waiting": waiting,
    "local": local,
    "family": family,
    "half": half,
    "broken": broken,
    "trip": trip,
    "relay": relay,
}
CODE: dict[str, Code] = {**WORKED, "changed": changed, "unpatched": relay}


def work() -> None:
    """Serve them until SIGTERM."""
    worker = Worker(worker_id="histories", build="histories")
    for name, function in {**WORKED, "unpatched": before_patch}.items():
        worker.register_workflow(name, function)
    worker.register("charge", charge)
    for action in ("ship", "note", "refund"):
        worker.register(action, lambda value: value)
    worker.start()


def replay_all(pairs: Sequence[str]) -> None:
    """Write a JSON line for each CODE=FILE: what replaying its first event gives, its first two, and so on."""
    for pair in pairs:
        code, _, file = pair.partition("=")
        history = json.loads(Path(file).read_text(encoding="utf-8"))
        counts = range(1, len(history["events"]) + 1)
        sys.stdout.write(json.dumps([outcome(code, history, count) for count in counts]) + "\n")


def outcome(code: str, history: Any, count: int) -> str:
    """The state, or the difference."""
    try:
        return replay({**history, "events": history["events"][:count]}, CODE[code])
    except NonDeterminism as error:
        return f"NonDeterminism: {error}"


if __name__ == "__main__":
    work() if sys.argv[1] == "work" else replay_all(sys.argv[2:])
