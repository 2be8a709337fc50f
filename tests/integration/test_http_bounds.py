"""Clients that are slow, large or many: each meets its bound, and others are served quickly all the while."""

from __future__ import annotations

import asyncio
import json
import resource
import socket
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import httpx
import pytest

from stellwerk_server.server import Server
from stellwerk_server.web import bodies, connection
from tests.integration.api import Api
from tests.integration.conftest import StartServer
from tests.integration.test_http import applied, refused, started

QUICK_S = 5.0
POST = b"POST /api/workflows HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"


class Socket:
    """A bare connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    async def send(self, data: bytes) -> None:
        self._writer.write(data)
        await self._writer.drain()

    async def answer(self) -> tuple[int, dict[str, str], Any]:
        """Status, headers and body of the next answer."""
        async with asyncio.timeout(20):
            head = (await self._reader.readuntil(b"\r\n\r\n")).decode()
            first, *lines = head.rstrip().split("\r\n")
            headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
            body = await self._reader.readexactly(int(headers["content-length"]))
        return int(first.split()[1]), headers, json.loads(body)

    async def closed(self) -> bool:
        """True once the server has hung up, whatever it said before."""
        async with asyncio.timeout(20):
            try:
                while await self._reader.read(65536):
                    pass
            except ConnectionError:
                pass
        return True


@asynccontextmanager
async def connected(server: Server) -> AsyncIterator[Socket]:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.http_port)
    try:
        yield Socket(reader, writer)
    finally:
        writer.close()


async def check_quick(http: httpx.AsyncClient) -> None:
    """Another client is served as ever."""
    began = time.monotonic()
    assert (await http.get("/api/workflows")).status_code == 200
    assert time.monotonic() - began < QUICK_S


async def test_a_body_that_says_it_is_too_large_is_not_read(server: Server, http: httpx.AsyncClient) -> None:
    async with connected(server) as client:
        await client.send(POST + b"Content-Length: 104857600\r\nExpect: 100-continue\r\n\r\n")
        status, headers, problem = await client.answer()
        assert (status, problem["reason"], headers["connection"]) == (413, "BODY_TOO_LARGE", "close")
        await check_quick(http)
        await client.send(b"x" * 65536)
        assert await client.closed()


async def test_a_body_without_a_length_is_cut_at_the_bound(server: Server, http: httpx.AsyncClient) -> None:
    async with connected(server) as client:
        await client.send(POST + b"Transfer-Encoding: chunked\r\n\r\n")
        part = b"%x\r\n%b\r\n" % (1 << 20, b"x" * (1 << 20))
        for _ in range(17):
            await client.send(part)
        status, _, problem = await client.answer()
        assert (status, problem["reason"]) == (413, "BODY_TOO_LARGE")
        await check_quick(http)


async def test_a_hundred_megabytes_from_a_client_that_reads_only_afterwards(http: httpx.AsyncClient) -> None:
    answer = await http.post("/api/workflows", content=b"x" * 100_000_000, headers={"content-type": "application/json"})
    refused(answer, 413, "BODY_TOO_LARGE")


async def test_a_slow_head_is_cut(server: Server, http: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "HEAD_S", 0.5)
    async with connected(server) as client, connected(server) as silent:
        await silent.send(b"\r\n")
        for byte in b"GET / HT":
            await client.send(bytes([byte]))
        await check_quick(http)
        status, _, problem = await client.answer()
        assert (status, problem["reason"]) == (408, "REQUEST_TIMEOUT")
        assert await client.closed()
        assert await silent.closed()


async def test_a_slow_body_is_cut(server: Server, http: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies.read, "__defaults__", (bodies.MAX_BODY_BYTES, 0.5))
    async with connected(server) as client:
        await client.send(POST + b"Content-Length: 100\r\n\r\n{")
        await check_quick(http)
        status, _, problem = await client.answer()
        assert (status, problem["reason"]) == (408, "REQUEST_TIMEOUT")
        assert await client.closed()


async def test_an_idle_connection_is_closed(start_server: StartServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stellwerk_server.web.listener.IDLE_S", 0.3)
    server = await start_server()
    async with connected(server) as fresh, connected(server) as used:
        await used.send(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert (await used.answer())[0] == 200
        assert await fresh.closed()
        assert await used.closed()


async def test_a_large_head_is_refused(server: Server, http: httpx.AsyncClient) -> None:
    for head in (b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\n\r\n", b"GET / HTTP/1.1\r\nX: " + b"a" * 70_000):
        async with connected(server) as client:
            await client.send(head)
            status, _, problem = await client.answer()
            assert (status, problem["reason"]) == (431, "HEAD_TOO_LARGE")
            assert await client.closed()
    await check_quick(http)


async def test_what_is_no_http(server: Server, http: httpx.AsyncClient) -> None:
    for said in (
        b"\x16\x03\x01\x00\x00hello\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET http://[ HTTP/1.1\r\n\r\n",
        b"SSH-2.0-x\r\n",
    ):
        async with connected(server) as client:
            await client.send(said)
            status, headers, problem = await client.answer()
            assert (status, problem["reason"]) == (400, "MALFORMED_REQUEST"), said
            assert headers["content-type"] == "application/problem+json"
    await check_quick(http)


async def test_too_many_connections_take_the_place_of_idle_ones(
    server: Server, http: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "MAX_CONNECTIONS", 5)
    async with AsyncExitStack() as stack:
        oldest = await stack.enter_async_context(connected(server))
        await check_quick(http)
        for _ in range(5):
            busy = await stack.enter_async_context(connected(server))
            await busy.send(b"GET /health HT")
            await asyncio.sleep(0.1)
        assert await oldest.closed()
        refusing = await stack.enter_async_context(connected(server))
        status, headers, problem = await refusing.answer()
        assert (status, problem["reason"], headers["retry-after"]) == (503, "TOO_MANY_CONNECTIONS", "1")
    await check_quick(http)


async def test_a_thousand_idle_sockets_hold_up_nobody(server: Server, http: httpx.AsyncClient) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, 8192)), hard))
    sockets = [socket.create_connection(("127.0.0.1", server.http_port)) for _ in range(100)]
    try:
        for _ in range(9):
            sockets += [socket.create_connection(("127.0.0.1", server.http_port)) for _ in range(100)]
            await check_quick(http)
        for half in sockets[::2]:
            half.send(b"POST /api/workflows HTTP/1.1\r\nHost: l")
        await applied(http)
        assert await started(http)
        await check_quick(http)
    finally:
        for each in sockets:
            each.close()


async def test_a_client_that_hangs_up_ends_its_wait(server: Server, http: httpx.AsyncClient, api: Api) -> None:
    await applied(http)
    run_id = await started(http)
    async with connected(server) as client:
        await client.send(f"GET /api/runs/{run_id}/result?wait=60s HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        await check_quick(http)
    await api.complete(await api.take("a"), 1)
    result = (await http.get(f"/api/runs/{run_id}/result?wait=5s")).json()
    assert result["result"]["state"] == "SUCCEEDED"


async def test_pipelined_requests_are_answered_in_order(server: Server) -> None:
    async with connected(server) as client:
        await client.send(
            b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\nGET /api/x HTTP/1.1\r\nHost: localhost\r\n\r\n"
        )
        assert (await client.answer())[0] == 200
        assert (await client.answer())[0] == 404


async def test_a_drain_ends_what_is_held_and_finishes_what_is_under_way(
    server: Server, http: httpx.AsyncClient
) -> None:
    await applied(http)
    run_id = await started(http)
    held = asyncio.create_task(http.get(f"/api/runs/{run_id}/result?wait=60s"))
    async with connected(server) as idle, connected(server) as slow:
        body = b'{"name": "late", "steps": [{"id": "x", "action": "a"}]}'
        await slow.send(POST + b"Content-Length: %d\r\n\r\n" % len(body))
        await check_quick(http)
        stopping = asyncio.create_task(server.stop())
        assert (await held).json() == {"ended": False}
        assert await idle.closed()
        await slow.send(body)
        assert (await slow.answer())[0] == 201
        await stopping
    with pytest.raises(httpx.ConnectError):
        await http.get("/health")
