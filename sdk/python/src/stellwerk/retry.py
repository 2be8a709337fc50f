"""When to try a call again, and after how long. Must not know what is sent."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

import grpc

from stellwerk._status import from_rpc
from stellwerk.errors import RequestError

T = TypeVar("T")

RETRYABLE_CODES = frozenset({"UNAVAILABLE", "ABORTED", "RESOURCE_EXHAUSTED", "DEADLINE_EXCEEDED", "CANCELLED"})
"""After these the same request is sent again. CANCELLED here is the server's or a proxy's, never ours."""


class Backoff:
    """Growing delays with jitter: each is between half of its step and all of it."""

    def __init__(self, initial_s: float = 0.1, max_s: float = 5.0, factor: float = 2.0) -> None:
        self._initial_s = initial_s
        self._max_s = max_s
        self._factor = factor
        self._step_s = initial_s

    def next_s(self) -> float:
        """The next delay in seconds."""
        step_s = self._step_s
        self._step_s = min(step_s * self._factor, self._max_s)
        return step_s * random.uniform(0.5, 1.0)

    def reset(self) -> None:
        """Start small again, after a success."""
        self._step_s = self._initial_s


class Budget:
    """How long one call may be tried again: gives the delay before the next try until time is up."""

    def __init__(self, retry_s: float) -> None:
        self._backoff = Backoff()
        self._end_s = time.monotonic() + retry_s

    def delay_s(self, error: RequestError) -> float | None:
        """Seconds to wait before sending again; None when the error is final or the time is up."""
        if not is_retryable(error):
            return None
        delay_s = max(self._backoff.next_s(), error.retry_after_s or 0.0)
        return delay_s if time.monotonic() + delay_s < self._end_s else None


def is_retryable(error: RequestError) -> bool:
    """True when sending the same request again may help (and, with its request id, cannot hurt)."""
    if error.code in RETRYABLE_CODES:
        return error.reason != "PAYLOAD_TOO_LARGE"
    return error.code in ("INTERNAL", "UNKNOWN") and any(
        sign in error.message for sign in ("RST_STREAM", "Stream removed", "GOAWAY")
    )


async def call(send: Callable[[], Awaitable[T]], *, address: str, retry_s: float) -> T:
    """Send until an answer comes, a final error comes, or `retry_s` is over; raises RequestError."""
    budget = Budget(retry_s)
    while True:
        try:
            return await send()
        except grpc.aio.AioRpcError as error:
            failure = from_rpc(error, address)
        delay_s = budget.delay_s(failure)
        if delay_s is None:
            raise failure
        await asyncio.sleep(delay_s)
