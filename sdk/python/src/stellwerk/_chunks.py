"""Chunks of running handlers on one StreamResult stream: in order, acknowledged, sent again when it breaks.

Must not hold without bound: a task with too many unacknowledged chunks waits.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Generator
from typing import TYPE_CHECKING, Any

from stellwerk._duplex import Duplex
from stellwerk._status import from_refusal
from stellwerk.errors import RequestError, TaskCancelled
from stellwerk.v1.payload_pb2 import Payload
from stellwerk.v1.worker_pb2 import StreamResultRequest, StreamResultResponse

if TYPE_CHECKING:
    from stellwerk._held import HeldTask

WINDOW_CHUNKS = 256
WINDOW_BYTES = 4 * 1024 * 1024


class TaskChunks:
    """The unacknowledged chunks of one attempt."""

    __slots__ = ("error", "held", "last", "pending", "pending_bytes", "waiters")

    def __init__(self, held: HeldTask) -> None:
        self.held = held
        self.last = 0
        self.pending: deque[StreamResultRequest] = deque()
        self.pending_bytes = 0
        self.error: RequestError | None = None
        self.waiters: list[asyncio.Future[None]] = []

    @property
    def full(self) -> bool:
        """True while the next chunk has to wait."""
        return len(self.pending) >= WINDOW_CHUNKS or self.pending_bytes >= WINDOW_BYTES

    def check(self) -> None:
        """Raise what the server refused a chunk with."""
        if self.error is not None:
            raise self.error

    def wake(self) -> None:
        """Let whoever waits look again."""
        waiters, self.waiters = self.waiters, []
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)


class Sent:
    """A chunk on its way: await it, or block on it in a thread, to be slowed down to the line's speed."""

    __slots__ = ("_chunks", "_loop")

    def __init__(self, chunks: TaskChunks, loop: asyncio.AbstractEventLoop) -> None:
        self._chunks = chunks
        self._loop = loop

    def __await__(self) -> Generator[Any, None, None]:
        if self._chunks.full or self._chunks.error is not None:
            yield from wait_for(self._chunks, lambda: not self._chunks.full).__await__()

    def block(self) -> None:
        """Wait in a thread other than the loop's."""
        if self._chunks.full or self._chunks.error is not None:
            room = wait_for(self._chunks, lambda: not self._chunks.full)
            asyncio.run_coroutine_threadsafe(room, self._loop).result()


class ChunkLine:
    """The worker's chunk stream; opened with its first chunk. `push` may be called from any thread."""

    def __init__(self, open_call: Callable[[], Any], *, address: str) -> None:
        self._loop = asyncio.get_running_loop()
        self._loop_thread = threading.get_ident()
        self._lock = threading.Lock()  # a chunk's number and its place in the line belong together
        self._unsaid: deque[StreamResultRequest] = deque()
        self._tasks: dict[bytes, TaskChunks] = {}
        self._line = Duplex(open_call, self, name="StreamResult", address=address)

    def push(self, held: HeldTask, payload: Payload) -> Sent:
        """Give the chunk its number and put it on the line."""
        with self._lock:
            chunks = held.chunks
            if chunks is None:
                chunks = held.chunks = self._tasks[held.task.token] = TaskChunks(held)
            chunks.last += 1
            message = StreamResultRequest(token=held.task.token, sequence=chunks.last, chunk=payload)
            if chunks.error is None:
                chunks.pending.append(message)
                chunks.pending_bytes += message.ByteSize()
                self._unsaid.append(message)
        if threading.get_ident() == self._loop_thread:
            self._line.wake()
        else:
            self._loop.call_soon_threadsafe(self._line.wake)
        return Sent(chunks, self._loop)

    async def flush(self, held: HeldTask) -> None:
        """Wait until every chunk of the task is durable. Raises what one was refused with."""
        if held.chunks is not None:
            chunks = held.chunks
            await wait_for(chunks, lambda: not chunks.pending)

    def forget(self, held: HeldTask) -> None:
        """The task is done: whatever is still unacknowledged has no lease any more."""
        if held.chunks is not None:
            with self._lock:
                self._tasks.pop(held.task.token, None)
                held.chunks.pending.clear()
            held.chunks.wake()

    async def close(self) -> None:
        """End the stream."""
        await self._line.close()

    def take(self) -> StreamResultRequest | None:
        """The next chunk to write."""
        return self._unsaid.popleft() if self._unsaid else None

    def restart(self) -> None:
        """Every unacknowledged chunk goes again; the server ignores numbers it has."""
        with self._lock:
            self._unsaid = deque(message for chunks in self._tasks.values() for message in chunks.pending)

    def receive(self, message: StreamResultResponse) -> None:
        """Drop what is durable; a refusal ends the task's chunks."""
        chunks = self._tasks.get(message.token)
        if chunks is None:
            return
        if message.HasField("refusal"):
            self._refuse(chunks, from_refusal(message.refusal))
        else:
            with self._lock:
                while chunks.pending and chunks.pending[0].sequence <= message.sequence:
                    chunks.pending_bytes -= chunks.pending.popleft().ByteSize()
        chunks.wake()

    def busy(self) -> bool:
        """True while a chunk is unacknowledged."""
        return any(chunks.pending for chunks in self._tasks.values())

    def failed(self, error: RequestError) -> None:
        """Nothing to do: a lease that is lost meanwhile cancels its handler."""

    def _refuse(self, chunks: TaskChunks, error: RequestError) -> None:
        with self._lock:
            chunks.error = error
            chunks.pending.clear()
            chunks.pending_bytes = 0
        if error.reason == "LEASE_LOST":
            chunks.held.cancel("LEASE_LOST")


async def wait_for(chunks: TaskChunks, ready: Callable[[], bool]) -> None:
    """Wait, on the loop, until the line has moved on that far; raises a refusal or TaskCancelled."""
    loop = asyncio.get_running_loop()
    while not ready():
        chunks.check()
        if chunks.held.cancel_reason:
            raise TaskCancelled(chunks.held.cancel_reason)
        waiter = loop.create_future()
        chunks.waiters.append(waiter)
        await waiter
    chunks.check()
