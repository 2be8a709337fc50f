"""Decisions of code: recorded, failed, parked and resumed. Knows a command's rule and nothing of how code runs.

What a command resolves at once (a sleep of nothing, a signal that is there) follows all that the decision has asked
for, so that the code, which was told neither, sees it in the same order as in every replay.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from stellwerk_server.engine.failure import delay_s
from stellwerk_server.engine.run import Code, Run
from stellwerk_server.engine.transition import Transition, is_open, require_open
from stellwerk_server.model import code as m
from stellwerk_server.model import commands as c
from stellwerk_server.model import ids
from stellwerk_server.model.errors import InvalidArgument, Problem, Refused
from stellwerk_server.model.events import SECOND, Event, EventType, TimerKind
from stellwerk_server.model.failure import Category, Failure
from stellwerk_server.model.payload import NULL, Payload
from stellwerk_server.model.states import RunState

MAX_OPEN_STEPS = 10_000
NON_DETERMINISM = "NonDeterminism"
_REASON_CHARS = 2_000
_NOTHING = "the code waits for something that is not ctx's: nothing is open and it has not ended"
_ENDS = (m.Succeed, m.Fail, m.Cancelled, m.Continue)


class Decision:
    """One decision being recorded: the transition, who made it, and what its events say of it."""

    __slots__ = ("after", "code", "head", "mark", "t", "worker")

    def __init__(self, t: Transition, code: Code, command: c.CompleteDecision, worker: str) -> None:
        self.t = t
        self.code = code
        self.worker = worker
        self.mark: dict[str, Any] = {"decision": command.sequence}
        if command.keep:
            self.mark["keep"] = True
        # What its first event says besides.
        self.head: dict[str, Any] = {"checksum": command.checksum}
        if command.build != code.build:
            self.head["build"] = command.build
        if command.pin_lane is not None and code.decided == 0:
            self.head["pin_lane"] = command.pin_lane
        # What its commands resolve at once.
        self.after: list[Callable[[], None]] = []

    def emit(self, type: EventType, step: str | None = None, attempt: int | None = None, **facts: Any) -> None:
        """Record something this decision has asked for."""
        facts["data"] = {**facts.get("data", {}), **self.mark, **self.head}
        self.head = {}
        self.t.emit(type, step, attempt, self.worker, **facts)


def decided(t: Transition, command: c.CompleteDecision, lease: c.Lease | None) -> list[Event]:
    """The code has looked: record what it wants."""
    code = t.run.code
    if code is not None and code.decided >= command.sequence and code.checksum == command.checksum:
        # This very result, whose answer was lost on the way.
        return []
    if lease is None or code is None or not is_open(t.run):
        raise lease_lost(t.run, command)
    _check(t.run, code, command)
    decision = Decision(t, code, command, lease.worker)
    for wanted in command.commands:
        _RECORD[type(wanted)](decision, wanted)
    if not t.events and (not command.keep or code.decided == 0):
        decision.emit(EventType.DECISION_COMPLETED)
    for follow in decision.after:
        if is_open(t.run):
            follow()
    t.settle()
    return t.events


def failed(t: Transition, command: c.FailStep | c.ExpireLease, lease: c.Lease | None) -> list[Event]:
    """The code could not be asked, or gave no answer: ask again later, or park the run."""
    run, code = t.run, t.run.code
    if lease is None or code is None or not is_open(run):
        if code is not None and command.failure.same_outcome(code.step.failure):
            return []
        raise lease_lost(run, command)
    failure = command.failure.located(m.DECISION, command.attempt, lease.worker, t.now)
    mismatch = failure.type == NON_DETERMINISM
    parked = mismatch or failure.terminal or code.failures + 1 >= m.DECISION_RETRY.max_attempts
    facts: dict[str, Any] = {"failure": failure}
    if not parked:
        facts["data"] = {"due_at": _again_at(t, code, failure)}
    t.emit(EventType.DECISION_FAILED, m.DECISION, command.attempt, lease.worker, lease.leased_at, **facts)
    if parked:
        word = "NON_DETERMINISM" if mismatch else "DECISION_FAILED"
        why = failure.message if mismatch else f"{failure.type}: {failure.message}"
        t.emit(EventType.RUN_BLOCKED, data={"reason": f"{word}: {why}"[:_REASON_CHARS]})
    return t.events


def released(t: Transition, lease: c.Lease | None) -> list[Event]:
    """A hand-out that reached nobody did not happen: the decision goes back to its queue."""
    code = t.run.code
    if lease is not None and code is not None and is_open(t.run):
        t.run.changes.scheduled[m.DECISION] = code.step
    return []


def due_again(t: Transition) -> list[Event]:
    """The delay after a failed decision is over. No event: the hand-out follows from the failure."""
    code, run = t.run.code, t.run
    due_at = run.timers.get((m.DECISION, TimerKind.RETRY))
    if code is not None and due_at is not None and due_at <= t.now and run.state is RunState.RUNNING:
        del run.timers[m.DECISION, TimerKind.RETRY]
        run.changes.scheduled[m.DECISION] = code.step
    return []


def resumed(t: Transition, command: c.ResumeRun, lease: c.Lease | None) -> list[Event]:
    """Have a parked run decided again."""
    require_open(t.run)
    if t.run.code is None:
        message = f"{ids.show(t.run.id)} is no run of code; what parks it stands in the dead letters"
        raise Refused("NOT_CODE", message, run_id=ids.show(t.run.id))
    if t.run.state is RunState.BLOCKED:
        t.emit(EventType.RUN_RESUMED)
    return t.events


def cancel(t: Transition, reason: str) -> list[Event]:
    """Tell the code, once; a run whose code has never looked ends at once, for it has nothing to clean up."""
    code = t.run.code
    assert code is not None
    data = {"reason": reason} if reason else None
    if code.decided == 0:
        t.emit(EventType.RUN_CANCELLED, data=data)
    elif not code.cancel_asked:
        t.emit(EventType.RUN_CANCEL_REQUESTED, data=data)
    return t.events


def lease_lost(run: Run, command: c.LeaseCommand) -> Refused:
    """The error for whoever decides a run that is not theirs to decide."""
    shown = ids.show(run.id)
    message = f"a decision of {shown}: its lease is not current; the run is {run.state.name}"
    return Refused("LEASE_LOST", message, run_id=shown, step=command.step, current_attempt="0")


def _check(run: Run, code: Code, command: c.CompleteDecision) -> None:
    problems: list[Problem] = []
    # The ids this decision names, and whether their step is open once it is recorded.
    known: dict[str, bool] = {}
    # Steps that are open once the decision is recorded.
    left = run.open_steps
    for place, wanted in enumerate(command.commands):
        where = f"decision.commands[{place}]"
        if isinstance(wanted, m.MakeStep | m.RanStep):
            if wanted.step in run.steps or wanted.step in known:
                problems.append(Problem(f"{where}.step", f"expected an id that is new, came {wanted.step!r} again"))
            known[wanted.step] = isinstance(wanted, m.MakeStep)
            left += known[wanted.step]
        elif isinstance(wanted, m.CancelStep):
            step = run.steps.get(wanted.step)
            if step is None and wanted.step not in known:
                problems.append(Problem(f"{where}.step", f"expected a step of the run, came {wanted.step!r}"))
            left -= known.get(wanted.step, step is not None and not step.state.finished)
            known[wanted.step] = False
        elif isinstance(wanted, _ENDS) and (place + 1 < len(command.commands) or command.keep):
            problems.append(Problem(where, "expected the end to be the last command, came one before others"))
    least = max(1, code.decided)
    if not least <= command.sequence <= run.seq:
        problems.append(Problem("decision.sequence", f"expected {least} to {run.seq}, came {command.sequence}"))
    if problems:
        raise InvalidArgument(problems)
    if left > MAX_OPEN_STEPS:
        message = f"{left} commands are open, at most {MAX_OPEN_STEPS} may be: wait for some first"
        # Waiting would not help: the code has to change.
        raise Refused("TooManyCommands", message, run_id=ids.show(run.id))
    ends = bool(command.commands) and isinstance(command.commands[-1], _ENDS)
    if left <= 0 and not command.keep and not ends and not any(news.seq > command.sequence for news in code.news):
        raise Refused("WaitsForNothing", _NOTHING, run_id=ids.show(run.id))


def _again_at(t: Transition, code: Code, failure: Failure) -> int:
    if failure.category is Category.WORKER_LOST:
        return t.now
    seed = f"{t.run.id}/{m.DECISION}/{t.run.seq}"
    return t.now + int(delay_s(m.DECISION_RETRY, code.failures + 1, seed) * SECOND)


def _make(d: Decision, wanted: m.MakeStep) -> None:
    data = wanted.data
    if "sleep_s" in data:
        due_at = d.t.now + int(data["sleep_s"] * SECOND)
        d.emit(EventType.STEP_SLEEPING, wanted.step, data={**data, "due_at": due_at})
        if due_at <= d.t.now:
            d.after.append(lambda: _slept(d.t, wanted.step))
    elif "signal" in data:
        d.emit(EventType.STEP_AWAITING, wanted.step, data=data)
        d.after.append(lambda: d.t.deliver(data["signal"]))
    else:
        d.emit(EventType.STEP_SCHEDULED, wanted.step, 1, payload=_given(wanted.input), data=data)


def _slept(t: Transition, key: str) -> None:
    step = t.run.steps[key]
    if not step.state.finished:
        t.emit(EventType.STEP_SUCCEEDED, key)
        t.finished(step)


def _given(payload: Payload | None) -> Payload:
    return NULL if payload is None else payload


def _ran(d: Decision, wanted: m.RanStep) -> None:
    failure = wanted.failure
    if failure is not None:
        failure = failure.located(wanted.step, wanted.attempts, d.worker, d.t.now)
    facts = {"payload": wanted.output, "failure": failure, "started_at": wanted.started_at}
    d.emit(EventType.STEP_RAN, wanted.step, wanted.attempts, data={"local": True}, **facts)


def _cancel_step(d: Decision, wanted: m.CancelStep) -> None:
    if not d.t.run.steps[wanted.step].state.finished:
        d.emit(EventType.STEP_CANCELLED, wanted.step)


def _publish(d: Decision, wanted: m.Publish) -> None:
    d.emit(EventType.RUN_PUBLISHED, payload=wanted.value, data={"key": wanted.key})


def _set_attributes(d: Decision, wanted: m.SetAttributes) -> None:
    d.emit(EventType.RUN_ATTRIBUTES, data={"values": wanted.values})


def _patch(d: Decision, wanted: m.Patch) -> None:
    d.emit(EventType.RUN_PATCHED, data={"id": wanted.id})


def _succeed(d: Decision, wanted: m.Succeed) -> None:
    d.emit(EventType.RUN_SUCCEEDED, payload=wanted.output)


def _fail(d: Decision, wanted: m.Fail) -> None:
    failure = wanted.failure
    d.emit(EventType.RUN_FAILED, failure=failure.located(failure.step, failure.attempt, d.worker, d.t.now))


def _cancelled(d: Decision, wanted: m.Cancelled) -> None:
    d.emit(EventType.RUN_CANCELLED)


def _continue(d: Decision, wanted: m.Continue) -> None:
    d.emit(EventType.RUN_CONTINUED, payload=Payload(json.dumps(ids.show(wanted.run_id)).encode()))


_RECORD: dict[type, Callable[[Decision, Any], None]] = {
    m.MakeStep: _make,
    m.RanStep: _ran,
    m.CancelStep: _cancel_step,
    m.Publish: _publish,
    m.SetAttributes: _set_attributes,
    m.Patch: _patch,
    m.Succeed: _succeed,
    m.Fail: _fail,
    m.Cancelled: _cancelled,
    m.Continue: _continue,
}
