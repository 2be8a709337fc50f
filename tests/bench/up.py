"""The workload `up`: seconds until `stellwerk up` answers, in a new folder and in the same one again."""

import asyncio
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from stellwerk import Client
from tests.bench.stack import START_S, Machine

AGAIN = 3


def measure_up(machine: Machine) -> dict[str, Any]:
    """One JSON line: the first start, the median of the later ones, and the median stop."""
    with tempfile.TemporaryDirectory(prefix="stellwerk-up-") as name:
        folder = Path(name) / "data"
        first_s, _ = _start_and_stop(machine, folder)
        again = [_start_and_stop(machine, folder) for _ in range(AGAIN)]
    return {
        "workload": "up",
        "first_s": first_s,
        "second_s": statistics.median(start_s for start_s, _ in again),
        "stop_s": statistics.median(stop_s for _, stop_s in again),
    }


def _start_and_stop(machine: Machine, folder: Path) -> tuple[float, float]:
    begin_s = time.monotonic()
    with machine.stellwerk("up", "--folder", str(folder)) as server:
        asyncio.run(_ask(server.hear("address", START_S)))
        up_s = time.monotonic()
    return round(up_s - begin_s, 2), round(time.monotonic() - up_s, 2)


async def _ask(address: str) -> None:
    async with Client(address) as client:
        await client.server()
