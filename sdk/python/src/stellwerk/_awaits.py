"""Results of runs as they end: any number of waiting callers share one AwaitRuns stream.

Must not lose a waiter when the stream breaks: open ids are asked for again.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

from stellwerk._channel import Target
from stellwerk._duplex import Duplex
from stellwerk.errors import NotFound, RequestError, StellwerkError
from stellwerk.retry import is_retryable
from stellwerk.v1.run_pb2 import AwaitRunsRequest, AwaitRunsResponse, RunResult

IDS_MAX = 1_000


class Awaits:
    """The Talk of AwaitRuns: run ids out, results in."""

    def __init__(self, open_call: Callable[[], Any], target: Target, retry_s: float) -> None:
        self._target = target
        self._retry_s = retry_s
        self._loop = asyncio.get_running_loop()
        self._open: dict[str, list[asyncio.Future[RunResult]]] = {}
        self._unsaid: list[str] = []
        self._broken_since_s: float | None = None
        self._line = Duplex(open_call, self, name="AwaitRuns", address=target.described)
        self._closed = False

    async def result(self, run_id: str) -> RunResult:
        """Wait until the run has ended. Raises NotFound, or the error that keeps the stream broken."""
        if self._closed:
            raise StellwerkError("the client is closed")
        waiter: asyncio.Future[RunResult] = self._loop.create_future()
        waiters = self._open.get(run_id)
        if waiters is None:
            self._open[run_id] = [waiter]
            self._unsaid.append(run_id)
            self._line.wake()
        else:
            waiters.append(waiter)
        try:
            return await waiter
        except asyncio.CancelledError:
            self._forget(run_id, waiter)
            raise

    async def close(self) -> None:
        """End the stream; whoever still waits gets an error."""
        self._closed = True
        await self._line.close()
        self._fail_all(StellwerkError("the client was closed before the run ended"))

    def take(self) -> AwaitRunsRequest | None:
        """All ids not said yet, in one message."""
        if not self._unsaid:
            return None
        ids, self._unsaid = self._unsaid[:IDS_MAX], self._unsaid[IDS_MAX:]
        return AwaitRunsRequest(namespace=self._target.namespace, run_ids=ids)

    def restart(self) -> None:
        """Every open id has to be said again."""
        self._unsaid = list(self._open)

    def receive(self, message: AwaitRunsResponse) -> None:
        """Wake the callers of what has ended."""
        self._broken_since_s = None
        for result in message.results:
            for waiter in self._open.pop(result.run_id, ()):
                if not waiter.done():
                    waiter.set_result(result)
        for run_id in message.unknown:
            error = NotFound(f"run {run_id} does not exist", code="NOT_FOUND", metadata={"run_id": run_id})
            for waiter in self._open.pop(run_id, ()):
                if not waiter.done():
                    waiter.set_exception(error)

    def busy(self) -> bool:
        """True while somebody waits."""
        return bool(self._open)

    def failed(self, error: RequestError) -> None:
        """Give up on errors that stay: at once when final, after `retry_s` when the server stays away."""
        now_s = time.monotonic()
        if self._broken_since_s is None:
            self._broken_since_s = now_s
        if not is_retryable(error) or now_s - self._broken_since_s > self._retry_s:
            self._fail_all(error)
            self._broken_since_s = None

    def _fail_all(self, error: StellwerkError) -> None:
        waiters = [waiter for group in self._open.values() for waiter in group]
        self._open.clear()
        for waiter in waiters:
            if not waiter.done():
                waiter.set_exception(error)

    def _forget(self, run_id: str, waiter: asyncio.Future[RunResult]) -> None:
        waiters = self._open.get(run_id, [])
        if waiter in waiters:
            waiters.remove(waiter)
        if not waiters:
            self._open.pop(run_id, None)
