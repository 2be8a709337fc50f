"""Says in one sentence why a step or a run does not go on. Reads nothing itself."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches

from stellwerk_server.model import ids
from stellwerk_server.model.code import action_of
from stellwerk_server.model.definition import StepDefinition, StepKind
from stellwerk_server.model.states import StepState
from stellwerk_server.store.runs import Run
from stellwerk_server.store.steps import Step
from stellwerk_server.store.workers import Served

_OF_CODE = action_of("")


def why_it_waits(step: Step, defined: StepDefinition, served: Sequence[Served]) -> str:
    """The sentence: the signal that has not come, or that no live worker serves the step's action; '' when it runs."""
    if step.state == StepState.WAITING and defined.kind is StepKind.SIGNAL:
        return f"signal {defined.signal!r} has not come"
    if step.state == StepState.WAITING and step.child is not None and step.due_at is None:
        return f"its run {ids.show(step.child)} has not ended"
    if step.state != StepState.READY or defined.kind is not StepKind.ACTION or step.items is not None:
        return ""
    if nobody := _nobody(defined.queue, defined.action, served):
        seen, hint = nobody
        return f"no worker serves action {defined.action!r} on queue {defined.queue!r} ({seen}){hint}"
    return ""


def why_undecided(run: Run, served: Sequence[Served]) -> str:
    """The sentence: no live worker serves the workflow whose code has to decide; '' when one does or nothing waits."""
    if run.decision_queue is None:
        return ""
    if nobody := _nobody(run.decision_queue, action_of(run.workflow), served):
        seen, hint = nobody
        return f"no worker serves workflow {run.workflow!r} on queue {run.decision_queue!r} ({seen}){hint}"
    return ""


def _nobody(queue: str, action: str, served: Sequence[Served]) -> tuple[str, str] | None:
    """When a worker was last seen, and where to look instead; None when a live one serves the action."""
    own = next((s for s in served if (s.queue, s.action) == (queue, action)), None)
    if own is not None and own.live:
        return None
    seen = "never seen one" if own is None else f"last seen {_span(own.seen_ago_s)} ago"
    return seen, _elsewhere(queue, action, served)


def _elsewhere(queue: str, action: str, served: Sequence[Served]) -> str:
    live = [s for s in served if s.live]
    queues = sorted({s.queue for s in live if s.action == action})
    if queues:
        return f"; it is served on queue {queues[0]!r}"
    # What is decided is not what is run, however alike the names are.
    code = action.startswith(_OF_CODE)
    names = {s.action for s in live if s.queue == queue and s.action.startswith(_OF_CODE) == code}
    similar = get_close_matches(
        action.removeprefix(_OF_CODE), sorted(name.removeprefix(_OF_CODE) for name in names), n=1
    )
    return f"; {similar[0]!r} is served there" if similar else ""


def _span(seconds: float) -> str:
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{int(seconds // size)} {unit}"
    return f"{max(0, int(seconds))} s"
