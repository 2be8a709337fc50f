"""Committed events as spans: of runs, steps and attempts, each made once, when what it tells of has ended.

Must not look anywhere but at what was committed: a refused, repeated or replayed result has no events, so no spans.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Link, SpanContext, Status, StatusCode

from stellwerk_server.model import ids
from stellwerk_server.model.commands import Workflow
from stellwerk_server.model.definition import OnFailure, StepDefinition
from stellwerk_server.model.events import Event, EventType, Instant
from stellwerk_server.model.failure import Failure
from stellwerk_server.model.states import RunState, StepState
from stellwerk_server.telemetry import attributes as names
from stellwerk_server.telemetry.identity import Identity, RunTrace

logger = logging.getLogger(__name__)
_MESSAGE_CHARS_MAX = 1_024
# Cancelled and terminated runs ended as somebody wished.
_FAILED = (RunState.FAILED, RunState.TIMED_OUT)


class StepView(Protocol):
    """What is looked at of a folded step."""

    definition: StepDefinition
    key: str
    item: int | None
    state: StepState
    attempt: int
    failure: Failure | None
    worker: str | None
    child: int | None
    ready_at: Instant | None
    first_ready_at: Instant | None
    ended_at: Instant | None


class RunView(Protocol):
    """What is looked at of a folded run."""

    id: int
    workflow: Workflow
    state: RunState
    failure: Failure | None
    trace: str | None
    forked_from: int | None
    created_at: Instant

    @property
    def steps(self) -> Any:
        """StepViews by key."""


class VoidedView(Protocol):
    """A lease that ended with its run or step."""

    @property
    def run_id(self) -> int:
        """Whose it was."""

    @property
    def step(self) -> str:
        """The step that was out."""

    @property
    def worker(self) -> str:
        """Who held it."""


class RunSpans:
    """Makes the spans of a commit and hands each to `finish`, which must not block."""

    def __init__(self, identity: Identity, resource: Resource, finish: Callable[[ReadableSpan], None]) -> None:
        self._identity = identity
        self._resource = resource
        self._finish = finish
        self._scope = InstrumentationScope(names.SCOPE)
        self._complained = False

    def committed(self, events: Iterable[tuple[RunView, list[Event]]], voided: Sequence[VoidedView]) -> None:
        """Tell of what has ended with a commit; never raises."""
        try:
            held = {(lease.run_id, lease.step): lease.worker for lease in voided}
            for run, happened in events:
                ends = [event for event in happened if event.type in _ENDS]
                if ends and (trace := self._identity.run_trace(run.id, run.trace)).sampled:
                    telling = _Telling(self._identity, run, trace, held, self._send)
                    for event in ends:
                        _ENDS[event.type](telling, event)
        except Exception:
            if not self._complained:
                logger.exception("spans could not be made; said once")
            self._complained = True

    def _send(self, name: str, context: SpanContext, start: Instant, end: Instant, **facts: Any) -> None:
        span = ReadableSpan(
            name,
            context,
            start_time=min(start, end) * 1_000,
            end_time=end * 1_000,
            resource=self._resource,
            instrumentation_scope=self._scope,
            **facts,
        )
        self._finish(span)


class _Telling:
    """The spans of one run in one commit."""

    def __init__(
        self,
        identity: Identity,
        run: RunView,
        trace: RunTrace,
        held: dict[tuple[int, str], str],
        send: Callable[..., None],
    ) -> None:
        self._identity = identity
        self._run = run
        self._trace = trace
        # Leases that were out when their run or step ended.
        self._held = held
        self._send = send

    def succeeded(self, event: Event) -> None:
        """A step is done; only with an attempt was a worker needed for it."""
        step = self._step_of(event)
        if event.attempt is not None:
            self._attempt(step, event.attempt, event.started_at, event.at, event.worker, None)
        self._step(step, event.at, None)

    def attempt_failed(self, event: Event) -> None:
        """An attempt that another one follows."""
        step = self._step_of(event)
        self._attempt(step, event.attempt or 0, event.started_at, event.at, event.worker, event.failure)

    def dead(self, event: Event) -> None:
        """The last attempt, if a worker had it, and the step; a parked one may go on, and is told of when it ends."""
        step = self._step_of(event)
        self._last_attempt(step, event)
        if not (event.data or {}).get("parked"):
            self._step(step, event.at, event.failure)

    def step_failed(self, event: Event) -> None:
        """An expression or a list failed, and no worker had a part in it; or a step of code, after its last attempt."""
        step = self._step_of(event)
        self._last_attempt(step, event)
        self._step(step, event.at, event.failure)

    def ran(self, event: Event) -> None:
        """A step that was run by the worker that decides."""
        step = self._step_of(event)
        self._step(step, event.at, event.failure, event.started_at)

    def step_cancelled(self, event: Event) -> None:
        """Code no longer wanted the step."""
        self._left_over(self._step_of(event), event.at)

    def _last_attempt(self, step: StepView, event: Event) -> None:
        holder = self._held.get((self._run.id, step.key))
        if event.started_at is not None or holder is not None:
            worker, attempt = event.worker or holder, event.attempt or step.attempt
            self._attempt(step, attempt, event.started_at, event.at, worker, event.failure)

    def run_ended(self, event: Event) -> None:
        """The run, and before it what it had begun and not finished."""
        if event.type is not EventType.RUN_SUCCEEDED or self._run.workflow.definition.decision is not None:
            for step in self._run.steps.values():
                self._left_over(step, event.at)
        self._run_span(event.at)

    def _left_over(self, step: StepView, at: Instant) -> None:
        """Steps nobody ever began are left out: of a list of 100,000 there may be as many."""
        if step.state is StepState.DEAD and step.definition.on_failure is OnFailure.PARK:
            self._step(step, step.ended_at or at, step.failure)
        if step.state is not StepState.CANCELLED or step.ended_at != at:
            return
        holder = self._held.get((self._run.id, step.key))
        if holder is not None:
            self._attempt(step, step.attempt, None, at, holder, None)
        if holder is not None or step.child is not None or step.attempt != 1 or step.failure is not None:
            self._step(step, at, None)

    def _attempt(
        self,
        step: StepView,
        attempt: int,
        start: Instant | None,
        end: Instant,
        worker: str | None,
        failed: Failure | None,
    ) -> None:
        if not step.definition.action:
            # A child run: what was done in it is told of there.
            return
        run, of = self._run, self._trace
        before = [Link(self._identity.context(of, run.id, step.key, attempt - 1))] if attempt > 1 else []
        facts = {**self._step_facts(step), names.ATTEMPT: attempt}
        if worker:
            facts[names.WORKER_ID] = worker
        self._send(
            f"attempt {step.definition.id}",
            self._identity.context(of, run.id, step.key, attempt),
            start or step.ready_at or end,
            end,
            parent=self._identity.context(of, run.id, step.key),
            links=before,
            **_outcome(facts, failed),
        )

    def _step(self, step: StepView, end: Instant, failed: Failure | None, start: Instant | None = None) -> None:
        run, of = self._run, self._trace
        # An item stands below the foreach it belongs to.
        parent = step.definition.id if step.item is not None else ""
        self._send(
            f"step {step.definition.id}",
            self._identity.context(of, run.id, step.key),
            start or step.first_ready_at or step.ready_at or end,
            end,
            parent=self._identity.context(of, run.id, parent),
            **_outcome({**self._step_facts(step), names.STEP_STATE: step.state.name}, failed),
        )

    def _run_span(self, end: Instant) -> None:
        run, of = self._run, self._trace
        links = []
        if run.forked_from is not None:
            source = self._identity.run_trace(run.forked_from, run.trace)
            links.append(Link(self._identity.context(source, run.forked_from)))
        self._send(
            f"run {run.workflow.name}",
            self._identity.context(of, run.id),
            run.created_at,
            end,
            parent=of.parent,
            links=links,
            **_outcome(
                {**self._run_facts(), names.RUN_STATE: run.state.name}, run.failure if run.state in _FAILED else None
            ),
        )

    def _run_facts(self) -> dict[str, Any]:
        workflow = self._run.workflow
        return {
            names.NAMESPACE: workflow.namespace,
            names.WORKFLOW: workflow.name,
            names.VERSION: workflow.version,
            names.RUN_ID: ids.show(self._run.id),
        }

    def _step_facts(self, step: StepView) -> dict[str, Any]:
        facts = {**self._run_facts(), names.STEP_ID: step.key}
        if step.definition.action:
            facts[names.ACTION] = step.definition.action
        return facts

    def _step_of(self, event: Event) -> StepView:
        step: StepView = self._run.steps[event.step]
        return step


def _outcome(facts: dict[str, Any], failed: Failure | None) -> dict[str, Any]:
    if failed is None:
        return {"attributes": facts}
    status = Status(StatusCode.ERROR, failed.message[:_MESSAGE_CHARS_MAX])
    return {"attributes": {**facts, names.ERROR_TYPE: failed.type}, "status": status}


_ENDS: dict[EventType, Callable[[_Telling, Event], None]] = {
    EventType.STEP_SUCCEEDED: _Telling.succeeded,
    EventType.STEP_ATTEMPT_FAILED: _Telling.attempt_failed,
    EventType.STEP_DEAD: _Telling.dead,
    EventType.STEP_FAILED: _Telling.step_failed,
    EventType.STEP_RAN: _Telling.ran,
    EventType.STEP_CANCELLED: _Telling.step_cancelled,
    EventType.RUN_CONTINUED: _Telling.run_ended,
    EventType.RUN_SUCCEEDED: _Telling.run_ended,
    EventType.RUN_FAILED: _Telling.run_ended,
    EventType.RUN_CANCELLED: _Telling.run_ended,
    EventType.RUN_TERMINATED: _Telling.run_ended,
    EventType.RUN_TIMED_OUT: _Telling.run_ended,
}
