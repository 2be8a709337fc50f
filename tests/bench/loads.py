"""The workloads that keep runs in flight, as data, and the one way to measure them."""

from dataclasses import dataclass, replace
from typing import Any

from tests.bench.child import Child
from tests.bench.stack import START_S, Installation, Machine
from tests.bench.worker import ITEM

SEQ3 = """
name: seq3
steps:
  - {id: s0, action: bench.noop}
  - {id: s1, action: bench.noop}
  - {id: s2, action: bench.noop}
"""
FAN = """
name: fan
steps:
  - {id: split, action: bench.split}
  - {id: each, action: bench.noop, needs: [split], foreach: "${steps.split.output}"}
  - {id: join, action: bench.join, needs: [each]}
"""
ONE = """
name: one
steps:
  - {id: s0, action: bench.noop}
"""
DEFINITIONS = (SEQ3, FAN, ONE)
# How long a part may take beyond the window: the last runs of a slow server.
PATIENCE_S = 120.0


@dataclass(frozen=True)
class Load:
    """Runs of one workflow, so many in flight.

    `whole`: few long runs, each counted from start to end. `code`: the worker brings the workflow.
    """

    workflow: str
    input: Any
    steps_per_run: int
    in_flight: int
    whole: bool = False
    code: bool = False


LOADS = {
    "seq3": Load("seq3", ITEM, 3, 200),
    "seq3-1000": Load("seq3", ITEM, 3, 1000),
    "seq3one": Load("seq3", ITEM, 3, 1),
    "code-seq3": Load("code-seq3", ITEM, 3, 200, code=True),
    "code-seq3one": Load("code-seq3", ITEM, 3, 1, code=True),
    "local-seq3": Load("local-seq3", ITEM, 3, 200, code=True),
    "local-seq3one": Load("local-seq3", ITEM, 3, 1, code=True),
    "fan": Load("fan", {"items": 50}, 52, 20),
    "fan10k": Load("fan", {"items": 10_000}, 10_002, 1, whole=True),
}


def measure_load(
    machine: Machine, workload: str, seconds: float, in_flight: int | None = None, runs: int | None = None
) -> dict[str, Any]:
    """One JSON line: the load on a fresh server and database, measured for a time or a number of runs."""
    load = LOADS[workload]
    if in_flight:
        load = replace(load, in_flight=in_flight)
    with machine.installation() as installation:
        installation.apply(*DEFINITIONS)
        with installation.worker() as worker:
            if load.code:
                installation.wait_for(load.workflow)
            language = machine.options.worker_language
            return {"workload": workload, "worker": language, **run_load(installation, worker, load, seconds, runs)}


def run_load(
    installation: Installation, worker: Child, load: Load, seconds: float, runs: int | None = None
) -> dict[str, Any]:
    """Put the load on a running installation; reads the CPU at both ends of the window."""
    with start_client(installation, load, seconds, runs) as client:
        meter = installation.meter(worker=worker, client=client)
        client.hear("began", START_S)
        before = meter.look()
        client.hear("ended", seconds + PATIENCE_S if runs is None else 3600.0)
        after, rss = meter.look(), meter.rss_mib()
        result = client.hear("result", PATIENCE_S)
    cpu = after.us_per_step(before, result["runs"] * load.steps_per_run)
    return {**line(load, result, cpu, rss), "others_cpu_percent": after.others_percent(before)}


def start_client(installation: Installation, load: Load, seconds: float, runs: int | None = None) -> Child:
    """A client with this load; it says "began", "ended" and "result"."""
    return installation.client(
        workflow=load.workflow,
        input=load.input,
        in_flight=load.in_flight,
        seconds=seconds,
        warmup_s=installation.machine.warmup_s,
        runs=runs,
        whole=load.whole,
        wait=True,
    )


def line(load: Load, result: dict[str, Any], cpu_us: dict[str, float], rss: dict[str, float]) -> dict[str, Any]:
    """The fields every workload with runs in flight promises."""
    runs, took_s = result["runs"], result["seconds"]
    steps = runs * load.steps_per_run
    return {
        "in_flight": load.in_flight,
        "runs": runs,
        "steps": steps,
        "seconds": took_s,
        "runs_per_s": round(runs / took_s, 1),
        "steps_per_s": round(steps / took_s, 1),
        **{name: result[name] for name in ("p50_ms", "p95_ms", "p99_ms")},
        "cpu_us_per_step": cpu_us,
        "rss_mib": rss,
    }
