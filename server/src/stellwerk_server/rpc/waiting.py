"""Says in one sentence why a step does not go on. Reads nothing itself."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches

from stellwerk_server.model import ids
from stellwerk_server.model.definition import StepDefinition, StepKind
from stellwerk_server.model.states import StepState
from stellwerk_server.store.steps import Step
from stellwerk_server.store.workers import Served


def why_it_waits(step: Step, defined: StepDefinition, served: Sequence[Served]) -> str:
    """The sentence: the signal that has not come, or that no live worker serves the step's action; '' when it runs."""
    if step.state == StepState.WAITING and defined.kind is StepKind.SIGNAL:
        return f"signal {defined.signal!r} has not come"
    if step.state == StepState.WAITING and step.child is not None and step.due_at is None:
        return f"its run {ids.show(step.child)} has not ended"
    if step.state != StepState.READY or defined.kind is not StepKind.ACTION or step.items is not None:
        return ""
    own = next((s for s in served if (s.queue, s.action) == (defined.queue, defined.action)), None)
    if own is not None and own.live:
        return ""
    seen = "never seen one" if own is None else f"last seen {_span(own.seen_ago_s)} ago"
    hint = _elsewhere(defined, served)
    return f"no worker serves action {defined.action!r} on queue {defined.queue!r} ({seen}){hint}"


def _elsewhere(defined: StepDefinition, served: Sequence[Served]) -> str:
    live = [s for s in served if s.live]
    queues = sorted({s.queue for s in live if s.action == defined.action})
    if queues:
        return f"; it is served on queue {queues[0]!r}"
    similar = get_close_matches(defined.action, sorted({s.action for s in live if s.queue == defined.queue}), n=1)
    return f"; {similar[0]!r} is served there" if similar else ""


def _span(seconds: float) -> str:
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{int(seconds // size)} {unit}"
    return f"{max(0, int(seconds))} s"
