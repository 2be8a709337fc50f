"""A step that starts a run of its own: begun, refused, ended. Neither run ever reads the other's state."""

from __future__ import annotations

from stellwerk_server.engine.failure import Dead, on_failure
from stellwerk_server.engine.run import Run, Step
from stellwerk_server.engine.transition import Transition, is_open
from stellwerk_server.model import commands as c
from stellwerk_server.model import ids
from stellwerk_server.model.events import Event, EventType
from stellwerk_server.model.failure import Category, Failure
from stellwerk_server.model.states import RunState, StepState

_FAILED_AS = {
    RunState.FAILED: ("RunFailed", Category.USER),
    RunState.CANCELLED: ("RunCancelled", Category.CANCELLED),
    RunState.TERMINATED: ("RunTerminated", Category.CANCELLED),
    RunState.TIMED_OUT: ("RunTimedOut", Category.TIMEOUT),
}


def started(t: Transition, command: c.ChildStarted, lease: c.Lease | None) -> list[Event]:
    """The child run is there; the step waits for its end."""
    step = t.run.steps[command.step]
    if not is_open(t.run) or step.state.finished:
        # A child that goes on for somebody who no longer waits.
        return []
    t.emit(EventType.STEP_CHILD_STARTED, step.key, step.attempt, data={"child": ids.show(command.child)})
    return t.events


def refused(t: Transition, command: c.ChildRefused, lease: c.Lease | None) -> list[Event]:
    """There is no such workflow, or it does not take this input: another attempt would say the same."""
    step = t.run.steps[command.step]
    t.give_up(step, command.failure.located(step.key, step.attempt, "", t.now))
    t.settle()
    return t.events


def ended(t: Transition, command: c.ChildEnded, lease: c.Lease | None) -> list[Event]:
    """The child run has ended: so has the step, or its attempt."""
    step = _waiting(t.run, command)
    if step is None:
        return []
    if command.last != command.child:
        t.emit(EventType.STEP_CHILD_STARTED, step.key, step.attempt, data={"child": ids.show(command.last)})
    if command.state is RunState.SUCCEEDED:
        t.emit(EventType.STEP_SUCCEEDED, step.key, step.attempt, payload=command.output)
        t.finished(step)
    else:
        _failed(t, step, _failure(command).located(step.key, step.attempt, "", t.now))
    t.settle()
    return t.events


def _waiting(run: Run, command: c.ChildEnded) -> Step | None:
    """The step, when it still waits for that very run."""
    step = run.steps.get(command.step)
    if not is_open(run) or step is None or step.state is not StepState.WAITING or step.child != command.child:
        return None
    return step


def _failed(t: Transition, step: Step, failure: Failure) -> None:
    outcome = on_failure(t.run, step, failure, t.now)
    if isinstance(outcome, Dead):
        # No dead letter: what failed stands in those of the child already.
        t.give_up(step, failure)
    else:
        t.attempt_failed(step, failure, outcome.due_at)


def _failure(command: c.ChildEnded) -> Failure:
    type, category = _FAILED_AS.get(command.state, ("RunFailed", Category.INTERNAL))
    message = f"child {ids.show(command.last)} ended as {command.state.name}"
    if command.failure is not None:
        message += f": {command.failure.type}: {command.failure.message}"
    return Failure(type, message, category=category, cause=command.failure)
