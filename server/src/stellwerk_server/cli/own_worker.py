"""A worker inside a command, for as long as it needs one: it belongs to the same server and namespace as its client."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

from stellwerk import Client, Worker


@asynccontextmanager
async def working(
    client: Client, queue: str, handlers: Mapping[str, Callable[..., Any]], **options: Any
) -> AsyncIterator[None]:
    """Serve these actions on the queue during the block; `options` are those of a worker."""
    token = next((v.removeprefix("Bearer ") for k, v in client.metadata if k == "authorization"), None)
    worker = Worker(client.address, token=token, namespace=client.namespace, queue=queue, **options)
    for action, handler in handlers.items():
        worker.register(action, handler)
    async with running(worker):
        yield


@asynccontextmanager
async def running(worker: Worker) -> AsyncIterator[None]:
    """The worker works during the block, and drains at its end."""
    task = asyncio.create_task(worker.run())
    try:
        yield
    finally:
        worker.stop()
        await task
