"""One life of a worker, from its first poll to its farewell: wires the parts and takes them down in order.

Must not know handlers' insides; everything in it belongs to one event loop and is thrown away at the end.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import threading
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from google.protobuf.duration_pb2 import Duration

from stellwerk import _telemetry
from stellwerk._channel import VERSION, Target
from stellwerk._chunks import ChunkLine
from stellwerk._heartbeat import Heartbeat
from stellwerk._held import Lines
from stellwerk._outbox import Outbox
from stellwerk._poller import WAIT_S, Poller
from stellwerk._runner import Runner, released
from stellwerk.handler import HandlerPlan
from stellwerk.v1.worker_pb2 import (
    CancelledTask,
    CompleteTaskRequest,
    CompleteTaskResponse,
    HeartbeatRequest,
    PollTaskRequest,
    Task,
    TaskResult,
)
from stellwerk.v1.worker_pb2_grpc import WorkerServiceStub

_logger = logging.getLogger("stellwerk")

CALL_TIMEOUT_S = 15.0
FLUSH_S = 5.0
# Handlers get this long to see that they were cancelled at the end of the drain.
UNWIND_S = 2.0
BACKLOG_MIN = 1_000


@dataclass(frozen=True, slots=True)
class Settings:
    """The worker's options, checked."""

    worker_id: str
    queue: str
    slots: int
    polls: int
    drain_s: float


class Life:
    """Made inside the running loop; `live` returns when the worker has stopped."""

    def __init__(self, target: Target, settings: Settings, plans: Mapping[str, HandlerPlan]) -> None:
        self._target = target
        self._settings = settings
        self._loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        self._hurry = asyncio.Event()
        self._idle = asyncio.Event()
        traced = _telemetry.spans(target.namespace)
        spans = None if traced is None else traced.of_worker(settings.queue, settings.worker_id)
        self._channel = target.open_async(() if traced is None else traced.interceptors())
        make: Any = WorkerServiceStub
        self._stub = make(self._channel)
        self._chunks = ChunkLine(self._open_chunks, address=target.described)
        self._heartbeat = Heartbeat(
            target,
            self._hello(sorted(plans)),
            held=self._held,
            on_opened=lambda: self._from_line(self._poller.line_opened),
            on_cancelled=lambda cancelled: self._from_line(self._cancel, cancelled),
        )
        lines = Lines(threading.get_ident(), self._chunks, self._heartbeat.poke)
        self._outbox = Outbox(self._complete, self._forget, address=target.described, spans=spans)
        self._runner = Runner(
            plans, lines, slots=settings.slots, finish=self._outbox.add, freed=self._freed, spans=spans
        )
        self._poller = Poller(
            self._stub.PollTask,
            self._poll_request(sorted(plans)),
            target,
            polls=settings.polls,
            free_slots=self._free_slots,
            accept=self._runner.accept,
            give_back=self._give_back,
            spans=spans,
        )

    def stop(self) -> None:
        """Begin the drain; a second call ends it at once. For the loop's thread."""
        (self._hurry if self._stop.is_set() else self._stop).set()

    async def live(self) -> None:
        """Work until stopped, then drain. When cancelled, handlers are cancelled too and results flushed."""
        self._heartbeat.start()
        self._poller.start()
        drain_s = self._settings.drain_s
        try:
            await self._stop.wait()
            _logger.info("stopping: waiting up to %g s for %d tasks", drain_s, self._runner.running)
        except asyncio.CancelledError:
            drain_s = 0.0
            raise
        finally:
            await self._drain(drain_s)
            await self._close()

    async def _drain(self, drain_s: float) -> None:
        """No new tasks; the running ones end by themselves or are ended; their results get out."""
        await self._poller.stop()
        if not await self._settles(drain_s):
            self._runner.stop_all()
            self._hurry.clear()
            await self._settles(UNWIND_S)
        self._runner.give_up()
        await within(self._outbox.flush(), FLUSH_S)

    async def _settles(self, limit_s: float) -> bool:
        """Wait for the running handlers, for so long or until somebody is in a hurry."""
        if self._runner.running and limit_s > 0:
            self._idle.clear()
            waits = [asyncio.create_task(event.wait()) for event in (self._idle, self._hurry)]
            await asyncio.wait(waits, timeout=limit_s, return_when=asyncio.FIRST_COMPLETED)
            for wait in waits:
                wait.cancel()
        return self._runner.running == 0

    async def _close(self) -> None:
        await self._outbox.close()
        await self._chunks.close()
        await asyncio.to_thread(self._heartbeat.stop, 1.0)
        await self._channel.close(None)
        await _telemetry.flush()

    def _freed(self) -> None:
        self._poller.wake()
        if not self._runner.running:
            self._idle.set()

    def _free_slots(self) -> int:
        """None while results pile up that the server does not take."""
        if self._outbox.unsettled > max(BACKLOG_MIN, 4 * self._settings.slots):
            return 0
        return self._settings.slots - self._runner.running

    def _forget(self, token: bytes) -> None:
        self._runner.forget(token)
        if self._outbox.unsettled <= BACKLOG_MIN:
            self._poller.wake()

    def _held(self) -> list[Any]:
        return self._runner.snapshot()

    def _give_back(self, tasks: list[Task]) -> None:
        for task in tasks:
            self._outbox.add(released(task))

    def _from_line(self, act: Callable[..., None], *values: Any) -> None:
        """Called by the heartbeat's thread: have the loop do it."""
        try:
            self._loop.call_soon_threadsafe(act, *values)
        except RuntimeError:
            _logger.debug("word from the line came after the loop was closed")

    def _cancel(self, cancelled: list[CancelledTask]) -> None:
        for task in cancelled:
            self._runner.cancel(task.token, task.reason or "CANCELLED")

    def _complete(self, results: list[TaskResult]) -> Awaitable[CompleteTaskResponse]:
        request = CompleteTaskRequest(
            namespace=self._target.namespace, worker_id=self._settings.worker_id, results=results
        )
        call: Awaitable[CompleteTaskResponse] = self._stub.CompleteTask(
            request, timeout=CALL_TIMEOUT_S, metadata=self._target.metadata
        )
        return call

    def _open_chunks(self) -> Any:
        return self._stub.StreamResult(metadata=self._target.metadata)

    def _hello(self, actions: list[str]) -> HeartbeatRequest:
        return HeartbeatRequest(
            namespace=self._target.namespace,
            worker_id=self._settings.worker_id,
            queue=self._settings.queue,
            actions=actions,
            slots=self._settings.slots,
            sdk=f"python {VERSION}",
            host=socket.gethostname(),
        )

    def _poll_request(self, actions: list[str]) -> PollTaskRequest:
        return PollTaskRequest(
            namespace=self._target.namespace,
            worker_id=self._settings.worker_id,
            queue=self._settings.queue,
            actions=actions,
            wait=Duration(seconds=WAIT_S),
        )


async def within(work: Awaitable[None], limit_s: float) -> bool:
    """Wait for it, but not longer; False when it took too long."""
    try:
        await asyncio.wait_for(work, limit_s)
    except TimeoutError:
        return False
    return True
