"""Signals: kept when they come early, taken once and in order, refused when nobody can ever take them."""

from __future__ import annotations

import pytest

from server.tests.engine.world import World, illegal_moves, snapshot, value_of
from stellwerk_server.engine.decide import MAX_KEPT_SIGNALS
from stellwerk_server.model import commands as c
from stellwerk_server.model.errors import Exhausted, Refused
from stellwerk_server.model.events import SECOND, EventType, TimerKind
from stellwerk_server.model.failure import Category
from stellwerk_server.model.payload import from_value
from stellwerk_server.model.states import RunState

ONE = "steps: [{id: approve, signal: approval, timeout: 3d}]"
LATE = "steps: [{id: a, action: x}, {id: approve, signal: approval}]"
TWO = "steps: [{id: a, signal: s, needs: []}, {id: b, signal: s, needs: []}, {id: c, action: x, needs: [a]}]"


def tell(world: World, name: str = "approval", id: str = "1", value: object = None) -> int:
    """How many events a signal leads to."""
    return len(world.do(c.SignalRun(7, c.Signal(name, id, from_value(value)))))


def folds_the_same(world: World) -> bool:
    return snapshot(world.folded()) == snapshot(world.run) and not illegal_moves(world.run, world.events)


def test_a_waiting_step_takes_the_signal_as_its_output() -> None:
    world = World(ONE)
    assert world.state("approve") == "WAITING"
    tell(world, value={"by": "ada"})
    assert world.run.state is RunState.SUCCEEDED
    assert world.output() == {"by": "ada"}
    assert folds_the_same(world)


def test_an_early_signal_is_kept() -> None:
    world = World(LATE)
    tell(world, value=1)
    tell(world, "other", "2", value=2)
    assert world.state("a") == "READY"
    world.complete("a")
    assert world.output() == 1
    assert folds_the_same(world)


def test_signals_are_taken_in_order_by_the_steps_that_wait_longest() -> None:
    world = World(TWO)
    tell(world, "s", "1", "first")
    assert (world.state("a"), world.state("b")) == ("SUCCEEDED", "WAITING")
    assert value_of(world.step("c").input) == "first"
    tell(world, "s", "2", "second")
    assert value_of(world.step("b").output) == "second"
    assert folds_the_same(world)


def test_the_same_id_counts_once_also_after_the_end() -> None:
    world = World(ONE)
    assert tell(world, value=1) > 0
    assert world.run.state.terminal
    assert tell(world, value=2) == 0
    with pytest.raises(Refused, match="has ended as SUCCEEDED"):
        tell(world, id="2")


def test_a_start_may_bring_its_signal() -> None:
    world = World(ONE, signal=c.Signal("approval", "1", from_value("yes")))
    assert [event.type for event in world.events] == [
        EventType.RUN_STARTED,
        EventType.RUN_SIGNALLED,
        EventType.STEP_AWAITING,
        EventType.STEP_SUCCEEDED,
        EventType.RUN_SUCCEEDED,
    ]
    assert folds_the_same(world)


@pytest.mark.parametrize(("on_failure", "state"), [("fail", RunState.FAILED), ("continue", RunState.SUCCEEDED)])
def test_a_signal_that_does_not_come_fails_the_step_without_a_dead_letter(on_failure: str, state: RunState) -> None:
    world = World(f"steps: [{{id: approve, signal: approval, timeout: 90s, on_failure: {on_failure}}}]")
    start = world.now
    world.fire(TimerKind.STEP_TOTAL, "approve")
    assert world.now == start + 90 * SECOND
    failure = world.step("approve").failure
    assert failure is not None
    assert (failure.type, failure.category) == ("SignalTimeout", Category.TIMEOUT)
    assert failure.message == "signal 'approval' did not come within 90 s"
    assert world.run.state is state
    assert world.count(EventType.STEP_DEAD) == 0
    assert folds_the_same(world)


def test_a_timed_out_step_leaves_the_next_signal_to_others() -> None:
    text = """
    steps:
      - {id: a, signal: s, timeout: 1s, on_failure: continue, needs: []}
      - {id: b, signal: s, needs: []}
    """
    world = World(text)
    world.fire(TimerKind.STEP_TOTAL, "a")
    tell(world, "s", value=5)
    assert value_of(world.step("b").output) == 5
    assert folds_the_same(world)


def test_a_skipped_step_takes_nothing() -> None:
    world = World("steps: [{id: a, signal: s, when: 'false'}, {id: b, signal: s, needs: []}]")
    tell(world, "s", value=1)
    assert (world.state("a"), world.state("b")) == ("SKIPPED", "SUCCEEDED")


def test_signals_nobody_takes_are_bounded() -> None:
    world = World(LATE)
    for n in range(MAX_KEPT_SIGNALS):
        tell(world, id=str(n))
    with pytest.raises(Exhausted, match="1000 signals 'approval' wait"):
        tell(world, id="one more")


def test_cancel_ends_the_wait() -> None:
    world = World(ONE)
    world.cancel()
    assert world.states() == "approve:CANCELLED"
    assert folds_the_same(world)
