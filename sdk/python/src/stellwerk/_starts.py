"""Starts that travel together: while one StartRuns is on its way the next fills; a lone start goes at once.

Must not wait to fill a batch, and must not give up on a start before its retry time is over.
"""

from __future__ import annotations

import asyncio
import contextvars
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import grpc

from stellwerk._channel import BATCH_BYTES_MAX, Target
from stellwerk._duplex import is_local_cancel
from stellwerk._status import from_refusal, from_rpc
from stellwerk.errors import RequestError, StellwerkError, Unavailable
from stellwerk.retry import Budget
from stellwerk.v1.run_pb2 import StartRunRequest, StartRunResponse, StartRunsRequest, StartRunsResponse

BATCH_MAX = 1_000
IN_FLIGHT_MAX = 2

Send = Callable[[StartRunsRequest], Awaitable[StartRunsResponse]]


@dataclass(slots=True, eq=False)
class _Start:
    request: StartRunRequest
    answer: asyncio.Future[StartRunResponse]
    budget: Budget
    # What is traced around the start; None when nothing is.
    context: contextvars.Context | None


class Starts:
    """Hands starts to `send` in batches and gives each its own verdict."""

    def __init__(self, send: Send, target: Target, retry_s: float) -> None:
        self._send = send
        self._target = target
        self._retry_s = retry_s
        self._loop = asyncio.get_running_loop()
        self._waiting: deque[_Start] = deque()
        self._sending: set[asyncio.Task[None]] = set()
        self._pump_due = False
        self._closed = False

    async def start(self, request: StartRunRequest, context: contextvars.Context | None = None) -> StartRunResponse:
        """Start one run; the request must carry a request id. Raises RequestError."""
        if self._closed:
            raise StellwerkError("the client is closed")
        start = _Start(request, self._loop.create_future(), Budget(self._retry_s), context)
        self._enqueue(start)
        return await start.answer

    async def close(self) -> None:
        """Stop sending; starts without an answer fail, and may or may not have happened."""
        self._closed = True
        for task in self._sending:
            task.cancel()
        await asyncio.gather(*self._sending, return_exceptions=True)
        _fail(self._waiting, StellwerkError("the client was closed before the start was acknowledged"))

    def _enqueue(self, start: _Start) -> None:
        self._waiting.append(start)
        if not self._pump_due and len(self._sending) < IN_FLIGHT_MAX:
            # Later in this turn of the loop, so that what is started in the same turn travels together.
            self._pump_due = True
            self._loop.call_soon(self._pump)

    def _pump(self) -> None:
        self._pump_due = False
        while self._waiting and len(self._sending) < IN_FLIGHT_MAX and not self._closed:
            batch = self._take()
            if batch:
                task = self._loop.create_task(self._deliver(batch), context=_context(batch))
                self._sending.add(task)
                task.add_done_callback(self._delivered)

    def _take(self) -> list[_Start]:
        batch: list[_Start] = []
        size = 0
        while self._waiting and len(batch) < BATCH_MAX:
            size += self._waiting[0].request.ByteSize()
            if batch and size > BATCH_BYTES_MAX:
                break
            start = self._waiting.popleft()
            if not start.answer.done():  # its caller has gone
                batch.append(start)
        return batch

    def _delivered(self, task: asyncio.Task[None]) -> None:
        self._sending.discard(task)
        self._pump()

    async def _deliver(self, batch: list[_Start]) -> None:
        request = StartRunsRequest(namespace=self._target.namespace, starts=[start.request for start in batch])
        try:
            response = await self._send(request)
        except grpc.aio.AioRpcError as error:
            failure = from_rpc(error, self._target.described)
            for start in batch:
                self._retry_or_fail(start, failure)
        except asyncio.CancelledError:
            if is_local_cancel():
                _fail(batch, StellwerkError("the client was closed before the start was acknowledged"))
                raise
            for start in batch:
                self._retry_or_fail(start, Unavailable("the call was cut", code="UNAVAILABLE"))
        except Exception as error:  # nobody else would tell the callers
            _fail(batch, StellwerkError(f"the starts could not be sent: {type(error).__name__}: {error}"))
        else:
            for start, result in zip(batch, response.results, strict=False):
                self._answer(start, result)
            if len(response.results) < len(batch):
                missing = StellwerkError(f"{len(batch)} starts sent, {len(response.results)} verdicts came")
                _fail(batch[len(response.results) :], missing)

    def _answer(self, start: _Start, result: StartRunResponse) -> None:
        if result.HasField("refusal"):
            self._retry_or_fail(start, from_refusal(result.refusal))
        elif not start.answer.done():
            start.answer.set_result(result)

    def _retry_or_fail(self, start: _Start, failure: RequestError) -> None:
        delay_s = start.budget.delay_s(failure)
        if delay_s is not None and not self._closed:
            self._loop.call_later(delay_s, self._enqueue_again, start)
        elif not start.answer.done():
            start.answer.set_exception(failure)

    def _enqueue_again(self, start: _Start) -> None:
        if self._closed:
            _fail([start], StellwerkError("the client was closed before the start was acknowledged"))
        elif not start.answer.done():
            self._enqueue(start)


def _context(batch: list[_Start]) -> contextvars.Context | None:
    """In a trace the call for one start belongs to it, the call for several to none of them."""
    return batch[0].context if len(batch) == 1 or batch[0].context is None else contextvars.Context()


def _fail(starts: list[_Start] | deque[_Start], error: StellwerkError) -> None:
    for start in starts:
        if not start.answer.done():
            start.answer.set_exception(error)
