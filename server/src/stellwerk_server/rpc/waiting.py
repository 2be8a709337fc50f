"""Says in one sentence why a step or a run does not go on. Reads nothing itself; ExplainRun says more."""

from __future__ import annotations

from collections.abc import Sequence

from stellwerk_server.dispatch.causes import no_end, no_signal, nobody
from stellwerk_server.model.definition import StepDefinition, StepKind
from stellwerk_server.model.states import StepState
from stellwerk_server.store.runs import Run
from stellwerk_server.store.steps import Step
from stellwerk_server.store.workers import Served


def why_it_waits(step: Step, defined: StepDefinition, served: Sequence[Served]) -> str:
    """The sentence: the signal that has not come, or that no live worker serves the step's action; '' when it runs."""
    if step.state == StepState.WAITING and defined.kind is StepKind.SIGNAL:
        return no_signal(defined.signal)
    if step.state == StepState.WAITING and step.child is not None and step.due_at is None:
        return no_end(step.child)
    if step.state != StepState.READY or defined.kind is not StepKind.ACTION or step.items is not None:
        return ""
    found = nobody(defined.queue, defined.action, served)
    return "" if found is None else found.clause


def why_undecided(run: Run, served: Sequence[Served]) -> str:
    """The sentence: no live worker serves the workflow whose code has to decide; '' when one does or nothing waits."""
    if run.decision_queue is None or run.decision_action is None:
        return ""
    found = nobody(run.decision_queue, run.decision_action, served)
    return "" if found is None else found.clause
