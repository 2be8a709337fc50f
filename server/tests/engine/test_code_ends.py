"""How runs of code end, what is refused as a whole, and decisions that are said again."""

from __future__ import annotations

from typing import Any

import pytest

from server.tests.engine.code_world import (
    CodeWorld,
    action,
    awaits,
    cancel,
    child,
    local,
    publish,
    sleep,
    succeed,
)
from stellwerk_server.engine.code import MAX_OPEN_STEPS
from stellwerk_server.model import code as m
from stellwerk_server.model import commands as c
from stellwerk_server.model import ids
from stellwerk_server.model.errors import InvalidArgument, Refused
from stellwerk_server.model.failure import Failure
from stellwerk_server.model.payload import from_value
from stellwerk_server.model.states import RunState


@pytest.mark.parametrize(
    ("end", "state"),
    [
        (succeed({"ok": 1}), RunState.SUCCEEDED),
        (m.Fail(Failure("Boom", "no")), RunState.FAILED),
        (m.Cancelled(), RunState.CANCELLED),
        (m.Continue(None, from_value(1), 8), RunState.CONTINUED),
    ],
)
def test_the_end_takes_open_steps_along(end: m.CodeCommand, state: RunState) -> None:
    world = CodeWorld()
    world.decide(action("a"), child("c"), awaits("go"), sleep("s", 60), sleep("now", 0))
    world.do(c.ChildStarted(7, "c", 40))
    world.run.take_changes()
    world.decide(end)
    changes = world.run.take_changes()
    assert (world.run.state, changes.ended, [step.child for step in changes.orphans]) == (state, True, [40])
    assert world.states() == "a:CANCELLED c:CANCELLED go:CANCELLED now:SUCCEEDED s:CANCELLED"
    assert (world.run.timers, world.told(), changes.scheduled) == ({}, "", {})
    assert world.folds_the_same()
    with pytest.raises(Refused, match="has ended"):
        world.signal("go")


def test_a_continued_run_names_the_one_that_goes_on() -> None:
    world = CodeWorld()
    world.decide(m.Continue(None, from_value(1), 8))
    assert world.output() == ids.show(8)


def test_a_command_after_the_end_and_an_end_that_keeps_are_refused() -> None:
    world = CodeWorld()
    for commands, keep in (((succeed(), action("a")), False), ((succeed(),), True)):
        with pytest.raises(InvalidArgument, match="last command"):
            world.decide(*commands, keep=keep)
    assert len(world.events) == 1


@pytest.mark.parametrize(
    ("commands", "field"),
    [
        ((action("a"), action("a")), "decision.commands[1].step"),
        ((action("old"),), "decision.commands[0].step"),
        ((local("old"),), "decision.commands[0].step"),
        ((cancel("none"),), "decision.commands[0].step"),
    ],
)
def test_a_wrong_id_refuses_the_whole_decision(commands: tuple[m.CodeCommand, ...], field: str) -> None:
    world = CodeWorld()
    world.decide(action("old"))
    world.complete("old")
    with pytest.raises(InvalidArgument) as caught:
        world.decide(action("fine"), *commands, sequence=world.run.seq) if len(commands) == 1 else world.decide(
            *commands
        )
    place = int(field.partition("[")[2].partition("]")[0]) + (len(commands) == 1)
    assert [problem.field for problem in caught.value.problems] == [f"decision.commands[{place}].step"]


@pytest.mark.parametrize("sequence", [-1, 4])
def test_a_decision_cannot_have_seen_what_is_not_there(sequence: int) -> None:
    world = CodeWorld()
    with pytest.raises(InvalidArgument, match="expected 1 to 1"):
        world.decide(action("a"), sequence=sequence)


def test_a_decision_cannot_have_seen_less_than_the_one_before() -> None:
    world = CodeWorld()
    world.decide(action("a"), action("b"))
    world.complete("a")
    world.decide()
    world.complete("b")
    with pytest.raises(InvalidArgument):
        world.decide(action("c"), sequence=1)


def test_more_commands_than_may_be_open_are_refused() -> None:
    world = CodeWorld()
    world.decide(*[sleep(f"s#{n}", 60) for n in range(MAX_OPEN_STEPS)], keep=True)
    with pytest.raises(Refused, match="10001 commands are open") as caught:
        world.decide(sleep("more", 1))
    assert caught.value.reason == "TooManyCommands"
    world.decide(*[cancel(f"s#{n}") for n in range(2)])
    assert world.run.open_steps == MAX_OPEN_STEPS - 2


def test_what_a_decision_gives_up_makes_room_and_what_ran_in_the_worker_takes_none() -> None:
    world = CodeWorld()
    world.decide(*[sleep(f"s#{n}", 60) for n in range(MAX_OPEN_STEPS)], keep=True)
    world.decide(local("l"), sleep("more", 1), cancel("s#0"), keep=True)
    assert world.run.open_steps == MAX_OPEN_STEPS
    world.decide(sleep("gone", 1), cancel("gone"), keep=True)
    for over in ("s#0", "l"):
        with pytest.raises(Refused, match="10001 commands are open"):
            world.decide(cancel(over), sleep("another", 1))


# waiting for nothing


@pytest.mark.parametrize(
    "commands",
    [
        pytest.param((), id="nothing"),
        pytest.param((publish("k", 1), m.Patch("p")), id="no waits"),
        (local("l"),),
        (action("b"), cancel("b")),
        (cancel("open"),),
    ],
)
def test_code_that_leaves_nothing_open_and_has_not_ended_is_refused(commands: tuple[m.CodeCommand, ...]) -> None:
    world = CodeWorld()
    world.decide(action("a"), awaits("open"), keep=True)
    world.complete("a")
    if cancel("open") not in commands:
        commands = (*commands, cancel("open"))
    with pytest.raises(Refused, match="nothing is open and it has not ended") as caught:
        world.decide(*commands)
    assert caught.value.reason == "WaitsForNothing"
    assert (world.told(), world.code.due) == ("STEP_SUCCEEDED:a", True)
    world.decide(*commands, keep=True)
    world.decide(succeed())


_GIVEN_UP: list[Any] = [
    pytest.param((cancel("a"), cancel("a")), id="twice"),
    pytest.param((local("l"), cancel("l")), id="what ran in the worker"),
    pytest.param((action("b"), cancel("b"), cancel("b")), id="what is new, twice"),
]


@pytest.mark.parametrize("commands", _GIVEN_UP)
def test_code_that_gives_up_what_is_over_still_waits_for_the_rest(commands: tuple[m.CodeCommand, ...]) -> None:
    world = CodeWorld()
    world.decide(action("a"), awaits("open"), keep=True)
    if cancel("a") not in commands:
        world.complete("a")
    world.decide(*commands)
    assert world.state("open") == "WAITING"


def test_code_with_nothing_open_is_told_what_has_come_in_meanwhile() -> None:
    world = CodeWorld()
    world.decide(action("a"), action("b"))
    world.complete("a")
    seen = world.run.seq
    world.complete("b")
    world.decide(sequence=seen)
    assert (world.told(), world.code.due) == ("STEP_SUCCEEDED:b", True)
    with pytest.raises(Refused, match="nothing is open"):
        world.decide()


@pytest.mark.parametrize("command", [sleep("s", 0), awaits("go")])
def test_what_is_over_at_once_is_waited_for(command: m.CodeCommand) -> None:
    world = CodeWorld()
    world.signal("go")
    world.decide(command)
    assert (world.run.open_steps, world.told().partition(":")[0]) == (0, "STEP_SUCCEEDED")


# repeats


@pytest.mark.parametrize("leased", [True, False])
@pytest.mark.parametrize(
    "commands",
    [
        (action("a"),),
        (local("a"), publish("k", 1)),
        pytest.param((publish("k", 1),), id="publish"),
        pytest.param((m.Patch("p"),), id="patch"),
        (m.SetAttributes({"a": 1}),),
    ],
)
def test_a_kept_decision_said_again_changes_nothing(commands: tuple[m.CodeCommand, ...], leased: bool) -> None:
    world = CodeWorld()
    world.decide(*commands, sequence=1, keep=True)
    assert world.decide(*commands, sequence=1, keep=True, leased=leased) == []


@pytest.mark.parametrize("commands", [(), (action("a"),), (publish("k", 1),), (succeed(1),), (m.Cancelled(),)])
def test_a_decision_said_again_changes_nothing(commands: tuple[m.CodeCommand, ...]) -> None:
    world = CodeWorld()
    world.decide(awaits("later"), sequence=1, keep=True)
    world.decide(*commands, sequence=2)
    assert world.decide(*commands, sequence=2, leased=False) == []


@pytest.mark.parametrize(
    "commands",
    [
        (),
        (action("b"),),
        pytest.param((publish("k", 1),), id="publish"),
        pytest.param((m.Patch("p"),), id="patch"),
        pytest.param((cancel("a"),), id="cancel"),
    ],
)
@pytest.mark.parametrize("keep", [False, True])
def test_after_a_kept_decision_one_without_its_lease_is_refused_and_not_taken_for_a_repeat(
    commands: tuple[m.CodeCommand, ...], keep: bool
) -> None:
    """Its worker would go on as if it were durable, and what it published or patched would be nowhere."""
    world = CodeWorld()
    world.decide(local("one"), action("a"), keep=True)
    seen = world.code.decided
    world.decision_lost()
    with pytest.raises(Refused, match="lease is not current"):
        world.decide(*commands, sequence=seen, keep=keep, leased=False)


def test_another_decision_without_its_lease_is_refused() -> None:
    world = CodeWorld()
    world.decide(action("a"), sequence=1)
    with pytest.raises(Refused, match="lease is not current"):
        world.decide(action("b"), sequence=1, leased=False)
    world.complete("a")
    for commands in ((), (action("b"),), (publish("k"),), (succeed(),)):
        with pytest.raises(Refused, match="lease is not current"):
            world.decide(*commands, leased=False)


def test_another_end_than_the_recorded_one_is_refused() -> None:
    world = CodeWorld()
    world.decide(succeed(1), sequence=1)
    for end in (succeed(2), m.Fail(Failure("Boom", "no")), m.Cancelled(), m.Continue(None, from_value(1), 9)):
        with pytest.raises(Refused, match="lease is not current"):
            world.decide(end, sequence=1, leased=False)


def test_a_failure_names_the_step_and_attempt_the_code_gives() -> None:
    world = CodeWorld()
    world.decide(m.Fail(Failure("StepFailed", "no", step="charge#2", attempt=3)))
    failure = world.run.failure
    assert failure is not None
    assert (failure.step, failure.attempt, failure.worker) == ("charge#2", 3, "worker")


def test_another_failure_than_the_recorded_one_is_refused() -> None:
    world = CodeWorld()
    world.decide(m.Fail(Failure("Boom", "no")), sequence=1)
    with pytest.raises(Refused, match="lease is not current"):
        world.decide(m.Fail(Failure("Other", "no")), sequence=1, leased=False)
