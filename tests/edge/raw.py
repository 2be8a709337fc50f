"""HTTP/2 spoken by hand: connections that never finish their preface, streams reset at once, streams never read."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tests.conformance.frames import DATA, END_STREAM, Frame, Headers, read_frame, reset, written_headers

__all__ = ["PREFACE", "Raw", "connected", "reset"]

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_SETTINGS = 4
CANCEL = 8


class Raw:
    """A bare connection to the gRPC port."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer
        self._stream = -1

    async def begin(self) -> None:
        """The preface and empty settings, and the server's settings acknowledged."""
        self.writer.write(PREFACE + bytes(Frame(_SETTINGS, 0, 0, b"")) + bytes(Frame(_SETTINGS, 1, 0, b"")))
        await self.writer.drain()

    def opened(self, path: str, message: bytes = b"") -> tuple[int, bytes]:
        """The number of a new stream, and the frames that call a method on it."""
        self._stream += 2
        headers: Headers = [
            (b":method", b"POST"), (b":scheme", b"http"), (b":path", path.encode()), (b":authority", b"localhost"),
            (b"te", b"trailers"), (b"content-type", b"application/grpc"),
        ]  # fmt: skip
        body = b"\0" + struct.pack(">I", len(message)) + message
        head = written_headers(self._stream, headers, ends_stream=False)
        return self._stream, head + bytes(Frame(DATA, END_STREAM, self._stream, body))

    async def send(self, data: bytes) -> bool:
        """False once the server has hung up."""
        try:
            self.writer.write(data)
            await self.writer.drain()
        except ConnectionError:
            return False
        return not self.writer.is_closing()

    async def frame(self) -> Frame | None:
        """The next frame; None once the server has hung up."""
        try:
            return await read_frame(self.reader)
        except (asyncio.IncompleteReadError, ConnectionError):
            return None

    async def closed(self, within_s: float) -> bool:
        """Whether the server hangs up in that time, whatever it says before."""
        try:
            async with asyncio.timeout(within_s):
                while await self.frame() is not None:
                    pass
        except TimeoutError:
            return False
        return True


@asynccontextmanager
async def connected(port: int, *, preface: bool = True) -> AsyncIterator[Raw]:
    """A connection, with its preface sent."""
    raw = Raw(*await asyncio.open_connection("127.0.0.1", port))
    if preface:
        await raw.begin()
    try:
        yield raw
    finally:
        raw.writer.transport.abort()
