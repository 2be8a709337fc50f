"""The fold: what each event makes of a run. Total and unconditional; whether it may happen was decided before."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from stellwerk_server.engine import decisions, inputs
from stellwerk_server.engine.run import Run, Step
from stellwerk_server.model import ids
from stellwerk_server.model.commands import Parent
from stellwerk_server.model.definition import StepKind
from stellwerk_server.model.events import SECOND, Event, EventType, TimerKind
from stellwerk_server.model.payload import NULL, Payload
from stellwerk_server.model.states import RunState, StepState


def evolve(run: Run, event: Event) -> Run:
    """Apply one event in place and return the run."""
    if run.code is not None and event.data is not None and "decision" in event.data:
        decisions.decided(run, run.code, event)
    _APPLY[event.type](run, event)
    run.seq = event.seq
    return run


def item_key(step_id: str, index: int) -> str:
    """How an item of a foreach is named."""
    return f"{step_id}[{index}]"


def _set_timer(run: Run, step: str, kind: TimerKind, due: int) -> None:
    run.timers[step, kind] = due
    run.changes.timers_set[step, kind] = due
    run.changes.timers_cleared.discard((step, kind))


def _clear_timer(run: Run, step: str, kind: TimerKind) -> None:
    if run.timers and run.timers.pop((step, kind), None) is not None:
        run.changes.timers_cleared.add((step, kind))
        run.changes.timers_set.pop((step, kind), None)


def _run_started(run: Run, event: Event) -> None:
    run.state = RunState.RUNNING
    run.created_at = event.at
    data = event.data or {}
    if "parent" in data:
        run.child_of = Parent(ids.parse(data["parent"]) or 0, data["step"], data["depth"])
    if run.deadline is not None:
        _set_timer(run, "", TimerKind.RUN_DEADLINE, run.deadline)
    decisions.tell(run, event)


def _run_ended(state: RunState) -> Callable[[Run, Event], None]:
    def apply(run: Run, event: Event) -> None:
        run.state = state
        run.ended_at = event.at
        run.output = event.payload
        run.failure = event.failure
        run.block_reason = None
        run.parked.clear()
        if run.code is not None:
            decisions.over(run, run.code)
        if run.open_steps or run.timers or (run.code is not None and run.code.due):
            run.changes.ended = True
            run.changes.scheduled.clear()
            run.timers.clear()
            _cancel_open_steps(run, event)

    return apply


def _cancel_open_steps(run: Run, event: Event) -> None:
    for step in run.steps.values():
        if not step.state.finished and step.state is not StepState.PENDING:
            step.state = StepState.CANCELLED
            step.ended_at = event.at
            step.due_at = None
            run.changes.touched[step.key] = step
            if step.child is not None:
                run.changes.orphans.append(step)


def _run_blocked(run: Run, event: Event) -> None:
    run.state = RunState.BLOCKED
    run.block_reason = (event.data or {}).get("reason")
    if run.code is not None:
        run.changes.parked_by = run.code.step.worker or ""


def _run_resumed(run: Run, event: Event) -> None:
    run.state = RunState.RUNNING
    run.block_reason = None
    if run.code is not None:
        decisions.resumed(run, run.code)


def _signalled(run: Run, event: Event) -> None:
    data, signals = event.data or {}, run.told()
    signals.ids.add(data["id"])
    signals.kept.setdefault(data["signal"], deque()).append(NULL if event.payload is None else event.payload)


def _scheduled(run: Run, event: Event) -> None:
    step = _touched(run, event)
    requeued = step.state is StepState.DEAD
    if requeued:
        step.attempt_base = step.attempt
        step.ended_at = None
        run.parked.pop(step.key, None)
        if step.item is None:
            run.open_steps += 1
    step.state = StepState.READY
    step.attempt = event.attempt or 1
    step.ready_at = event.at
    step.due_at = None
    if step.attempt == 1 and step.item is None:
        step.input = inputs.default(run, step) if event.payload is None else event.payload
    timeout = step.definition.timeout
    if step.attempt == 1 or requeued:
        step.first_ready_at = event.at
        if timeout.total_s is not None:
            _set_timer(run, step.key, TimerKind.STEP_TOTAL, event.at + int(timeout.total_s * SECOND))
    if timeout.start_s is not None:
        _set_timer(run, step.key, TimerKind.STEP_START, event.at + int(timeout.start_s * SECOND))
    _clear_timer(run, step.key, TimerKind.RETRY)
    run.changes.scheduled[step.key] = step


def _succeeded(run: Run, event: Event) -> None:
    step = _touched(run, event)
    step.state = StepState.SUCCEEDED
    step.worker = event.worker
    step.started_at = event.started_at
    step.failure = None
    step.output = inputs.join(step.outcomes) if step.items is not None else event.payload
    if step.definition.kind is StepKind.SIGNAL:
        run.told().kept[step.definition.signal].popleft()
    _finish(run, step, event, met=True)
    decisions.tell(run, event)


def _attempt_failed(run: Run, event: Event) -> None:
    step = _touched(run, event)
    step.state = StepState.WAITING
    step.worker = event.worker
    step.started_at = event.started_at
    step.failure = event.failure
    step.due_at = (event.data or {}).get("due_at", event.at)
    step.child = None
    run.changes.scheduled.pop(step.key, None)
    _clear_timer(run, step.key, TimerKind.STEP_START)
    if step.due_at > event.at:
        _set_timer(run, step.key, TimerKind.RETRY, step.due_at)


def _dead(run: Run, event: Event) -> None:
    step = _touched(run, event)
    step.state = StepState.DEAD
    step.worker = event.worker
    step.started_at = event.started_at
    step.failure = event.failure
    data = event.data or {}
    run.changes.dead.append((step, data["reason"]))
    run.changes.voided.append(step.key)
    if data.get("parked"):
        run.changes.scheduled.pop(step.key, None)
        run.parked[step.key] = step
        step.ended_at = event.at
        if step.item is None:
            run.open_steps -= 1
        _clear_step_timers(run, step)
    else:
        _finish(run, step, event, met=False)


def _failed(run: Run, event: Event) -> None:
    step = _touched(run, event)
    if step.state is StepState.READY:
        run.changes.voided.append(step.key)
    step.state = StepState.FAILED
    step.worker = event.worker
    step.started_at = event.started_at
    step.failure = event.failure
    _finish(run, step, event, met=False)
    decisions.tell(run, event)


def _skipped(run: Run, event: Event) -> None:
    step = _touched(run, event)
    step.state = StepState.SKIPPED
    _finish(run, step, event, met=False)


def _sleeping(run: Run, event: Event) -> None:
    step = _touched(run, event)
    step.state = StepState.WAITING
    step.ready_at = event.at
    step.due_at = (event.data or {})["due_at"]
    step.input = _passed_on(run, step)
    _set_timer(run, step.key, TimerKind.SLEEP, step.due_at)


def _awaiting(run: Run, event: Event) -> None:
    step = _touched(run, event)
    step.state = StepState.WAITING
    step.ready_at = event.at
    step.input = _passed_on(run, step)
    run.told().awaiting.setdefault(step.definition.signal, {})[step.key] = step
    if step.definition.timeout.total_s is not None:
        step.due_at = event.at + int(step.definition.timeout.total_s * SECOND)
        _set_timer(run, step.key, TimerKind.STEP_TOTAL, step.due_at)


def _passed_on(run: Run, step: Step) -> Payload | None:
    """What a step without a worker is given; code has nothing to give."""
    return inputs.default(run, step) if run.code is None else None


def _child_started(run: Run, event: Event) -> None:
    step = _touched(run, event)
    step.state = StepState.WAITING
    step.child = ids.parse((event.data or {})["child"])
    run.changes.scheduled.pop(step.key, None)


def _expanded(run: Run, event: Event) -> None:
    parent = _touched(run, event)
    elements = inputs.elements(event.payload)
    parent.state = StepState.WAITING
    parent.ready_at = event.at
    parent.input = event.payload
    parent.items = parent.items_left = len(elements)
    parent.outcomes = [None] * len(elements)
    definition = parent.definition
    total, start = definition.timeout.total_s, definition.timeout.start_s
    for index, element in enumerate(elements):
        key = item_key(parent.key, index)
        item = run.steps[key] = Step(definition, key, index)
        item.state = StepState.READY
        item.attempt = 1
        item.input = element
        item.ready_at = item.first_ready_at = event.at
        run.changes.touched[key] = run.changes.scheduled[key] = item
        if total is not None:
            _set_timer(run, key, TimerKind.STEP_TOTAL, event.at + int(total * SECOND))
        if start is not None:
            _set_timer(run, key, TimerKind.STEP_START, event.at + int(start * SECOND))


def _kept(run: Run, event: Event) -> None:
    step = _touched(run, event)
    data = event.data or {}
    step.state = StepState[data["state"]]
    step.attempt = event.attempt or 0
    step.output = event.payload
    _finish(run, step, event, met=step.state is StepState.SUCCEEDED)
    decisions.tell(run, event)


def _ran(run: Run, event: Event) -> None:
    step = _touched(run, event)
    step.state = StepState.SUCCEEDED if event.failure is None else StepState.FAILED
    step.attempt = event.attempt or 1
    step.worker = event.worker
    step.started_at = event.started_at
    step.output = event.payload
    step.failure = event.failure
    _finish(run, step, event, met=event.failure is None)


def _step_cancelled(run: Run, event: Event) -> None:
    step = _touched(run, event)
    if step.state is StepState.READY:
        run.changes.voided.append(step.key)
    step.state = StepState.CANCELLED
    if step.child is not None:
        run.changes.orphans.append(step)
    _finish(run, step, event, met=False)


def _discarded(run: Run, event: Event) -> None:
    run.parked.pop(event.step or "", None)


def _touched(run: Run, event: Event) -> Step:
    key = event.step or ""
    step = run.steps.get(key)
    if step is None:
        definition = run.workflow.definition.step(key)
        if definition is None and run.code is not None:
            definition = decisions.made(run, run.code, event)
        if definition is None:
            raise LookupError(f"event {event.seq} names step {key!r}, which workflow {run.workflow.name} has not")
        step = run.step(definition)
    run.changes.touched[key] = step
    return step


def _finish(run: Run, step: Step, event: Event, met: bool) -> None:
    step.ended_at = event.at
    step.due_at = None
    if run.timers:
        _clear_step_timers(run, step)
    run.changes.scheduled.pop(step.key, None)
    if run.code is not None:
        # Only another attempt would need it.
        step.input = None
    if step.item is not None:
        parent = run.parent(step)
        parent.items_left -= 1
        parent.outcomes[step.item] = step.output
        run.changes.touched[parent.key] = parent
        return
    if step.definition.kind is StepKind.SIGNAL and run.signals is not None:
        run.signals.awaiting.get(step.definition.signal, {}).pop(step.key, None)
    run.open_steps -= 1
    for dependent in run.dependents(step):
        dependent.needs_left -= 1
        dependent.needs_met += met


def _clear_step_timers(run: Run, step: Step) -> None:
    for kind in (TimerKind.RETRY, TimerKind.SLEEP, TimerKind.STEP_TOTAL, TimerKind.STEP_START):
        _clear_timer(run, step.key, kind)


_APPLY: dict[EventType, Callable[[Run, Event], None]] = {
    EventType.RUN_STARTED: _run_started,
    EventType.RUN_SUCCEEDED: _run_ended(RunState.SUCCEEDED),
    EventType.RUN_FAILED: _run_ended(RunState.FAILED),
    EventType.RUN_CANCELLED: _run_ended(RunState.CANCELLED),
    EventType.RUN_TERMINATED: _run_ended(RunState.TERMINATED),
    EventType.RUN_TIMED_OUT: _run_ended(RunState.TIMED_OUT),
    EventType.RUN_BLOCKED: _run_blocked,
    EventType.RUN_RESUMED: _run_resumed,
    EventType.RUN_CONTINUED: _run_ended(RunState.CONTINUED),
    EventType.RUN_SIGNALLED: _signalled,
    EventType.RUN_CANCEL_REQUESTED: decisions.cancel_asked,
    EventType.RUN_PUBLISHED: decisions.published,
    EventType.RUN_ATTRIBUTES: decisions.attributes,
    EventType.RUN_PATCHED: decisions.nothing,
    EventType.STEP_SCHEDULED: _scheduled,
    EventType.STEP_SUCCEEDED: _succeeded,
    EventType.STEP_ATTEMPT_FAILED: _attempt_failed,
    EventType.STEP_DEAD: _dead,
    EventType.STEP_FAILED: _failed,
    EventType.STEP_SKIPPED: _skipped,
    EventType.STEP_SLEEPING: _sleeping,
    EventType.STEP_AWAITING: _awaiting,
    EventType.STEP_CHILD_STARTED: _child_started,
    EventType.STEP_EXPANDED: _expanded,
    EventType.STEP_KEPT: _kept,
    EventType.STEP_DISCARDED: _discarded,
    EventType.STEP_RAN: _ran,
    EventType.STEP_CANCELLED: _step_cancelled,
    EventType.DECISION_COMPLETED: decisions.nothing,
    EventType.DECISION_FAILED: decisions.failed,
}
