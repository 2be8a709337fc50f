"""What should move a run, by its history, and is not there: made again. Changes nothing when nothing is missing."""

from __future__ import annotations

from stellwerk_server.engine.run import Run
from stellwerk_server.engine.transition import Transition, is_open
from stellwerk_server.model import commands as c
from stellwerk_server.model.code import DECISION
from stellwerk_server.model.events import Event, TimerKind
from stellwerk_server.model.states import RunState, StepState

_DECISION_RETRY = (DECISION, TimerKind.RETRY)


def mended(t: Transition, command: c.MendRun, lease: c.Lease | None) -> list[Event]:
    """Queue the tasks and set the timers that are missing; set off what was never set off, which is an event."""
    run, standing = t.run, command.standing
    if standing is None or not is_open(run):
        return []
    if run.code is None:
        t.begin()
    else:
        _decision(run, standing)
    begun = {event.step for event in t.events}
    for key, step in run.steps.items():
        if step.state is StepState.READY and key not in standing.tasks and key not in begun:
            run.changes.scheduled[key] = step
    _timers(run, standing)
    return t.events


def _decision(run: Run, standing: c.Standing) -> None:
    code = run.code
    if code is None or not code.due or run.state is not RunState.RUNNING:
        return
    if DECISION not in standing.tasks and _DECISION_RETRY not in run.timers:
        run.changes.scheduled[DECISION] = code.step


def _timers(run: Run, standing: c.Standing) -> None:
    for (key, kind), due_at in run.timers.items():
        if (key, kind) in standing.timers:
            continue
        # That of a decision goes without an event when it has fired; one that a worker took in time is over.
        fired = key in standing.tasks if (key, kind) == _DECISION_RETRY else key in standing.held
        if not fired or kind not in (TimerKind.RETRY, TimerKind.STEP_START):
            run.changes.timers_set[key, kind] = due_at
