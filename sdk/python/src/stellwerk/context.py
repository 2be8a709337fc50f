"""What a handler may know and do about its task. Must not send anything itself: the runner's lines do."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Awaitable, Generator, Mapping, MutableMapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from stellwerk.errors import TaskCancelled
from stellwerk.payload import encode

if TYPE_CHECKING:
    from stellwerk._held import HeldTask

_logger = logging.getLogger("stellwerk.task")


class Cancellation:
    """Whether the server has taken the task back: true as a bool once it has, and awaitable until then.

    `reason` is the server's ("RUN_CANCELLED", "RUN_TERMINATED", "STEP_TIMED_OUT", "LEASE_LOST", or
    "WORKER_STOPPED" when this worker is shut down and the drain time is over), empty before.
    """

    __slots__ = ("_event", "reason")

    def __init__(self) -> None:
        self.reason = ""
        self._event: asyncio.Event | None = None

    def __bool__(self) -> bool:
        return bool(self.reason)

    def __await__(self) -> Generator[Any, None, str]:
        return self.wait().__await__()

    async def wait(self) -> str:
        """Wait until the task is cancelled; gives the reason. For the event loop's thread only."""
        if not self.reason:
            self._event = self._event or asyncio.Event()
            await self._event.wait()
        return self.reason

    def _set(self, reason: str) -> None:
        self.reason = reason
        if self._event is not None:
            self._event.set()


class _TaskLogger(logging.LoggerAdapter[logging.Logger]):
    """Adds run_id, step, attempt and trace_id to every record, beside what the caller adds."""

    def process(self, msg: Any, kwargs: MutableMapping[str, Any]) -> tuple[Any, MutableMapping[str, Any]]:
        kwargs["extra"] = {**(self.extra or {}), **(kwargs.get("extra") or {})}
        return msg, kwargs


class TaskContext:
    """The second argument of a handler that asks for one; belongs to one attempt of one step."""

    __slots__ = ("_held", "_log", "cancelled")

    cancelled: Cancellation
    """`if ctx.cancelled:` or `await ctx.cancelled`; an async handler is also cancelled by asyncio."""

    def __init__(self, held: HeldTask) -> None:
        self._held = held
        self._log: _TaskLogger | None = None
        self.cancelled = Cancellation()

    @property
    def run_id(self) -> str:
        """The run this task belongs to."""
        return self._held.task.run_id

    @property
    def workflow(self) -> str:
        """Name of the run's workflow."""
        return self._held.task.workflow

    @property
    def step(self) -> str:
        """Id of the step; "id[3]" for an item of a foreach."""
        return self._held.task.step

    @property
    def action(self) -> str:
        """The name the handler is registered for."""
        return self._held.task.action

    @property
    def attempt(self) -> int:
        """1 for the first attempt."""
        return self._held.task.attempt

    @property
    def max_attempts(self) -> int:
        """How many attempts the retry policy allows."""
        return self._held.task.max_attempts

    @property
    def idempotency_key(self) -> str:
        """The same in every attempt of this step: hand it to the systems the handler calls."""
        return f"{self.run_id}/{self.step}"

    @property
    def deadline(self) -> datetime | None:
        """When (UTC) the attempt is taken away whatever it does; None: not while the worker is alive."""
        task = self._held.task
        return task.deadline.ToDatetime(UTC) if task.HasField("deadline") else None

    @property
    def trace(self) -> Mapping[str, str]:
        """W3C trace context of this attempt (`traceparent`, `tracestate`), as the server sent it; empty without one."""
        return dict(self._held.task.trace)

    @property
    def logger(self) -> logging.LoggerAdapter[logging.Logger]:
        """Logger "stellwerk.task"; its records carry run_id, step, attempt and trace_id (empty without a trace)."""
        if self._log is None:
            names = {"run_id": self.run_id, "step": self.step, "attempt": self.attempt, "trace_id": self._held.trace_id}
            self._log = _TaskLogger(_logger, names)
        return self._log

    def heartbeat(self, progress: Any = None) -> None:
        """Report progress (any JSON value), shown with the step; does not block, from any thread.

        The lease needs no help: the worker extends it while the handler runs. In a sync handler this
        raises TaskCancelled once the server has taken the task back. Raises EncodeError.
        """
        if self.cancelled and not self._on_loop():
            raise TaskCancelled(self.cancelled.reason)
        self._held.report(encode(progress))

    def stream(self, chunk: Any) -> Awaitable[None]:
        """Send a chunk (JSON value or bytes) to whoever watches the run; kept in order and made durable.

        Async handlers await it, which waits while too many chunks are unacknowledged; in a sync handler it
        blocks for as long. Raises EncodeError, PayloadTooLarge, and TaskCancelled or LeaseLost once the task
        is not the worker's any more.
        """
        sent = self._held.stream(encode(chunk))
        if not self._on_loop():
            if self.cancelled:
                raise TaskCancelled(self.cancelled.reason)
            sent.block()
        return sent

    def _on_loop(self) -> bool:
        return threading.get_ident() == self._held.lines.loop_thread
