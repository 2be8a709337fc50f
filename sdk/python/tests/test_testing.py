"""The testing kit: virtual time, mocked handlers, histories that replay whole, cut anywhere, and against other code."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from typing import Any

import pytest

from sdk.python.tests.journals import events_of, replayed_in_pieces
from stellwerk import (
    ChildFailed,
    RetryableError,
    RunCancelled,
    RunFailed,
    RunState,
    SignalTimeout,
    StellwerkError,
    StepFailed,
    TaskContext,
    TerminalError,
    Worker,
    WorkflowContext,
)
from stellwerk.testing import NonDeterminism, TestEnvironment, TestRun, TestStuck, replay


async def order(ctx: WorkflowContext, card: str) -> Any:
    """A bit of everything."""
    paid = await ctx.step("charge", card, retry={"max_attempts": 3, "initial": 10})
    ctx.publish("state", "charged")
    ctx.set_attributes({"card": card, "big": True})
    await ctx.sleep("1h")
    try:
        word = await ctx.wait_signal("approval", timeout="3d")
    except SignalTimeout:
        await ctx.step("refund", paid)
        return "refunded"
    lucky = await ctx.run("draw", lambda: 7)
    if ctx.patched("thanks"):
        ctx.publish("state", "thanked")
    child, step, local = await asyncio.gather(
        ctx.child("half", lucky), ctx.step("ship"), ctx.run("flaky", Flaky(), retry={"initial": 5})
    )
    try:
        async with asyncio.timeout(30):
            await ctx.wait_signal("never")
    except TimeoutError:
        pass
    return [paid, word, lucky, child, step, local, ctx.random()]


async def half(ctx: WorkflowContext, number: float) -> float:
    await asyncio.sleep(number)
    return number / 2


class Flaky:
    """Fails twice."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self) -> int:
        self.calls += 1
        if self.calls < 3:
            raise ValueError("not yet")
        return self.calls


def environment() -> TestEnvironment:
    env = TestEnvironment()
    env.workflow("order", order)
    env.workflow("half", half)
    env.handler("charge", lambda card: f"paid with {card}")
    env.handler("refund", lambda paid: None)
    env.handler("ship", lambda _: "shipped")
    return env


async def ordered() -> TestRun:
    """A run that has gone through all of it."""
    env = environment()
    run = await env.start("order", "4242")
    await run.signal("approval", {"ok": True})
    await run.result()
    return run


def types(run: TestRun) -> list[str]:
    return [event["type"] for event in run.history()["events"]]


async def test_a_run_goes_as_far_as_it_can_and_time_is_skipped() -> None:
    env = environment()
    run = await env.start("order", "4242")
    assert run.state is RunState.RUNNING
    assert run.published == {"state": "charged"}
    assert run.attributes == {"card": "4242", "big": True}
    await env.skip(timedelta(minutes=59))
    assert types(run)[-1] == "STEP_SLEEPING"
    await env.skip("2m")
    assert types(run)[-1] == "STEP_AWAITING"
    await run.signal("approval", "yes")
    output = await run.result()
    assert output[:6] == ["paid with 4242", "yes", 7, 3.5, "shipped", 3]
    assert run.state is RunState.SUCCEEDED
    assert run.published == {"state": "thanked"}


async def test_a_signal_that_nobody_sends_times_out_in_virtual_days() -> None:
    run = await environment().start("order", "4242")
    assert await run.result() == "refunded"
    first, *_, last = run.history()["events"]
    assert (first["time"], last["time"]) == ("2026-01-01T00:00:00Z", "2026-01-04T01:00:00Z")


async def test_the_history_has_the_contracts_events() -> None:
    run = await ordered()
    events = run.history()["events"]
    slept = next(event for event in events if event["type"] == "STEP_SLEEPING")
    assert json.loads(slept["attributes"]).keys() == {"sleep_s", "due_at", "decision"}
    ran = next(event for event in events if event["type"] == "STEP_RAN")
    assert (ran["step"], ran["payload"], ran["attempt"]) == ("draw", {"json": "7"}, 1)
    assert types(run) == [
        "RUN_STARTED",
        *("STEP_SCHEDULED", "STEP_SUCCEEDED"),
        *("RUN_PUBLISHED", "RUN_ATTRIBUTES", "STEP_SLEEPING", "RUN_SIGNALLED", "STEP_SUCCEEDED"),
        *("STEP_AWAITING", "STEP_SUCCEEDED", "STEP_RAN", "RUN_PATCHED", "RUN_PUBLISHED"),
        *("STEP_SCHEDULED", "STEP_SCHEDULED", "STEP_CHILD_STARTED", "STEP_SUCCEEDED", "STEP_SUCCEEDED", "STEP_RAN"),
        *("STEP_SLEEPING", "STEP_AWAITING", "STEP_SUCCEEDED", "STEP_CANCELLED", "RUN_SUCCEEDED"),
    ]


async def test_a_history_replays_after_every_event() -> None:
    run = await ordered()
    document = json.loads(json.dumps(run.history()))
    assert replay(document, order) is RunState.SUCCEEDED
    events = events_of(document)
    whole = replayed_in_pieces(events, order, run.run_id, 1)
    for cut in range(1, len(events) + 1):
        assert replay({**document, "events": document["events"][:cut]}, order) in (RunState.RUNNING, RunState.SUCCEEDED)
        rest = replayed_in_pieces(events, order, run.run_id, cut)
        assert rest == whole[len(whole) - len(rest) :]


async def test_other_code_is_told_from_the_recorded() -> None:
    async def other(ctx: WorkflowContext, card: str) -> None:
        await ctx.step("reserve", {"card": card, "note": "x" * 100})

    history = (await ordered()).history()
    with pytest.raises(NonDeterminism) as error:
        replay(history, other)
    shown = '{"card":"4242","note":"xxxxxxxxxxxxxxxxxxxxxx'[:40]
    assert str(error.value) == f'step 1: recorded charge("4242"), now reserve({shown})'


async def test_the_environment_finds_code_that_does_something_else_the_next_time() -> None:
    turns: list[int] = []

    async def moody(ctx: WorkflowContext) -> None:
        turns.append(1)
        await ctx.step(f"turn{len(turns)}")

    env = TestEnvironment()
    env.workflow("moody", moody)
    env.handler("turn1", lambda _: None)
    with pytest.raises(NonDeterminism, match=r"step 1: recorded turn1\(null\), now turn2\(null\)"):
        await env.start("moody")


async def test_attempts_follow_the_policy_without_jitter() -> None:
    seen: list[tuple[int, int]] = []

    def charge(card: str, ctx: TaskContext) -> str:
        seen.append((ctx.attempt, ctx.max_attempts))
        if ctx.attempt == 1:
            raise ValueError("broken")
        if ctx.attempt == 2:
            raise RetryableError("busy", retry_after=100)
        raise TerminalError("declined", type="Declined", details={"code": 51})

    env = environment()
    env.handler("charge", charge)
    run = await env.start("order", "4242")
    with pytest.raises(RunFailed) as error:
        await run.result()
    assert seen == [(1, 3), (2, 3), (3, 3)]
    assert error.value.failure is not None
    assert (error.value.failure.type, error.value.failure.details) == ("Declined", {"code": 51})
    assert (error.value.failure.step, error.value.failure.attempt) == ("charge", 3)
    assert run.history()["events"][-1]["time"] == "2026-01-01T00:01:50Z"


async def test_a_run_that_nothing_can_move_is_stuck() -> None:
    async def waits(ctx: WorkflowContext) -> None:
        await ctx.wait_signal("approval")

    env = TestEnvironment()
    env.workflow("waits", waits)
    run = await env.start("waits")
    with pytest.raises(TestStuck) as error:
        await run.result()
    assert str(error.value) == "the run waits for signal 'approval', and no timer is left"


async def test_a_handler_that_comes_late_is_used() -> None:
    async def asks(ctx: WorkflowContext) -> Any:
        return await ctx.step("answer")

    env = TestEnvironment()
    env.workflow("asks", asks)
    run = await env.start("asks")
    with pytest.raises(TestStuck, match="nobody runs 'answer'"):
        await run.result()
    env.handler("answer", lambda _: 42)
    assert await run.result() == 42


async def test_a_cancelled_run_cleans_up() -> None:
    async def books(ctx: WorkflowContext) -> None:
        try:
            await ctx.child("half", 3600)
        except asyncio.CancelledError:
            await ctx.step("refund")
            raise

    env = environment()
    env.workflow("books", books)
    run = await env.start("books")
    await run.cancel("no longer wanted")
    with pytest.raises(RunCancelled):
        await run.result()
    assert types(run)[-4:] == ["STEP_CANCELLED", "STEP_SCHEDULED", "STEP_SUCCEEDED", "RUN_CANCELLED"]
    with pytest.raises(StellwerkError):
        await run.signal("late")


async def test_children_fail_and_time_out() -> None:
    async def child(ctx: WorkflowContext, name: str) -> None:
        if name == "fails":
            raise TerminalError("no")
        await ctx.sleep("1d")

    async def parent(ctx: WorkflowContext) -> list[str]:
        found = []
        for name, timeout in (("fails", None), ("slow", "1h")):
            try:
                await ctx.child("child", name, timeout=timeout)
            except ChildFailed as error:
                found.append(str(error))
        try:
            await ctx.child("nobody")
        except ChildFailed as error:
            found.append(error.type)
        return found

    env = TestEnvironment()
    env.workflow("child", child)
    env.workflow("parent", parent)
    run = await env.start("parent")
    assert await run.result() == [
        "RunFailed: child run_2 ended as FAILED: TerminalError: no",
        "StepTimeout: it was not done after 3600 s",
        "WORKFLOW_NOT_FOUND",
    ]


async def test_a_run_goes_on_as_a_new_one_and_takes_signals_along() -> None:
    async def counts(ctx: WorkflowContext, left: int) -> Any:
        if left:
            await ctx.sleep("1s")
            ctx.continue_as_new(left - 1)
        return await ctx.wait_signal("word")

    env = TestEnvironment()
    env.workflow("counts", counts)
    run = await env.start("counts", 3)
    await run.signal("word", "kept")
    assert await run.result() == "kept"
    assert run.state is RunState.SUCCEEDED


async def test_a_workers_handlers_and_workflows_are_taken_over() -> None:
    worker = Worker("127.0.0.1:1")

    @worker.handler("double")
    async def double(number: int) -> int:
        return number * 2

    @worker.workflow("doubles")
    async def doubles(ctx: WorkflowContext, number: int) -> Any:
        try:
            await ctx.step("missing", timeout={"start": "5m"})
        except StepFailed as error:
            return [await ctx.step("double", number), error.type]

    run = await TestEnvironment(worker).start("doubles", 21)
    assert await run.result() == [42, "StartTimeout"]


async def test_code_that_waits_for_nothing_is_told() -> None:
    async def foreign(ctx: WorkflowContext) -> None:
        await asyncio.get_running_loop().create_future()

    env = TestEnvironment()
    env.workflow("foreign", foreign)
    with pytest.raises(StellwerkError, match="WaitsForNothing: the code waits for something that is not ctx's"):
        await env.start("foreign")
    with pytest.raises(StellwerkError, match="workflow 'unknown' is not there"):
        await env.start("unknown")


async def test_five_thousand_steps_in_a_row_and_at_once() -> None:
    async def long(ctx: WorkflowContext, wide: bool) -> int:
        if wide:
            return len(await asyncio.gather(*(ctx.step("ship") for _ in range(5_000))))
        return len([await ctx.step("ship") for _ in range(5_000)])

    for wide in (False, True):
        env = environment()

        async def ship(_: Any) -> None:
            return None

        env.handler("ship", ship)
        env.workflow("long", long)
        run = await env.start("long", wide)
        assert await run.result() == 5_000
        assert len(run.history()["events"]) == 10_002
