"""A task while this worker holds it: from the poll that brought it to the verdict on its result.

Must not run the handler or send anything: it only ties a task to the lines that do.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextvars import Context
from dataclasses import dataclass
from typing import TYPE_CHECKING

from stellwerk.context import TaskContext
from stellwerk.v1.payload_pb2 import Payload
from stellwerk.v1.worker_pb2 import Task

if TYPE_CHECKING:
    from stellwerk._chunks import ChunkLine, Sent, TaskChunks
    from stellwerk._spans import TaskSpan
    from stellwerk.handler import HandlerPlan


@dataclass(frozen=True, slots=True)
class Lines:
    """What the tasks of one worker share: its loop's thread, its chunk line and its heartbeat."""

    loop_thread: int
    chunks: ChunkLine
    poke_heartbeat: Callable[[], None]


class HeldTask:
    """One attempt in this worker's hands. Written by the loop's thread, read by the heartbeat's too."""

    __slots__ = (
        "asyncio_task",
        "cancel_reason",
        "chunks",
        "context",
        "entered",
        "lines",
        "plan",
        "progress",
        "progress_said",
        "received_s",
        "settled",
        "span",
        "task",
    )

    def __init__(self, task: Task, plan: HandlerPlan, lines: Lines, received_s: float) -> None:
        self.task = task
        self.plan = plan
        self.lines = lines
        self.received_s = received_s
        self.context: TaskContext | None = None
        self.asyncio_task: asyncio.Task[None] | None = None
        self.chunks: TaskChunks | None = None
        self.progress: Payload | None = None
        self.progress_said = True
        self.cancel_reason = ""
        self.entered = False
        self.settled = False
        self.span: TaskSpan | None = None

    @property
    def scope(self) -> Context | None:
        """What the handler runs in: the task's span is current there. None when nothing is traced."""
        return None if self.span is None else self.span.scope

    @property
    def trace_id(self) -> str:
        """The trace the task belongs to, as 32 hex digits; empty without one."""
        parts = self.task.trace.get("traceparent", "").split("-")
        if len(parts) > 1:
            return parts[1]
        return "" if self.span is None else f"{self.span.context.trace_id:032x}"

    def open_context(self) -> TaskContext:
        """The context of this task, made when first asked for."""
        if self.context is None:
            self.context = TaskContext(self)
            if self.cancel_reason:
                self.context.cancelled._set(self.cancel_reason)
        return self.context

    def report(self, progress: Payload) -> None:
        """Leave progress for the next heartbeat, and ask for one soon."""
        self.progress = progress
        self.progress_said = False
        self.lines.poke_heartbeat()

    def stream(self, chunk: Payload) -> Sent:
        """Put a chunk on the chunk line."""
        return self.lines.chunks.push(self, chunk)

    def cancel(self, reason: str) -> None:
        """Tell the handler to stop; one that has not begun yet sees it when it does."""
        if self.settled or self.cancel_reason:
            return
        self.cancel_reason = reason
        if self.context is not None:
            self.context.cancelled._set(reason)
        if self.asyncio_task is not None and self.entered:
            self.asyncio_task.cancel()
