"""What a workflow's code asks for, event by event: every construct, cancellation, and what is no replay."""

from __future__ import annotations

import asyncio
import threading
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest

from sdk.python.tests.journals import Journal, event
from stellwerk import ChildFailed, SignalTimeout, StellwerkError, StepFailed, TerminalError, WorkflowContext
from stellwerk._replay import Replay
from stellwerk.v1.payload_pb2 import Failure
from stellwerk.workflow import plan

# Of asyncio's timers in code: no test waits for them.
FIVE_S = 5


async def _two(ctx: WorkflowContext, name: str) -> Any:
    first = await ctx.step("greet", name)
    return await ctx.step("greet", first)


def test_commands_come_one_after_the_other() -> None:
    journal = Journal(_two, "bob")
    assert journal.asked() == ['greet("bob")']
    assert journal.done("greet", "hi") == ['greet("hi")']
    assert journal.run.waits_for == ["greet#2"]
    journal.run.feed([event(3, "STEP_SUCCEEDED", "greet#2", "bye")])
    assert journal.run.commands[0].succeed.output.json == '"bye"'
    assert journal.run.end == "succeed"


async def test_a_run_may_be_told_inside_of_another_loop() -> None:
    task = asyncio.current_task()
    journal = Journal(_two, "bob")
    assert journal.done("greet", "hi") == ['greet("bob")', 'greet("hi")']
    assert asyncio.current_task() is task


def test_what_is_called_begins_at_once_and_together() -> None:
    async def flow(ctx: WorkflowContext) -> Any:
        later = ctx.step("a")
        together = await asyncio.gather(ctx.step("b"), ctx.step("b"), later)
        return [*together, await asyncio.create_task(_coroutine(ctx))]

    async def _coroutine(ctx: WorkflowContext) -> Any:
        return await asyncio.create_task(ctx.step("c"))  # type: ignore[arg-type]

    journal = Journal(flow)
    assert journal.asked() == ["a(null)", "b(null)", "b(null)"]
    assert journal.done("b#2", 2) == []
    assert journal.done("a", 0) == []
    assert journal.done("b", 1) == ["c(null)"]
    assert journal.done("c", 3) == ["the end"]


@dataclass
class Order:
    card: str


def test_input_is_typed_and_what_does_not_fit_fails_the_run() -> None:
    async def flow(ctx: WorkflowContext, order: Order) -> Any:
        return await ctx.step("charge", order.card)

    assert Journal(flow, {"card": "4242"}).asked() == ['charge("4242")']
    journal = Journal(flow, {"card": 7})
    failure = journal.run.commands[0].fail.failure
    assert (failure.type, failure.message) == ("InputError", "input.card: expected a string, came 7")
    assert failure.terminal


def test_failures_of_steps_signals_and_children_are_raised() -> None:
    found: list[tuple[Any, ...]] = []

    async def flow(ctx: WorkflowContext) -> None:
        for call in (lambda: ctx.step("a"), lambda: ctx.wait_signal("s", timeout=5), lambda: ctx.child("c", 1)):
            try:
                await call()
            except StepFailed as error:
                found.append((type(error), error.step, error.type, error.message, error.attempt, error.category))

    journal = Journal(flow)
    journal.failed("a")
    journal.failed("s", "SignalTimeout", "late")
    journal.failed("c", "RunFailed", "child run_9 ended as FAILED")
    assert found == [
        (StepFailed, "a", "Broken", "it broke", 2, "USER"),
        (SignalTimeout, "s", "SignalTimeout", "late", 2, "USER"),
        (ChildFailed, "c", "RunFailed", "child run_9 ended as FAILED", 2, "USER"),
    ]


def test_what_leaves_the_code_is_the_runs_failure() -> None:
    async def raises(ctx: WorkflowContext) -> None:
        raise TerminalError("no", type="Declined", details={"code": 51})

    async def passes(ctx: WorkflowContext) -> None:
        await ctx.step("a")

    failure = Journal(raises).run.commands[0].fail.failure
    assert (failure.type, failure.message, failure.details.json) == ("Declined", "no", '{"code":51}')
    journal = Journal(passes)
    journal.asked()
    journal.run.feed([event(2, "STEP_FAILED", "a", failure=Failure(type="Broken", message="it broke", attempt=2))])
    failure = journal.run.commands[0].fail.failure
    assert (failure.type, failure.message, failure.step, failure.attempt) == ("Broken", "it broke", "a", 2)


def test_timers_of_asyncio_are_durable() -> None:
    async def flow(ctx: WorkflowContext) -> str:
        await asyncio.sleep(FIVE_S)
        await asyncio.sleep(0)
        try:
            async with asyncio.timeout(10):
                await ctx.step("slow")
        except TimeoutError:
            pass
        try:
            await asyncio.wait_for(ctx.step("slow"), 20)
        except TimeoutError:
            return "late"
        return "in time"

    journal = Journal(flow)
    assert journal.asked() == ["sleep(5)"]
    assert journal.done("sleep") == ["sleep(10)", "slow(null)"]
    assert journal.done("sleep#2") == ["cancel slow", "slow(null)", "sleep(20)"]
    assert journal.done("slow#2") == ["cancel sleep#3", "the end"]


def test_a_timer_that_is_due_and_a_step_that_is_done_race_by_their_order() -> None:
    async def flow(ctx: WorkflowContext) -> Any:
        index, value = await ctx.select(ctx.step("a"), ctx.sleep("5s"), ctx.wait_signal("s"))
        return [index, value]

    for step, ends in (("a", "[0,1]"), ("sleep", "[1,null]"), ("s", "[2,1]")):
        journal = Journal(flow)
        assert journal.asked() == ["a(null)", "sleep(5)", "signal s"]
        journal.run.feed([event(2, "STEP_SUCCEEDED", step, 1), event(3, "STEP_SUCCEEDED", "a", 1)])
        assert journal.run.commands[0].succeed.output.json == ends


def test_a_select_raises_what_failed_and_lets_the_others_go_on() -> None:
    async def flow(ctx: WorkflowContext) -> Any:
        calls = [ctx.step("a"), ctx.step("b")]
        try:
            await ctx.select(*calls)
        except StepFailed:
            calls[1].cancel()
        await ctx.step("c")

    journal = Journal(flow)
    journal.asked()
    assert journal.failed("a") == ["cancel b", "c(null)"]
    assert journal.done("b") == []
    assert journal.done("c") == ["the end"]


def test_a_task_group_gives_up_the_others_in_order() -> None:
    async def undo(ctx: WorkflowContext, name: str) -> None:
        try:
            await ctx.step(name)
        except asyncio.CancelledError:
            await ctx.step("undo", name)
            raise

    async def flow(ctx: WorkflowContext) -> None:
        async with asyncio.TaskGroup() as group:
            for number in range(20):
                group.create_task(undo(ctx, f"s{number}"))

    journal = Journal(flow)
    journal.asked()
    asked = journal.failed("s7")
    assert [name for name in asked if name.startswith("undo")] == [f'undo("s{n}")' for n in range(20) if n != 7]


async def _waits(ctx: WorkflowContext, place: int) -> Any:
    waits = [
        lambda: ctx.step("a"),
        lambda: ctx.sleep("5s"),
        lambda: ctx.wait_signal("s"),
        lambda: ctx.child("c"),
        lambda: ctx.run("l", lambda: 1),
        lambda: asyncio.gather(ctx.step("g1"), ctx.step("g2")),
        lambda: ctx.select(ctx.step("g1"), ctx.step("g2")),
        lambda: asyncio.sleep(FIVE_S),
        lambda: asyncio.wait_for(ctx.step("w"), 5),
    ]
    try:
        return await waits[place]()
    except asyncio.CancelledError:
        assert ctx.cancelled
        async with asyncio.timeout(60):
            await ctx.step("undo")
        if place % 2:
            raise
        return "caught"


_CANCELS = [["a"], ["sleep"], ["s"], ["c"], [], ["g1", "g2"], ["g1", "g2"], ["sleep"], ["w", "sleep"]]


@pytest.mark.parametrize("place", range(9))
def test_a_cancellation_is_raised_where_the_code_waits(place: int) -> None:
    journal = Journal(_waits, place)
    journal.asked()
    asked = journal.tell("RUN_CANCEL_REQUESTED")
    assert {name for name in asked if name.startswith("cancel")} == {f"cancel {step}" for step in _CANCELS[place]}
    assert asked[-2:] == ["sleep(60)", "undo(null)"]
    assert journal.run.abandoned == (["l"] if place == 4 else [])
    journal.run.feed([event(3, "STEP_SUCCEEDED", "undo")])
    assert journal.run.end == ("cancelled" if place % 2 else "succeed")


def test_a_timeout_in_cleanup_ends_as_one() -> None:
    async def flow(ctx: WorkflowContext) -> str:
        try:
            await ctx.step("a")
        except asyncio.CancelledError:
            try:
                async with asyncio.timeout(9):
                    await ctx.step("undo")
            except TimeoutError:
                return "gave up"
        return "done"

    journal = Journal(flow)
    journal.tell("RUN_CANCEL_REQUESTED")
    journal.run.commands.clear()
    journal.run.feed([event(3, "STEP_SUCCEEDED", "sleep")])
    assert journal.run.commands[-1].succeed.output.json == '"gave up"'


def test_time_and_chance_are_derived() -> None:
    async def flow(ctx: WorkflowContext) -> Any:
        before = ctx.now()
        draws = [ctx.random(), str(ctx.uuid())]
        await ctx.step("a")
        assert (ctx.now() - before).total_seconds() == 6
        return [before.isoformat(), *draws, ctx.random()]

    journal = Journal(flow)
    journal.asked()
    journal.run.feed([event(7, "STEP_SUCCEEDED", "a")])
    output = journal.run.commands[0].succeed.output.json
    assert output.startswith(f'["{datetime.fromtimestamp(1, UTC).isoformat()}",')
    # SHA-256 of "run_1/1", "run_1/2" and "run_1/3".
    assert output.endswith(',0.23593749963755983,"833c8d4a-fa13-4ccc-b4bc-418fd2d81a4e",0.4287868042713593]')


def test_publish_attributes_and_the_way_on() -> None:
    async def flow(ctx: WorkflowContext, left: int) -> None:
        ctx.publish("state", {"left": left})
        ctx.set_attributes({"customer": "c1", "gone": None})
        if left:
            ctx.continue_as_new(left - 1)

    journal = Journal(flow, 2)
    assert [command.WhichOneof("kind") for command in journal.run.commands] == ["publish", "attributes", "continue"]
    assert journal.run.commands[1].attributes.values == '{"customer":"c1","gone":null}'
    assert getattr(journal.run.commands[2], "continue").input.json == "1"
    assert Journal(flow, 0).run.end == "succeed"


def test_a_local_step_runs_when_nothing_is_recorded_of_it() -> None:
    async def flow(ctx: WorkflowContext) -> Any:
        return await asyncio.gather(ctx.run("l", lambda: 1), ctx.run("l", lambda: 2))

    journal = Journal(flow)
    assert journal.asked() == ["run l", "run l#2"]
    assert journal.ran("l#2", 2) == []
    assert journal.ran("l", 1) == ["the end"]
    recorded = [event(1, "RUN_STARTED"), event(2, "STEP_RAN", "l#2", 2, decision=1)]
    assert Journal(flow, events=recorded).asked() == ["run l"]


def test_kept_steps_are_there_at_once() -> None:
    kept = [event(1, "RUN_STARTED", payload="bob"), event(2, "STEP_KEPT", "greet", "hi", state="SUCCEEDED")]
    assert Journal(_two, events=kept).asked() == ['greet("hi")']


# What is no replay of the recorded

_RECORDED = [
    event(1, "RUN_STARTED", payload="bob"),
    event(2, "STEP_SCHEDULED", "greet", "bob", action="greet", decision=1),
    event(3, "STEP_SUCCEEDED", "greet", "hi"),
    event(4, "STEP_SLEEPING", "sleep", sleep_s=3600.0, decision=3),
    event(5, "STEP_AWAITING", "approval", signal="approval", decision=3),
]


@pytest.mark.parametrize(
    ("second", "words"),
    [
        (lambda ctx: (ctx.step("reserve", "stock"),), 'step 2: recorded sleep(3600), now reserve("stock")'),
        (lambda ctx: (ctx.sleep("1h"), ctx.wait_signal("other")), "step 3: recorded signal approval, now signal other"),
        (lambda ctx: (ctx.sleep("1h"), ctx.child("c", {})), "step 3: recorded signal approval, now child c({})"),
        (lambda ctx: (ctx.sleep("1h"),), "step 3: recorded signal approval, now nothing"),
        (lambda ctx: (ctx.publish("k", 1),), "step 2: recorded sleep(3600), now publish k"),
        (lambda ctx: (ctx.set_attributes({}),), "step 2: recorded sleep(3600), now attributes"),
        (lambda ctx: (), "step 2: recorded sleep(3600), now the end"),
    ],
)
def test_a_difference_is_told_with_its_place(second: Any, words: str) -> None:
    async def together(ctx: WorkflowContext, name: str) -> None:
        await ctx.step("greet", name)
        calls = [call for call in second(ctx) if call is not None]
        if calls:
            await asyncio.gather(*calls)

    run = Replay(plan("flow", together), "run_1")
    run.feed(_RECORDED)
    assert run.problem is not None
    assert (run.problem.type, run.problem.message) == ("NonDeterminism", words)
    assert run.problem.failure.terminal


def test_the_same_words_get_their_ids() -> None:
    async def flow(ctx: WorkflowContext, name: str) -> None:
        await ctx.step("greet", name, name="welcome")

    run = Replay(plan("flow", flow), "run_1")
    run.feed(_RECORDED)
    assert run.problem is not None
    assert run.problem.message == 'step 1: recorded greet("bob") as greet, now greet("bob") as welcome'


def test_a_local_step_nobody_calls_is_a_difference() -> None:
    recorded = [event(1, "RUN_STARTED"), event(2, "STEP_RAN", "load", 1, decision=1)]

    async def flow(ctx: WorkflowContext) -> None:
        await ctx.step("a")

    run = Replay(plan("flow", flow), "run_1")
    run.feed(recorded)
    assert run.problem is not None
    assert run.problem.message == "step 2: recorded run load, now nothing"


async def _patched(ctx: WorkflowContext, name: str) -> None:
    await ctx.step("greet", name)
    if ctx.patched("check"):
        await ctx.step("check")
    await asyncio.gather(ctx.sleep("1h"), ctx.wait_signal("approval"))


def test_a_patch_is_taken_by_new_runs_only() -> None:
    assert Journal(_patched, events=_RECORDED).asked() == []
    journal = Journal(_patched, "bob")
    assert journal.done("greet", "hi") == ['greet("bob")', "patch check", "check(null)"]
    with_patch = [*_RECORDED[:3], event(4, "RUN_PATCHED", id="check", decision=3)]
    assert Journal(_patched, events=with_patch).asked() == ["check(null)"]


def test_commands_past_the_recorded_ones_are_new() -> None:
    async def flow(ctx: WorkflowContext, name: str) -> None:
        await ctx.step("greet", name)
        await asyncio.gather(ctx.sleep("1h"), ctx.wait_signal("approval"), ctx.step("more"))

    assert Journal(flow, events=_RECORDED).asked() == ["more(null)"]


# What code must not do


async def _foreign(ctx: WorkflowContext) -> None:
    await asyncio.get_running_loop().create_future()


async def _of_another_loop(ctx: WorkflowContext) -> None:
    other = asyncio.new_event_loop()
    other.close()
    await asyncio.Future(loop=other)


@pytest.mark.parametrize("flow", [_foreign, _of_another_loop])
def test_waiting_for_what_is_not_the_contexts_is_told(flow: Any) -> None:
    problem = Journal(flow).run.problem
    assert problem is not None
    words = "the code waits for something that is not ctx's: nothing is open and it has not ended"
    assert (problem.type, problem.message) == ("WaitsForNothing", words)


def test_threads_and_sockets_are_refused_by_name() -> None:
    async def flow(ctx: WorkflowContext) -> None:
        await asyncio.to_thread(time.monotonic)

    failure = Journal(flow).run.commands[0].fail.failure
    assert failure.message == "run_in_executor does not belong in a workflow's code: do it in a step or in ctx.run"


def test_the_context_is_the_codes_own() -> None:
    held: list[WorkflowContext] = []
    said: list[str] = []

    async def flow(ctx: WorkflowContext) -> None:
        held.append(ctx)
        thread = threading.Thread(target=call, name="stranger")
        thread.start()
        thread.join()

    def call() -> None:
        with pytest.raises(StellwerkError) as error:
            held[0].step("a")
        said.append(str(error.value))

    Journal(flow)
    call()
    words = "ctx belongs to the workflow's own code, came a call from "
    assert said == [f"{words}stranger", f"{words}after its end"]


def test_too_many_commands_are_told() -> None:
    async def flow(ctx: WorkflowContext) -> None:
        await asyncio.gather(*(ctx.sleep("60s") for _ in range(10_001)))

    problem = Journal(flow).run.problem
    assert problem is not None
    words = "10001 commands are open, at most 10000 may be: wait for some first"
    assert (problem.type, problem.message) == ("TooManyCommands", words)


def test_code_that_is_dropped_does_nothing_more() -> None:
    went: list[str] = []

    async def flow(ctx: WorkflowContext) -> None:
        try:
            await asyncio.gather(ctx.step("a"), asyncio.sleep(FIVE_S))
        finally:
            went.append(f"cleanup {ctx.replaying}")
            ctx.publish("k", 1)
            went.append("published")

    journal = Journal(flow)
    journal.asked()
    journal.run.drop()
    assert journal.asked() == []
    assert went == ["cleanup True"]


def test_thousands_of_steps_at_once_and_one_after_the_other() -> None:
    async def wide(ctx: WorkflowContext) -> int:
        return sum(await asyncio.gather(*(ctx.step("a", n) for n in range(5_000))))

    async def long(ctx: WorkflowContext) -> int:
        return sum([await ctx.step("a", n) for n in range(5_000)])

    for flow in (wide, long):
        journal = Journal(flow)
        took_s = []
        for number in range(1, 5_001):
            began_s = time.perf_counter()
            journal.done("a" if number == 1 else f"a#{number}", 1)
            took_s.append(time.perf_counter() - began_s)
        assert journal.run.end == "succeed"
        # The last thousand cost what the first did.
        assert sum(took_s[-1000:]) < 10 * sum(took_s[:1000]) + 1
