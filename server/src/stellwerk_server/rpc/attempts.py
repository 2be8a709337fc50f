"""The attempts of a step, put together from what the history tells and from its lease. Reads nothing itself."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from google.protobuf.message import Message

from stellwerk.v1 import run_pb2
from stellwerk_server.model import failure as failures
from stellwerk_server.model.events import EventType
from stellwerk_server.model.failure import Failure
from stellwerk_server.model.states import StepState
from stellwerk_server.rpc import convert
from stellwerk_server.store.events import AttemptEvent
from stellwerk_server.store.steps import Step

_OUTCOMES = {
    EventType.STEP_SUCCEEDED: "SUCCEEDED",
    EventType.STEP_ATTEMPT_FAILED: "FAILED",
    EventType.STEP_FAILED: "FAILED",
    EventType.STEP_DEAD: "DEAD",
}


def attempts_of(step: Step, told: Iterable[AttemptEvent], *, whole: bool) -> list[run_pb2.Attempt]:
    """Every attempt of the step, oldest first; with `whole` failures keep their stack, details and causes.

    What waits to be handed out is no attempt yet. One that ended with its run has no event of its own.
    """
    made: dict[int, run_pb2.Attempt] = {}
    for event in told:
        attempt = made.setdefault(event.attempt, run_pb2.Attempt(attempt=event.attempt))
        if event.type == EventType.STEP_CHILD_STARTED:
            _put(attempt.start_time, convert.timestamp(event.at))
        else:
            _end(attempt, event, whole)
    if step.state == StepState.LEASED:
        made[step.attempt] = run_pb2.Attempt(
            attempt=step.attempt, worker_id=step.worker or "", start_time=convert.timestamp(step.started_at)
        )
    elif step.state == StepState.CANCELLED and step.attempt:
        last = made.setdefault(step.attempt, run_pb2.Attempt(attempt=step.attempt))
        if not last.outcome:
            last.outcome = "CANCELLED"
            _put(last.end_time, convert.timestamp(step.ended_at))
    return [made[number] for number in sorted(made)]


def brief(failure: Failure | None) -> Failure | None:
    """A failure without what may be long."""
    return None if failure is None else replace(failure, stack="", details=None, cause=None)


def _end(attempt: run_pb2.Attempt, event: AttemptEvent, whole: bool) -> None:
    if event.type == EventType.STEP_RAN:
        attempt.outcome = "SUCCEEDED" if event.failure is None else "FAILED"
    else:
        attempt.outcome = _OUTCOMES[EventType(event.type)]
    attempt.worker_id = event.worker or ""
    _put(attempt.end_time, convert.timestamp(event.at))
    _put(attempt.start_time, convert.timestamp(event.started_at))
    if event.failure is not None:
        failure = failures.from_json(event.failure)
        _put(attempt.failure, convert.failure_message(failure if whole else brief(failure)))


def _put(field: Message, value: Message | None) -> None:
    if value is not None:
        field.CopyFrom(value)
