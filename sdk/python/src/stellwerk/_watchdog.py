"""Watches from a thread of its own that a workflow's code comes to its waits; what does not fails its decision.

Must not wait for the loop: that is what stands still then. It says so on a channel of its own.
"""

from __future__ import annotations

import ctypes
import logging
import sys
import threading
import time
from types import FrameType
from typing import Any

import grpc

from stellwerk._channel import Target
from stellwerk._failure import clean
from stellwerk._replay import Blocked
from stellwerk.v1.payload_pb2 import FAILURE_CATEGORY_USER, Failure
from stellwerk.v1.worker_pb2 import CompleteTaskRequest, TaskResult
from stellwerk.v1.worker_pb2_grpc import WorkerServiceStub

_logger = logging.getLogger("stellwerk")

BLOCKED_S = 5.0
_LOOK_S = 0.5
_SEND_S = 15.0
_TRIES = 3


class Watchdog:
    """`enter` before the code runs, `leave` after; for one thread, whose code it may break into."""

    def __init__(self, target: Target, worker_id: str) -> None:
        self._target = target
        self._worker_id = worker_id
        self._thread_id = threading.get_ident()
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._token = b""
        self._file = ""
        self._since_s = 0.0
        self._struck = False
        self._thread = threading.Thread(target=self._serve, name="stellwerk-watchdog", daemon=True)

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def stop(self) -> None:
        """Look no more."""
        self._stop.set()

    def enter(self, token: bytes, file: str) -> None:
        """The code of this decision begins to run; its function stands in `file`."""
        self._since_s = time.monotonic()
        self._file = file
        self._struck = False
        self._token = token

    def leave(self) -> bool:
        """The code is at a wait. True when that took too long: the decision has failed, and was told so."""
        while True:
            try:
                with self._lock:
                    self._token = b""
                    if self._struck:
                        # What was raised and has not arrived must not hit whatever runs next.
                        ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(self._thread_id), None)
                return self._struck
            except Blocked:
                continue

    def _serve(self) -> None:
        while not self._stop.wait(min(_LOOK_S, BLOCKED_S / 4)):
            token = self._token
            if token and time.monotonic() - self._since_s > BLOCKED_S:
                self._strike(token)

    def _strike(self, token: bytes) -> None:
        with self._lock:
            if token != self._token:
                return
            first, self._struck = not self._struck, True
            took_s = time.monotonic() - self._since_s
            frame = sys._current_frames().get(self._thread_id)
            where = "" if frame is None else _place(frame, self._file)
            # Breaks a loop in Python; a call into C ends by itself, or never.
            ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(self._thread_id), ctypes.py_object(Blocked))
        if first:
            message = f"the code has not come to a wait for {took_s:.0f} s: {where}"
            _logger.error("workflow blocked: %s", message)
            self._tell(token, message)

    def _tell(self, token: bytes, message: str) -> None:
        failure = Failure(type="WorkflowBlocked", message=clean(message), category=FAILURE_CATEGORY_USER)
        request = CompleteTaskRequest(
            namespace=self._target.namespace,
            worker_id=self._worker_id,
            results=[TaskResult(token=token, failure=failure)],
        )
        with self._target.open_blocking() as channel:
            make: Any = WorkerServiceStub
            stub = make(channel)
            for _ in range(_TRIES):
                try:
                    stub.CompleteTask(request, timeout=_SEND_S, metadata=self._target.metadata, wait_for_ready=True)
                    return
                except grpc.RpcError as error:
                    _logger.info("could not say that a workflow is blocked: %s", error)


def _place(frame: FrameType, file: str) -> str:
    """The line of the workflow's own file that it stands at; the innermost line when that is not to be seen."""
    at: FrameType | None = frame
    while at is not None and at.f_code.co_filename != file:
        at = at.f_back
    at = at or frame
    return f"{at.f_code.co_filename}:{at.f_lineno} in {at.f_code.co_name}"
