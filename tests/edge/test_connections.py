"""Rude clients of the gRPC port: the server's memory stays bounded, and others are served correctly all the while."""

from __future__ import annotations

import os
import time

import grpc
import psutil
import pytest

from stellwerk.v1 import run_pb2
from stellwerk_server import server as servers
from tests.edge import assaults
from tests.edge.bystander import bystanding
from tests.edge.raw import PREFACE, connected
from tests.integration.api import Api, call, eventually
from tests.integration.conftest import StartServer
from tests.support.servers import RunningServer

CONNECTIONS = int(os.environ.get("STELLWERK_EDGE_CONNECTIONS", "800"))
MB = 1_000_000


class Watched:
    """The session's server, and what it has grown by."""

    def __init__(self, server: RunningServer) -> None:
        self.port = int(server.address.rpartition(":")[2])
        self._process = psutil.Process(server.process.pid)
        self._before = self._process.memory_info().rss

    @property
    def grown(self) -> int:
        """Bytes since the test began."""
        return int(self._process.memory_info().rss - self._before)


@pytest.fixture
def watched(stellwerk_server: RunningServer) -> Watched:
    return Watched(stellwerk_server)


async def test_streams_that_are_reset_at_once(watched: Watched) -> None:
    async with bystanding(watched.port):
        await assaults.rapid_reset(watched.port)
    assert watched.grown < 150 * MB


async def test_calls_whose_answers_nobody_reads(watched: Watched) -> None:
    async with bystanding(watched.port):
        await assaults.stream_flood(watched.port)
    assert watched.grown < 150 * MB


async def test_frames_that_are_none(watched: Watched) -> None:
    async with bystanding(watched.port):
        await assaults.bad_frames(watched.port)
    assert watched.grown < 50 * MB


async def test_connections_that_say_nothing_more(watched: Watched) -> None:
    async with bystanding(watched.port) as bystander, assaults.idle_connections(watched.port, CONNECTIONS):
        done = len(bystander.took_s)
        await bystander.once()
        assert len(bystander.took_s) > done
        assert watched.grown < CONNECTIONS * 100_000 + 20 * MB


async def test_connections_are_bounded(start_server: StartServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(servers, "connections_max", lambda: 20)
    server = await start_server()
    async with bystanding(server.port):
        async with assaults.idle_connections(server.port, 19), connected(server.port) as one_too_many:
            assert await one_too_many.closed(10.0)
        await eventually(lambda: _lets_in(server.port))


async def _lets_in(port: int) -> bool:
    async with connected(port) as raw:
        return not await raw.closed(0.5)


async def test_half_a_hello_is_cut(start_server: StartServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(servers, "HANDSHAKE_S", 1.0)
    server = await start_server()
    async with bystanding(server.port), assaults.half_prefaces(server.port, 50):
        for half in (b"", PREFACE[:10], PREFACE):
            async with connected(server.port, preface=False) as raw:
                began = time.monotonic()
                await raw.send(half)
                assert await raw.closed(20.0)
                assert time.monotonic() - began < 15.0


async def test_who_does_not_answer_pings_is_cut_off(start_server: StartServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(servers, "KEEPALIVE_S", 1.0)
    monkeypatch.setattr(servers, "PING_TIMEOUT_S", 1.0)
    server = await start_server()
    async with Api(server.port) as api, connected(server.port) as silent:
        await api.apply("name: waits\nsteps: [{id: s, action: nobody}]")
        run = await api.start("waits")
        watching = api.runs.WatchRun(run_pb2.WatchRunRequest(run_id=run))
        await watching.read()
        assert await silent.closed(20.0)
        # Who answers is kept, and so are its streams.
        await call(api.runs.TerminateRun(run_pb2.TerminateRunRequest(run_id=run, reason="enough")))
        assert (await watching.read()) is not grpc.aio.EOF


async def test_watchers_who_never_read(watched: Watched) -> None:
    async with Api(watched.port) as api:
        run = await assaults.large_run(api)
        async with bystanding(watched.port) as bystander, assaults.slow_readers(watched.port, run, 4, 20):
            for _ in range(20):
                await bystander.once()
            grown = watched.grown
        # Checked outside: a bystander that fails says more.
        assert grown < 600 * MB
