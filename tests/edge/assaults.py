"""What a rude client does to the gRPC port, each for as long as it is let. Judges nothing."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from stellwerk.v1 import run_pb2
from stellwerk_server.model import ids
from tests.edge.raw import CANCEL, PREFACE, connected, reset
from tests.integration.api import Api

GET_RUN = "/stellwerk.v1.RunService/GetRun"
WATCH_RUN = "/stellwerk.v1.RunService/WatchRun"
# Looked for in the database, and not there.
UNKNOWN = ids.show(1)
_BURST = 50
LARGE = "name: large\nsteps:\n" + "\n".join(f"  - {{id: s{n}, action: edge.large}}" for n in range(4))


async def rapid_reset(port: int, bursts: int = 60) -> None:
    """Streams that are opened and reset at once, on a few connections, anew whenever the server hangs up."""

    async def one() -> None:
        left = bursts
        while left > 0:
            async with connected(port) as raw:
                reading = asyncio.create_task(raw.closed(60))
                while left > 0:
                    left -= 1
                    frames = b""
                    for _ in range(_BURST):
                        stream, head = raw.opened(GET_RUN, run_pb2.GetRunRequest(run_id=UNKNOWN).SerializeToString())
                        frames += head + reset(stream, CANCEL)
                    if not await raw.send(frames):
                        break
                reading.cancel()
                await asyncio.gather(reading, return_exceptions=True)

    await asyncio.gather(*(one() for _ in range(4)))


async def stream_flood(port: int, bursts: int = 60) -> None:
    """Calls without end on connections that read no answer."""

    async def one() -> None:
        left = bursts
        while left > 0:
            async with connected(port) as raw:
                while left > 0:
                    left -= 1
                    request = run_pb2.GetRunRequest(run_id=UNKNOWN).SerializeToString()
                    try:
                        async with asyncio.timeout(2):
                            if not await raw.send(b"".join(raw.opened(GET_RUN, request)[1] for _ in range(_BURST))):
                                break
                    except TimeoutError:
                        return

    await asyncio.gather(*(one() for _ in range(4)))


async def bad_frames(port: int) -> None:
    """Frames that no HTTP/2 has: too long, of stream 0, continued without a beginning, settings of half a size."""
    frames = [
        b"\xff\xff\xff\x00\x00\x00\x00\x00\x01", b"\x00\x00\x01\x01\x04\x00\x00\x00\x00\x82",
        b"\x00\x00\x01\x09\x04\x00\x00\x00\x01\x82", b"\x00\x00\x05\x04\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00",
        b"\x00\x00\x04\x08\x00\x00\x00\x00\x00" + struct.pack(">I", 0), b"\x00\x00\x08\x06\x00\x00\x00\x00\x00" * 200,
        b"\x00\x00\x03\x01\x05\x00\x00\x00\x01\xff\xff\xff", b"GET / HTTP/1.1\r\n\r\n",
    ]  # fmt: skip
    for frame in frames:
        async with connected(port) as raw:
            await raw.send(frame)
            await raw.closed(0.5)


@asynccontextmanager
async def half_prefaces(port: int, count: int) -> AsyncIterator[None]:
    """Connections that have said half of hello."""
    async with AsyncExitStack() as stack:
        for number in range(count):
            raw = await stack.enter_async_context(connected(port, preface=False))
            await raw.send(PREFACE[: number % len(PREFACE)])
        yield


@asynccontextmanager
async def idle_connections(port: int, count: int) -> AsyncIterator[None]:
    """Connections that say hello and nothing else."""
    async with AsyncExitStack() as stack:
        for first in range(0, count, 100):
            size = min(100, count - first)
            await asyncio.gather(*(stack.enter_async_context(connected(port)) for _ in range(size)))
        yield


async def large_run(api: Api) -> str:
    """A run whose history is some megabytes."""
    await api.apply(LARGE)
    run = await api.start("large")
    for _ in range(4):
        await api.complete(await api.take("edge.large"), "x" * 1_500_000)
    await api.wait(run)
    return run


@asynccontextmanager
async def slow_readers(port: int, run: str, connections: int, streams: int) -> AsyncIterator[None]:
    """Watchers of a large run who never read, and give the server no more room than HTTP/2 begins with."""
    request = run_pb2.WatchRunRequest(run_id=run, include_chunks=True).SerializeToString()
    async with AsyncExitStack() as stack:
        for _ in range(connections):
            raw = await stack.enter_async_context(connected(port))
            await raw.send(b"".join(raw.opened(WATCH_RUN, request)[1] for _ in range(streams)))
        yield
