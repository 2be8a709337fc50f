"""A proxy between SDK and server that does what networks and proxies do: cuts, GOAWAY, resets, lost replies, silence.

Transparent until told otherwise. It runs in the event loop of the test and must not change what it lets pass.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.conformance import frames
from tests.conformance.frames import Frame, HeaderReader

CUT = -1
LAST_STREAM = 0x7FFFFFFF


@dataclass
class Trouble:
    """What happens to the next so many calls of a method: a reset with this code, or the cut of the connection."""

    method: str
    times: int
    code: int

    def strikes(self, method: str) -> bool:
        """Whether it is this call's turn; uses it up."""
        if self.times <= 0 or method != self.method:
            return False
        self.times -= 1
        return True


@dataclass
class Proxy:
    """Listens on a free port of loopback for as long as it is `up`; `called` counts the calls of each method."""

    upstream_port: int
    port: int = 0
    called: Counter[str] = field(default_factory=Counter)
    resets: list[Trouble] = field(default_factory=list)
    losses: list[Trouble] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.passing = asyncio.Event()
        self.passing.set()
        self._links: set[Link] = set()
        self._serving: set[asyncio.Task[None]] = set()
        self._listener: asyncio.Server | None = None

    @property
    def address(self) -> str:
        """Where clients find it."""
        return f"127.0.0.1:{self.port}"

    async def up(self) -> None:
        """Listen; again on the same port after `down`."""
        self._listener = await asyncio.start_server(self._accept, "127.0.0.1", self.port)
        self.port = self._listener.sockets[0].getsockname()[1]

    async def down(self) -> None:
        """Refuse connections and cut those that are open."""
        if self._listener is not None:
            self._listener.close()
            self._listener = None
        self.cut()

    async def close(self) -> None:
        """Go down for good."""
        await self.down()
        self.passing.set()
        await asyncio.gather(*self._serving)

    def cut(self) -> None:
        """Cut every connection."""
        for link in list(self._links):
            link.close()

    def goaway(self, code: int, text: str, *, none_seen: bool) -> None:
        """Tell every client to go elsewhere."""
        for link in list(self._links):
            link.client.write(frames.goaway(0 if none_seen else LAST_STREAM, code, text))
            if none_seen:
                link.forget_streams()

    def reset(self, code: int, method: str = "", next_calls: int = 0) -> None:
        """Reset the open streams of a method (all of them without one), and the next ones too."""
        if next_calls:
            self.resets.append(Trouble(method, next_calls, code))
        for link in list(self._links):
            for stream, name in list(link.open.items()):
                if method in ("", name):
                    link.reset(stream, code)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._serve(reader, writer))
        self._serving.add(task)
        task.add_done_callback(self._serving.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            upstream = await asyncio.open_connection("127.0.0.1", self.upstream_port)
        except OSError:
            writer.close()
            return
        link = Link(self, writer, upstream[1])
        self._links.add(link)
        try:
            await link.pump(reader, upstream[0])
        finally:
            self._links.discard(link)
            link.close()


class Link:
    """One connection from a client to the server. `open` has the method of every open stream."""

    def __init__(self, proxy: Proxy, client: asyncio.StreamWriter, server: asyncio.StreamWriter) -> None:
        self.client = client
        self.server = server
        self.open: dict[int, str] = {}
        self._proxy = proxy
        self._ended: set[int] = set()  # for one side at least, without the other having said so
        self._requests = HeaderReader()
        self._replies = HeaderReader()

    async def pump(self, client: asyncio.StreamReader, server: asyncio.StreamReader) -> None:
        """Pass on what comes from either side, until one of them ends."""
        up = asyncio.create_task(self._upwards(client))
        down = asyncio.create_task(self._each(server, self.client, self._from_server))
        await asyncio.wait([up, down], return_when=asyncio.FIRST_COMPLETED)
        self.close()
        up.cancel()
        down.cancel()
        for ended in await asyncio.gather(up, down, return_exceptions=True):
            if isinstance(ended, Exception) and not isinstance(ended, (OSError, EOFError)):
                raise ended

    def close(self) -> None:
        """Cut it, on both sides."""
        for writer in (self.client, self.server):
            if not writer.transport.is_closing():
                writer.transport.abort()

    def reset(self, stream: int, code: int, *, server_too: bool = True) -> None:
        """End one stream with RST_STREAM."""
        self.open.pop(stream, None)
        self._ended.add(stream)
        self.client.write(frames.reset(stream, code))
        if server_too:
            self.server.write(frames.reset(stream, 8))

    def forget_streams(self) -> None:
        """Take every open stream back from the server, which must not answer what it has not seen."""
        for stream in list(self.open):
            self._ended.add(stream)
            self.server.write(frames.reset(stream, 8))
        self.open.clear()

    async def _upwards(self, client: asyncio.StreamReader) -> None:
        self.server.write(await client.readexactly(frames.PREFACE_BYTES))
        await self._each(client, self.server, self._from_client)

    async def _each(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, take: Callable[[Frame], bytes]
    ) -> None:
        while True:
            frame = await frames.read_frame(reader)
            await self._proxy.passing.wait()
            writer.write(take(frame))
            await writer.drain()

    def _from_client(self, frame: Frame) -> bytes:
        if frame.kind in (frames.HEADERS, frames.CONTINUATION):
            found = self._requests.read(frame)
            if found is not None:
                self._begun(frame, dict(found[0]))
        elif frame.stream in self._ended:
            if frame.kind == frames.DATA:
                self.client.write(frames.credit(len(frame.body)))
            return b""
        elif frame.kind == frames.RST_STREAM:
            self.open.pop(frame.stream, None)
        return bytes(frame)

    def _begun(self, frame: Frame, headers: dict[bytes, bytes]) -> None:
        """A new call: remember it; one that is to be reset is reset as soon as it has passed."""
        method = headers.get(b":path", b"").rpartition(b"/")[2].decode()
        self.open[frame.stream] = method
        self._proxy.called[method] += 1
        for trouble in self._proxy.resets:
            if trouble.strikes(method):
                asyncio.get_running_loop().call_soon(self.reset, frame.stream, trouble.code)
                return

    def _from_server(self, frame: Frame) -> bytes:
        if frame.kind in (frames.HEADERS, frames.CONTINUATION):
            found = self._replies.read(frame)
            if found is None or frame.stream in self._ended or self._is_lost(frame.stream):
                return b""
            if found[1]:
                self.open.pop(frame.stream, None)
            return frames.written_headers(frame.stream, found[0], ends_stream=found[1])
        if frame.stream in self._ended:
            if frame.kind == frames.DATA:
                self.server.write(frames.credit(len(frame.body)))
            return b""
        if frame.kind == frames.RST_STREAM:
            self.open.pop(frame.stream, None)
        return bytes(frame)

    def _is_lost(self, stream: int) -> bool:
        """Whether the reply that begins is one that never arrives."""
        method = self.open.get(stream, "")
        for trouble in self._proxy.losses:
            if trouble.strikes(method):
                self.close() if trouble.code == CUT else self.reset(stream, trouble.code, server_too=False)
                return True
        return False
