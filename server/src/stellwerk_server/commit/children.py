"""Child runs inside a batch: from a step that wants one to its start, and from its end to the step. Writes nothing."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from stellwerk_server.commit.cache import lane_of
from stellwerk_server.commit.code import successor
from stellwerk_server.engine.run import Run, Step
from stellwerk_server.model import commands as c
from stellwerk_server.model import failure as failures
from stellwerk_server.model import payload as payloads
from stellwerk_server.model.definition import ParentClose
from stellwerk_server.model.errors import InvalidArgument, Problem, StellwerkError
from stellwerk_server.model.events import TimerKind
from stellwerk_server.model.failure import Category, Failure
from stellwerk_server.model.states import RunState

if TYPE_CHECKING:
    from stellwerk_server.commit.batch import Context

# Runs above a run. A workflow that starts itself ends here, and not with the memory.
MAX_DEPTH = 20

CLOSES = {ParentClose.CANCEL: TimerKind.PARENT_CANCELS, ParentClose.TERMINATE: TimerKind.PARENT_TERMINATES}


async def start(run: Run, step: Step, context: Context) -> c.StartRun:
    """The start of the step's run; raises StellwerkError when there can be none."""
    depth = run.child_of.depth + 1 if run.child_of is not None else 1
    if depth > MAX_DEPTH:
        message = f"expected at most {MAX_DEPTH} runs inside each other; does {run.workflow.name!r} start itself?"
        raise InvalidArgument([Problem("workflow", message)], "TOO_DEEP")
    workflow = await context.workflows.find(run.workflow.namespace, step.definition.workflow)
    value = step.input or run.input
    if workflow.definition.check_input is not None:
        problems = workflow.definition.check_input(payloads.to_value(value))
        if problems:
            raise InvalidArgument([Problem(where, what) for where, what in problems], "INPUT_MISMATCH")
    parent = c.Parent(run.id, step.key, depth)
    return c.StartRun(sibling_id(run, context), workflow, value, trace=_trace(run, step, context), parent=parent)


def refused(run: Run, step: Step, error: StellwerkError) -> c.ChildRefused:
    """What the step fails with."""
    message = f"workflow {step.definition.workflow!r} cannot be started: {error}"
    return c.ChildRefused(run.id, step.key, Failure(error.reason, message, category=Category.DEFINITION, terminal=True))


def awaited(command: c.FireTimer, run: Run | None) -> int | None:
    """The child a timer brings news of; None when it brings none, or the step waits for none."""
    if command.kind is not TimerKind.CHILD_ENDED or run is None:
        return None
    step = run.steps.get(command.step)
    return step.child if step is not None else None


def news(command: c.FireTimer, child: int | None, ended: dict[int, tuple[Any, ...]]) -> c.ChildCommand | None:
    """The news behind a timer: how the child has ended, or which run goes on for it; None when it is open."""
    if child is None or child not in ended:
        return None
    last = child
    while last in ended and ended[last][0] == RunState.CONTINUED:
        last = successor(ended[last][1])
    if last not in ended:
        return c.ChildStarted(command.run_id, command.step, last)
    state, output, failure = ended[last]
    reason = None if failure is None else failures.from_json(failure)
    return c.ChildEnded(command.run_id, command.step, child, last, RunState(state), output, reason)


def _trace(run: Run, step: Step, context: Context) -> str | None:
    if context.trace_below is None:
        return run.trace
    # Attempt 0 is the step itself.
    return json.dumps(context.trace_below(run.id, step.key, 0, run.trace))


def sibling_id(run: Run, context: Context) -> int:
    """An id in the parent's commit lane: the batch that makes the child then also holds it in its cache."""
    own = lane_of(run.id, context.lanes)
    while True:
        child = context.ids.next()
        if lane_of(child, context.lanes) == own:
            return child
