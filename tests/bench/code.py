"""The workloads of code that keep nothing in flight: one long run, and many that sleep."""

from __future__ import annotations

import asyncio
from typing import Any

from stellwerk import Client
from tests.bench.stack import Installation, Machine

STEPS = 5_000
PART = 500
SLEEPERS = 10_000
WAIT_S = 300.0


def measure_long(machine: Machine, steps: int = STEPS) -> dict[str, Any]:
    """One JSON line: the time a step takes at the beginning of a run of many, and at its end."""
    with machine.installation() as installation, installation.worker() as worker:
        installation.wait_for("code-long")
        meter = installation.meter(worker=worker)
        ended_s = asyncio.run(_run_long(installation, steps))
        rss = meter.rss_mib()
    part = min(PART, steps // 2)
    first, last = (ended_s[part] - ended_s[0]) / part, (ended_s[-1] - ended_s[-1 - part]) / part
    return {
        "workload": "code-long",
        "worker": machine.options.worker_language,
        "steps": steps,
        "ms_per_step_first": round(first * 1e3, 3),
        "ms_per_step_last": round(last * 1e3, 3),
        "last_to_first": round(last / first, 2),
        "rss_mib": rss,
    }


async def _run_long(installation: Installation, steps: int) -> list[float]:
    """When each step has ended."""
    async with Client(installation.address) as client:
        handle = await client.start("code-long", {"steps": steps})
        await handle.result(timeout=WAIT_S)
        ends = [event.time async for event in handle.history() if event.type == "STEP_SUCCEEDED"]
        return [time.timestamp() for time in ends if time is not None]


def measure_sleepers(machine: Machine, sleepers: int = SLEEPERS) -> dict[str, Any]:
    """One JSON line: what runs that sleep cost worker and server in memory."""
    with machine.installation() as installation, installation.worker() as worker:
        installation.wait_for("code-sleep")
        meter = installation.meter(worker=worker)
        asyncio.run(_sleep(installation, sleepers // 10))
        before = meter.rss_mib()
        asyncio.run(_sleep(installation, sleepers))
        after = meter.rss_mib()
    return {
        "workload": "code-sleep",
        "worker": machine.options.worker_language,
        "sleepers": sleepers,
        "rss_mib_before": before,
        "rss_mib_after": after,
    }


async def _sleep(installation: Installation, sleepers: int) -> None:
    """Start so many, and wait until all of them are asleep and no worker has them at hand."""
    async with Client(installation.address) as client:
        handles = await asyncio.gather(*(client.start("code-sleep", {"seconds": 3_600}) for _ in range(sleepers)))
        async with asyncio.timeout(WAIT_S):
            for handle in handles[:: max(1, sleepers // 50)] + handles[-1:]:
                while (await handle.get()).sequence < 2:  # noqa: ASYNC110 - the server has no call for it
                    await asyncio.sleep(0.05)
        await asyncio.sleep(12.0)  # a worker lets go of a run that waits for 10 s
