"""Who may end what: repeats and stale attempts, the dead letters, cancel against complete, forks."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from server.tests.engine.world import World, value_of
from stellwerk_server.model import commands as c
from stellwerk_server.model.errors import Refused
from stellwerk_server.model.events import EventType, TimerKind
from stellwerk_server.model.payload import from_value
from stellwerk_server.model.states import RunState

TWO = "steps: [{id: a, action: x, %s}, {id: b, action: x}]"


def two(fields: str = "priority: 0") -> World:
    return World(TWO % fields)


def test_the_same_completion_twice_is_fine() -> None:
    world = two()
    world.complete("a", {"x": 1})
    assert world.complete("a", {"x": 1}, attempt=1, leased=False) == []


def test_the_same_last_completion_is_fine_after_the_run_has_ended() -> None:
    world = two()
    world.complete("a", 1)
    world.complete("b", 2)
    assert world.complete("b", 2, attempt=1, leased=False) == []
    assert world.run.state is RunState.SUCCEEDED


@pytest.mark.parametrize("value", [2, None, {"x": 1.0}])
def test_another_completion_is_refused(value: object) -> None:
    world = two()
    world.complete("a", {"x": 1})
    with pytest.raises(Refused) as refused:
        world.complete("a", value, attempt=1, leased=False)
    assert refused.value.reason == "LEASE_LOST"
    assert refused.value.metadata["current_attempt"] == "1"


def test_the_same_failure_twice_is_fine_and_another_is_refused() -> None:
    world = two("retry: {max_attempts: 2}")
    world.fail("a")
    assert world.fail("a", attempt=1, leased=False) == []
    with pytest.raises(Refused):
        world.fail("a", "Other", attempt=1, leased=False)
    with pytest.raises(Refused):
        world.complete("a", 1, attempt=1, leased=False)


@pytest.mark.parametrize("outcome", ["complete", "fail"])
def test_a_stale_attempt_changes_nothing(outcome: str) -> None:
    world = two()
    world.lose("a")
    with pytest.raises(Refused):
        world.complete("a", 1, attempt=1) if outcome == "complete" else world.fail("a", attempt=1)
    assert (world.state("a"), world.step("a").attempt) == ("READY", 2)


def test_without_its_lease_nothing_is_completed_or_failed() -> None:
    world = two()
    for act in (world.complete, world.fail):
        with pytest.raises(Refused):
            act("a", leased=False)
    assert world.count(EventType.STEP_SUCCEEDED) == 0


def test_an_unknown_step_is_refused() -> None:
    with pytest.raises(Refused):
        two().complete("nowhere", attempt=1)


def test_a_release_leaves_no_trace_but_puts_the_step_back() -> None:
    world = two()
    world.run.take_changes()
    assert world.do(c.ReleaseStep(7, "a", 1, b"t")) == []
    assert list(world.run.changes.scheduled) == ["a"]
    assert world.step("a").attempt == 1
    world.run.take_changes()
    world.do(c.ReleaseStep(7, "a", 1, b"t"), leased=False)
    world.do(c.ReleaseStep(7, "a", 2, b"t"))
    assert not world.run.changes.scheduled


# dead letters


@pytest.mark.parametrize(
    ("on_failure", "run", "after"),
    [("fail", "FAILED", "PENDING"), ("continue", "SUCCEEDED", "SKIPPED"), ("park", "BLOCKED", "PENDING")],
)
def test_what_a_dead_step_does_to_its_run(on_failure: str, run: str, after: str) -> None:
    world = two(f"on_failure: {on_failure}")
    world.kill("a")
    assert (world.run.state.name, world.state("a"), world.state("b")) == (run, "DEAD", after)
    assert [step.key for step, _ in world.run.changes.dead] == ["a"]


def test_a_requeue_gives_a_new_set_of_attempts() -> None:
    world = two("on_failure: park, retry: {max_attempts: 2, jitter: 0}, timeout: {total: 1h}")
    for attempt in (2, 4):
        world.fail("a")
        world.fire(TimerKind.RETRY, "a")
        assert world.step("a").attempt == attempt
        world.fail("a")
        assert (world.state("a"), world.run.state) == ("DEAD", RunState.BLOCKED)
        assert not world.run.timers
        world.requeue("a")
        assert (world.state("a"), world.run.state) == ("READY", RunState.RUNNING)
        assert ("a", TimerKind.STEP_TOTAL) in world.run.timers
    world.complete("a", "at last")
    assert value_of(world.step("b").input) == "at last"


def test_a_requeue_twice_is_the_same_as_once() -> None:
    world = two("on_failure: park")
    world.kill("a")
    command = c.RequeueStep(7, "a", 1)
    world.do(command)
    assert world.do(command) == []
    assert world.step("a").attempt == 2


def test_the_run_stays_blocked_until_the_last_parked_step_is_back() -> None:
    world = World(
        "steps: [{id: a, action: x, needs: [], on_failure: park}, {id: b, action: x, needs: [], on_failure: park}]"
    )
    world.kill("a")
    world.kill("b")
    assert world.count(EventType.RUN_BLOCKED) == 1
    world.requeue("b")
    assert world.run.state is RunState.BLOCKED
    world.complete("b")
    assert world.run.state is RunState.BLOCKED
    world.requeue("a")
    assert world.run.state is RunState.RUNNING
    world.complete("a")
    assert world.run.state is RunState.SUCCEEDED


def test_others_go_on_while_one_step_is_parked() -> None:
    world = World(
        """
        steps:
          - {id: a, action: x, needs: [], on_failure: park}
          - {id: b, action: x, needs: []}
          - {id: c, action: x, needs: [b]}
        """
    )
    world.kill("a")
    world.complete("b")
    world.complete("c")
    assert world.run.state is RunState.BLOCKED
    world.requeue("a")
    world.complete("a")
    assert world.run.state is RunState.SUCCEEDED


def test_a_discard_fails_the_run() -> None:
    world = two("on_failure: park")
    world.kill("a")
    command = c.DiscardStep(7, "a", 1, "enough")
    assert [event.type.name for event in world.do(command)] == ["STEP_DISCARDED", "RUN_FAILED"]
    assert world.do(command) == []
    assert world.run.failure is not None
    assert world.run.failure.type == "Boom"


def test_only_a_parked_step_can_be_requeued_or_discarded() -> None:
    world = two("on_failure: park")
    assert world.requeue("a") == []
    assert world.discard("a") == []
    world.kill("a")
    assert world.do(c.RequeueStep(7, "a", 9)) == []
    assert world.run.state is RunState.BLOCKED


# endings

END: dict[str, Callable[[World], object]] = {
    "CANCELLED": World.cancel,
    "TERMINATED": World.terminate,
    "SUCCEEDED": lambda world: (world.complete("a"), world.complete("b")),
    "FAILED": lambda world: world.kill("a"),
    "TIMED_OUT": lambda world: world.fire(TimerKind.RUN_DEADLINE),
}


@pytest.mark.parametrize("second", END)
@pytest.mark.parametrize("first", END)
def test_the_first_ending_is_the_only_one(first: str, second: str) -> None:
    world = World(TWO % "priority: 0", timeout_s=60)
    due_at = world.run.timers["", TimerKind.RUN_DEADLINE]
    END[first](world)
    length = len(world.events)
    if first == second and first in ("CANCELLED", "TERMINATED"):
        END[second](world)
    elif second == "TIMED_OUT":
        world.now = due_at
        assert world.do(c.FireTimer(7, "", TimerKind.RUN_DEADLINE, due_at)) == []
    elif first == "FAILED" == second:
        assert world.fail("a", terminal=True, leased=False) == []
    elif (first, second) == ("SUCCEEDED", "SUCCEEDED"):
        assert world.complete("b", leased=False) == []
    else:
        with pytest.raises(Refused):
            END[second](world)
    assert world.run.state.name == first
    assert len(world.events) == length


@pytest.mark.parametrize("end", [World.cancel, World.terminate])
def test_an_end_cancels_what_has_begun_and_clears_every_timer(end: Callable[[World], object]) -> None:
    world = World(
        """
        steps:
          - {id: a, action: x, needs: [], timeout: {total: 1h, start: 1m}}
          - {id: s, sleep: 1h, needs: []}
          - {id: r, action: x, needs: []}
          - {id: z, action: x, needs: [a]}
        """,
        timeout_s=60,
    )
    world.fail("r")
    end(world)
    assert world.states() == "a:CANCELLED r:CANCELLED s:CANCELLED z:PENDING"
    assert world.run.timers == {}
    assert world.run.changes.ended
    assert not world.run.changes.scheduled


# forks


def test_a_fork_keeps_what_was_finished() -> None:
    kept = (c.Kept("a", 2, from_value({"kept": 1})), c.Kept("b", 0, None))
    world = World(
        """
        steps:
          - {id: a, action: x, needs: []}
          - {id: b, action: x, needs: []}
          - {id: c, action: x, needs: [a, b]}
        """,
        forked_from=3,
        kept=kept,
    )
    assert world.states() == "a:SUCCEEDED b:SKIPPED c:READY"
    assert value_of(world.step("c").input) == {"a": {"kept": 1}, "b": None}
    assert (world.step("a").attempt, world.count(EventType.STEP_SCHEDULED)) == (2, 1)
    world.complete("c", "done")
    assert world.output() == "done"


def test_a_fork_that_keeps_everything_ends_at_once() -> None:
    world = World(TWO % "priority: 0", kept=(c.Kept("a", 1, from_value(1)), c.Kept("b", 1, from_value(2))))
    assert (world.run.state, world.output()) == (RunState.SUCCEEDED, 2)


def test_a_fork_of_skipped_needs_skips_on() -> None:
    world = World(TWO % "priority: 0", kept=(c.Kept("a", 0, None),))
    assert world.states() == "a:SKIPPED b:SKIPPED"
    assert world.run.state is RunState.SUCCEEDED
