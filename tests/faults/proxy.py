"""A TCP proxy of our own between clients and a server, and the ways a network fails: it knows bytes, no frames.

Bytes that were swallowed are gone, so the connections a fault has touched are cut when it is over.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress

READ_BYTES = 65_536
HOST = "127.0.0.1"
UP, DOWN = "up", "down"


class Proxy:
    """Passes connections on to the first of the ports that takes them. `faults` swallow what goes in a direction."""

    def __init__(self, ports: Sequence[int], port: int = 0) -> None:
        self.port = port
        self.latency_s = 0.0
        self._ports = ports
        self._swallowed: dict[str, int] = {UP: 0, DOWN: 0}
        self._pairs: set[_Pair] = set()
        self._server: asyncio.Server | None = None

    async def up(self) -> None:
        """Listen."""
        self._server = await asyncio.start_server(self._accept, HOST, self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        """Hang up on everybody."""
        if self._server is not None:
            self._server.close()
        self.cut()

    @property
    def connections(self) -> int:
        """How many pass now."""
        return len(self._pairs)

    def cut(self, touched: Callable[[_Pair], bool] = lambda _: True) -> int:
        """Reset the connections; gives how many."""
        pairs = [pair for pair in self._pairs if touched(pair)]
        for pair in pairs:
            pair.abort()
        return len(pairs)

    @asynccontextmanager
    async def swallowing(self, *directions: str) -> AsyncIterator[None]:
        """For the block, what goes in these directions never arrives, and nobody is told."""
        for direction in directions:
            self._swallowed[direction] += 1
        try:
            yield
        finally:
            for direction in directions:
                self._swallowed[direction] -= 1
            self.cut(lambda pair: pair.touched)

    @asynccontextmanager
    async def slow(self, seconds: float) -> AsyncIterator[None]:
        """For the block everything arrives late, both ways."""
        self.latency_s += seconds
        try:
            yield
        finally:
            self.latency_s -= seconds

    def swallows(self, direction: str) -> bool:
        """Whether what goes there is lost now."""
        return self._swallowed[direction] > 0

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        pair = _Pair(self, writer)
        self._pairs.add(pair)
        try:
            await pair.run(reader, self._ports)
        finally:
            self._pairs.discard(pair)
            pair.abort()


class _Pair:
    """One connection from a client and the one that belongs to it."""

    def __init__(self, proxy: Proxy, client: asyncio.StreamWriter) -> None:
        self._proxy = proxy
        self._writers = [client]
        # The directions in which bytes were lost.
        self._gaps: set[str] = set()

    @property
    def touched(self) -> bool:
        """Whether it can no longer be what it was."""
        return bool(self._gaps)

    async def run(self, reader: asyncio.StreamReader, ports: Sequence[int]) -> None:
        """Pass bytes both ways until one side ends."""
        if self._proxy.swallows(UP) and self._proxy.swallows(DOWN):
            self._gaps.add(UP)  # accepted, and nobody behind it
            with suppress(OSError):
                while await reader.read(READ_BYTES):
                    pass
            return
        server = await _connected(ports)
        if server is None:
            return
        self._writers.append(server[1])
        ways = [
            asyncio.create_task(self._pass(reader, server[1], UP)),
            asyncio.create_task(self._pass(server[0], self._writers[0], DOWN)),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)

    def abort(self) -> None:
        """Reset both sides."""
        for writer in self._writers:
            reset(writer)

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, direction: str) -> None:
        with suppress(OSError):
            while data := await reader.read(READ_BYTES):
                if self._proxy.latency_s:
                    await asyncio.sleep(self._proxy.latency_s)
                if self._proxy.swallows(direction):
                    self._gaps.add(direction)
                    continue
                if direction in self._gaps:
                    return
                writer.write(data)
                await writer.drain()


async def _connected(ports: Sequence[int]) -> tuple[asyncio.StreamReader, asyncio.StreamWriter] | None:
    for port in ports:
        with suppress(OSError):
            return await asyncio.open_connection(HOST, port)
    return None


def reset(writer: asyncio.StreamWriter) -> None:
    """Close at once with an RST, as a cut line looks to both ends."""
    found: socket.socket | None = writer.get_extra_info("socket")
    if found is not None and found.fileno() >= 0:
        with suppress(OSError):
            found.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
