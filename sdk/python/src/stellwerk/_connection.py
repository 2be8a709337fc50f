"""A client's channel and stubs, and the one way its unary calls are made. Must not shape any request."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Any

import grpc

from stellwerk import _telemetry, retry
from stellwerk._awaits import Awaits
from stellwerk._channel import Target
from stellwerk._starts import Starts
from stellwerk.v1 import (
    admin_pb2_grpc,
    dead_letter_pb2_grpc,
    run_pb2_grpc,
    worker_pb2_grpc,
    workflow_pb2_grpc,
)
from stellwerk.v1.run_pb2 import StartRunRequest, StartRunResponse

CALL_TIMEOUT_S = 15.0


@dataclass(frozen=True, slots=True)
class Stubs:
    """The generated stubs of every service on one channel, for tools that need a bare call."""

    runs: Any
    workflows: Any
    dead_letters: Any
    admin: Any
    workers: Any


def stubs(channel: grpc.aio.Channel) -> Stubs:
    """The stubs of a channel."""
    makers: list[Any] = [
        run_pb2_grpc.RunServiceStub,
        workflow_pb2_grpc.WorkflowServiceStub,
        dead_letter_pb2_grpc.DeadLetterServiceStub,
        admin_pb2_grpc.AdminServiceStub,
        worker_pb2_grpc.WorkerServiceStub,
    ]
    return Stubs(*(make(channel) for make in makers))


class Connection:
    """Opened inside the event loop that uses it."""

    def __init__(self, target: Target, retry_s: float) -> None:
        self.target = target
        self.namespace = target.namespace
        self.metadata = target.metadata
        self.retry_s = retry_s
        self.spans = _telemetry.spans(target.namespace)
        self.channel = target.open_async(() if self.spans is None else self.spans.interceptors())
        self.stubs = stubs(self.channel)
        self.starts = Starts(self._send_starts, target, retry_s)
        self.awaits = Awaits(self._open_awaits, target, retry_s)

    async def start(self, request: StartRunRequest) -> StartRunResponse:
        """Start a run; the request must carry a request id. Raises RequestError."""
        if self.spans is None:
            return await self.starts.start(request)
        return await self.spans.start(request, self.starts.start)

    async def call(self, method: Any, request: Any) -> Any:
        """Send a request, again and again within `retry_s` while that may help. Raises RequestError."""
        return await retry.call(
            lambda: method(request, timeout=CALL_TIMEOUT_S, metadata=self.metadata),
            address=self.target.described,
            retry_s=self.retry_s,
        )

    async def close(self) -> None:
        """End both batchers and the channel; whoever still waits gets an error."""
        await self.starts.close()
        await self.awaits.close()
        await self.channel.close(None)
        await _telemetry.flush()

    def _send_starts(self, request: Any) -> Any:
        return self.stubs.runs.StartRuns(request, timeout=CALL_TIMEOUT_S, metadata=self.metadata)

    def _open_awaits(self) -> Any:
        return self.stubs.runs.AwaitRuns(metadata=self.metadata)


def request_id() -> str:
    """A fresh id that makes a changing call safe to send again."""
    return secrets.token_hex(16)
