"""Every exception of the SDK, for callers to catch. Must not know gRPC: `_status` maps calls to these.

StellwerkError
├── RequestError                 the server refused a call, or could not be reached
│   ├── InvalidArgument          `fields` names every problem
│   │   └── PayloadTooLarge
│   ├── NotFound
│   ├── AlreadyExists
│   ├── FailedPrecondition
│   │   ├── LeaseLost
│   │   ├── RunTerminal
│   │   └── IdempotencyKeyReused
│   ├── ResourceExhausted
│   ├── Unauthenticated
│   ├── PermissionDenied
│   ├── DeadlineExceeded
│   └── Unavailable
├── RunFailed                    the run ended without a result
│   ├── RunCancelled
│   ├── RunTerminated
│   └── RunTimedOut
├── StepFailed                   what a workflow's code asked for has failed
│   ├── ChildFailed
│   └── SignalTimeout
├── NonDeterminism               a workflow's code does not do what is recorded (raised by the testing kit)
├── TestStuck                    a run under test waits for what nobody sends
├── EncodeError                  a value cannot travel as a payload
├── InputError                   a payload does not fit what was asked for
├── TaskCancelled                the server took the task back (raised in sync handlers)
└── HandlerError                 for handlers to raise
    ├── TerminalError            no attempt follows
    └── RetryableError           try again, after a delay of the handler's choice
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from stellwerk._records import Failure, FieldProblem, RunState


class StellwerkError(Exception):
    """The root of every exception this package raises on purpose."""


class RequestError(StellwerkError):
    """The server refused a call, or the call did not get through.

    `code` is the gRPC status name ("NOT_FOUND"), `reason` the stable UPPER_SNAKE reason of the API
    ("LEASE_LOST", empty when none was given), `metadata` its details, `fields` every field problem of an
    INVALID_ARGUMENT, `retry_after_s` the delay in seconds the server asked for, if any.
    """

    def __init__(
        self,
        message: str,
        *,
        code: str = "UNKNOWN",
        reason: str = "",
        metadata: Mapping[str, str] | None = None,
        fields: tuple[FieldProblem, ...] = (),
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.reason = reason
        self.metadata = dict(metadata or {})
        self.fields = fields
        self.retry_after_s = retry_after_s

    def __str__(self) -> str:
        lines = [f"{self.message} [{self.reason or self.code}]"]
        lines += [f"  {problem.field}: {problem.description}" for problem in self.fields]
        return "\n".join(lines)


class InvalidArgument(RequestError):
    """The request is malformed; `fields` lists everything that is wrong with it."""


class PayloadTooLarge(InvalidArgument):
    """A payload is larger than the server takes; `metadata` has `size`, `limit` and `field`."""


class NotFound(RequestError):
    """The run, workflow or dead letter does not exist in this namespace."""


class AlreadyExists(RequestError):
    """Something with this name or id is there already."""


class FailedPrecondition(RequestError):
    """The thing is not in a state that allows this."""


class LeaseLost(FailedPrecondition):
    """The task was handed to somebody else, or its run has ended."""


class RunTerminal(FailedPrecondition):
    """The run has ended; nothing can be done with it but retry."""


class IdempotencyKeyReused(FailedPrecondition):
    """The idempotency key was used before with another input."""


class ResourceExhausted(RequestError):
    """A rate or quota is used up; `retry_after_s` says when to come back."""


class Unauthenticated(RequestError):
    """The token is missing or wrong (option `token`, environment STELLWERK_TOKEN)."""


class PermissionDenied(RequestError):
    """The token does not allow this."""


class DeadlineExceeded(RequestError):
    """No answer came in time, however often the call was sent."""


class Unavailable(RequestError):
    """The server cannot be reached or is not ready; the message names the address."""


class RunFailed(StellwerkError):
    """The run ended in another state than SUCCEEDED.

    `run_id` and `state` say which and how, `failure` why (None when the server gave no reason).
    """

    def __init__(self, run_id: str, state: RunState, failure: Failure | None) -> None:
        super().__init__(run_id, state, failure)
        self.run_id = run_id
        self.state = state
        self.failure = failure

    def __str__(self) -> str:
        text = f"run {self.run_id} ended as {self.state}"
        if self.failure is None:
            return text
        where = f" in step {self.failure.step}, attempt {self.failure.attempt}" if self.failure.step else ""
        return f"{text}{where}: {self.failure.type}: {self.failure.message}"


class RunCancelled(RunFailed):
    """Somebody cancelled the run."""


class RunTerminated(RunFailed):
    """Somebody terminated the run."""


class RunTimedOut(RunFailed):
    """The run's deadline passed before it was done."""


class StepFailed(StellwerkError):
    """What a workflow's code asked for has failed for good: a step, a local step, a child run, the wait for a signal.

    `step` is its id ("charge#2"), `attempt` the last one; `type`, `message`, `details`, `category` and `cause` are
    the failure's (`failure` has all of it).
    """

    def __init__(self, step: str, failure: Failure, attempt: int) -> None:
        super().__init__(step, failure, attempt)
        self.step = step
        self.failure = failure
        self.attempt = attempt
        self.type = failure.type
        self.message = failure.message
        self.details = failure.details
        self.category = failure.category
        self.cause = failure.cause

    def __str__(self) -> str:
        return f"{self.type}: {self.message}"


class ChildFailed(StepFailed):
    """A child run has ended without a result; `cause` is its own failure."""


class SignalTimeout(StepFailed):
    """The signal did not come in time."""


class NonDeterminism(StellwerkError):
    """The code does something else than is recorded: `step 4: recorded charge("card"), now reserve("stock")`."""


class TestStuck(StellwerkError):
    """A run under test can only wait for what nobody sends."""

    __test__ = False  # no test case, whatever its name says


class EncodeError(StellwerkError, ValueError):
    """A value cannot be written as a payload; the message names the place in it."""


class InputError(StellwerkError, ValueError):
    """A payload does not fit its annotation: `field` (path), what was `expected` and what `came`."""

    def __init__(self, field: str, expected: str, came: str) -> None:
        super().__init__(f"{field}: expected {expected}, came {came}")
        self.field = field
        self.expected = expected
        self.came = came

    def __reduce__(self) -> tuple[type[InputError], tuple[str, str, str]]:
        return type(self), (self.field, self.expected, self.came)


class TaskCancelled(StellwerkError):
    """The server took this task back: its run ended or its lease is gone.

    Raised by `ctx.heartbeat` and `ctx.stream` in sync handlers; let it pass. Async handlers get
    `asyncio.CancelledError` instead. `reason` is the server's, for example "RUN_CANCELLED".
    """

    def __init__(self, reason: str) -> None:
        super().__init__(f"the task was cancelled: {reason}")
        self.reason = reason


class HandlerError(StellwerkError):
    """What a handler raises to say how its failure is to be treated; raise one of the two below."""

    def __init__(self, message: str, *, type: str | None = None, details: Any = None) -> None:
        super().__init__(message)
        self.message = message
        self.type = type or self.__class__.__name__
        self.details = details


class TerminalError(HandlerError):
    """The step fails for good: no attempt follows, whatever its retry policy says.

    `type` is the name retry policies and other languages see (default: the class name), `details` any
    JSON value kept with the failure.

        raise TerminalError("card declined", type="CardDeclined", details={"code": 51})
    """


class RetryableError(HandlerError):
    """The attempt fails and is tried again while the policy allows attempts.

    `retry_after` (seconds or timedelta; default: the policy's delay) is the time before the next attempt.

        raise RetryableError("rate limited", retry_after=30)
    """

    def __init__(
        self,
        message: str,
        *,
        retry_after: float | timedelta | None = None,
        type: str | None = None,
        details: Any = None,
    ) -> None:
        super().__init__(message, type=type, details=details)
        self.retry_after_s = _seconds(retry_after)


def _seconds(delay: float | timedelta | None) -> float | None:
    if delay is None:
        return None
    seconds = delay.total_seconds() if isinstance(delay, timedelta) else float(delay)
    if not 0 <= seconds < float("inf"):
        raise ValueError(f"retry_after: expected a finite number of seconds >= 0, came {delay!r}")
    return seconds
