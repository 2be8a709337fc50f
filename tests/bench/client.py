"""The part that is the client: keeps so many runs in flight with the SDK's Client. Must not read any process's CPU.

It says "began" and "ended" the moment the measured window does, then the result; the parent reads the CPU.
"""

import asyncio
import signal
import time
from dataclasses import dataclass, field
from typing import Any

import uvloop

from stellwerk import Client
from tests.bench.child import say, settings


@dataclass
class Load:
    """What is to be done, and what was measured of it.

    A steady load counts the runs that end inside the window. A whole one (few long runs, or `runs` of them) is
    counted from its first start to its last end. With `wait` false runs are only started.
    """

    address: str
    workflow: str
    input: Any
    in_flight: int
    seconds: float
    warmup_s: float
    runs: int | None
    whole: bool
    wait: bool
    uvloop: bool
    latencies_s: list[float] = field(default_factory=list)

    async def one(self, client: Client) -> None:
        begun_s = time.perf_counter()
        if self.wait:
            await client.run(self.workflow, self.input)
        else:
            await client.start(self.workflow, self.input)
        self.latencies_s.append(time.perf_counter() - begun_s)

    async def lanes(self, client: Client, end_s: float, left: int | None) -> None:
        """Keep the runs in flight until the time or the number is over, and wait for the last ones."""
        remaining = [left if left is not None else 1 << 62]

        async def lane() -> None:
            while remaining[0] > 0 and time.perf_counter() < end_s:
                remaining[0] -= 1
                await self.one(client)

        async with asyncio.TaskGroup() as group:
            for _ in range(self.in_flight):
                group.create_task(lane())

    async def measure_whole(self, client: Client) -> tuple[int, float]:
        await self.lanes(client, time.perf_counter() + self.warmup_s, None)
        self.latencies_s.clear()
        say(began=True)
        begin_s = time.perf_counter()
        end_s = float("inf") if self.runs is not None else begin_s + self.seconds
        await self.lanes(client, end_s, self.runs)
        return len(self.latencies_s), time.perf_counter() - begin_s

    async def measure_steady(self, client: Client) -> tuple[int, float]:
        end_s = time.perf_counter() + self.warmup_s + self.seconds
        load = asyncio.create_task(self.lanes(client, end_s + 0.5, None))
        await asyncio.sleep(self.warmup_s)
        self.latencies_s.clear()
        say(began=True)
        begin_s = time.perf_counter()
        await asyncio.wait([load], timeout=self.seconds)
        runs, took_s = len(self.latencies_s), time.perf_counter() - begin_s
        say(ended=True)
        await load
        del self.latencies_s[runs:]
        return runs, took_s


def percentiles_ms(latencies_s: list[float]) -> dict[str, float]:
    """p50_ms, p95_ms and p99_ms."""
    ordered = sorted(latencies_s) or [0.0]
    return {f"p{p}_ms": round(ordered[min(len(ordered) - 1, len(ordered) * p // 100)] * 1e3, 2) for p in (50, 95, 99)}


async def measure(load: Load) -> None:
    async with Client(load.address) as client:
        if load.whole or load.runs is not None:
            runs, took_s = await load.measure_whole(client)
            say(ended=True)
        else:
            runs, took_s = await load.measure_steady(client)
        say(result={"runs": runs, "seconds": round(took_s, 3), **percentiles_ms(load.latencies_s)})


if __name__ == "__main__":
    load = Load(**settings())
    (uvloop.run if load.uvloop else asyncio.run)(measure(load))
    signal.pause()  # our CPU is read while we live
