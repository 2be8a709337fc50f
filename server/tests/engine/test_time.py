"""What the clock does: retries and their delays, sleeps, timeouts, the deadline. Time is only ever passed in."""

from __future__ import annotations

import pytest

from server.tests.engine.world import NEW_YEAR_2026, World
from stellwerk_server.engine.failure import ATTEMPTS_EXHAUSTED, NOT_RETRYABLE, STEP_TIMED_OUT, delay_s
from stellwerk_server.model import commands as c
from stellwerk_server.model.definition import RetryPolicy
from stellwerk_server.model.events import SECOND, EventType, TimerKind
from stellwerk_server.model.failure import Category
from stellwerk_server.model.states import RunState

ONE = "steps: [{id: a, action: x, %s}]"


def delays(world: World) -> list[float]:
    """Fail the step until it is dead; the delays between, in seconds."""
    found = []
    while True:
        world.fail("a")
        if world.state("a") == "DEAD":
            return found
        found.append((world.run.timers["a", TimerKind.RETRY] - world.now) / SECOND)
        world.fire(TimerKind.RETRY, "a")


@pytest.mark.parametrize(
    ("retry", "expected"),
    [
        ("{max_attempts: 4, initial: 1s, backoff: 1, jitter: 0}", [1, 1, 1]),
        ("{max_attempts: 5, initial: 1s, backoff: 2, jitter: 0}", [1, 2, 4, 8]),
        ("{max_attempts: 5, initial: 1s, backoff: 10, max: 30s, jitter: 0}", [1, 10, 30, 30]),
        ("{max_attempts: 1}", []),
    ],
)
def test_delays_are_fixed_or_grow_up_to_the_cap(retry: str, expected: list[float]) -> None:
    world = World(ONE % f"retry: {retry}")
    assert delays(world) == expected
    dead = next(event for event in world.events if event.type is EventType.STEP_DEAD)
    assert dead.data == {"reason": ATTEMPTS_EXHAUSTED}
    assert dead.attempt == len(expected) + 1


def test_jitter_stays_within_its_bounds_and_is_the_same_for_the_same_attempt() -> None:
    policy = RetryPolicy(initial_s=10.0, backoff=1.0, jitter=0.2)
    found = [delay_s(policy, 1, f"run/step/{n}") for n in range(2_000)]
    assert min(found) >= 8.0
    assert max(found) <= 12.0
    assert min(found) < 8.1
    assert max(found) > 11.9
    assert found == [delay_s(policy, 1, f"run/step/{n}") for n in range(2_000)]


def test_a_huge_number_of_attempts_does_not_overflow() -> None:
    assert delay_s(RetryPolicy(backoff=100.0, jitter=0.0), 100_000, "") == 60.0


def test_the_default_policy_is_four_attempts() -> None:
    found = delays(World(ONE % "priority: 0"))
    assert [round(d) for d in found] == pytest.approx([1, 2, 4], abs=1)
    assert all(0.8 * base <= d <= 1.2 * base for base, d in zip((1, 2, 4), found, strict=True))


def test_a_worker_may_name_the_delay() -> None:
    world = World(ONE % "retry: {jitter: 0}")
    world.fail("a", retry_after_s=42.5)
    assert world.run.timers["a", TimerKind.RETRY] == world.now + 42_500_000


def test_a_delay_of_zero_schedules_in_the_same_decision() -> None:
    world = World(ONE % "retry: {jitter: 0}")
    events = world.fail("a", retry_after_s=0.0)
    assert [event.type.name for event in events] == ["STEP_ATTEMPT_FAILED", "STEP_SCHEDULED"]
    assert world.step("a").attempt == 2
    assert not world.run.timers


@pytest.mark.parametrize(
    ("retry", "fields"), [("{non_retryable: [Boom]}", {}), ("{max_attempts: 9}", {"terminal": True})]
)
def test_what_must_not_be_retried_is_not(retry: str, fields: dict[str, bool]) -> None:
    world = World(ONE % f"retry: {retry}")
    world.fail("a", **fields)
    assert world.state("a") == "DEAD"
    assert world.run.changes.dead[0][1] == NOT_RETRYABLE


def test_a_lost_lease_retries_at_once_and_counts() -> None:
    world = World(ONE % "retry: {max_attempts: 3}")
    for attempt in (2, 3):
        world.lose("a")
        assert (world.state("a"), world.step("a").attempt) == ("READY", attempt)
    world.lose("a")
    assert (world.state("a"), world.run.state) == ("DEAD", RunState.FAILED)


def test_an_attempt_that_took_too_long_is_delayed_like_any_failure() -> None:
    world = World(ONE % "retry: {jitter: 0}")
    world.fail("a", category=Category.TIMEOUT)
    assert (world.state("a"), world.run.timers["a", TimerKind.RETRY]) == ("WAITING", world.now + SECOND)


@pytest.mark.parametrize("early", [1, SECOND])
def test_a_timer_fires_neither_early_nor_twice(early: int) -> None:
    world = World(ONE % "retry: {jitter: 0}")
    world.fail("a")
    due_at = world.run.timers["a", TimerKind.RETRY]
    timer = c.FireTimer(7, "a", TimerKind.RETRY, due_at)
    world.now = due_at - early
    assert world.do(timer) == []
    world.now = due_at
    assert [event.type.name for event in world.do(timer)] == ["STEP_SCHEDULED"]
    assert world.do(timer) == []


@pytest.mark.parametrize(("sleep", "slept_s"), [("1h", 3600), ("0s", 0), ("'${input.wait}'", 5)])
def test_a_sleep_waits_and_passes_its_input_on(sleep: str, slept_s: int) -> None:
    world = World(f"steps: [{{id: s, sleep: {sleep}}}, {{id: b, action: x}}]", {"wait": "5s"})
    assert world.run.timers["s", TimerKind.SLEEP] == world.now + slept_s * SECOND
    assert world.states() == "b:PENDING s:WAITING"
    world.fire(TimerKind.SLEEP, "s")
    assert world.states() == "b:READY s:SUCCEEDED"
    assert world.step("b").input == world.run.input


def test_a_sleep_of_nonsense_fails() -> None:
    assert World("steps: [{id: s, sleep: '${input}'}]", "soon").run.state is RunState.FAILED


def test_the_start_timeout_ends_a_step_nobody_took() -> None:
    world = World(ONE % "timeout: {start: 5s}")
    world.fire(TimerKind.STEP_START, "a")
    assert world.state("a") == "DEAD"
    assert world.run.failure is not None
    assert (world.run.failure.type, world.run.failure.category) == ("StartTimeout", Category.TIMEOUT)
    assert world.now == NEW_YEAR_2026 + 5 * SECOND


def test_the_start_timeout_leaves_a_step_that_was_taken() -> None:
    world = World(ONE % "timeout: {start: 5s}")
    assert world.fire(TimerKind.STEP_START, "a", leased=True) == []
    assert world.state("a") == "READY"
    world.complete("a", 1)
    assert world.run.state is RunState.SUCCEEDED


def test_a_released_step_waits_for_its_start_as_before() -> None:
    world = World(ONE % "timeout: {start: 5s}")
    due_at = world.run.timers["a", TimerKind.STEP_START]
    world.fire(TimerKind.STEP_START, "a", leased=True)
    world.run.take_changes()
    world.do(c.ReleaseStep(7, "a", 1, b"t"))
    assert world.run.changes.timers_set == {("a", TimerKind.STEP_START): due_at}
    world.fire(TimerKind.STEP_START, "a")
    assert world.state("a") == "DEAD"


def test_the_start_timeout_begins_anew_with_each_attempt() -> None:
    world = World(ONE % "timeout: {start: 5s}, retry: {jitter: 0}")
    world.fail("a")
    assert ("a", TimerKind.STEP_START) not in world.run.timers
    world.fire(TimerKind.RETRY, "a")
    assert world.run.timers["a", TimerKind.STEP_START] == world.now + 5 * SECOND


@pytest.mark.parametrize("waiting", [True, False])
def test_the_total_timeout_spans_all_attempts(waiting: bool) -> None:
    world = World(ONE % "timeout: {total: 10s}, retry: {initial: 8s, jitter: 0, max_attempts: 9}")
    world.fail("a")
    if not waiting:
        world.fire(TimerKind.RETRY, "a")
    world.fire(TimerKind.STEP_TOTAL, "a", leased=not waiting)
    assert world.state("a") == "DEAD"
    assert world.now == NEW_YEAR_2026 + 10 * SECOND
    assert world.run.changes.dead[0][1] == STEP_TIMED_OUT
    assert world.run.changes.voided == ["a"]


def test_timers_of_a_finished_step_are_cleared() -> None:
    world = World("steps: [{id: a, action: x, timeout: {start: 5s, total: 9s}}, {id: b, action: x}]")
    world.complete("a")
    assert world.run.timers == {}
    assert world.run.changes.timers_cleared == {("a", TimerKind.STEP_START), ("a", TimerKind.STEP_TOTAL)}


@pytest.mark.parametrize(
    ("written", "asked", "after_s"), [("\ntimeout: 1m", None, 60), ("", 2.5, 2.5), ("\ntimeout: 1m", 5, 5)]
)
def test_the_deadline_ends_the_run(written: str, asked: float | None, after_s: float) -> None:
    world = World(ONE % "priority: 0" + written, timeout_s=asked)
    world.fire(TimerKind.RUN_DEADLINE)
    assert (world.run.state, world.state("a")) == (RunState.TIMED_OUT, "CANCELLED")
    assert world.now == NEW_YEAR_2026 + int(after_s * SECOND)
    assert world.run.changes.ended


def test_the_deadline_also_ends_a_blocked_run() -> None:
    world = World(ONE % "on_failure: park", timeout_s=60)
    world.kill("a")
    world.fire(TimerKind.RUN_DEADLINE)
    assert world.run.state is RunState.TIMED_OUT
