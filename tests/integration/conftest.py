"""Servers put together as in production, each on a migrated database of its own.

A test reads what a server did over gRPC, or in the tables; it never reaches into the server."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from typing import Any

import httpx
import pytest

from stellwerk import Client
from stellwerk_server.config import Config
from stellwerk_server.server import Server
from tests.integration.api import Api

StartServer = Callable[..., Awaitable[Server]]


@pytest.fixture
def database_url(migrated: str) -> str:
    """The DSN of a migrated database of this test's own."""
    return migrated


@pytest.fixture
async def start_server(database_url: str, redis_url: str) -> AsyncIterator[StartServer]:
    """Starts a server in this program on a free port; options go over the test's own database and Valkey."""
    started: list[Server] = []

    async def start(**options: Any) -> Server:
        defaults = {"database_url": database_url, "redis_url": redis_url, "port": 0, "drain_s": 2.0}
        server = await Server.start(Config(**{**defaults, **options}))
        started.append(server)
        return server

    yield start
    for server in reversed(started):
        with suppress(Exception):  # a test may have stopped it
            await server.stop()


@pytest.fixture
async def server(start_server: StartServer) -> Server:
    """A server with the defaults."""
    return await start_server()


@pytest.fixture
async def api(server: Server) -> AsyncIterator[Api]:
    """Bare calls to the server."""
    async with Api(server.port) as api:
        yield api


@pytest.fixture
async def http(server: Server) -> AsyncIterator[httpx.AsyncClient]:
    """HTTP requests to the server."""
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{server.http_port}", trust_env=False) as client:
        yield client


@pytest.fixture
async def client(server: Server) -> AsyncIterator[Client]:
    """The SDK's client of the server."""
    async with Client(f"127.0.0.1:{server.port}") as client:
        yield client
