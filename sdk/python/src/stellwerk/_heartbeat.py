"""The worker's line: an OS thread with a channel of its own, so that no handler can keep it from beating.

Must not touch the event loop but through `on_opened` and `on_cancelled`, which have to be safe to call from any thread.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import grpc

from stellwerk._channel import Target
from stellwerk._held import HeldTask
from stellwerk._status import from_rpc
from stellwerk.retry import Backoff
from stellwerk.v1.worker_pb2 import CancelledTask, HeartbeatRequest, HeartbeatResponse
from stellwerk.v1.worker_pb2 import HeldTask as HeldTaskMessage
from stellwerk.v1.worker_pb2_grpc import WorkerServiceStub

_logger = logging.getLogger("stellwerk")

INTERVAL_S = 3.0
# An open line says enough while nothing is held; a thousand idle workers should cost nothing.
IDLE_S = 60.0
# Shorter tasks are done before anybody could doubt them.
YOUNG_S = 1.0
PROGRESS_GAP_S = 0.1


class Heartbeat:
    """Keeps the Heartbeat stream open for the worker's life. `hello` is the first message of each stream.

    `on_opened` is called when the server has answered for the first time.
    """

    def __init__(
        self,
        target: Target,
        hello: HeartbeatRequest,
        *,
        held: Callable[[], list[HeldTask]],
        on_opened: Callable[[], None],
        on_cancelled: Callable[[list[CancelledTask]], None],
    ) -> None:
        self._target = target
        self._hello = hello
        self._held = held
        self._on_opened = on_opened
        self._on_cancelled = on_cancelled
        self._opened = False
        self._interval_s = INTERVAL_S
        self._wake = threading.Condition()
        self._poked = False
        self._leaving = False
        self._left = threading.Event()
        self._stream = 0
        self._call: Any = None
        self._thread = threading.Thread(target=self._serve, name="stellwerk-heartbeat", daemon=True)

    def start(self) -> None:
        """Open the line."""
        self._thread.start()

    def poke(self) -> None:
        """Beat soon: there is progress to tell."""
        with self._wake:
            self._poked = True
            self._wake.notify_all()

    def stop(self, timeout_s: float) -> None:
        """Say good-bye and close; blocks for at most `timeout_s`."""
        with self._wake:
            self._leaving = True
            self._wake.notify_all()
        if not self._left.wait(timeout_s) and self._call is not None:
            self._call.cancel()
        self._thread.join(timeout_s)

    def _serve(self) -> None:
        backoff = Backoff(initial_s=0.05, max_s=1.0)
        with self._target.open_blocking() as channel:
            make: Any = WorkerServiceStub
            stub = make(channel)
            while not self._leaving:
                self._hold_line(stub, backoff)
                with self._wake:
                    self._stream += 1  # ends the old stream's requests
                    self._wake.notify_all()
                    if not self._leaving:
                        self._wake.wait_for(lambda: self._leaving, backoff.next_s())
        self._left.set()

    def _hold_line(self, stub: Any, backoff: Backoff) -> None:
        """One stream, from its hello to its end."""
        try:
            self._call = stub.Heartbeat(self._requests(self._stream), metadata=self._target.metadata)
            for response in self._call:
                backoff.reset()
                if self._heard(response):
                    self._call.cancel()
        except grpc.RpcError as error:
            if not self._leaving:
                _logger.info("the heartbeat line broke, opening it again: %s", from_rpc(error, self._address))
        except Exception:  # a bug of ours or of the transport's must not let the leases run out
            _logger.exception("the heartbeat line failed, opening it again")

    @property
    def _address(self) -> str:
        return self._target.described

    def _heard(self, response: HeartbeatResponse) -> bool:
        """True when the server asks for a new line, elsewhere."""
        if not self._opened:
            self._opened = True
            self._on_opened()
        if response.interval_ms > 0:
            with self._wake:
                self._interval_s = response.interval_ms / 1000
                self._wake.notify_all()
        if response.cancelled:
            self._on_cancelled(list(response.cancelled))
        return response.draining and not self._leaving

    def _requests(self, stream: int) -> Iterator[HeartbeatRequest]:
        """Runs in a thread of gRPC's; waits between the beats."""
        yield self._greeting()
        said_s = time.monotonic()
        while self._wait(stream, said_s):
            if self._leaving:
                yield self._farewell()
                self._left.set()
                return
            beat = self._beat(idle_s=time.monotonic() - said_s)
            if beat is not None:
                said_s = time.monotonic()
                yield beat

    def _wait(self, stream: int, said_s: float) -> bool:
        """Wait for the next beat, progress or the end; False when this stream is over."""
        with self._wake:
            began_s = time.monotonic()
            while not self._over(stream) and not self._poked:
                left_s = began_s + self._interval_s - time.monotonic()
                if left_s <= 0 or not self._wake.wait(left_s):
                    break
            gap_s = said_s + PROGRESS_GAP_S - time.monotonic()
            if self._poked and gap_s > 0:
                self._wake.wait_for(lambda: self._over(stream), gap_s)
            self._poked = False
            return self._stream == stream

    def _over(self, stream: int) -> bool:
        return self._leaving or self._stream != stream

    def _greeting(self) -> HeartbeatRequest:
        """Tells everything, so that a server that knows nothing of this worker can go on."""
        greeting = HeartbeatRequest()
        greeting.CopyFrom(self._hello)
        for held in self._held():
            held.progress_said = True
            greeting.held.append(HeldTaskMessage(token=held.task.token, progress=held.progress))
        return greeting

    def _beat(self, idle_s: float) -> HeartbeatRequest | None:
        """The tasks held for a while and new progress; None when there is nothing to say yet."""
        old_s = time.monotonic() - YOUNG_S
        beat = HeartbeatRequest(namespace=self._hello.namespace, worker_id=self._hello.worker_id)
        for held in self._held():
            if not held.progress_said:
                held.progress_said = True
                beat.held.append(HeldTaskMessage(token=held.task.token, progress=held.progress))
            elif held.received_s < old_s:
                beat.held.append(HeldTaskMessage(token=held.task.token))
        return beat if beat.held or idle_s >= IDLE_S - INTERVAL_S / 2 else None

    def _farewell(self) -> HeartbeatRequest:
        hello = self._hello
        return HeartbeatRequest(namespace=hello.namespace, worker_id=hello.worker_id, leaving=True)
