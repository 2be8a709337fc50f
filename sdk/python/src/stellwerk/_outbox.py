"""Results on their way to the server: in natural batches, again and again until each has its verdict.

Must not lose a result: only a verdict, a lost lease or the end of the worker takes one out.
"""

from __future__ import annotations

import asyncio
import contextvars
import logging
import random
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING

import grpc

from stellwerk._channel import BATCH_BYTES_MAX
from stellwerk._duplex import is_local_cancel
from stellwerk._failure import clean
from stellwerk._status import from_refusal, from_rpc
from stellwerk.errors import RequestError
from stellwerk.retry import Backoff, is_retryable
from stellwerk.v1.payload_pb2 import FAILURE_CATEGORY_LIMIT, FAILURE_CATEGORY_USER, Failure
from stellwerk.v1.worker_pb2 import CompleteTaskResponse, TaskResult, TaskVerdict

if TYPE_CHECKING:
    from stellwerk._spans import WorkerSpans

_logger = logging.getLogger("stellwerk")

BATCH_MAX = 200
IN_FLIGHT_MAX = 2
# After this many answers that blame the server, the batch is cut up: one of its items may be the reason.
SUSPECT_AFTER = 5
# How long a result waits that the server could not take just then.
AGAIN_S = 0.5

Send = Callable[[list[TaskResult]], Awaitable[CompleteTaskResponse]]
Told = Callable[[TaskVerdict | None], None]


class Outbox:
    """While one CompleteTask is on its way the next one fills; `settled` is told each judged token."""

    def __init__(
        self, send: Send, settled: Callable[[bytes], None], *, address: str, spans: WorkerSpans | None = None
    ) -> None:
        self._send = send
        self._settled = settled
        self._address = address
        self._spans = spans
        self._loop = asyncio.get_running_loop()
        self._waiting: deque[TaskResult] = deque()
        self._sending: set[asyncio.Task[None]] = set()
        self._replaced: set[bytes] = set()
        self._told: dict[bytes, Told] = {}
        self._pump_due = False
        self._closed = False
        self._empty = asyncio.Event()
        self._empty.set()
        self.unsettled = 0

    def add(self, result: TaskResult, told: Told | None = None) -> None:
        """Send a result with the next batch; `told` gets its verdict, or None when it was not taken as it is."""
        self.unsettled += 1
        if told is not None:
            self._told[result.token] = told
        self._empty.clear()
        self._enqueue(result)

    async def flush(self) -> None:
        """Wait until every result has its verdict."""
        await self._empty.wait()

    async def close(self) -> None:
        """Stop sending; what has no verdict yet goes out again when its lease ends."""
        if self.unsettled:
            _logger.warning("%d results could not be delivered; their tasks will run again", self.unsettled)
        self._closed = True
        self._waiting.clear()
        for task in self._sending:
            task.cancel()
        await asyncio.gather(*self._sending, return_exceptions=True)

    def _enqueue(self, result: TaskResult) -> None:
        if self._closed:
            return
        self._waiting.append(result)
        if not self._pump_due and len(self._sending) < IN_FLIGHT_MAX:
            # Later in this turn of the loop, so that what ends in the same turn travels together.
            self._pump_due = True
            self._loop.call_soon(self._pump)

    def _pump(self) -> None:
        self._pump_due = False
        while self._waiting and len(self._sending) < IN_FLIGHT_MAX:
            task = self._begin(self._take())
            self._sending.add(task)
            task.add_done_callback(self._delivered)

    def _begin(self, batch: list[TaskResult]) -> asyncio.Task[None]:
        if self._spans is None:
            return self._loop.create_task(self._deliver(batch))
        # Away from the handler that happened to end first: the call is for all of them.
        return self._loop.create_task(self._spans.deliver(batch, self._deliver), context=contextvars.Context())

    def _delivered(self, task: asyncio.Task[None]) -> None:
        self._sending.discard(task)
        self._pump()

    def _take(self) -> list[TaskResult]:
        batch = [self._waiting.popleft()]
        size = batch[0].ByteSize()
        while self._waiting and len(batch) < BATCH_MAX:
            size += self._waiting[0].ByteSize()
            if size > BATCH_BYTES_MAX:
                break
            batch.append(self._waiting.popleft())
        return batch

    async def _deliver(self, batch: Sequence[TaskResult]) -> None:
        """Send until there is an answer; a batch the server cannot take is cut in two to find out why."""
        backoff = Backoff()
        blames = 0
        while True:
            problem = await self._try(list(batch))
            if problem is None:
                return
            blames += problem.code in ("INTERNAL", "UNKNOWN")
            if _blames_content(problem) or blames >= SUSPECT_AFTER:
                break
            _logger.info("results could not be delivered, sending them again: %s", problem)
            await asyncio.sleep(max(backoff.next_s(), problem.retry_after_s or 0.0))
        if len(batch) == 1:
            self._refused(batch[0], problem)
            return
        half = len(batch) // 2
        await self._deliver(batch[:half])
        await self._deliver(batch[half:])

    async def _try(self, batch: list[TaskResult]) -> RequestError | None:
        """One call; None when it was answered."""
        try:
            response = await self._send(batch)
        except grpc.aio.AioRpcError as error:
            return from_rpc(error, self._address)
        except asyncio.CancelledError:
            if is_local_cancel():
                raise
            return RequestError("the call was cut", code="CANCELLED")
        except Exception as error:  # whatever the transport comes up with, no result is lost
            return RequestError(f"{type(error).__name__}: {error}", code="INTERNAL")
        for result, verdict in zip(batch, response.verdicts, strict=False):
            if verdict.HasField("refusal"):
                self._refused(result, from_refusal(verdict.refusal))
            else:
                self._settle(result, verdict)
        for result in batch[len(response.verdicts) :]:
            self._enqueue(result)
        return None

    def _refused(self, result: TaskResult, problem: RequestError) -> None:
        """A result the server does not take becomes a failure it can; a lost lease ends the matter."""
        kind = result.WhichOneof("outcome")
        if kind == "decision" and _blames_decision(problem):
            self._tell(result.token, None)
            self._enqueue(_undecided(result, problem))
            return
        if _blames_content(problem) and kind != "release" and result.token not in self._replaced:
            self._replaced.add(result.token)
            self._enqueue(_replacement(result, problem))
            return
        if is_retryable(problem):
            _logger.info("a result was not taken now, sending it again: %s", problem)
            self._loop.call_later(AGAIN_S * random.uniform(0.5, 1.0), self._enqueue, result)
            return
        if problem.reason == "LEASE_LOST":
            _logger.info("a result came too late, its task has gone elsewhere: %s", problem)
        else:
            _logger.error("a result was refused and is dropped: %s", problem)
        self._settle(result)

    def _settle(self, result: TaskResult, verdict: TaskVerdict | None = None) -> None:
        self.unsettled -= 1
        self._replaced.discard(result.token)
        self._settled(result.token)
        self._tell(result.token, verdict)
        if not self.unsettled:
            self._empty.set()

    def _tell(self, token: bytes, verdict: TaskVerdict | None) -> None:
        told = self._told.pop(token, None)
        if told is not None:
            told(verdict)


def _blames_content(problem: RequestError) -> bool:
    if problem.reason == "LEASE_LOST":
        return False
    return problem.code in ("INVALID_ARGUMENT", "OUT_OF_RANGE") or problem.reason == "PAYLOAD_TOO_LARGE"


def _blames_decision(problem: RequestError) -> bool:
    """Too much of something is the code's doing here, not the server's load."""
    if problem.reason == "LEASE_LOST":
        return False
    return problem.code == "RESOURCE_EXHAUSTED" or not is_retryable(problem)


def _undecided(result: TaskResult, problem: RequestError) -> TaskResult:
    """The failure that tells that a decision was refused: another try would say the same, unless the server broke."""
    return TaskResult(
        token=result.token,
        failure=Failure(
            type=problem.reason or problem.code,
            message=clean(problem.message),
            category=FAILURE_CATEGORY_USER,
            terminal=problem.code != "INTERNAL",
        ),
    )


def _replacement(result: TaskResult, problem: RequestError) -> TaskResult:
    """The failure that tells what was wrong with the result."""
    too_large = problem.reason == "PAYLOAD_TOO_LARGE"
    failed = result.failure if result.HasField("failure") else None
    subject = f"the failure {failed.type!r}" if failed else "the output"
    return TaskResult(
        token=result.token,
        failure=Failure(
            type="PayloadTooLarge" if too_large else "EncodeError",
            message=clean(f"{subject} was refused by the server: {problem}"),
            category=FAILURE_CATEGORY_LIMIT if too_large else FAILURE_CATEGORY_USER,
            terminal=failed.terminal if failed else True,
        ),
    )
