"""Decisions of code: what is recorded, what the code is told, when it looks again, and what parks it."""

from __future__ import annotations

import json

import pytest

from server.tests.engine.code_world import (
    CodeWorld,
    action,
    awaits,
    cancel,
    child,
    local,
    local_failed,
    publish,
    sleep,
    succeed,
)
from stellwerk_server.model import code as m
from stellwerk_server.model import commands as c
from stellwerk_server.model.errors import Refused
from stellwerk_server.model.events import NEWS, EventType, TimerKind
from stellwerk_server.model.failure import Failure
from stellwerk_server.model.payload import from_value
from stellwerk_server.model.states import RunState


def test_a_run_of_code_begins_with_a_decision_that_tells_its_start() -> None:
    world = CodeWorld({"to": "ann"})
    assert (world.told(), world.code.due, world.scheduled()) == ("RUN_STARTED", True, [m.DECISION])
    assert world.folds_the_same()


def test_each_command_is_recorded_in_the_order_it_was_given() -> None:
    world = CodeWorld()
    world.decide(
        action("charge", 1, queue="slow", priority=3),
        sleep("sleep", 5),
        awaits("go", 9),
        child("invoice"),
        local("rate", 2),
        local_failed("mail"),
        publish("at", "start"),
        m.SetAttributes({"city": "Ulm", "gone": None}),
        m.Patch("v2"),
    )
    assert world.recorded(9) == (
        "STEP_SCHEDULED:charge STEP_SLEEPING:sleep STEP_AWAITING:go STEP_SCHEDULED:invoice STEP_RAN:rate STEP_RAN:mail"
        " RUN_PUBLISHED RUN_ATTRIBUTES RUN_PATCHED"
    )
    assert all((event.data or {})["decision"] == 1 and event.worker == "worker" for event in world.events[1:])
    assert world.states() == ("charge:READY go:WAITING invoice:READY mail:FAILED rate:SUCCEEDED sleep:WAITING")
    assert world.scheduled() == ["charge", "invoice"]
    assert (world.code.due, world.told(), world.code.build) == (False, "", "b")
    assert world.folds_the_same()


def test_steps_have_their_places_in_the_order_they_were_asked_for() -> None:
    world = CodeWorld()
    world.decide(action("a"), sleep("s", 1))
    world.complete("a")
    world.decide(local("l"), keep=True)
    assert {key: step.definition.index for key, step in world.run.steps.items()} == {"a": 0, "s": 1, "l": 2}


def test_the_build_is_recorded_when_it_is_another_one() -> None:
    world = CodeWorld()
    world.decide(action("a"), action("b"), build="one")
    world.complete("a")
    world.decide(build="one")
    world.complete("b")
    world.decide(action("c"), build="two")
    said = [(event.data or {}).get("build") for event in world.events if "decision" in (event.data or {})]
    assert said == ["one", None, None, "two"]
    assert world.folds_the_same()


def test_a_decision_that_wants_nothing_is_recorded_as_such() -> None:
    world = CodeWorld()
    world.decide(action("a"), action("b"), awaits("later"))
    world.complete("a")
    world.decide()
    assert world.recorded(1) == "DECISION_COMPLETED"
    world.complete("b")
    world.decide(cancel("a"))
    assert world.recorded(1) == "DECISION_COMPLETED"
    assert world.folds_the_same()


def test_only_what_the_code_waits_for_makes_a_decision_due() -> None:
    world = CodeWorld()
    world.decide(action("a", retry={"max_attempts": 2, "initial_s": 1.0}), child("invoice"), awaits("go"))
    world.scheduled()
    world.fail("a")
    world.do(c.ChildStarted(7, "invoice", 40))
    world.signal("other")
    assert (world.told(), world.scheduled(), world.code.due) == ("", [], False)
    world.fire(TimerKind.RETRY, "a")
    assert world.scheduled() == ["a"]
    world.fail("a")
    assert (world.told(), world.scheduled()) == ("STEP_FAILED:a", [m.DECISION])
    world.signal("go")
    assert (world.told(), world.scheduled()) == ("STEP_FAILED:a STEP_SUCCEEDED:go", [])
    assert world.folds_the_same()


def test_what_is_told_is_what_claims_read_from_the_table() -> None:
    world = CodeWorld()
    world.decide(action("a"), awaits("go"), sleep("s", 1), local("l"))
    world.complete("a")
    world.signal("go")
    world.fire(TimerKind.SLEEP, "s")
    world.cancel()
    after = [event for event in world.events if event.seq > world.code.decided and event.type in NEWS]
    assert world.code.news == after
    assert world.told() == "STEP_SUCCEEDED:a STEP_SUCCEEDED:go STEP_SUCCEEDED:s RUN_CANCEL_REQUESTED"


def test_a_decision_is_due_once_however_much_happens_and_again_for_what_came_meanwhile() -> None:
    world = CodeWorld()
    world.decide(action("a"), action("b"), action("c"), awaits("later"))
    world.complete("a")
    world.scheduled()
    seen = world.run.seq
    world.complete("b")
    world.complete("c")
    assert world.scheduled() == []
    world.decide(sequence=seen)
    assert (world.told(), world.scheduled()) == ("STEP_SUCCEEDED:b STEP_SUCCEEDED:c", [m.DECISION])
    world.decide()
    assert (world.told(), world.scheduled(), world.code.due) == ("", [], False)
    assert world.folds_the_same()


def test_a_kept_decision_has_seen_what_its_verdict_tells() -> None:
    world = CodeWorld()
    world.decide(local("one"), action("a"), keep=True)
    assert (world.code.decided, world.code.due, world.told()) == (3, True, "")
    world.scheduled()
    world.complete("a")
    assert (world.told(), world.scheduled()) == ("STEP_SUCCEEDED:a", [])
    world.decide(local("two"), sequence=3, keep=True)
    assert (world.code.decided, world.told(), world.code.due) == (5, "", True)
    world.decide(sleep("s", 1), sequence=5)
    assert (world.code.decided, world.code.due, world.scheduled()) == (5, False, [])
    assert world.folds_the_same()


def test_an_empty_kept_decision_changes_nothing() -> None:
    world = CodeWorld()
    world.decide(action("a"), action("b"))
    world.complete("a")
    seen = world.run.seq
    world.complete("b")
    assert world.decide(sequence=seen, keep=True) == []
    assert (world.code.due, world.told()) == (True, "STEP_SUCCEEDED:a STEP_SUCCEEDED:b")


@pytest.mark.parametrize("commands", [(), (local("a"),), (action("a"),)])
def test_once_the_code_has_looked_it_is_told_of_a_cancel_however_little_it_asked_for(
    commands: tuple[m.CodeCommand, ...],
) -> None:
    world = CodeWorld()
    world.decide(*commands, keep=True)
    assert (world.code.decided, (world.events[-1].data or {})["keep"]) == (2, True)
    world.cancel()
    assert (world.told(), world.run.state) == ("RUN_CANCEL_REQUESTED", RunState.RUNNING)
    assert world.folds_the_same()


def test_an_empty_kept_decision_is_recorded_when_it_is_the_first() -> None:
    world = CodeWorld()
    world.decide(sequence=1, keep=True)
    assert world.recorded(1) == "DECISION_COMPLETED"
    assert world.decide(sequence=1, keep=True, leased=False) == []
    assert world.decide(sequence=2, keep=True) == []
    assert (world.code.decided, world.code.due) == (2, True)


def test_a_lost_kept_decision_goes_out_again_from_where_it_stood() -> None:
    world = CodeWorld()
    world.decide(local("one"), action("a"), keep=True)
    world.scheduled()
    world.complete("a")
    world.decision_lost()
    assert (world.code.decided, world.told(), world.scheduled()) == (3, "STEP_SUCCEEDED:a", [m.DECISION])
    assert world.folds_the_same()


# what resolves at once


def test_a_sleep_of_nothing_is_over_in_the_same_transaction_and_comes_back() -> None:
    world = CodeWorld()
    world.decide(sleep("s", 0), action("a"))
    assert world.recorded(3) == "STEP_SLEEPING:s STEP_SCHEDULED:a STEP_SUCCEEDED:s"
    assert (world.told(), world.code.due, world.run.timers) == ("STEP_SUCCEEDED:s", True, {})
    assert world.folds_the_same()


def test_signals_that_are_there_are_taken_in_order() -> None:
    world = CodeWorld()
    for n in range(3):
        world.signal("go", n)
    world.decide(awaits("go"), awaits("go#2"))
    assert world.told() == "STEP_SUCCEEDED:go STEP_SUCCEEDED:go#2"
    assert [event.payload for event in world.code.news] == [b"0", b"1"]
    assert world.run.told().kept["go"]
    assert world.folds_the_same()


def test_a_signal_is_not_given_to_a_wait_that_was_given_up() -> None:
    world = CodeWorld()
    world.signal("go", 1)
    world.decide(awaits("go"), cancel("go"), awaits("go#2"))
    assert world.states() == "go:CANCELLED go#2:SUCCEEDED"
    assert world.folds_the_same()


def test_a_sleep_of_nothing_that_is_given_up_is_not_over() -> None:
    world = CodeWorld()
    world.decide(sleep("s", 0), cancel("s"), action("a"))
    assert world.states() == "a:READY s:CANCELLED"
    assert world.run.open_steps == 1
    assert world.folds_the_same()


@pytest.mark.parametrize("end", [succeed(), m.Fail(Failure("Boom", "no")), m.Cancelled()])
def test_nothing_follows_the_end_when_the_code_leaves_a_sleep_of_nothing_behind(end: m.CodeCommand) -> None:
    world = CodeWorld()
    world.decide(sleep("s", 0), end)
    assert world.run.state.terminal
    assert world.state("s") == "CANCELLED"


def test_nothing_follows_the_end_when_the_code_leaves_a_signal_that_is_there() -> None:
    world = CodeWorld()
    world.signal("go", 1)
    world.decide(awaits("go"), succeed())
    assert world.state("go") == "CANCELLED"


def test_a_signal_that_was_waited_for_at_the_end_goes_along() -> None:
    world = CodeWorld()
    world.signal("go", 1)
    world.decide(awaits("go"), m.Continue(None, from_value(2), 8))
    assert list(world.run.told().kept["go"]) == [b"1"]


# steps


@pytest.mark.parametrize(
    ("command", "timers"),
    [
        (action("a", timeout={"total_s": 9.0}), [TimerKind.STEP_TOTAL]),
        (action("a", timeout={"start_s": 9.0}), [TimerKind.STEP_START]),
        (sleep("a", 5), [TimerKind.SLEEP]),
        (awaits("a", 5), [TimerKind.STEP_TOTAL]),
        (child("a", timeout={"total_s": 9.0}), [TimerKind.STEP_TOTAL]),
        (awaits("a"), []),
    ],
)
def test_a_step_that_is_given_up_leaves_nothing_behind(command: m.CodeCommand, timers: list[TimerKind]) -> None:
    world = CodeWorld()
    world.decide(command, action("other"), awaits("later"))
    assert [kind for _, kind in world.run.timers] == timers
    world.complete("other")
    world.run.take_changes()
    world.decide(cancel("a"))
    changes = world.run.take_changes()
    assert world.state("a") == "CANCELLED"
    assert (world.run.timers, world.run.open_steps, world.told()) == ({}, 1, "")
    assert changes.timers_cleared == {("a", kind) for kind in timers}
    assert changes.voided == (["a"] if isinstance(command, m.MakeStep) and "action" in command.data else []) or (
        changes.voided == ["a"] and command.data.get("workflow") == "invoice"  # type: ignore[union-attr]
    )
    assert world.folds_the_same()


def test_a_step_that_was_given_up_in_its_own_decision_never_goes_out() -> None:
    world = CodeWorld()
    world.decide(action("a"), child("c"), action("b"), cancel("a"), cancel("c"))
    assert world.scheduled() == ["b"]
    assert world.folds_the_same()


def test_the_child_of_a_step_that_is_given_up_is_an_orphan() -> None:
    world = CodeWorld()
    world.decide(child("c"), sleep("s", 1), awaits("later"))
    world.do(c.ChildStarted(7, "c", 40))
    world.fire(TimerKind.SLEEP, "s")
    world.run.take_changes()
    world.decide(cancel("c"))
    assert [step.child for step in world.run.take_changes().orphans] == [40]
    assert world.do(c.ChildEnded(7, "c", 40, 40, RunState.CANCELLED, None, None)) == []
    assert world.folds_the_same()


def test_what_a_leased_step_gives_after_it_was_given_up_is_refused() -> None:
    world = CodeWorld()
    world.decide(action("a"), sleep("s", 1), awaits("later"))
    world.fire(TimerKind.SLEEP, "s")
    world.decide(cancel("a"))
    with pytest.raises(Refused, match="CANCELLED"):
        world.complete("a")


def test_a_step_that_comes_too_late_is_told_as_failed_and_is_no_dead_letter() -> None:
    world = CodeWorld()
    world.decide(action("a", timeout={"total_s": 9.0}), action("b", timeout={"start_s": 1.0}))
    world.run.take_changes()
    world.fire(TimerKind.STEP_START, "b", leased=False)
    world.fire(TimerKind.STEP_TOTAL, "a")
    changes = world.run.take_changes()
    assert (changes.voided, changes.dead) == (["b", "a"], [])
    assert world.told() == "STEP_FAILED:b STEP_FAILED:a"
    assert [event.failure and event.failure.type for event in world.code.news] == ["StartTimeout", "StepTimeout"]
    assert world.run.state is RunState.RUNNING
    assert world.folds_the_same()


def test_a_child_that_cannot_start_and_one_that_fails_are_told() -> None:
    world = CodeWorld()
    world.decide(child("c"), child("d", retry={"max_attempts": 2, "initial_s": 1.0}))
    world.do(c.ChildRefused(7, "c", Failure("WORKFLOW_NOT_FOUND", "no", terminal=True)))
    world.do(c.ChildStarted(7, "d", 40))
    world.do(c.ChildEnded(7, "d", 40, 40, RunState.FAILED, None, Failure("Boom", "no")))
    assert world.told() == "STEP_FAILED:c"
    world.fire(TimerKind.RETRY, "d")
    world.do(c.ChildStarted(7, "d", 41))
    assert world.do(c.ChildEnded(7, "d", 40, 40, RunState.SUCCEEDED, from_value(1), None)) == []
    world.do(c.ChildEnded(7, "d", 41, 41, RunState.SUCCEEDED, from_value(1), None))
    assert world.told() == "STEP_FAILED:c STEP_SUCCEEDED:d"
    assert world.folds_the_same()


def test_a_child_that_goes_on_after_its_step_was_given_up_does_not_bring_that_back() -> None:
    world = CodeWorld()
    world.decide(child("c", parent_close="abandon"), sleep("s", 1), awaits("later"))
    world.do(c.ChildStarted(7, "c", 40))
    world.fire(TimerKind.SLEEP, "s")
    world.decide(cancel("c"))
    world.do(c.ChildStarted(7, "c", 41))
    assert world.state("c") == "CANCELLED"


def test_a_child_that_goes_on_after_its_parent_has_ended_leaves_that_alone() -> None:
    world = CodeWorld()
    world.decide(child("c", parent_close="abandon"), sleep("s", 1))
    world.do(c.ChildStarted(7, "c", 40))
    world.fire(TimerKind.SLEEP, "s")
    world.decide(succeed())
    world.do(c.ChildStarted(7, "c", 41))
    assert world.events[-1].type is EventType.RUN_SUCCEEDED


@pytest.mark.parametrize(
    "data",
    [
        {"action": "a", "lane": 3},
        {"action": "a", "lane": 3, "queue": "q", "priority": -2},
        {"action": "a", "lane": 3, "retry": {"max_attempts": 3}},
        {"action": "a", "lane": 3, "retry": {"max_attempts": 1}},
        {"action": "a", "lane": 3, "retry": {"non_retryable": ["A", "B"]}, "timeout": {"total_s": 3.0, "start_s": 1.0}},
        {"workflow": "w", "parent_close": "abandon"},
        {"workflow": "w", "parent_close": "terminate", "retry": {"max_attempts": 2}},
        {"signal": "go", "timeout": {"total_s": 1.0}},
        {"sleep_s": 0.5},
        {"local": True},
    ],
)
def test_what_is_stored_of_a_step_makes_the_same_step(data: dict[str, object]) -> None:
    step = m.step_definition("s", 4, data)
    stored = json.loads(json.dumps(m.described(step)))
    assert m.step_definition("s", 4, stored) == step
