"""Steps that start runs of their own, from the parent's side: begun, ended well or badly, left behind."""

from __future__ import annotations

import pytest

from server.tests.engine.world import World, illegal_moves, snapshot, value_of
from stellwerk_server.model import commands as c
from stellwerk_server.model import ids
from stellwerk_server.model.events import EventType, TimerKind
from stellwerk_server.model.failure import Category, Failure
from stellwerk_server.model.payload import from_value
from stellwerk_server.model.states import RunState

ONE = "steps: [{id: child, workflow: invoice, %s}, {id: after, action: x}]"


def begun(fields: str = "timeout: 1h", child: int = 40) -> World:
    world = World(ONE % fields)
    assert world.state("child") == "READY"
    world.do(c.ChildStarted(7, "child", child))
    assert world.state("child") == "WAITING"
    return world


def end(world: World, state: RunState, value: object = None, child: int = 40, failure: Failure | None = None) -> None:
    output = from_value(value) if state is RunState.SUCCEEDED else None
    world.do(c.ChildEnded(7, "child", child, child, state, output, failure))


def folds_the_same(world: World) -> bool:
    return snapshot(world.folded()) == snapshot(world.run) and not illegal_moves(world.run, world.events)


def test_the_output_of_the_child_is_that_of_the_step() -> None:
    world = begun()
    assert world.events[-1].data == {"child": ids.show(40)}
    end(world, RunState.SUCCEEDED, {"paid": 3})
    assert value_of(world.step("after").input) == {"paid": 3}
    assert not world.run.timers
    assert folds_the_same(world)


@pytest.mark.parametrize(
    ("state", "type", "category"),
    [
        (RunState.FAILED, "RunFailed", Category.USER),
        (RunState.CANCELLED, "RunCancelled", Category.CANCELLED),
        (RunState.TERMINATED, "RunTerminated", Category.CANCELLED),
        (RunState.TIMED_OUT, "RunTimedOut", Category.TIMEOUT),
    ],
)
def test_a_child_that_fails_fails_the_step_without_a_dead_letter(
    state: RunState, type: str, category: Category
) -> None:
    world = begun()
    end(world, state, failure=Failure("Boom", "no"))
    failure = world.step("child").failure
    assert failure is not None
    assert (failure.type, failure.category) == (type, category)
    assert failure.message == f"child {ids.show(40)} ended as {state.name}: Boom: no"
    assert failure.cause == Failure("Boom", "no")
    assert (world.run.state, world.count(EventType.STEP_DEAD)) == (RunState.FAILED, 0)
    assert folds_the_same(world)


def test_a_retry_is_a_new_child() -> None:
    world = begun("retry: {max_attempts: 2, initial: 1s}")
    end(world, RunState.FAILED)
    world.fire(TimerKind.RETRY, "child")
    assert (world.state("child"), world.step("child").attempt) == ("READY", 2)
    world.do(c.ChildStarted(7, "child", 41))
    end(world, RunState.SUCCEEDED, "late news of the first", child=40)
    assert world.state("child") == "WAITING"
    end(world, RunState.SUCCEEDED, 1, child=41)
    assert world.state("child") == "SUCCEEDED"
    assert folds_the_same(world)


def test_a_child_that_cannot_be_made_fails_the_step() -> None:
    world = World(ONE % "retry: {max_attempts: 5}, on_failure: continue")
    world.do(c.ChildRefused(7, "child", Failure("WORKFLOW_NOT_FOUND", "no such", terminal=True)))
    assert world.states() == "after:SKIPPED child:FAILED"
    assert folds_the_same(world)


def test_a_child_that_takes_too_long_is_left_behind() -> None:
    world = begun()
    world.run.take_changes()
    world.fire(TimerKind.STEP_TOTAL, "child")
    assert [step.child for step in world.run.changes.orphans] == [40]
    assert world.run.state is RunState.FAILED


@pytest.mark.parametrize("how", ["cancel", "terminate"])
def test_an_ended_parent_leaves_its_open_children_behind(how: str) -> None:
    world = begun()
    world.run.take_changes()
    getattr(world, how)()
    assert [step.child for step in world.run.changes.orphans] == [40]
    assert folds_the_same(world)


def test_a_child_knows_its_parent_and_ends_when_it_says_so() -> None:
    parent = c.Parent(3, "child", 1)
    world = World("steps: [{id: a, action: x}]", parent=parent)
    assert world.folded().child_of == parent
    world.do(c.FireTimer(7, "", TimerKind.PARENT_CANCELS, 0))
    assert world.run.state is RunState.CANCELLED
    assert world.events[-1].data == {"reason": "its parent has ended"}
    assert world.do(c.FireTimer(7, "", TimerKind.PARENT_TERMINATES, 0)) == []
    assert folds_the_same(world)
