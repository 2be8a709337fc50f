"""Runs the handlers of tasks: each ends as exactly one result. Must not poll, send or know the network."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from contextlib import aclosing
from types import CoroutineType
from typing import TYPE_CHECKING, Any

from stellwerk._failure import cancelled_failure, failure_of, stopped_failure
from stellwerk._held import HeldTask, Lines
from stellwerk._threads import ThreadPool
from stellwerk.errors import EncodeError, RequestError, TaskCancelled
from stellwerk.handler import HandlerKind, HandlerPlan
from stellwerk.payload import PAYLOAD_BYTES_MAX, JsonText, encode, fill
from stellwerk.v1.payload_pb2 import FAILURE_CATEGORY_LIMIT, Failure, Payload
from stellwerk.v1.worker_pb2 import Release, Task, TaskResult

if TYPE_CHECKING:
    from stellwerk._spans import WorkerSpans

_logger = logging.getLogger("stellwerk")

# What passes through a handler without being its failure: the user's Ctrl-C, and the end of its coroutine.
_NOT_THE_HANDLERS = (KeyboardInterrupt, GeneratorExit)

# Cancels kept for tasks that have not arrived yet; most are for tasks that have just ended.
EARLY_MAX = 1_000

Finish = Callable[[TaskResult], None]


class Runner:
    """Holds the worker's tasks by token. `finish` takes the results, `freed` is told of each free slot."""

    def __init__(
        self,
        plans: Mapping[str, HandlerPlan],
        lines: Lines,
        *,
        slots: int,
        finish: Finish,
        freed: Callable[[], None],
        spans: WorkerSpans | None = None,
    ) -> None:
        self.held: dict[bytes, HeldTask] = {}
        self.running = 0
        self._plans = plans
        self._lines = lines
        self._finish = finish
        self._freed = freed
        self._spans = spans
        self._loop = asyncio.get_running_loop()
        self._threads: ThreadPool[HeldTask] = ThreadPool(
            self._work if spans is None else self._work_in_scope, slots, "stellwerk-handler"
        )
        self._early: dict[bytes, str] = {}
        self._done: deque[tuple[HeldTask, Any]] = deque()
        self._collect_due = False

    def accept(self, tasks: Iterable[Task]) -> None:
        """Begin a handler for each task; one that nobody here can run is given back."""
        received_s = time.monotonic()
        for task in tasks:
            plan = self._plans.get(task.action)
            if plan is None:
                self._finish(released(task))
                continue
            held = HeldTask(task, plan, self._lines, received_s)
            self.held[task.token] = held
            self.running += 1
            if self._spans is not None:
                held.span = self._spans.begin(task)
            if self._early:
                held.cancel_reason = self._early.pop(task.token, "")
            if plan.threaded:
                self._threads.submit(held)
            else:
                held.asyncio_task = self._loop.create_task(self._run(held), context=held.scope)

    def cancel(self, token: bytes, reason: str) -> None:
        """The server took a task back; the heartbeat line may be faster than the poll that brings it."""
        held = self.held.get(token)
        if held is None:
            self._early[token] = reason
            if len(self._early) > EARLY_MAX:
                del self._early[next(iter(self._early))]
        elif not held.settled:
            _logger.info("step %s of %s was cancelled: %s", held.task.step, held.task.run_id, reason)
            held.cancel(reason)
            if held.chunks is not None:
                held.chunks.wake()

    def forget(self, token: bytes) -> None:
        """The result has its verdict: the lease is no longer ours."""
        self.held.pop(token, None)

    def snapshot(self) -> list[HeldTask]:
        """The tasks held now; for any thread."""
        while True:
            try:
                return list(self.held.values())
            except RuntimeError:  # changed meanwhile
                continue

    def stop_all(self) -> None:
        """The drain time is over: cancel async handlers, give up on threads."""
        for held in self.snapshot():
            held.cancel("WORKER_STOPPED")
            if held.plan.threaded and not held.settled:
                self._settle(held, _failed(held, stopped_failure()))

    def give_up(self) -> None:
        """Settle handlers that ignored their cancellation."""
        for held in self.snapshot():
            if not held.settled:
                self._settle(held, _failed(held, stopped_failure()))
        self._threads.close()

    async def _run(self, held: HeldTask) -> None:
        """The life of an async handler."""
        held.entered = True
        try:
            if held.cancel_reason:
                raise asyncio.CancelledError
            plan = held.plan
            value = plan.read(held.task.input)
            arguments = (value, held.open_context()) if plan.takes_context else (value,)
            if plan.kind is HandlerKind.ASYNC:
                output = await plan.function(*arguments)
            else:
                output = await _drain_async(held, plan.function(*arguments))
            result: TaskResult | None = _succeeded(held, output)
        except asyncio.CancelledError as error:
            result = _stopped(held, error)
        except _NOT_THE_HANDLERS:
            raise
        except BaseException as error:  # whatever it is, the task must not stay without a result
            result = _raised(held, error)
        if held.chunks is not None:
            result = await self._flush(held, result)
        self._settle(held, result)

    def _work(self, held: HeldTask) -> None:
        """The life of a sync handler, in its thread."""
        try:
            if held.cancel_reason:
                raise TaskCancelled(held.cancel_reason)
            plan = held.plan
            value = plan.read(held.task.input)
            arguments = (value, held.open_context()) if plan.takes_context else (value,)
            output = plan.function(*arguments)
            if plan.kind is HandlerKind.GENERATOR:
                output = _drain(held, output)
            result: Any = output if type(output) is CoroutineType else _succeeded(held, output)
        except BaseException as error:  # whatever it is, it must not end the thread without a result
            result = _raised(held, error)
        self._done.append((held, result))
        if not self._collect_due:
            self._collect_due = True
            self._wake_loop()

    def _work_in_scope(self, held: HeldTask) -> None:
        """The same inside the task's span."""
        scope = held.scope
        assert scope is not None
        scope.run(self._work, held)

    def _wake_loop(self) -> None:
        try:
            self._loop.call_soon_threadsafe(self._collect)
        except RuntimeError:  # the loop is closed: a handler outlived its worker
            _logger.warning("a handler ended after its worker had stopped; its result is lost")

    def _collect(self) -> None:
        """Take what threads have finished, all of it in one turn of the loop."""
        self._collect_due = False
        while self._done:
            held, result = self._done.popleft()
            if type(result) is CoroutineType:  # a lambda that calls an async function
                held.asyncio_task = self._loop.create_task(self._await_output(held, result), context=held.scope)
            elif held.chunks is not None and not held.settled:
                held.asyncio_task = self._loop.create_task(self._settle_flushed(held, result))
            else:
                self._settle(held, result)

    async def _await_output(self, held: HeldTask, output: Any) -> None:
        held.entered = True
        try:
            result: TaskResult | None = _succeeded(held, await output)
        except asyncio.CancelledError as error:
            result = _stopped(held, error)
        except _NOT_THE_HANDLERS:
            raise
        except BaseException as error:  # whatever it is, the task must not stay without a result
            result = _raised(held, error)
        await self._settle_flushed(held, result)

    async def _settle_flushed(self, held: HeldTask, result: TaskResult | None) -> None:
        self._settle(held, await self._flush(held, result))

    async def _flush(self, held: HeldTask, result: TaskResult | None) -> TaskResult | None:
        """Chunks come before the result: once it is recorded they would have no lease."""
        try:
            await self._lines.chunks.flush(held)
        except asyncio.CancelledError as error:
            return _stopped(held, error)
        except (RequestError, TaskCancelled) as error:
            return _raised(held, error)
        return result

    def _settle(self, held: HeldTask, result: TaskResult | None) -> None:
        """Hand the one result on and free the slot. None: there is nobody to tell any more."""
        if held.settled:
            return
        held.settled = True
        held.asyncio_task = None
        self.running -= 1
        if held.chunks is not None:
            self._lines.chunks.forget(held)
        if self._spans is not None and held.span is not None:
            self._spans.end(held.task.token, held.span, result)
        if result is None:
            self.forget(held.task.token)
        else:
            self._finish(result)
        self._freed()


def released(task: Task) -> TaskResult:
    """Give a task back unused: the same attempt goes out again."""
    return TaskResult(token=task.token, release=Release())


def _succeeded(held: HeldTask, output: Any) -> TaskResult:
    result = TaskResult(token=held.task.token)
    fill(result.output, output)
    if result.output.ByteSize() > PAYLOAD_BYTES_MAX:
        return _failed(held, _too_large(result.output.ByteSize()))
    return result


def _failed(held: HeldTask, failure: Failure) -> TaskResult:
    return TaskResult(token=held.task.token, failure=failure)


def _raised(held: HeldTask, error: BaseException) -> TaskResult | None:
    """The result of a handler that raised."""
    if held.cancel_reason and isinstance(error, (TaskCancelled, RequestError)):
        return _stopped(held, error)
    task = held.task
    failure = failure_of(error)
    if isinstance(error, RequestError) and error.code == "INVALID_ARGUMENT":
        failure.terminal = True
    _logger.warning(
        "step %s of %s, attempt %d of %d failed: %s: %s",
        *(task.step, task.run_id, task.attempt, task.max_attempts, failure.type, failure.message),
    )
    return _failed(held, failure)


def _stopped(held: HeldTask, error: BaseException) -> TaskResult | None:
    """The result of a handler that was cancelled: by the server, by this worker's end, or by itself."""
    reason = held.cancel_reason
    if reason == "LEASE_LOST":
        return None
    if reason == "WORKER_STOPPED":
        return _failed(held, stopped_failure())
    return _failed(held, cancelled_failure(reason) if reason else failure_of(error))


def _too_large(size: int) -> Failure:
    return Failure(
        type="PayloadTooLarge",
        message=f"output: expected at most {PAYLOAD_BYTES_MAX} bytes, came {size}",
        category=FAILURE_CATEGORY_LIMIT,
        terminal=True,
    )


async def _drain_async(held: HeldTask, generator: Any) -> Any:
    """Stream each yield; the output is the list of them."""
    chunks: list[Payload] = []
    async with aclosing(generator):
        async for value in generator:
            chunks.append(encode(value))
            await held.stream(chunks[-1])
    return _joined(chunks)


def _drain(held: HeldTask, generator: Any) -> Any:
    """Stream each yield, in a thread; the output is what the generator returns, else the list of yields."""
    chunks: list[Payload] = []
    while True:
        try:
            chunk = encode(next(generator))
        except StopIteration as end:
            return _joined(chunks) if end.value is None else end.value
        if held.cancel_reason:
            generator.close()
            raise TaskCancelled(held.cancel_reason)
        chunks.append(chunk)
        held.stream(chunk).block()


def _joined(chunks: list[Payload]) -> Any:
    """All chunks as one value: a list, or one run of bytes when every chunk is bytes."""
    if chunks and all(chunk.WhichOneof("content") == "data" for chunk in chunks):
        return b"".join(chunk.data for chunk in chunks)
    if any(chunk.WhichOneof("content") == "data" for chunk in chunks):
        raise EncodeError("chunks: expected all JSON or all bytes, came both; return a value instead")
    return JsonText("[" + ",".join(chunk.json for chunk in chunks) + "]")
