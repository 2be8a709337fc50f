"""The fold of decisions: when code has to look again, what it has to see, and what a failed look leads to.

That a decision is due has no event of its own: it follows from what has happened since the code looked last.
"""

from __future__ import annotations

from stellwerk_server.engine.run import Code, Run
from stellwerk_server.model.code import DECISION, step_definition
from stellwerk_server.model.definition import StepDefinition
from stellwerk_server.model.events import Event, TimerKind
from stellwerk_server.model.payload import NULL
from stellwerk_server.model.states import RunState, StepState


def tell(run: Run, event: Event) -> None:
    """Something has happened that the code has to see; nothing for a run without code."""
    code = run.code
    if code is None:
        return
    code.news.append(event)
    if not code.due and run.state is RunState.RUNNING:
        _schedule(run, code)


def decided(run: Run, code: Code, event: Event) -> None:
    """An event that a decision has made: the code has seen all up to the sequence it names.

    A decision that keeps its lease is told what came in meanwhile with its verdict, so it has then seen everything.
    """
    data = event.data or {}
    code.decider = event.worker
    code.build = data.get("build", code.build)
    code.checksum = data.get("checksum", code.checksum)
    run.timers.pop((DECISION, TimerKind.RETRY), None)
    code.pin_lane = data.get("pin_lane", code.pin_lane)
    code.failures = 0
    if data.get("keep"):
        code.decided = event.seq
        code.news.clear()
        return
    code.decided = data["decision"]
    code.step.attempt = 1
    if code.news:
        code.news = [news for news in code.news if news.seq > code.decided]
    code.due = False
    run.changes.scheduled.pop(DECISION, None)
    if code.news:
        _schedule(run, code)


def failed(run: Run, event: Event) -> None:
    """A decision came to nothing: another attempt is due at `due_at`; without one the run is parked."""
    code = run.code
    assert code is not None
    code.failures += 1
    code.step.attempt = code.failures + 1
    code.step.worker = event.worker
    code.step.failure = event.failure
    due_at = (event.data or {}).get("due_at")
    if due_at is None:
        return
    if due_at <= event.at:
        _schedule(run, code)
        return
    run.timers[DECISION, TimerKind.RETRY] = due_at
    run.changes.timers_set[DECISION, TimerKind.RETRY] = due_at
    run.changes.timers_cleared.discard((DECISION, TimerKind.RETRY))


def resumed(run: Run, code: Code) -> None:
    """A parked run is decided again, with as many tries as at first."""
    code.failures = 0
    code.step.attempt = 1
    run.changes.unparked = True
    run.changes.parked_by = None
    _schedule(run, code)


def over(run: Run, code: Code) -> None:
    """The run has ended, with or without its code."""
    run.changes.unparked = code.failures > 0
    run.changes.parked_by = None
    code.news.clear()


def made(run: Run, code: Code, event: Event) -> StepDefinition:
    """The definition of a step that is there from now on."""
    code.made += 1
    run.open_steps += 1
    return step_definition(event.step or "", code.made - 1, event.data or {})


def cancel_asked(run: Run, event: Event) -> None:
    """Somebody wants the run to end; its code is told."""
    assert run.code is not None
    run.code.cancel_asked = True
    tell(run, event)


def published(run: Run, event: Event) -> None:
    """The code shows a value."""
    if run.changes.published is None:
        run.changes.published = {}
    run.changes.published[(event.data or {})["key"]] = NULL if event.payload is None else event.payload


def attributes(run: Run, event: Event) -> None:
    """The code sets searchable values."""
    if run.changes.attributes is None:
        run.changes.attributes = {}
    run.changes.attributes.update((event.data or {})["values"])


def nothing(run: Run, event: Event) -> None:
    """Recorded for the code alone."""


def _schedule(run: Run, code: Code) -> None:
    code.due = True
    code.step.state = StepState.READY
    run.changes.scheduled[DECISION] = code.step
