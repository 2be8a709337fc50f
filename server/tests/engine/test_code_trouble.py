"""Decisions that fail, are lost or given back; runs that are parked, cancelled, forked, or have no code at all."""

from __future__ import annotations

import pytest

from server.tests.engine.code_world import (
    WORKFLOW,
    CodeWorld,
    action,
    awaits,
    cancel,
    local,
    sleep,
    succeed,
)
from server.tests.engine.world import World
from stellwerk_server.model import code as m
from stellwerk_server.model import commands as c
from stellwerk_server.model.errors import InvalidArgument, Refused
from stellwerk_server.model.events import SECOND, TimerKind
from stellwerk_server.model.failure import Failure
from stellwerk_server.model.payload import from_value
from stellwerk_server.model.states import RunState


def test_a_failed_decision_is_tried_again_after_a_while() -> None:
    world = CodeWorld()
    world.scheduled()
    world.decision_fails()
    due_at = world.run.timers[m.DECISION, TimerKind.RETRY]
    assert world.now < due_at <= world.now + SECOND
    assert (world.scheduled(), world.code.step.attempt, world.told()) == ([], 2, "RUN_STARTED")
    assert world.do(c.FireTimer(7, m.DECISION, TimerKind.RETRY, due_at)) == []
    assert world.scheduled() == []
    assert world.again() == []
    assert world.scheduled() == [m.DECISION]
    assert world.do(c.FireTimer(7, m.DECISION, TimerKind.RETRY, due_at)) == []
    assert world.scheduled() == []
    world.decide(action("a"))
    assert (world.code.failures, world.code.step.attempt) == (0, 1)


def test_the_history_alone_gives_the_same_run_after_a_decision_was_tried_again() -> None:
    world = CodeWorld()
    world.decision_fails()
    world.again()
    world.decide(action("a"))
    assert world.folds_the_same()


def test_what_happens_while_a_failed_decision_waits_is_told_with_it() -> None:
    world = CodeWorld()
    world.decide(action("a"), action("b"))
    world.complete("a")
    world.decision_fails()
    world.scheduled()
    world.complete("b")
    world.cancel()
    assert world.scheduled() == []
    world.again()
    assert world.told() == "STEP_SUCCEEDED:a STEP_SUCCEEDED:b RUN_CANCEL_REQUESTED"


def test_six_failures_in_a_row_park_the_run_and_a_good_decision_begins_anew() -> None:
    world = CodeWorld()
    for _ in range(5):
        world.decision_fails()
        world.again()
    world.decide(local("one"), keep=True)
    for _ in range(5):
        world.decision_fails()
        assert world.run.state is RunState.RUNNING
        world.again()
    world.decision_fails("Boom")
    assert (world.run.state, world.run.block_reason) == (RunState.BLOCKED, "DECISION_FAILED: Boom: no")
    assert world.run.take_changes().parked_by == "worker"


def test_lost_workers_count_and_the_decision_goes_out_at_once() -> None:
    world = CodeWorld()
    for _ in range(5):
        world.scheduled()
        world.decision_lost()
        assert world.scheduled() == [m.DECISION]
    world.decision_lost()
    assert world.run.state is RunState.BLOCKED
    assert world.folds_the_same()


@pytest.mark.parametrize(
    ("type", "terminal", "reason"),
    [("NonDeterminism", False, "NON_DETERMINISM: no"), ("Boom", True, "DECISION_FAILED: Boom: no")],
)
def test_what_no_other_try_would_change_parks_at_once(type: str, terminal: bool, reason: str) -> None:
    world = CodeWorld()
    world.scheduled()
    world.decision_fails(type, terminal=terminal)
    assert (world.run.block_reason, world.scheduled(), world.run.timers) == (reason, [], {})
    assert world.folds_the_same()


def test_a_parked_run_is_told_nothing_until_it_is_resumed_and_then_everything() -> None:
    world = CodeWorld()
    world.decide(action("a"), awaits("go"), sleep("s", 1))
    world.complete("a")
    world.park()
    world.scheduled()
    world.signal("go", 1)
    world.fire(TimerKind.SLEEP, "s")
    world.cancel()
    assert (world.run.state, world.scheduled()) == (RunState.BLOCKED, [])
    world.resume()
    changes = world.run.take_changes()
    assert (list(changes.scheduled), changes.unparked, world.code.step.attempt) == ([m.DECISION], True, 1)
    assert world.told() == "STEP_SUCCEEDED:a STEP_SUCCEEDED:go STEP_SUCCEEDED:s RUN_CANCEL_REQUESTED"
    assert world.resume() == []
    world.decide(m.Cancelled())
    assert world.folds_the_same()


def test_a_failed_decision_said_again_changes_nothing() -> None:
    world = CodeWorld()
    world.decision_fails("Boom")
    assert world.decision_fails("Boom", leased=False) == []
    with pytest.raises(Refused, match="lease is not current"):
        world.decision_fails("Other", leased=False)


def test_a_decision_that_was_given_back_goes_out_as_it_was() -> None:
    world = CodeWorld()
    world.decision_fails()
    world.again()
    world.scheduled()
    release = c.ReleaseStep(7, m.DECISION, 2, b"t")
    assert world.do(release) == []
    assert (world.scheduled(), world.code.step.attempt, world.told()) == ([m.DECISION], 2, "RUN_STARTED")
    assert world.do(release, leased=False) == []
    assert world.scheduled() == []


@pytest.mark.parametrize("parked", [True, False])
@pytest.mark.parametrize("how", ["terminate", "deadline"])
def test_who_ends_a_run_from_outside_takes_its_decision_away(how: str, parked: bool) -> None:
    world = CodeWorld(timeout_s=60.0)
    world.decide(action("a"))
    world.complete("a")
    if parked:
        world.park()
    world.run.take_changes()
    if how == "terminate":
        world.terminate()
    else:
        world.fire(TimerKind.RUN_DEADLINE)
    changes = world.run.take_changes()
    assert (changes.ended, changes.unparked, changes.scheduled) == (True, parked, {})
    assert world.told() == ""
    with pytest.raises(Refused, match="lease is not current"):
        world.decide(succeed())
    with pytest.raises(Refused, match="has ended"):
        world.resume()
    assert world.folds_the_same()


# cancel


def test_a_run_whose_code_never_looked_is_cancelled_at_once() -> None:
    world = CodeWorld()
    world.cancel()
    assert (world.run.state, world.run.take_changes().ended) == (RunState.CANCELLED, True)
    with pytest.raises(Refused, match="has ended"):
        world.resume()


def test_a_cancel_is_told_once_and_the_code_goes_on() -> None:
    world = CodeWorld()
    world.decide(action("a"))
    world.scheduled()
    world.cancel()
    assert (world.told(), world.scheduled(), world.cancel()) == ("RUN_CANCEL_REQUESTED", [m.DECISION], [])
    world.decide(cancel("a"), action("undo"))
    assert (world.run.state, world.cancel(), world.scheduled()) == (RunState.RUNNING, [], ["undo"])
    world.complete("undo")
    world.decide(succeed("caught"))
    assert world.output() == "caught"
    with pytest.raises(Refused, match="has ended"):
        world.cancel()
    assert world.folds_the_same()


def test_a_parent_that_ends_asks_its_child_like_anybody_else() -> None:
    world = CodeWorld(parent=c.Parent(3, "k", 1))
    world.decide(action("a"))
    world.do(c.FireTimer(7, "", TimerKind.PARENT_CANCELS, 0))
    assert world.told() == "RUN_CANCEL_REQUESTED"
    world.do(c.FireTimer(7, "", TimerKind.PARENT_TERMINATES, 0))
    assert world.run.state is RunState.TERMINATED
    assert world.folds_the_same()


# signals, forks, and runs without code


def test_a_signal_for_a_continued_run_is_passed_on_however_many_it_had_kept() -> None:
    world = CodeWorld()
    for n in range(1_000):
        world.signal("go", n)
    world.decide(m.Continue(None, from_value(1), 8))
    with pytest.raises(Refused, match="has ended"):
        world.signal("go", 1_000)


def test_signals_that_were_carried_along_are_there_from_the_start() -> None:
    carried = tuple(c.Signal("go", f"x/go/{n}", from_value(n)) for n in range(2))
    world = CodeWorld(continued_from=3, carried=carried)
    assert world.told() == "RUN_STARTED"
    world.decide(awaits("go"))
    assert (world.told(), world.code.news[0].payload) == ("STEP_SUCCEEDED:go", b"0")
    assert world.folds_the_same()


def test_a_fork_keeps_steps_and_the_code_may_not_ask_for_them_again() -> None:
    kept = (c.Kept("a", 2, from_value(1)), c.Kept("b", 1, from_value(2)))
    world = CodeWorld(forked_from=3, kept=kept)
    assert world.recorded(3) == "RUN_STARTED STEP_KEPT:a STEP_KEPT:b"
    assert world.told() == "RUN_STARTED STEP_KEPT:a STEP_KEPT:b"
    assert [event.payload for event in world.code.news[1:]] == [b"1", b"2"]
    assert (world.run.open_steps, world.code.made) == (0, 2)
    with pytest.raises(InvalidArgument, match="'a' again"):
        world.decide(action("a"))
    world.decide(action("c"))
    assert world.step("c").definition.index == 2
    assert world.folds_the_same()


def test_runs_without_code_know_nothing_of_it() -> None:
    world = World("steps: [{id: a, action: x}]")
    with pytest.raises(Refused, match="no run of code"):
        world.do(c.ResumeRun(7))
    with pytest.raises(Refused, match="lease is not current"):
        world.do(c.CompleteDecision(7, m.DECISION, 1, b"t", 1, (succeed(),), False, "b"))
    with pytest.raises(Refused, match="lease is not current"):
        world.do(c.FailStep(7, m.DECISION, 1, b"t", Failure("Boom", "no")))
    assert world.do(c.ReleaseStep(7, m.DECISION, 1, b"t")) == []
    assert world.do(c.FireTimer(7, m.DECISION, TimerKind.RETRY, 0)) == []
    world.cancel()
    assert world.run.state is RunState.CANCELLED


def test_code_has_no_steps_of_a_definition() -> None:
    assert WORKFLOW.definition.steps == ()
    assert WORKFLOW.definition.decision is not None
