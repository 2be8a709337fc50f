"""One decision in the making: emits events onto a run and lets finished steps set off the steps that need them.

Chains are walked with a list, never by recursion, so a sequence of 10,000 skipped steps costs no stack.
"""

from __future__ import annotations

from typing import Any

from stellwerk_server.engine import inputs
from stellwerk_server.engine.evolve import evolve
from stellwerk_server.engine.run import Run, Step
from stellwerk_server.model import ids
from stellwerk_server.model.commands import Lease
from stellwerk_server.model.definition import MAX_SPAN_S, OnFailure, StepDefinition, StepKind
from stellwerk_server.model.errors import ExpressionError, Refused
from stellwerk_server.model.events import SECOND, Event, EventType, Instant
from stellwerk_server.model.failure import Category, Failure
from stellwerk_server.model.payload import Payload, from_value
from stellwerk_server.model.states import RunState, StepState

MAX_ITEMS = 100_000
# A list of a foreach, its joined outputs and a rendered template may be this large; they never cross a client.
MAX_DERIVED_BYTES = 8 * 1024 * 1024


class Transition:
    """Events of one command against one run, applied as they are emitted."""

    __slots__ = ("_finished", "events", "now", "run")

    def __init__(self, run: Run, now: Instant) -> None:
        self.run = run
        self.now = now
        self.events: list[Event] = []
        self._finished: list[Step] = []

    def emit(
        self,
        type: EventType,
        step: str | None = None,
        attempt: int | None = None,
        worker: str | None = None,
        started_at: Instant | None = None,
        payload: Payload | None = None,
        failure: Failure | None = None,
        data: dict[str, Any] | None = None,
    ) -> None:
        """Record that something happened, and let the run become what it is after it."""
        event = Event(self.run.seq + 1, type, self.now, step, attempt, worker, started_at, payload, failure, data)
        self.events.append(event)
        evolve(self.run, event)

    def begin(self) -> None:
        """Set off the steps that need nothing, or whose needs a fork has kept."""
        for definition in self.run.workflow.definition.steps:
            step = self.run.step(definition)
            if step.state is StepState.PENDING and step.needs_left == 0:
                self._begin_step(step)
        self.settle()

    def finished(self, step: Step) -> None:
        """A step is finished for good; what needs it is looked at by `settle`."""
        self._finished.append(step)

    def settle(self) -> None:
        """Set off whatever waited for the finished steps, until nothing moves; then see whether the run has ended."""
        while self._finished and not self.run.state.terminal:
            step = self._finished.pop()
            if step.item is not None:
                self._settle_item(self.run.parent(step))
                continue
            for dependent in self.run.dependents(step):
                if dependent.needs_left == 0 and dependent.state is StepState.PENDING:
                    self._begin_step(dependent)
        run = self.run
        if run.open_steps == 0 and run.code is None and not run.parked and not run.state.terminal:
            self._succeed()

    def deliver(self, signal: str) -> None:
        """Give the oldest kept signal of that name to the step that has waited longest, if both are there."""
        signals = self.run.told()
        kept, awaiting = signals.kept.get(signal), signals.awaiting.get(signal)
        if kept and awaiting:
            step = next(iter(awaiting.values()))
            self.emit(EventType.STEP_SUCCEEDED, step.key, payload=kept[0])
            self.finished(step)

    def attempt_failed(
        self,
        step: Step,
        failure: Failure,
        due_at: Instant,
        worker: str | None = None,
        started_at: Instant | None = None,
    ) -> None:
        """An attempt has failed and another one follows, at once when that is due already."""
        data = {"due_at": due_at}
        self.emit(EventType.STEP_ATTEMPT_FAILED, step.key, step.attempt, worker, started_at, failure=failure, data=data)
        if due_at <= self.now:
            self.emit(EventType.STEP_SCHEDULED, step.key, step.attempt + 1)

    def give_up(self, step: Step, failure: Failure, lease: Lease | None = None) -> None:
        """A step that is no dead letter has failed for good; its on_failure says what follows."""
        if lease is None:
            self.emit(EventType.STEP_FAILED, step.key, failure=failure)
        else:
            attempt = (step.attempt, lease.worker, lease.leased_at)
            self.emit(EventType.STEP_FAILED, step.key, *attempt, None, failure)
        if step.definition.on_failure is OnFailure.CONTINUE:
            self.finished(step)
        else:
            self.fail_run(step, failure)

    def fail_run(self, step: Step, failure: Failure) -> None:
        """End the run as FAILED because of that step."""
        self.emit(EventType.RUN_FAILED, failure=failure.located(step.key, step.attempt, failure.worker, self.now))

    def _succeed(self) -> None:
        run = self.run
        template = run.workflow.definition.output
        if template is None:
            self.emit(EventType.RUN_SUCCEEDED, payload=inputs.run_output(run))
            return
        try:
            output = _bounded(from_value(template.render(inputs.scope(run, template.reads))), "output")
        except (ExpressionError, ValueError) as error:
            self.emit(EventType.RUN_FAILED, failure=_definition_failure("output", error))
            return
        self.emit(EventType.RUN_SUCCEEDED, payload=output)

    def _begin_step(self, step: Step) -> None:
        if self.run.state.terminal:
            # A sibling's template has just failed the run.
            return
        definition = step.definition
        if definition.needs and step.needs_met == 0:
            self._skip(step, "no step it needs has succeeded")
            return
        try:
            if definition.when is not None and not self._condition(definition):
                self._skip(step, "its condition is false")
            elif definition.kind is StepKind.SLEEP:
                due_at = self.now + int(self._sleep_s(definition) * SECOND)
                self.emit(EventType.STEP_SLEEPING, step.key, data={"due_at": due_at})
            elif definition.kind is StepKind.SIGNAL:
                self.emit(EventType.STEP_AWAITING, step.key)
                self.deliver(definition.signal)
            elif definition.foreach is not None:
                self._expand(step, self._items(definition))
            else:
                self.emit(EventType.STEP_SCHEDULED, step.key, 1, payload=self._input(definition))
        except (ExpressionError, ValueError, RecursionError) as error:
            self.give_up(step, _definition_failure(step.key, error))

    def _skip(self, step: Step, reason: str) -> None:
        self.emit(EventType.STEP_SKIPPED, step.key, data={"reason": reason})
        self.finished(step)

    def _condition(self, definition: StepDefinition) -> bool:
        assert definition.when is not None
        return bool(definition.when.evaluate(inputs.scope(self.run, definition.when_reads)))

    def _input(self, definition: StepDefinition) -> Payload | None:
        template = definition.input
        if template is None:
            return None
        return _bounded(from_value(template.render(inputs.scope(self.run, template.reads))), "input")

    def _sleep_s(self, definition: StepDefinition) -> float:
        if definition.sleep is None:
            return definition.sleep_s or 0.0
        value = definition.sleep.render(inputs.scope(self.run, definition.sleep.reads))
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= MAX_SPAN_S:
            raise ExpressionError(f"sleep: expected seconds from 0 to {MAX_SPAN_S:.0f}, came {value!r:.80}")
        return float(value)

    def _items(self, definition: StepDefinition) -> Payload:
        assert definition.foreach is not None
        reads = definition.foreach.reads | (definition.input.reads if definition.input else frozenset())
        scope = inputs.scope(self.run, reads)
        items = definition.foreach.render(scope)
        if not isinstance(items, list):
            raise ExpressionError(f"foreach: expected a list, came {type(items).__name__}")
        if len(items) > MAX_ITEMS:
            raise ExpressionError(f"foreach: expected at most {MAX_ITEMS} items, came {len(items)}")
        if definition.input is not None:
            template = definition.input
            items = [template.render({**scope, "item": item, "index": i}) for i, item in enumerate(items)]
        return _bounded(from_value(items), "foreach")

    def _expand(self, step: Step, items: Payload) -> None:
        self.emit(EventType.STEP_EXPANDED, step.key, payload=items)
        self._settle_item(step)

    def _settle_item(self, parent: Step) -> None:
        if parent.items_left or parent.state.finished:
            return
        size = sum(len(outcome or b"null") + 1 for outcome in parent.outcomes)
        if size > MAX_DERIVED_BYTES:
            message = f"the outputs of {parent.items} items are {size} bytes together, the limit is {MAX_DERIVED_BYTES}"
            self.give_up(parent, Failure("PayloadTooLarge", message, category=Category.LIMIT))
            return
        self.emit(EventType.STEP_SUCCEEDED, parent.key)
        self.finished(parent)


def _bounded(payload: Payload, field: str) -> Payload:
    if len(payload) > MAX_DERIVED_BYTES:
        raise ExpressionError(f"{field}: expected at most {MAX_DERIVED_BYTES} bytes, came {len(payload)}")
    return payload


def _definition_failure(place: str, error: Exception) -> Failure:
    return Failure("ExpressionError", f"{place}: {error}", category=Category.DEFINITION, terminal=True)


def is_open(run: Run) -> bool:
    """True while commands may still change the run."""
    return run.state in (RunState.RUNNING, RunState.BLOCKED)


def require_open(run: Run) -> None:
    """Raise Refused when the run has ended."""
    if not is_open(run):
        raise Refused(
            "RUN_TERMINAL",
            f"{ids.show(run.id)} has ended as {run.state.name}",
            run_id=ids.show(run.id),
            state=run.state.name,
        )
