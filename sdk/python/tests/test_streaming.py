"""Chunks: in order, acknowledged, sent again, and never without bound."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Generator, Iterator
from typing import Any

import grpc
import pytest

from sdk.python.tests.fake import FakeServer, refusing, task
from stellwerk import TaskContext, Worker
from stellwerk.v1 import payload_pb2

Work = Callable[..., Worker]


def _chunks(server: FakeServer) -> list[tuple[int, str]]:
    return [(chunk.sequence, chunk.chunk.json) for chunk in server.seen.get("chunk", [])]


async def _words(text: str) -> AsyncIterator[str]:
    for word in text.split():
        yield word


def _count(n: int) -> Iterator[int]:
    yield from range(n)


def _count_and_sum(n: int, ctx: TaskContext) -> Generator[int, None, int]:
    yield from range(n)
    return sum(range(n))


@pytest.mark.parametrize(
    ("handler", "value", "chunks", "output"),
    [
        (_words, "a b", ['"a"', '"b"'], '["a","b"]'),
        (_count, 3, ["0", "1", "2"], "[0,1,2]"),
        (_count_and_sum, 4, ["0", "1", "2", "3"], "6"),
        (_count, 0, [], "[]"),
    ],
)
async def test_a_generator_streams_each_yield(
    server: FakeServer, work: Work, handler: Callable[..., Any], value: Any, chunks: list[str], output: str
) -> None:
    work({"noop": handler})
    server.offer(task(value=value))
    assert (await server.result()).output.json == output
    assert _chunks(server) == list(enumerate(chunks, start=1))


async def test_chunks_of_bytes_are_joined(server: FakeServer, work: Work) -> None:
    async def parts(value: Any) -> AsyncIterator[bytes]:
        yield b"ab"
        yield b"\x00"

    work({"noop": parts})
    server.offer(task())
    assert (await server.result()).output.data == b"ab\x00"


async def test_ctx_stream_works_in_sync_and_async_handlers(server: FakeServer, work: Work) -> None:
    async def here(value: Any, ctx: TaskContext) -> str:
        for n in range(600):
            await ctx.stream(n)
        return "async"

    def there(value: Any, ctx: TaskContext) -> str:
        for n in range(600):
            ctx.stream(n)
        return "sync"

    work({"a": here, "s": there})
    server.offer(task("a", run_id="r1"), task("s", run_id="r2"))
    assert (await server.result(b"r1")).output.json == '"async"'
    assert (await server.result(b"r2")).output.json == '"sync"'
    for token in (b"r1", b"r2"):
        numbers = [chunk.sequence for chunk in server.seen["chunk"] if chunk.token == token]
        assert numbers == list(range(1, 601))
    assert len(server.seen["StreamResult"]) == 1


async def test_chunks_without_acknowledgement_are_sent_again(server: FakeServer, work: Work) -> None:
    server.play("chunk", *[_nothing] * 5, refusing(grpc.StatusCode.UNAVAILABLE))
    work({"noop": _count})
    server.offer(task(value=20))
    assert (await server.result()).output.json == str(list(range(20))).replace(" ", "")
    assert len(server.seen["StreamResult"]) == 2
    assert {number for number, _ in _chunks(server)} == set(range(1, 21))
    last_stream = _chunks(server)[6:]
    assert [number for number, _ in last_stream] == list(range(last_stream[0][0], 21))


async def _nothing(request: Any, context: Any) -> None:
    return None


async def test_the_result_waits_for_the_last_acknowledgement(server: FakeServer, work: Work) -> None:
    release = asyncio.Event()

    async def hold(request: Any, context: Any) -> None:
        await release.wait()

    server.play("chunk", hold)
    work({"noop": _count})
    server.offer(task(value=1))
    await server.until(lambda: server.seen.get("chunk"))
    assert "CompleteTask" not in server.seen
    release.set()
    assert (await server.result()).output.json == "[0]"


async def test_a_stream_that_is_not_read_slows_its_handler_down(server: FakeServer, work: Work) -> None:
    release = asyncio.Event()
    given = 0

    async def hold(request: Any, context: Any) -> None:
        await release.wait()

    async def fast(value: Any) -> AsyncIterator[int]:
        nonlocal given
        for given in range(2_000):
            yield given

    server.play("chunk", hold)
    work({"noop": fast})
    server.offer(task())
    await server.until(lambda: server.seen.get("chunk"))
    for _ in range(200):
        await asyncio.sleep(0)
    assert 0 < given <= 300
    release.set()
    await server.result()
    assert given == 1_999


async def test_a_refused_chunk_fails_the_task(server: FakeServer, work: Work) -> None:
    server.chunk_refusal = payload_pb2.Refusal(reason="PAYLOAD_TOO_LARGE", message="2 MiB at most", code=3)
    work({"noop": _count})
    server.offer(task(value=2))
    failure = (await server.result()).failure
    assert (failure.type, failure.terminal) == ("PayloadTooLarge", True)


async def test_a_lost_lease_stops_the_stream_and_sends_no_result(server: FakeServer, work: Work) -> None:
    stopped = asyncio.Event()

    async def endless(value: Any) -> AsyncIterator[int]:
        try:
            while True:
                yield 1
                await asyncio.sleep(0.001)
        finally:
            stopped.set()

    server.chunk_refusal = payload_pb2.Refusal(reason="LEASE_LOST", code=9)
    work({"noop": endless, "next": lambda value: value})
    server.offer(task())
    await asyncio.wait_for(stopped.wait(), 10)
    server.offer(task("next", run_id="r2"))
    await server.result(b"r2")
    assert b"run_1" not in server.results
