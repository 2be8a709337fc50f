"""A worker of the SDK inside a test, for the length of a block."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from stellwerk import Worker


@asynccontextmanager
async def running(worker: Worker) -> AsyncIterator[None]:
    """It works during the block, and drains at its end."""
    task = asyncio.create_task(worker.run())
    try:
        yield
    finally:
        worker.stop()
        await task
