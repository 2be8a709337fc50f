"""Polls for tasks while there are free slots, for as long as the worker lives.

Must not end for any reason but `stop`: whatever a poll answers, another one follows.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import grpc

from stellwerk._channel import Target
from stellwerk._duplex import is_local_cancel
from stellwerk._status import from_rpc
from stellwerk.errors import RequestError
from stellwerk.retry import Backoff
from stellwerk.v1.worker_pb2 import PollTaskRequest, Task

if TYPE_CHECKING:
    from stellwerk._spans import WorkerSpans

_logger = logging.getLogger("stellwerk")

WAIT_S = 20
TASKS_MAX = 1_000
# The server answers an empty poll before this; one that does not has lost the poll.
TIMEOUT_S = WAIT_S + 10
# A killed worker is missed within seconds only when the server knew its line before it handed tasks out.
# A server that has no lines is polled all the same, after this.
LINE_S = 2.0
# Turns of the loop from a task's arrival to the call with its result: the handler, the outbox, the call.
_TURNS_TO_RESULT = 3


class Poller:
    """`polls` loops that share the free slots: what one has asked for the others do not ask for again."""

    def __init__(
        self,
        poll: Callable[..., Any],
        request: PollTaskRequest,
        target: Target,
        *,
        polls: int,
        free_slots: Callable[[], int],
        accept: Callable[[list[Task]], None],
        give_back: Callable[[list[Task]], None],
        spans: WorkerSpans | None = None,
    ) -> None:
        self._poll = poll
        self._request = request
        self._target = target
        self._polls = polls
        self._free_slots = free_slots
        self._accept = accept
        self._give_back = give_back
        self._spans = spans
        self._asked = 0
        self._open = 0
        self._room = asyncio.Event()
        self._room.set()
        self._stop = asyncio.Event()
        self._line_open = asyncio.Event()
        self._broken = False
        self._calls: set[Any] = set()
        self._loops: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Begin polling, as soon as `line_opened` is called or LINE_S is over."""
        loop = asyncio.get_running_loop()
        self._loops = [loop.create_task(self._serve(), name="stellwerk poll") for _ in range(self._polls)]

    def line_opened(self) -> None:
        """The server knows the worker's heartbeat line."""
        self._line_open.set()

    def wake(self) -> None:
        """A slot has become free."""
        self._room.set()

    async def stop(self) -> None:
        """End the open polls; tasks that come in spite of it are given back."""
        self._stop.set()
        self._line_open.set()
        self._room.set()
        for call in self._calls:
            call.cancel()
        _, late = await asyncio.wait(self._loops, timeout=2.0)
        for task in late:
            task.cancel()

    async def _serve(self) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._line_open.wait(), LINE_S)
        backoff = Backoff()
        while not self._stop.is_set():
            share = self._share()
            if share == 0:
                self._room.clear()
                await self._room.wait()
                continue
            problem = await self._ask(share)
            if problem is None:
                backoff.reset()
                self._recovered()
                await _let_results_go_first()
            elif not self._stop.is_set():
                self._lost(problem)
                await self._pause(max(backoff.next_s(), problem.retry_after_s or 0.0))

    def _share(self) -> int:
        """How many tasks to ask for: a fair part of the slots that are free and not asked for yet."""
        free = self._free_slots() - self._asked
        polls_left = max(self._polls - self._open, 1)
        return min(-(-free // polls_left), TASKS_MAX) if free > 0 else 0

    async def _ask(self, share: int) -> RequestError | None:
        """One poll; gives what went wrong, if anything did."""
        request = PollTaskRequest()
        request.CopyFrom(self._request)
        request.max_tasks = share
        began_ns = 0 if self._spans is None else time.time_ns()
        self._asked += share
        self._open += 1
        call = self._poll(request, timeout=TIMEOUT_S, metadata=self._target.metadata)
        self._calls.add(call)
        try:
            response = await call
        except grpc.aio.AioRpcError as error:
            return None if _is_empty(error) else from_rpc(error, self._target.described)
        except asyncio.CancelledError:
            if is_local_cancel():
                raise
            return RequestError("the poll was cut", code="CANCELLED")
        except Exception as error:  # whatever the transport comes up with, polling goes on
            _logger.debug("a poll failed in an unknown way", exc_info=error)
            return RequestError(f"{type(error).__name__}: {error}", code="INTERNAL")
        finally:
            self._calls.discard(call)
            self._asked -= share
            self._open -= 1
        if self._spans is not None and response.tasks:
            self._spans.polled(response.tasks, began_ns)
        (self._give_back if self._stop.is_set() else self._accept)(response.tasks)
        return None

    async def _pause(self, delay_s: float) -> None:
        """Wait, but not past a stop."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._stop.wait(), delay_s)

    def _lost(self, problem: RequestError) -> None:
        """Say it once, not with every try."""
        level = logging.DEBUG if self._broken else logging.WARNING
        _logger.log(level, "polling failed, trying again until it works: %s", problem)
        self._broken = True

    def _recovered(self) -> None:
        if self._broken:
            _logger.warning("polling works again (%s)", self._target.address)
        self._broken = False


async def _let_results_go_first() -> None:
    """A handler that need not wait has its result on the way before the next poll is: the run waits for the result."""
    for _ in range(_TURNS_TO_RESULT):
        await asyncio.sleep(0)


def _is_empty(error: grpc.aio.AioRpcError) -> bool:
    """A poll that ran into its deadline brought nothing, and that is all."""
    return error.code() is grpc.StatusCode.DEADLINE_EXCEEDED
