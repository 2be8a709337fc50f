"""Calls and lines between fake clients and real servicers: slow, lost on the way there, or lost on the way back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from random import Random
from typing import Any

from stellwerk_server.model.errors import StellwerkError
from stellwerk_server.rpc import edge
from tests.simulation.loop import HOST, Host, VirtualLoop
from tests.simulation.trace import Trace

# What a caller may meet although its call was done.
INDETERMINATE = frozenset({"UNAVAILABLE", "DEADLINE_EXCEEDED", "CANCELLED"})


class CallFailed(Exception):
    """The status of a call that was not OK."""

    def __init__(self, code: str, reason: str, message: str = "") -> None:
        super().__init__(f"{code} {reason} {message}")
        self.code = code
        self.reason = reason


class Context:
    """What a servicer asks of a call."""

    def __init__(self, loop: VirtualLoop, deadline: float | None) -> None:
        self._loop = loop
        self._deadline = deadline

    def time_remaining(self) -> float | None:
        """Seconds until the caller gives up."""
        return None if self._deadline is None else max(0.0, self._deadline - self._loop.time())


class Door:
    """What the network sees of one instance."""

    def __init__(self, host: Host, methods: Mapping[str, edge.Method]) -> None:
        self.host = host
        self.methods = methods
        self.open = True
        self.ends: set[asyncio.Future[Any]] = set()
        host.on_gone[self] = self.shut

    def shut(self) -> None:
        """The instance is gone: everybody who waits for it is told."""
        self.open = False
        for end in sorted(self.ends, key=lambda end: end.number):  # type: ignore[attr-defined]
            if not end.done():
                end.set_exception(CallFailed("UNAVAILABLE", "", "connection reset"))
                end.exception()
        self.ends.clear()


class Transport:
    """The network of one run."""

    def __init__(self, loop: VirtualLoop, random: Random, trace: Trace) -> None:
        self._loop = loop
        self._random = random
        self._trace = trace
        self._numbers = 0
        # Of calls: how many are lost on the way there or back, and how many messages take long.
        self.losing = 0.0
        self.slow = 0.0

    async def delay(self) -> None:
        """One way."""
        chance = self._random.random()
        await asyncio.sleep(self._random.uniform(0.05, 1.5) if chance < self.slow else 0.0002 + chance * 0.002)

    async def call(self, door: Door, method: str, request: Any, deadline_s: float = 10.0) -> Any:
        """The response; raises CallFailed, also when it is not known whether it was done."""
        await self.delay()
        if not door.open:
            raise CallFailed("UNAVAILABLE", "", "connection refused")
        if self._random.random() < self.losing:
            self._trace.note(f"lost on its way: {method}")
            raise CallFailed("UNAVAILABLE", "", "connection reset")
        end = self.end(door)
        context = Context(self._loop, self._loop.time() + deadline_s)
        task = door.host.spawn(_serve(door.methods[method].call(request, context), end), method)
        caller = HOST.get()
        assert caller is not None
        caller.on_gone[end] = lambda: door.host.call_soon(task.cancel)
        try:
            await asyncio.wait({end}, timeout=deadline_s)
            if not end.done():
                raise CallFailed("DEADLINE_EXCEEDED", "")
            response = end.result()
        finally:
            door.ends.discard(end)
            caller.on_gone.pop(end, None)
            # Of a caller that went away the server is told.
            door.host.call_soon(task.cancel)
        await self.delay()
        if self._random.random() < self.losing:
            self._trace.note(f"lost on its way back: {method}")
            raise CallFailed("UNAVAILABLE", "", "connection reset")
        return response

    def end(self, door: Door) -> asyncio.Future[Any]:
        """What is resolved when a call ends, whoever ends it."""
        end = _Numbered(loop=self._loop)
        self._numbers += 1
        end.number = self._numbers
        door.ends.add(end)
        return end

    def line(self, door: Door, first: Any) -> Line:
        """A worker's line to that instance."""
        return Line(self, door, first, self._loop)


class Line:
    """A Heartbeat stream; both ends see when it breaks, the server unless it is frozen."""

    def __init__(self, transport: Transport, door: Door, first: Any, loop: VirtualLoop) -> None:
        self._transport = transport
        self._door = door
        self._requests: asyncio.Queue[Any] = asyncio.Queue()
        self._responses: asyncio.Queue[Any] = asyncio.Queue()
        self._requests.put_nowait(first)
        self.broken = transport.end(door)
        self._task = door.host.spawn(self._serve(), "line")
        self.broken.add_done_callback(lambda _: self._responses.put_nowait(None))
        host = HOST.get()
        assert host is not None
        host.on_gone[self] = self.cut
        self._host = host

    async def send(self, request: Any) -> None:
        """Say something."""
        await self._transport.delay()
        self._requests.put_nowait(request)

    async def __aiter__(self) -> AsyncIterator[Any]:
        while (response := await self._responses.get()) is not None:
            await self._transport.delay()
            yield response

    def cut(self) -> None:
        """It breaks."""
        if not self.broken.done():
            self.broken.set_exception(CallFailed("UNAVAILABLE", "", "line cut"))
            self.broken.exception()
        self._door.ends.discard(self.broken)
        self._host.on_gone.pop(self, None)
        self._door.host.call_soon(self._task.cancel)

    async def _serve(self) -> None:
        try:
            async for response in self._door.methods["Heartbeat"].call(self._asked(), Context(_loop(), None)):
                self._responses.put_nowait(response)
        except Exception as error:
            edge.known_error(error)
        finally:
            if not self.broken.done():
                self.broken.set_result(None)

    async def _asked(self) -> AsyncIterator[Any]:
        while True:
            yield await self._requests.get()


class _Numbered(asyncio.Future[Any]):
    number = 0


def _loop() -> VirtualLoop:
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualLoop)
    return loop


async def _serve(call: Any, end: asyncio.Future[Any]) -> None:
    """Run a call as the edge does, and map its error as the edge does."""
    try:
        response, failed = await call, None
    except asyncio.CancelledError:
        response, failed = None, CallFailed("CANCELLED", "")
    except Exception as error:
        response, failed = None, _failed(edge.known_error(error))
    if end.done():
        return
    if failed is None:
        end.set_result(response)
    else:
        end.set_exception(failed)
        end.exception()


def _failed(error: StellwerkError) -> CallFailed:
    return CallFailed(edge.code_of(error).name, error.reason, error.message)
