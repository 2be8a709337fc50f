"""Commands in, events out. Each function is one command's whole rule; what it refuses changes nothing.

Leases are the committer's to check: a lease command arrives with the lease its token opened, or with None.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from stellwerk_server.engine import children, code, mending
from stellwerk_server.engine.failure import STEP_TIMED_OUT, Dead, on_failure
from stellwerk_server.engine.run import Run, Step
from stellwerk_server.engine.transition import Transition, is_open, require_open
from stellwerk_server.model import commands as c
from stellwerk_server.model import ids
from stellwerk_server.model.code import DECISION
from stellwerk_server.model.definition import OnFailure, StepKind
from stellwerk_server.model.errors import Exhausted, NotFound, Refused
from stellwerk_server.model.events import SECOND, Event, EventType, Instant, TimerKind
from stellwerk_server.model.failure import Category, Failure
from stellwerk_server.model.states import RunState, StepState

# Of one name in one run, with no step that takes them.
MAX_KEPT_SIGNALS = 1_000


def start(command: c.StartRun, now: Instant) -> tuple[Run, list[Event]]:
    """A new run with its first events."""
    run = Run(command.run_id, command.workflow, command.input)
    run.idempotency_key = command.idempotency_key
    run.request_id = command.request_id
    run.trace = command.trace
    run.forked_from = command.forked_from
    run.child_of = command.parent
    timeout_s = command.timeout_s if command.timeout_s is not None else command.workflow.definition.timeout_s
    if timeout_s is not None:
        run.deadline = now + int(timeout_s * SECOND)
    transition = Transition(run, now)
    transition.emit(EventType.RUN_STARTED, data=_origin(command))
    for kept in command.kept:
        state = StepState.SUCCEEDED if kept.output is not None else StepState.SKIPPED
        data = {"state": state.name, **({"local": True} if run.code is not None else {})}
        transition.emit(EventType.STEP_KEPT, kept.step, kept.attempt, payload=kept.output, data=data)
    for signal in command.carried:
        _tell(transition, signal)
    if command.signal is not None:
        _tell(transition, command.signal)
    transition.begin()
    return run, transition.events


def _tell(t: Transition, signal: c.Signal) -> None:
    t.emit(EventType.RUN_SIGNALLED, payload=signal.payload, data={"signal": signal.name, "id": signal.id})
    t.deliver(signal.name)


def decide(run: Run, command: c.Command, lease: c.Lease | None, now: Instant) -> list[Event]:
    """The events a command leads to, applied to the run; raises Refused or NotFound when it may not happen.

    An empty list means that the command was right but changes nothing (a repeat, a timer that is gone).
    """
    return _DECIDE[type(command)](Transition(run, now), command, lease)


def _origin(command: c.StartRun) -> dict[str, Any] | None:
    """What the first event says of where the run comes from."""
    data: dict[str, Any] = {}
    if command.forked_from is not None:
        data["forked_from"] = ids.show(command.forked_from)
    if command.continued_from is not None:
        data["continued_from"] = ids.show(command.continued_from)
    if command.parent is not None:
        data |= {"parent": ids.show(command.parent.run_id), "step": command.parent.step, "depth": command.parent.depth}
    return data or None


def _complete(t: Transition, command: c.CompleteStep, lease: c.Lease | None) -> list[Event]:
    step = t.run.steps.get(command.step)
    if lease is None or step is None or not _current(t.run, step, command.attempt):
        repeated = step is not None and step.attempt == command.attempt and step.output == command.output
        if repeated and step is not None and step.state is StepState.SUCCEEDED:
            return []
        raise _lease_lost(t.run, step, command)
    t.emit(EventType.STEP_SUCCEEDED, step.key, step.attempt, lease.worker, lease.leased_at, payload=command.output)
    t.finished(step)
    t.settle()
    return t.events


def _fail(t: Transition, command: c.FailStep | c.ExpireLease, lease: c.Lease | None) -> list[Event]:
    if command.step == DECISION:
        return code.failed(t, command, lease)
    step = t.run.steps.get(command.step)
    if lease is None or step is None or not _current(t.run, step, command.attempt):
        if step is not None and _failed_so(step, command.attempt, command.failure):
            return []
        raise _lease_lost(t.run, step, command)
    failure = command.failure.located(step.key, step.attempt, lease.worker, t.now)
    outcome = on_failure(t.run, step, failure, t.now)
    if isinstance(outcome, Dead):
        _die(t, step, failure, outcome.reason, lease)
    else:
        t.attempt_failed(step, failure, outcome.due_at, lease.worker, lease.leased_at)
    t.settle()
    return t.events


def _release(t: Transition, command: c.ReleaseStep, lease: c.Lease | None) -> list[Event]:
    if command.step == DECISION:
        return code.released(t, lease)
    step = t.run.steps.get(command.step)
    if lease is not None and step is not None and _current(t.run, step, command.attempt):
        # No event: a hand-out that reached nobody did not happen. The step only goes back to its queue, and its wait
        # for a worker goes on; the timer's row may be gone, because it fired while the step was handed out.
        t.run.changes.scheduled[step.key] = step
        start_by = t.run.timers.get((step.key, TimerKind.STEP_START))
        if start_by is not None:
            t.run.changes.timers_set[step.key, TimerKind.STEP_START] = start_by
    return []


def _fire(t: Transition, command: c.FireTimer, lease: c.Lease | None) -> list[Event]:
    if command.kind in _PARENT_ENDS:
        return _parent_ended(t, command.kind)
    if command.step == DECISION:
        return code.due_again(t)
    due_at = t.run.timers.get((command.step, command.kind))
    if due_at is None or due_at > t.now or not is_open(t.run):
        return []
    if command.kind is TimerKind.RUN_DEADLINE:
        message = f"the run was not done after {(due_at - t.run.created_at) / SECOND:g} s"
        t.emit(EventType.RUN_TIMED_OUT, failure=Failure("RunTimeout", message, category=Category.TIMEOUT))
        return t.events
    step = t.run.steps[command.step]
    if command.kind is TimerKind.STEP_START and lease is not None:
        # A worker took it in time.
        return []
    if command.kind is TimerKind.SLEEP:
        t.emit(EventType.STEP_SUCCEEDED, step.key, payload=step.input)
        t.finished(step)
    elif command.kind is TimerKind.RETRY:
        t.emit(EventType.STEP_SCHEDULED, step.key, step.attempt + 1)
    else:
        _time_out(t, step, command.kind)
    t.settle()
    return t.events


def _parent_ended(t: Transition, kind: TimerKind) -> list[Event]:
    reason = "its parent has ended"
    if is_open(t.run):
        if t.run.code is not None and kind is TimerKind.PARENT_CANCELS:
            return code.cancel(t, reason)
        t.emit(_PARENT_ENDS[kind], data={"reason": reason})
    return t.events


def _signal(t: Transition, command: c.SignalRun, lease: c.Lease | None) -> list[Event]:
    signals = t.run.signals
    if signals is not None:
        if command.signal.id in signals.ids:
            return []
        require_open(t.run)
        kept = len(signals.kept.get(command.signal.name, ()))
        if kept >= MAX_KEPT_SIGNALS:
            message = f"{kept} signals {command.signal.name!r} wait in {ids.show(t.run.id)} already; no step takes them"
            raise Exhausted("TOO_MANY_SIGNALS", message, run_id=ids.show(t.run.id), signal=command.signal.name)
    require_open(t.run)
    _tell(t, command.signal)
    t.settle()
    return t.events


def _time_out(t: Transition, step: Step, kind: TimerKind) -> None:
    if step.child is not None:
        t.run.changes.orphans.append(step)
    type, message = _lateness(step, kind)
    failure = Failure(type, message, category=Category.TIMEOUT, terminal=True)
    failure = failure.located(step.key, step.attempt, "", t.now)
    if step.definition.kind is not StepKind.ACTION:
        # No worker could do better with another attempt, so it is no dead letter.
        t.give_up(step, failure)
    else:
        _die(t, step, failure, STEP_TIMED_OUT, None)


def _lateness(step: Step, kind: TimerKind) -> tuple[str, str]:
    """What did not come in time: type and message of the failure."""
    timeout, signal = step.definition.timeout, step.definition.signal
    if kind is TimerKind.STEP_START:
        return "StartTimeout", f"no worker took it within {timeout.start_s:g} s"
    if step.definition.kind is StepKind.SIGNAL:
        return "SignalTimeout", f"signal {signal!r} did not come within {timeout.total_s:g} s"
    return "StepTimeout", f"it was not done after {timeout.total_s:g} s"


def _cancel(t: Transition, command: c.CancelRun, lease: c.Lease | None) -> list[Event]:
    if t.run.code is not None and is_open(t.run):
        return code.cancel(t, command.reason)
    return _end(t, EventType.RUN_CANCELLED, RunState.CANCELLED, command.reason)


def _terminate(t: Transition, command: c.TerminateRun, lease: c.Lease | None) -> list[Event]:
    return _end(t, EventType.RUN_TERMINATED, RunState.TERMINATED, command.reason)


def _end(t: Transition, type: EventType, state: RunState, reason: str) -> list[Event]:
    if t.run.state is state:
        return []
    require_open(t.run)
    t.emit(type, data={"reason": reason} if reason else None)
    return t.events


def _requeue(t: Transition, command: c.RequeueStep, lease: c.Lease | None) -> list[Event]:
    step = _parked(t.run, command.step, command.attempt)
    if step is None:
        return []
    t.emit(EventType.STEP_SCHEDULED, step.key, step.attempt + 1)
    if not t.run.parked:
        t.emit(EventType.RUN_RESUMED)
    return t.events


def _discard(t: Transition, command: c.DiscardStep, lease: c.Lease | None) -> list[Event]:
    step = _parked(t.run, command.step, command.attempt)
    if step is None:
        return []
    t.emit(EventType.STEP_DISCARDED, step.key, data={"reason": command.reason} if command.reason else None)
    assert step.failure is not None
    t.fail_run(step, step.failure)
    return t.events


def _parked(run: Run, key: str, attempt: int) -> Step | None:
    """The parked step, or None when it was requeued or discarded before."""
    step = run.parked.get(key)
    return step if step is not None and step.attempt == attempt else None


def _die(t: Transition, step: Step, failure: Failure, reason: str, lease: c.Lease | None) -> None:
    if t.run.code is not None:
        # The code decides what follows, and nobody needs to look after it.
        t.give_up(step, failure, lease)
        return
    park = step.definition.on_failure is OnFailure.PARK
    worker, leased_at = (lease.worker, lease.leased_at) if lease is not None else (None, None)
    data = {"reason": reason, **({"parked": True} if park else {})}
    t.emit(EventType.STEP_DEAD, step.key, step.attempt, worker, leased_at, failure=failure, data=data)
    if park:
        if t.run.state is not RunState.BLOCKED:
            t.emit(EventType.RUN_BLOCKED, data={"reason": f"step {step.key} is in the dead letters ({reason})"})
    elif step.definition.on_failure is OnFailure.CONTINUE:
        t.finished(step)
    else:
        t.fail_run(step, failure)


def _current(run: Run, step: Step, attempt: int) -> bool:
    return is_open(run) and step.state is StepState.READY and step.attempt == attempt


def _failed_so(step: Step, attempt: int, failure: Failure) -> bool:
    recorded = step.failure
    return recorded is not None and recorded.attempt == attempt and failure.same_outcome(recorded)


def _lease_lost(run: Run, step: Step | None, command: c.LeaseCommand) -> Refused:
    now = f"the run is {run.state.name}"
    if not run.state.terminal and step is not None:
        now = f"the step is {step.state.name}, attempt {step.attempt}"
    return Refused(
        "LEASE_LOST",
        f"step {command.step} of {ids.show(run.id)}, attempt {command.attempt}: its lease is not current; {now}",
        run_id=ids.show(run.id),
        step=command.step,
        current_attempt=str(step.attempt if step is not None else 0),
    )


def unknown_run(command: c.Command) -> NotFound | Refused:
    """The error for a run that does not exist; to the holder of a token it is a lost lease like any other."""
    shown = ids.show(command.run_id)
    if isinstance(command, c.LeaseCommand):
        message = f"step {command.step} of {shown}, attempt {command.attempt}: there is no such run"
        return Refused("LEASE_LOST", message, run_id=shown, step=command.step, current_attempt="0")
    return NotFound("RUN_NOT_FOUND", f"run_id: there is no run {shown}", run_id=shown)


_PARENT_ENDS = {
    TimerKind.PARENT_CANCELS: EventType.RUN_CANCELLED,
    TimerKind.PARENT_TERMINATES: EventType.RUN_TERMINATED,
}

_DECIDE: dict[type, Callable[..., list[Event]]] = {
    c.CompleteStep: _complete,
    c.CompleteDecision: code.decided,
    c.ResumeRun: code.resumed,
    c.MendRun: mending.mended,
    c.FailStep: _fail,
    c.ExpireLease: _fail,
    c.ReleaseStep: _release,
    c.SignalRun: _signal,
    c.FireTimer: _fire,
    c.ChildStarted: children.started,
    c.ChildRefused: children.refused,
    c.ChildEnded: children.ended,
    c.CancelRun: _cancel,
    c.TerminateRun: _terminate,
    c.RequeueStep: _requeue,
    c.DiscardStep: _discard,
}
