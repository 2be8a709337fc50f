"""Exceptions of handlers to Failure messages: type, message, stack, cause. Must not decide on retries."""

from __future__ import annotations

import traceback
from pathlib import Path
from types import TracebackType
from typing import Any

from google.protobuf.duration_pb2 import Duration

from stellwerk import _records as records
from stellwerk.errors import EncodeError, HandlerError, InputError, RetryableError, StepFailed, TerminalError
from stellwerk.payload import fill
from stellwerk.v1.payload_pb2 import (
    FAILURE_CATEGORY_CANCELLED,
    FAILURE_CATEGORY_USER,
    FAILURE_CATEGORY_WORKER_LOST,
    Failure,
    FailureCategory,
)

STACK_CHARS_MAX = 16 * 1024
MESSAGE_CHARS_MAX = 16 * 1024
CAUSES_MAX = 5
_OWN_FOLDER = str(Path(__file__).parent)
_OWN_TYPES: dict[type[Exception], str] = {EncodeError: "EncodeError", InputError: "InputError"}


def failure_of(error: BaseException, causes_left: int = CAUSES_MAX) -> Failure:
    """What a handler's exception means to the server."""
    failure = Failure(
        type=clean(_type_name(error)),
        message=clean(error.message if isinstance(error, StepFailed) else str(error))[:MESSAGE_CHARS_MAX],
        stack=clean(_stack(error))[-STACK_CHARS_MAX:],
        category=FAILURE_CATEGORY_USER,
        terminal=isinstance(error, (TerminalError, EncodeError, InputError)),
    )
    if isinstance(error, RetryableError) and error.retry_after_s is not None:
        failure.retry_after.CopyFrom(_duration(error.retry_after_s))
    if isinstance(error, HandlerError) and error.details is not None:
        _fill_details(failure, error.details)
    if isinstance(error, StepFailed):
        _fill_step_failure(failure, error)
        return failure
    cause = _cause(error)
    if cause is not None and causes_left:
        failure.cause.CopyFrom(failure_of(cause, causes_left - 1))
    return failure


def cancelled_failure(reason: str) -> Failure:
    """The outcome of a handler that stopped because the server took its task back."""
    return Failure(
        type="TaskCancelled",
        message=f"the task was cancelled: {reason}",
        category=FAILURE_CATEGORY_CANCELLED,
        terminal=True,
    )


def stopped_failure() -> Failure:
    """The outcome of a handler that was still running when its worker had to stop; it is tried again."""
    return Failure(
        type="WorkerStopped",
        message="the worker was stopped and the handler was not done within the drain time",
        category=FAILURE_CATEGORY_WORKER_LOST,
    )


def clean(text: str) -> str:
    """Text that protobuf and Postgres both take: no lone surrogates, no NUL."""
    return text.encode("utf-8", "replace").decode("utf-8").replace("\0", "�")


def _type_name(error: BaseException) -> str:
    if isinstance(error, (HandlerError, StepFailed)):
        return error.type
    for own, name in _OWN_TYPES.items():
        if isinstance(error, own):
            return name
    return type(error).__name__


def _stack(error: BaseException) -> str:
    """The user's part of the traceback."""
    trace = error.__traceback__
    while trace is not None and _is_own(trace):
        trace = trace.tb_next
    if trace is None:
        return ""
    return "".join(traceback.format_exception(type(error), error, trace, chain=False))


def _is_own(trace: TracebackType) -> bool:
    return trace.tb_frame.f_code.co_filename.startswith(_OWN_FOLDER)


def _cause(error: BaseException) -> BaseException | None:
    if error.__cause__ is not None:
        return error.__cause__
    return None if error.__suppress_context__ else error.__context__


def _fill_step_failure(failure: Failure, error: StepFailed) -> None:
    """A step's failure that nobody caught is the run's: what failed, and where, is still to be seen."""
    failure.step = error.step
    failure.attempt = error.attempt
    failure.category = _category(error.category)
    if error.details is not None:
        _fill_details(failure, error.details)
    if error.cause is not None:
        failure.cause.CopyFrom(_recorded(error.cause))


def _category(name: str) -> Any:
    return FailureCategory.Value(f"FAILURE_CATEGORY_{name}")


def _recorded(record: records.Failure, causes_left: int = CAUSES_MAX) -> Failure:
    """The message of a failure that was read from one."""
    failure = Failure(
        type=record.type,
        message=record.message,
        stack=record.stack,
        category=_category(record.category),
        terminal=record.terminal,
        step=record.step,
        attempt=record.attempt,
    )
    if record.details is not None:
        _fill_details(failure, record.details)
    if record.cause is not None and causes_left:
        failure.cause.CopyFrom(_recorded(record.cause, causes_left - 1))
    return failure


def _duration(seconds: float) -> Duration:
    duration = Duration()
    duration.FromNanoseconds(int(seconds * 1e9))
    return duration


def _fill_details(failure: Failure, details: object) -> None:
    try:
        fill(failure.details, details)
    except EncodeError:
        fill(failure.details, clean(repr(details))[:MESSAGE_CHARS_MAX])
