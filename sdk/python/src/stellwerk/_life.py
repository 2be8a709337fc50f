"""One life of a worker, from its first poll to its farewell: wires the parts and takes them down in order.

Must not know handlers' insides; everything in it belongs to one event loop and is thrown away at the end.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import threading
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from google.protobuf.duration_pb2 import Duration

from stellwerk import _telemetry, retry
from stellwerk._channel import VERSION, Target
from stellwerk._chunks import ChunkLine
from stellwerk._decider import ACTION, PLACES, Decider, Setting
from stellwerk._heartbeat import Heartbeat
from stellwerk._held import Lines
from stellwerk._outbox import Outbox
from stellwerk._poller import WAIT_S, Poller
from stellwerk._runner import Runner, released
from stellwerk._watchdog import Watchdog
from stellwerk.handler import HandlerPlan
from stellwerk.v1.run_pb2 import Event, GetHistoryRequest
from stellwerk.v1.run_pb2_grpc import RunServiceStub
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
from stellwerk.workflow import WorkflowPlan

if TYPE_CHECKING:
    from stellwerk._spans import WorkerSpans

_logger = logging.getLogger("stellwerk")

CALL_TIMEOUT_S = 15.0
FLUSH_S = 5.0
# Handlers get this long to see that they were cancelled at the end of the drain.
UNWIND_S = 2.0
BACKLOG_MIN = 1_000
HISTORY_RETRY_S = 30.0


@dataclass(frozen=True, slots=True)
class Settings:
    """The worker's options, checked."""

    worker_id: str
    queue: str
    slots: int
    polls: int
    drain_s: float
    build: str
    pin_runs: bool
    cached_runs: int


class Life:
    """Made inside the running loop; `live` returns when the worker has stopped."""

    def __init__(
        self,
        target: Target,
        settings: Settings,
        plans: Mapping[str, HandlerPlan],
        workflows: Mapping[str, WorkflowPlan],
    ) -> None:
        self._target = target
        self._settings = settings
        self._loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        self._hurry = asyncio.Event()
        self._idle = asyncio.Event()
        traced = _telemetry.spans(target.namespace)
        self._spans = None if traced is None else traced.of_worker(settings.queue, settings.worker_id)
        self._channel = target.open_async(() if traced is None else traced.interceptors())
        make: Any = WorkerServiceStub
        self._stub = make(self._channel)
        self._chunks = ChunkLine(self._open_chunks, address=target.described)
        self._heartbeat = Heartbeat(
            target,
            self._hello(sorted(plans), sorted(workflows)),
            held=self._held,
            on_opened=lambda: self._from_line(self._line_opened),
            on_cancelled=lambda cancelled: self._from_line(self._cancel, cancelled),
        )
        lines = Lines(threading.get_ident(), self._chunks, self._heartbeat.poke)
        self._outbox = Outbox(self._complete, self._forget, address=target.described, spans=self._spans)
        self._runner = Runner(
            plans, lines, slots=settings.slots, finish=self._outbox.add, freed=self._freed, spans=self._spans
        )
        self._watchdog = Watchdog(target, settings.worker_id)
        self._decider = Decider(
            Setting(
                plans=workflows,
                build=settings.build,
                pin_runs=settings.pin_runs,
                cached_runs=settings.cached_runs,
                threads=settings.slots,
                watchdog=self._watchdog,
                history=self._history,
                send=self._outbox.add,
                freed=self._freed,
            )
        )
        self._plans, self._workflows = plans, workflows
        self._pollers: list[Poller] = []

    def _open_pollers(self, actions: list[str], workflows: list[str]) -> list[Poller]:
        """Polls for tasks, and others for decisions, so that neither takes the other's places."""
        pollers = []
        if actions:
            request = self._poll_request(actions)
            pollers.append(self._poller(request, self._free_slots, self._runner.accept, self._spans))
        if workflows:
            request = self._poll_request([f"{ACTION}{name}" for name in workflows])
            if self._settings.pin_runs:
                request.pinned_build = self._settings.build
            self._watchdog.start()
            # Decisions have no spans.
            pollers.append(self._poller(request, self._free_places, self._decider.accept, None))
        return pollers

    def _poller(
        self,
        request: PollTaskRequest,
        free_slots: Callable[[], int],
        accept: Callable[[list[Task]], None],
        spans: WorkerSpans | None,
    ) -> Poller:
        return Poller(
            self._stub.PollTask,
            request,
            self._target,
            polls=self._settings.polls,
            free_slots=free_slots,
            accept=accept,
            give_back=self._give_back,
            spans=spans,
        )

    def stop(self) -> None:
        """Begin the drain; a second call ends it at once. For the loop's thread."""
        (self._hurry if self._stop.is_set() else self._stop).set()

    async def live(self) -> None:
        """Work until stopped, then drain. When cancelled, handlers are cancelled too and results flushed."""
        self._pollers = self._open_pollers(sorted(self._plans), sorted(self._workflows))
        self._heartbeat.start()
        for poller in self._pollers:
            poller.start()
        drain_s = self._settings.drain_s
        try:
            await self._stop.wait()
            _logger.info("stopping: waiting up to %g s for %d tasks", drain_s, self._busy)
        except asyncio.CancelledError:
            drain_s = 0.0
            raise
        finally:
            await self._drain(drain_s)
            await self._close()

    async def _drain(self, drain_s: float) -> None:
        """No new tasks; the running ones end by themselves or are ended; their results get out."""
        await asyncio.gather(*(poller.stop() for poller in self._pollers))
        if not await self._settles(drain_s):
            self._runner.stop_all()
            self._decider.stop_all()
            self._hurry.clear()
            await self._settles(UNWIND_S)
        self._runner.give_up()
        await within(self._outbox.flush(), FLUSH_S)

    async def _settles(self, limit_s: float) -> bool:
        """Wait for the running handlers and open decisions, for so long or until somebody is in a hurry."""
        if self._busy and limit_s > 0:
            self._idle.clear()
            waits = [asyncio.create_task(event.wait()) for event in (self._idle, self._hurry)]
            await asyncio.wait(waits, timeout=limit_s, return_when=asyncio.FIRST_COMPLETED)
            for wait in waits:
                wait.cancel()
        return self._busy == 0

    async def _close(self) -> None:
        self._decider.close()
        self._watchdog.stop()
        await self._outbox.close()
        await self._chunks.close()
        await asyncio.to_thread(self._heartbeat.stop, 1.0)
        await self._channel.close(None)
        await _telemetry.flush()

    @property
    def _busy(self) -> int:
        return self._runner.running + len(self._decider.held)

    def _line_opened(self) -> None:
        for poller in self._pollers:
            poller.line_opened()

    def _wake(self) -> None:
        for poller in self._pollers:
            poller.wake()

    def _freed(self) -> None:
        self._wake()
        if not self._busy:
            self._idle.set()

    def _free_slots(self) -> int:
        """None while results pile up that the server does not take."""
        if self._outbox.unsettled > max(BACKLOG_MIN, 4 * self._settings.slots):
            return 0
        return self._settings.slots - self._runner.running

    def _free_places(self) -> int:
        return PLACES - len(self._decider.held)

    def _forget(self, token: bytes) -> None:
        self._runner.forget(token)
        if self._outbox.unsettled <= BACKLOG_MIN:
            self._wake()

    def _held(self) -> list[Any]:
        return [*self._runner.snapshot(), *self._decider.snapshot()]

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
            reason = task.reason or "CANCELLED"
            if not self._decider.cancel(task.token, reason):
                self._runner.cancel(task.token, reason)

    def _complete(self, results: list[TaskResult]) -> Awaitable[CompleteTaskResponse]:
        request = CompleteTaskRequest(
            namespace=self._target.namespace, worker_id=self._settings.worker_id, results=results
        )
        call: Awaitable[CompleteTaskResponse] = self._stub.CompleteTask(
            request, timeout=CALL_TIMEOUT_S, metadata=self._target.metadata
        )
        return call

    async def _history(self, run_id: str) -> Sequence[Event]:
        """Every event of a run so far. Raises RequestError."""
        make: Any = RunServiceStub
        get = make(self._channel).GetHistory
        request = GetHistoryRequest(namespace=self._target.namespace, run_id=run_id)
        events: list[Event] = []
        while True:
            response = await retry.call(
                lambda: get(request, timeout=CALL_TIMEOUT_S, metadata=self._target.metadata),
                address=self._target.described,
                retry_s=HISTORY_RETRY_S,
            )
            events += response.events
            request.page_token = response.next_page_token
            if not request.page_token:
                return events

    def _open_chunks(self) -> Any:
        return self._stub.StreamResult(metadata=self._target.metadata)

    def _hello(self, actions: list[str], workflows: list[str]) -> HeartbeatRequest:
        return HeartbeatRequest(
            namespace=self._target.namespace,
            worker_id=self._settings.worker_id,
            queue=self._settings.queue,
            actions=actions,
            slots=self._settings.slots,
            sdk=f"python {VERSION}",
            host=socket.gethostname(),
            workflows=workflows,
            build=self._settings.build if workflows else "",
            pin_runs=self._settings.pin_runs,
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
