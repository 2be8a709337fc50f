"""A worker inside a command, for as long as it needs one: it belongs to the same server and namespace as its client."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

from stellwerk import Client, Worker

_DRAIN_S = 30.0


@asynccontextmanager
async def working(
    client: Client, queue: str, handlers: Mapping[str, Callable[..., Any]], drain_s: float = _DRAIN_S
) -> AsyncIterator[None]:
    """Serve these actions on the queue during the block; at its end the worker drains for at most `drain_s`."""
    token = next((v.removeprefix("Bearer ") for k, v in client.metadata if k == "authorization"), None)
    worker = Worker(client.address, token=token, namespace=client.namespace, queue=queue, drain_s=drain_s)
    for action, handler in handlers.items():
        worker.register(action, handler)
    task = asyncio.create_task(worker.run())
    try:
        yield
    finally:
        worker.stop()
        await task
