"""What a workflow's code may know and ask for. Must not send or run anything itself: the run's replay takes it down."""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Awaitable, Callable, Mapping, MutableMapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, NoReturn, TypedDict
from uuid import UUID

from stellwerk._span import Span, duration
from stellwerk.errors import PayloadTooLarge
from stellwerk.payload import PAYLOAD_BYTES_MAX, encode_json, fill
from stellwerk.v1.payload_pb2 import Payload
from stellwerk.v1.worker_pb2 import Command, RetryPolicy, Timeouts

if TYPE_CHECKING:
    from stellwerk._replay import Replay

_logger = logging.getLogger("stellwerk.workflow")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_PARENT_CLOSE = ("", "cancel", "terminate", "abandon")


class RetryOptions(TypedDict, total=False):
    """When a failed attempt is followed by another; what is absent has the default of definitions.

    `max_attempts` (4), `initial` (1 s) delay after the first, times `backoff` (2) after each other, up to `max`
    (60 s), spread by ± `jitter` (0.2); no attempt follows a failure of a type in `non_retryable`.
    """

    max_attempts: int
    initial: Span
    backoff: float
    max: Span
    jitter: float
    non_retryable: Sequence[str]


class TimeoutOptions(TypedDict, total=False):
    """Bounds of a step: of one `attempt`, of all together (`total`), of waiting for a worker (`start`)."""

    attempt: Span
    total: Span
    start: Span


class Continue(BaseException):
    """Leaves the code by `continue_as_new`."""

    def __init__(self, command: Command) -> None:
        super().__init__("the run goes on as a new one")
        self.command = command


class WorkflowContext:
    """The first argument of a workflow's function; belongs to one run.

    What waits gives a future: it has begun when the call returns, may be awaited at once or later, alone or with others
    (`asyncio.gather`, `asyncio.wait`, `asyncio.timeout`, tasks), and is given up by cancelling it. What fails raises
    StepFailed. Time, random numbers and all that is outside must come from here, so that a replay does the same.
    """

    __slots__ = ("_log", "_replay")

    def __init__(self, replay: Replay) -> None:
        self._replay = replay
        self._log: _CodeLogger | None = None

    def step(
        self,
        action: str,
        input: Any = None,
        *,
        name: str = "",
        queue: str = "",
        priority: int = 0,
        retry: RetryOptions | None = None,
        timeout: TimeoutOptions | None = None,
    ) -> asyncio.Future[Any]:
        """Have any worker run an action; gives its output.

        input     any JSON value, dataclass or pydantic model, or bytes
        name      id of the step (default: the action); the second of that name is "name#2"
        queue     default "default"
        priority  default 0
        retry, timeout  as in definitions, see RetryOptions and TimeoutOptions

        Raises StepFailed when awaited, EncodeError at once.
        """
        self._replay.check()
        command = Command()
        asked = command.action
        asked.action = action
        _fill(asked.input, input)
        if queue:
            asked.queue = queue
        if priority:
            asked.priority = priority
        if retry:
            _fill_retry(asked.retry, retry)
        if timeout:
            _fill_timeouts(asked.timeout, timeout)
        return self._replay.ask("action", name or action, action, command)

    def run(self, name: str, function: Callable[[], Any], *, retry: RetryOptions | None = None) -> asyncio.Future[Any]:
        """Run a function here (async on the worker's loop, sync in a thread) and record its result before going on.

        It runs again when the worker dies before that. Failures are tried again as a step's, TerminalError is not.
        """
        self._replay.check()
        if not callable(function):
            raise TypeError(f"run {name!r}: expected a function, came {type(function).__name__}")
        if retry:
            _fill_retry(RetryPolicy(), retry)
        return self._replay.ask_local(name, function, retry)

    def sleep(self, span: Span) -> asyncio.Future[None]:
        """Wait: seconds, a timedelta, or text such as "3d". Nothing is held meanwhile."""
        self._replay.check()
        command = Command()
        command.sleep.duration.CopyFrom(duration(span, "sleep"))
        return self._replay.ask("sleep", "sleep", "", command)

    wait = sleep

    def wait_signal(self, name: str, *, timeout: Span | None = None) -> asyncio.Future[Any]:
        """Wait for a signal and give its payload; SignalTimeout after `timeout` (default: none)."""
        self._replay.check()
        command = Command()
        command.signal.signal = name
        if timeout is not None:
            command.signal.timeout.CopyFrom(duration(timeout, "timeout"))
        return self._replay.ask("signal", name, name, command)

    def child(
        self,
        workflow: str,
        input: Any = None,
        *,
        name: str = "",
        parent_close: str = "",
        retry: RetryOptions | None = None,
        timeout: Span | None = None,
    ) -> asyncio.Future[Any]:
        """Start a run and wait for its output. Raises ChildFailed when awaited.

        name          id of the step (default: the workflow)
        parent_close  what becomes of it when this run ends: "cancel" (default), "terminate" or "abandon"
        retry         one attempt unless it says more
        timeout       default: none
        """
        self._replay.check()
        if parent_close not in _PARENT_CLOSE:
            raise ValueError(f"parent_close: expected cancel, terminate or abandon, came {parent_close!r}")
        command = Command()
        asked = command.child
        asked.workflow = workflow
        _fill(asked.input, input)
        asked.parent_close = parent_close
        if retry:
            _fill_retry(asked.retry, retry)
        if timeout is not None:
            asked.timeout.CopyFrom(duration(timeout, "timeout"))
        return self._replay.ask("child", name or workflow, workflow, command)

    async def select(self, *waits: Awaitable[Any]) -> tuple[int, Any]:
        """Wait for the first of these; gives its index and value, or raises what it failed with.

        The others go on: cancel those you no longer want.
        """
        if not waits:
            raise ValueError("select: expected something to wait for, came nothing")
        futures = [_future(wait) for wait in waits]
        if not any(future.done() for future in futures):
            try:
                await asyncio.wait(futures, return_when=asyncio.FIRST_COMPLETED)
            except asyncio.CancelledError:
                if self._replay.cancelling:
                    for future in futures:
                        future.cancel()
                raise
        index = next(index for index, future in enumerate(futures) if future.done())
        return index, futures[index].result()

    def now(self) -> datetime:
        """The time (UTC) of the last thing the code was told; the same in every replay."""
        self._replay.check()
        return _EPOCH + timedelta(microseconds=self._replay.now_us)

    def random(self) -> float:
        """A number from 0 up to 1, the same in every replay."""
        self._replay.check()
        return (int.from_bytes(self._replay.draw()[:8], "big") >> 11) / (1 << 53)

    def uuid(self) -> UUID:
        """A UUID of version 4, the same in every replay."""
        self._replay.check()
        return UUID(bytes=self._replay.draw()[:16], version=4)

    def publish(self, key: str, value: Any) -> None:
        """Show a value to whoever reads the run (`handle.get().published`), worker or not."""
        self._replay.check()
        command = Command()
        command.publish.key = key
        _fill(command.publish.value, value)
        self._replay.give("publish", "", key, command)

    def set_attributes(self, values: Mapping[str, str | float | bool | None]) -> None:
        """Make the run searchable by these (`client.list_runs(attributes=…)`); None removes one."""
        self._replay.check()
        for key, value in values.items():
            if not _is_attribute(value):
                raise ValueError(f"attributes.{key}: expected a text, number, boolean or null, came {value!r}")
        command = Command()
        command.attributes.values = encode_json(dict(values))
        self._replay.give("attributes", "", "", command)

    def continue_as_new(self, input: Any = None, *, workflow: str = "") -> NoReturn:
        """End this run as CONTINUED and start the next one (default: of the same workflow) with a short history.

        It never returns. Signals nobody has taken go along.
        """
        self._replay.check()
        command = Command()
        asked = getattr(command, "continue")
        asked.workflow = workflow
        _fill(asked.input, input)
        raise Continue(command)

    def patched(self, id: str) -> bool:
        """True for runs that come here for the first time, False for those that passed before the patch was there."""
        self._replay.check()
        return self._replay.patched(id)

    @property
    def cancelled(self) -> bool:
        """True once somebody has asked the run to end (`asyncio.CancelledError` was raised where it waited)."""
        return self._replay.cancel_requested

    @property
    def run_id(self) -> str:
        """The run's id."""
        return self._replay.run_id

    @property
    def workflow(self) -> str:
        """Name of the run's workflow."""
        return self._replay.workflow

    @property
    def parent(self) -> str | None:
        """Id of the run that started this one as its child; None without one."""
        return self._replay.parent

    @property
    def trace(self) -> Mapping[str, str]:
        """W3C trace context of the run (`traceparent`, `tracestate`); empty without one."""
        return dict(self._replay.trace)

    @property
    def replaying(self) -> bool:
        """True while the code does again what is recorded."""
        return self._replay.replaying

    @property
    def logger(self) -> logging.LoggerAdapter[logging.Logger]:
        """Logger "stellwerk.workflow", silent in replay; its records carry run_id, workflow and trace_id."""
        if self._log is None:
            parts = self._replay.trace.get("traceparent", "").split("-")
            trace_id = parts[1] if len(parts) > 1 else ""
            facts = {"run_id": self.run_id, "workflow": self.workflow, "trace_id": trace_id}
            self._log = _CodeLogger(_logger, facts)
            self._log.replay = self._replay
        return self._log


class _CodeLogger(logging.LoggerAdapter[logging.Logger]):
    """Says what the code says once, however often it is replayed."""

    replay: Replay

    def isEnabledFor(self, level: int) -> bool:
        return not self.replay.replaying and not self.replay.over and super().isEnabledFor(level)

    def process(self, msg: Any, kwargs: MutableMapping[str, Any]) -> tuple[Any, MutableMapping[str, Any]]:
        kwargs["extra"] = {**(self.extra or {}), **(kwargs.get("extra") or {})}
        return msg, kwargs


def _future(wait: Awaitable[Any]) -> asyncio.Future[Any]:
    if isinstance(wait, asyncio.Future):
        return wait
    made: Any = wait
    return asyncio.get_running_loop().create_task(made)


def _fill(payload: Payload, value: Any) -> None:
    fill(payload, value)
    size = payload.ByteSize()
    if size > PAYLOAD_BYTES_MAX:
        raise PayloadTooLarge(
            f"input: expected at most {PAYLOAD_BYTES_MAX} bytes, came {size}",
            code="INVALID_ARGUMENT",
            reason="PAYLOAD_TOO_LARGE",
        )


def _is_attribute(value: object) -> bool:
    return value is None or isinstance(value, (str, int)) or (isinstance(value, float) and math.isfinite(value))


def _fill_retry(policy: RetryPolicy, options: RetryOptions) -> None:
    """Write a retry policy. Raises ValueError naming the field."""
    for key in options:
        if key not in RetryOptions.__annotations__:
            raise ValueError(f"retry: expected {', '.join(RetryOptions.__annotations__)}, came {key!r}")
    if "max_attempts" in options:
        policy.max_attempts = options["max_attempts"]
    if "initial" in options:
        policy.initial.CopyFrom(duration(options["initial"], "retry.initial"))
    if "backoff" in options:
        policy.backoff = options["backoff"]
    if "max" in options:
        policy.max.CopyFrom(duration(options["max"], "retry.max"))
    if "jitter" in options:
        policy.jitter = options["jitter"]
    policy.non_retryable.extend(options.get("non_retryable", ()))


def _fill_timeouts(timeouts: Timeouts, options: TimeoutOptions) -> None:
    """Write the bounds of a step. Raises ValueError naming the field."""
    for key, span in options.items():
        if key not in TimeoutOptions.__annotations__:
            raise ValueError(f"timeout: expected {', '.join(TimeoutOptions.__annotations__)}, came {key!r}")
        given: Any = span
        getattr(timeouts, key).CopyFrom(duration(given, f"timeout.{key}"))
