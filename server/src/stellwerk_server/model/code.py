"""What code of a workflow wants of its run, and the steps that come of it. Frozen values; nothing is decided here."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any, NamedTuple

from stellwerk_server.model.definition import (
    OnFailure,
    ParentClose,
    RetryPolicy,
    StepDefinition,
    StepKind,
    Timeouts,
    WorkflowDefinition,
)
from stellwerk_server.model.events import Instant
from stellwerk_server.model.failure import Failure
from stellwerk_server.model.payload import Payload

if TYPE_CHECKING:
    from stellwerk_server.model.commands import Workflow

DECISION = "$decision"
WORKFLOW = "workflow:"
# A decision that fails is tried again so often before its run is parked.
DECISION_RETRY = RetryPolicy(max_attempts=6, initial_s=0.2, max_s=10.0)
_DEFAULT, _ONCE = RetryPolicy(), RetryPolicy(max_attempts=1)
_UNBOUNDED = Timeouts()


class MakeStep(NamedTuple):
    """Have a step: an action, a sleep, a signal or a child run, as `data` says (see `step_definition`)."""

    step: str
    data: dict[str, Any]
    input: Payload | None = None


class RanStep(NamedTuple):
    """A step was run by the worker that decides and has ended: with an output, or with a failure."""

    step: str
    attempts: int
    output: Payload | None
    failure: Failure | None
    started_at: Instant | None


class CancelStep(NamedTuple):
    """The step is no longer wanted."""

    step: str


class Publish(NamedTuple):
    """Show a value to whoever reads the run."""

    key: str
    value: Payload


class SetAttributes(NamedTuple):
    """Set searchable values; None removes one."""

    values: dict[str, Any]


class Patch(NamedTuple):
    """The code went the new way at this place."""

    id: str


class Succeed(NamedTuple):
    """The code has returned."""

    output: Payload


class Fail(NamedTuple):
    """An exception has left the code."""

    failure: Failure


class Cancelled(NamedTuple):
    """The code has let a cancellation through."""


class Continue(NamedTuple):
    """The code goes on in a new run (of its own workflow: None); the committer gives that its id."""

    workflow: Workflow | None
    input: Payload
    run_id: int = 0


CodeCommand = MakeStep | RanStep | CancelStep | Publish | SetAttributes | Patch | Succeed | Fail | Cancelled | Continue


def action_of(workflow: str) -> str:
    """The action that decisions of a workflow are polled by."""
    return WORKFLOW + workflow


def pinned(action: str, build: str) -> str:
    """The action that decisions of runs that stay on a build are polled by."""
    return f"{action}@{build}"


def code_workflow(name: str, queue: str, canonical: str) -> WorkflowDefinition:
    """The definition of a workflow that is code, decided by workers of that queue."""
    action = action_of(name)
    decision = StepDefinition(0, DECISION, StepKind.DECISION, action, queue, retry=DECISION_RETRY)
    return WorkflowDefinition(name, (), canonical, decision=decision)


def step_definition(key: str, position: int, data: dict[str, Any]) -> StepDefinition:
    """The step that `data` describes, as recorded with the decision that made it.

    Keys: action, queue, priority, lane | workflow, parent_close | sleep_s | signal | local; retry, timeout. What is
    absent has the default of definitions.
    """
    kind, retry = StepKind.ACTION, _DEFAULT
    if "workflow" in data:
        kind, retry = StepKind.WORKFLOW, _ONCE
    elif "signal" in data:
        kind = StepKind.SIGNAL
    elif "sleep_s" in data:
        kind = StepKind.SLEEP
    elif "local" in data:
        kind = StepKind.LOCAL
    return StepDefinition(
        position,
        key,
        kind,
        data.get("action", ""),
        data.get("queue", "default"),
        data.get("priority", 0),
        sleep_s=data.get("sleep_s"),
        signal=data.get("signal", ""),
        workflow=data.get("workflow", ""),
        parent_close=ParentClose[data.get("parent_close", "cancel").upper()],
        retry=_retry(data["retry"], retry) if "retry" in data else retry,
        timeout=Timeouts(**data["timeout"]) if "timeout" in data else _UNBOUNDED,
        on_failure=OnFailure.CONTINUE,
        lane=data.get("lane"),
    )


def described(step: StepDefinition) -> dict[str, Any]:
    """What `step_definition` makes the step of again, without what has its default."""
    data: dict[str, Any] = {}
    if step.kind is StepKind.ACTION:
        data |= {"action": step.action, "lane": step.lane}
        data |= {"queue": step.queue} if step.queue != "default" else {}
        data |= {"priority": step.priority} if step.priority else {}
    elif step.kind is StepKind.WORKFLOW:
        data |= {"workflow": step.workflow, "parent_close": step.parent_close.name.lower()}
    elif step.kind is StepKind.SIGNAL:
        data["signal"] = step.signal
    elif step.kind is StepKind.SLEEP:
        data["sleep_s"] = step.sleep_s
    else:
        data["local"] = True
    if step.retry != (_ONCE if step.kind is StepKind.WORKFLOW else _DEFAULT):
        data["retry"] = {**asdict(step.retry), "non_retryable": sorted(step.retry.non_retryable)}
    if step.timeout != _UNBOUNDED:
        data["timeout"] = {name: value for name, value in asdict(step.timeout).items() if value is not None}
    return data


def _retry(data: dict[str, Any], default: RetryPolicy) -> RetryPolicy:
    return RetryPolicy(
        data.get("max_attempts", default.max_attempts),
        data.get("initial_s", default.initial_s),
        data.get("backoff", default.backoff),
        data.get("max_s", default.max_s),
        data.get("jitter", default.jitter),
        frozenset(data.get("non_retryable", ())),
    )
