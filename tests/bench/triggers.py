"""The workload `http-trigger`: runs started over HTTP by 64 keep-alive connections. Their step only waits."""

import json
from typing import Any

from tests.bench.child import Child
from tests.bench.stack import START_S, Machine

CONNECTIONS = 64
SECONDS = 10.0
WAITING = """
name: waiting
steps: [{id: wait, sleep: 1h}]
"""


def measure_triggers(machine: Machine) -> dict[str, Any]:
    """One JSON line: starts per second, and how long one takes."""
    with machine.installation() as installation:
        installation.apply(WAITING)
        address = installation.http.removeprefix("http://")
        settings: dict[str, Any] = {"address": address, "connections": CONNECTIONS, "seconds": SECONDS}
        with Child.part("presser", machine.folder, **settings) as presser:
            meter = installation.meter(client=presser)
            presser.hear("pressing", START_S)
            before = meter.look()
            result = json.loads(presser.line(START_S + SECONDS))
            after = meter.look()
            rss_mib = meter.rss_mib()
    return {
        "workload": "http-trigger",
        "connections": CONNECTIONS,
        **result,
        "cpu_us_per_start": after.us_per_step(before, result["starts"]),
        "rss_mib": rss_mib,
        "others_cpu_percent": after.others_percent(before),
    }
