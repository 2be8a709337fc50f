"""The part that is many idle workers: raw polls and heartbeat lines over few channels. Must not handle a task.

Each waits as the SDK does (same wait, same beats while it holds nothing), without the SDK's threads.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import grpc
import uvloop
from google.protobuf.duration_pb2 import Duration

from stellwerk.v1.worker_pb2 import HeartbeatRequest, HeartbeatResponse, PollTaskRequest
from stellwerk.v1.worker_pb2_grpc import WorkerServiceStub
from tests.bench.child import say, settings

WAIT_S = 20
IDLE_BEAT_S = 60.0
# A server grants 128 streams a connection, and each worker needs two.
WORKERS_PER_CHANNEL = 60
ACTION = "bench.noop"


class Waiter:
    """One idle worker. `greeted` is released when the server has answered its line for the first time."""

    def __init__(self, stub: Any, worker_id: str, greeted: asyncio.Semaphore) -> None:
        self._stub = stub
        self._worker_id = worker_id
        self._greeted = greeted
        self._known = False

    async def live(self) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(_again(self._hold_line))
            group.create_task(_again(self._poll))

    async def _poll(self) -> None:
        request = PollTaskRequest(
            worker_id=self._worker_id, actions=[ACTION], max_tasks=100, wait=Duration(seconds=WAIT_S)
        )
        response = await self._stub.PollTask(request, timeout=WAIT_S + 10)
        if response.tasks:
            raise RuntimeError(f"expected no task, came {response.tasks}")

    async def _hold_line(self) -> None:
        response: HeartbeatResponse
        async for response in self._stub.Heartbeat(self._beats()):
            if not self._known:
                self._known = True
                self._greeted.release()
            if response.cancelled:
                raise RuntimeError(f"expected nothing to be cancelled, came {response}")

    async def _beats(self) -> AsyncIterator[HeartbeatRequest]:
        yield HeartbeatRequest(worker_id=self._worker_id, queue="default", actions=[ACTION], slots=100)
        while True:
            await asyncio.sleep(IDLE_BEAT_S)
            yield HeartbeatRequest(worker_id=self._worker_id)


async def _again(call: Callable[[], Awaitable[None]]) -> None:
    """Make a call over and over; a broken one after a pause with jitter, as the SDK does."""
    while True:
        try:
            await call()
        except grpc.aio.AioRpcError:
            await asyncio.sleep(random.uniform(0.1, 1.0))


async def wait(address: str, workers: int, name: str) -> None:
    channels = [
        # A pool of its own keeps gRPC from joining the channels into one connection.
        grpc.aio.insecure_channel(address, options=[("grpc.use_local_subchannel_pool", 1)])
        for _ in range(-(-workers // WORKERS_PER_CHANNEL))
    ]
    stub_of: Any = WorkerServiceStub
    stubs = [stub_of(channel) for channel in channels]
    greeted = asyncio.Semaphore(0)
    async with asyncio.TaskGroup() as group:
        for number in range(workers):
            group.create_task(Waiter(stubs[number % len(stubs)], f"{name}-{number}", greeted).live())
        for _ in range(workers):
            await greeted.acquire()
        say(waiting=workers)


if __name__ == "__main__":
    uvloop.run(wait(**settings()))
