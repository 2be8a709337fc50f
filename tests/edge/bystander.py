"""Somebody who only wants their runs done, and must not notice what others do to the server."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from stellwerk.v1 import run_pb2
from tests.integration.api import Api, call, duration, payload

QUICK = 'name: bystander\nsteps: [{id: a, sleep: 0s}]\noutput: "${input}"'


class Bystander:
    """Starts runs one after the other and waits for each. `took_s` is how long each took."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self.took_s: list[float] = []

    async def once(self) -> None:
        """One run, whose output must be its input."""
        number = len(self.took_s)
        began = time.perf_counter()
        request = run_pb2.StartRunRequest(workflow="bystander", input=payload(number), wait=duration(20))
        response = await call(self._api.runs.StartRun(request))
        assert response.result.output.json == str(number), response
        self.took_s.append(time.perf_counter() - began)

    @property
    def p99_ms(self) -> float:
        """The 99th percentile."""
        return sorted(self.took_s)[int(len(self.took_s) * 0.99)] * 1000


@asynccontextmanager
async def bystanding(port: int) -> AsyncIterator[Bystander]:
    """A bystander at work during the block; fails with it when one run went wrong."""
    async with Api(port) as api:
        await api.apply(QUICK)
        bystander = Bystander(api)
        await bystander.once()
        ends = asyncio.Event()

        async def work() -> None:
            while not ends.is_set():
                await bystander.once()

        task = asyncio.create_task(work())
        try:
            yield bystander
        finally:
            ends.set()
            await task
        await bystander.once()
