"""Fixtures: a fake server on a real socket, a client of it, and workers that are stopped at the end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from sdk.python.tests.fake import FakeServer
from stellwerk import Client, Worker


@pytest.fixture
async def server() -> AsyncIterator[FakeServer]:
    fake = FakeServer()
    await fake.start()
    yield fake
    await fake.stop()


@pytest.fixture
async def client(server: FakeServer) -> AsyncIterator[Client]:
    async with Client(server.address, retry_s=5.0) as client:
        yield client


@pytest.fixture
async def work(server: FakeServer) -> AsyncIterator[Callable[..., Worker]]:
    """`work({"action": handler}, slots=...)` starts a worker of the fake server."""
    running: list[tuple[Worker, asyncio.Task[None]]] = []

    def start(handlers: dict[str, Callable[..., Any]], **options: Any) -> Worker:
        worker = Worker(server.address, **{"drain_s": 2.0, **options})
        for action, handler in handlers.items():
            worker.register(action, handler)
        running.append((worker, asyncio.create_task(worker.run())))
        return worker

    yield start
    for worker, ended in running:
        worker.stop()
        await asyncio.wait_for(ended, 15)
