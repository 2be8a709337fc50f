"""The workload `memory`: how the server grows over 200,000 runs. Only when asked for by name: it takes minutes."""

from dataclasses import replace
from typing import Any

from tests.bench.loads import DEFINITIONS, LOADS, run_load
from tests.bench.stack import Machine

RUNS = 200_000
PARTS = 4


def measure_memory(machine: Machine, runs: int = RUNS) -> dict[str, Any]:
    """One JSON line: memory of the server before the runs and after each quarter of them."""
    load = replace(LOADS["seq3-1000"], in_flight=500)
    sizes, rates = [], []
    with machine.installation() as installation:
        installation.apply(*DEFINITIONS)
        sizes.append(installation.meter().rss_mib()["server"])
        with installation.worker() as worker:
            for _ in range(PARTS):
                measured = run_load(installation, worker, load, 0.0, runs // PARTS)
                sizes.append(measured["rss_mib"]["server"])
                rates.append(measured["runs_per_s"])
    return {
        "workload": "memory",
        "runs": runs,
        "server_rss_mib": sizes[-1],
        "server_rss_mib_by_quarter": sizes,
        "runs_per_s_by_quarter": rates,
    }
