"""`stellwerk bench`: a small load against a running server, as a first look. `make bench` measures for real."""

from __future__ import annotations

import asyncio
import math
import time
from typing import Annotated, Any

import typer

from stellwerk import Client
from stellwerk_server.cli.command import command
from stellwerk_server.cli.output import Output
from stellwerk_server.cli.own_worker import working

STEPS = 3
ACTION = "stellwerk.bench.noop"
QUEUE = "stellwerk-bench"
WORKFLOW = {
    "name": "stellwerk-bench",
    "steps": [{"id": f"step{n + 1}", "action": ACTION, "queue": QUEUE} for n in range(STEPS)],
}
INPUT = {"text": "x" * 80}


def add_to(app: typer.Typer) -> None:
    """Put the command on the top level."""
    command(app, "bench")(bench)


async def bench(
    client: Client,
    out: Output,
    runs: Annotated[int, typer.Option(min=1, max=1_000_000, help="how many runs")] = 1000,
    in_flight: Annotated[int, typer.Option(min=1, max=10_000, help="how many at a time")] = 100,
) -> None:
    """Start runs of three steps that do nothing, with a worker in this very program; prints one JSON line."""
    await client.apply_workflow(WORKFLOW)
    async with working(client, QUEUE, {ACTION: _noop}):
        began = time.perf_counter()
        latencies = await _load(client, runs, in_flight)
        seconds = time.perf_counter() - began
    out.document(summary(latencies, seconds))


async def _noop(value: Any) -> Any:
    return value


def summary(latencies_s: list[float], seconds: float) -> dict[str, Any]:
    """The figures of one load."""
    ordered = sorted(latencies_s)
    runs = len(ordered)
    return {
        "workload": "bench",
        "runs": runs,
        "steps": runs * STEPS,
        "seconds": round(seconds, 3),
        "runs_per_s": round(runs / seconds, 1),
        "steps_per_s": round(runs * STEPS / seconds, 1),
        **{f"p{p}_ms": round(ordered[math.ceil(runs * p / 100) - 1] * 1000, 2) for p in (50, 95, 99)},
    }


async def _load(client: Client, runs: int, in_flight: int) -> list[float]:
    """Start to result, `in_flight` at a time; the seconds each run took."""
    latencies: list[float] = []
    left = iter(range(runs))

    async def lane() -> None:
        for _ in left:
            began = time.perf_counter()
            await client.run("stellwerk-bench", INPUT)
            latencies.append(time.perf_counter() - began)

    async with asyncio.TaskGroup() as lanes:
        for _ in range(min(in_flight, runs)):
            lanes.create_task(lane())
    return latencies
