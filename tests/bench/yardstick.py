"""Runs the yardstick, a sketch outside of this repository, in turns with our own seq3. Copies nothing of it.

Both do the same number of runs on the same Postgres, from the first start to the last end.
"""

import os
import re
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from stellwerk_server.embedded import EmbeddedPostgres
from tests.bench.child import ROOT, Child
from tests.bench.loads import measure_load
from tests.bench.meter import Meter
from tests.bench.stack import START_S, Machine

DEFAULT_FOLDER = ROOT.parent / "shared" / "yardstick"
LOADS = {"seq3": 200, "seq3-1000": 1000}
ROUNDS = 2
RUNS_PER_S = 1500
STEPS_PER_RUN = 3
# As its own script does: the worker says nothing, so it gets a moment to connect.
WORKER_START_S = 1.0
SAID = re.compile(r"runs/s (\d+) .* p50 ([\d.]+) ms p95 ([\d.]+) p99 ([\d.]+)")


def folder_of(given: str | None) -> Path | None:
    """Where the yardstick is, or None when there is none."""
    folder = Path(given or os.environ.get("STELLWERK_YARDSTICK", "") or DEFAULT_FOLDER)
    return folder if (folder / "server.py").exists() else None


def compare(machine: Machine, folder: Path, seconds: float) -> Iterator[dict[str, Any]]:
    """For each load: the yardstick, ours, the yardstick, ours; then the ratio of their medians."""
    runs = int(RUNS_PER_S * seconds)
    stubs = _stubs(machine, folder)
    for workload, in_flight in LOADS.items():
        rates: dict[str, list[float]] = {"yardstick": [], "ours": []}
        for _ in range(ROUNDS):
            for who in rates:
                if who == "ours":
                    line = measure_load(machine, workload, seconds, runs=runs)
                else:
                    line = {"workload": workload, **_Yardstick(machine, folder, stubs).measure(runs, in_flight)}
                rates[who].append(line["runs_per_s"])
                yield {"who": who, **line}
        ours, theirs = (statistics.median(rates[who]) for who in ("ours", "yardstick"))
        yield {"workload": workload, "ratio": round(ours / theirs, 3), "ours": ours, "yardstick": theirs}


@dataclass(frozen=True)
class _Yardstick:
    """One measurement of the yardstick on an empty database."""

    machine: Machine
    folder: Path
    stubs: Path

    def measure(self, runs: int, in_flight: int) -> dict[str, Any]:
        with self._running() as (meter, environment):
            self._client(environment, int(RUNS_PER_S * self.machine.warmup_s), in_flight)
            before = meter.look()
            said = self._client(environment, runs, in_flight)
            after = meter.look()
            rss = meter.rss_mib()
        found = SAID.search(said)
        if not found:
            raise RuntimeError(f"yardstick: expected a line with runs/s and latencies, came {said!r}")
        rate, p50_ms, p95_ms, p99_ms = (float(number) for number in found.groups())
        return {
            "in_flight": in_flight,
            "runs": runs,
            "seconds": round(after.at_s - before.at_s, 2),
            "runs_per_s": rate,
            "steps_per_s": rate * STEPS_PER_RUN,
            "p50_ms": p50_ms,
            "p95_ms": p95_ms,
            "p99_ms": p99_ms,
            "cpu_us_per_step": after.us_per_step(before, runs * STEPS_PER_RUN),
            "rss_mib": rss,
        }

    @contextmanager
    def _running(self) -> Iterator[tuple[Meter, dict[str, str]]]:
        with self.machine.database() as dsn:
            with psycopg.connect(dsn, autocommit=True) as admin:
                admin.execute((self.folder / "schema.sql").read_bytes())
            environment = {
                **os.environ,
                "PYTHONPATH": str(self.stubs),
                "YARDSTICK_DSN": dsn,
                "YARDSTICK_PORT": str(_free_port()),
            }
            with self._part("server.py", environment) as server:
                server.line(START_S)
                with self._part("worker.py", environment) as worker:
                    time.sleep(WORKER_START_S)
                    yield _meter(self.machine.postgres, server, worker), environment

    def _part(self, script: str, environment: dict[str, str]) -> Child:
        log = self.machine.folder / f"yardstick-{script}.log"
        return Child(self._command(script), log, environment=environment, deaf=True)

    def _client(self, environment: dict[str, str], runs: int, in_flight: int) -> str:
        command = self._command("client.py", str(runs), str(in_flight))
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout

    def _command(self, script: str, *arguments: str) -> list[str]:
        return [sys.executable, "-B", str(self.folder / script), *arguments]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _meter(postgres: EmbeddedPostgres, server: Child, worker: Child) -> Meter:
    return Meter({"server": server.pid, "postgres": postgres.pid, "worker": worker.pid})


def _stubs(machine: Machine, folder: Path) -> Path:
    """Generate the yardstick's stubs into a folder that goes with the machine."""
    stubs = machine.folder / "yardstick"
    stubs.mkdir()
    out = [f"--python_out={stubs}", f"--grpc_python_out={stubs}"]
    command = [sys.executable, "-m", "grpc_tools.protoc", f"-I{folder}", *out, "yardstick.proto"]
    subprocess.run(command, check=True, capture_output=True)
    return stubs
