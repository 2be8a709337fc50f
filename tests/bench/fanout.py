"""The workload `sse-fanout`: how long the events of one busy run take to each of 500 clients that follow it live.

From the time in the event, which is when its transaction began, to its arrival: so the commit is in it, too.
"""

import asyncio
import json
import sys
from typing import Any

from stellwerk import Client
from tests.bench.child import Child
from tests.bench.stack import START_S, Installation, Machine

CLIENTS = 500
STEPS_PER_S = 100
SECONDS = 10
PATIENCE_S = 120.0
PACED = """
name: paced
steps: [{id: each, action: bench.paced, foreach: "${input}"}]
"""


def measure_fanout(machine: Machine) -> dict[str, Any]:
    """One JSON line: percentiles over all events and all clients."""
    with machine.installation() as installation:
        installation.apply(PACED)
        run_id = asyncio.run(_start(installation.address))
        address = installation.http.removeprefix("http://")
        with Child.part("listeners", machine.folder, address=address, run_id=run_id, clients=CLIENTS) as listeners:
            listeners.hear("listening", START_S)
            with _pacer(machine, installation) as pacer:
                meter = installation.meter(worker=pacer, clients=listeners)
                pacer.hear("worker_id", START_S)
                before = meter.look()
                result = json.loads(listeners.line(SECONDS + PATIENCE_S))
                after, rss = meter.look(), meter.rss_mib()
    took_s = after.at_s - before.at_s
    return {
        "workload": "sse-fanout",
        "clients": CLIENTS,
        "seconds": round(took_s, 1),
        "events_per_s": round(result["events"] / CLIENTS / took_s, 1),
        **result,
        "cpu_us_per_event_and_client": after.us_per_step(before, result["events"]),
        "rss_mib": rss,
        "others_cpu_percent": after.others_percent(before),
    }


async def _start(address: str) -> str:
    async with Client(address) as client:
        return (await client.start("paced", list(range(STEPS_PER_S * SECONDS)))).run_id


def _pacer(machine: Machine, installation: Installation) -> Child:
    settings = json.dumps({"address": installation.address, "steps_per_s": STEPS_PER_S})
    return Child([sys.executable, "-m", "tests.bench.pacer", settings], machine.folder / "pacer.log")
