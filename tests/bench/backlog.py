"""The workload `backlog`: 100,000 steps queued without a worker, then drained, with and without a held snapshot.

A worker that counts says how far the drain is; asking the database would cost more, the longer the snapshot.
"""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from itertools import pairwise
from typing import Any

import psycopg

from tests.bench.loads import DEFINITIONS
from tests.bench.stack import START_S, Installation, Machine
from tests.bench.worker import ITEM

STEPS = 100_000
PARTS = 10
STARTS_IN_FLIGHT = 2000
PATIENCE_S = 600.0
SUCCEEDED = 5
# The worker has handled its last task a moment before the last completion is durable.
UNFINISHED = "SELECT count(*) FROM runs WHERE state <> %s"


def measure_backlog(machine: Machine, steps: int = STEPS) -> dict[str, Any]:
    """One JSON line: both drains and the rate of the one under a snapshot to the other's."""
    free, held = (_measure(machine, steps, hold) for hold in (False, True))
    return {
        "workload": "backlog",
        "steps": steps,
        "without_snapshot": free,
        "with_snapshot": held,
        "ratio": round(held["steps_per_s"] / free["steps_per_s"], 3),
    }


def _measure(machine: Machine, steps: int, hold: bool) -> dict[str, Any]:
    with machine.installation() as installation:
        installation.apply(*DEFINITIONS)
        with _held_snapshot(installation.dsn) if hold else nullcontext():
            queued = _queue(installation, steps)
            return {"queued_per_s": round(steps / queued["seconds"], 1), **_drain(installation, steps)}


def _queue(installation: Installation, steps: int) -> Any:
    load = {"workflow": "one", "input": ITEM, "in_flight": STARTS_IN_FLIGHT, "runs": steps, "wait": False}
    with installation.client(**load, seconds=0, warmup_s=0, whole=True) as client:
        client.hear("began", START_S)
        client.hear("ended", PATIENCE_S)
        return client.hear("result", START_S)


def _drain(installation: Installation, steps: int) -> dict[str, Any]:
    """Rates of the whole drain and of each tenth, CPU a step."""
    with installation.worker(tell_every=steps // PARTS) as worker:
        meter = installation.meter(worker=worker)
        before, moments_s = meter.look(), []
        for _ in range(PARTS):
            moments_s.append(json.loads(worker.line(PATIENCE_S))["at_s"])
        after, rss = meter.look(), meter.rss_mib()
        _see_them_end(installation.dsn)
    # The first tenth includes the start of the worker.
    rates = [round(steps / PARTS / (end - begin), 1) for begin, end in pairwise(moments_s)]
    took_s = moments_s[-1] - moments_s[0]
    return {
        "steps_per_s": round(steps * (PARTS - 1) / PARTS / took_s, 1),
        "rates_per_s": rates,
        "cpu_us_per_step": after.us_per_step(before, steps),
        "others_cpu_percent": after.others_percent(before),
        "rss_mib": rss,
    }


def _see_them_end(dsn: str) -> None:
    """A drain that left a run behind is no drain: fail instead of printing a rate."""
    deadline_s = time.monotonic() + START_S
    with psycopg.connect(dsn, autocommit=True) as admin:
        while left := _count_unfinished(admin):
            if time.monotonic() > deadline_s:
                raise RuntimeError(f"backlog: expected every run to succeed, came {left} that did not")
            time.sleep(0.2)


def _count_unfinished(admin: psycopg.Connection[Any]) -> int:
    row = admin.execute(UNFINISHED, (SUCCEEDED,)).fetchone()
    assert row
    return int(row[0])


@contextmanager
def _held_snapshot(dsn: str) -> Iterator[None]:
    """Somebody's long report: its snapshot keeps every dead row where it is."""
    with psycopg.connect(dsn) as reader:
        reader.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        reader.execute("SELECT count(*) FROM workflows")
        yield
        reader.rollback()
