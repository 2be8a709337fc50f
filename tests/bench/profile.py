"""`python -m tests.bench.profile`: where the time of a workload goes, in microseconds of CPU a step.

py-spy samples who holds the interpreter lock in server and worker; what runs without it (gRPC's core, libpq, the
kernel) is the rest of the CPU. Postgres counts its statements. Must only look: a profiled rate is no rate.
"""

import argparse
import json
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import psycopg

from tests.bench.child import Child
from tests.bench.loads import DEFINITIONS, LOADS, PATIENCE_S, Load, start_client
from tests.bench.meter import threads_cpu_s
from tests.bench.stack import START_S, Installation, Options, machine

SAMPLES_PER_S = 200
ROWS = 25
STATEMENTS = """
SELECT regexp_replace(query, '\\s+', ' ', 'g'), calls, rows, total_exec_time * 1000, wal_bytes
FROM pg_stat_statements JOIN pg_database ON oid = dbid
WHERE datname = current_database() ORDER BY total_exec_time DESC LIMIT 20
"""
# The first that is in a file's path names the room its time belongs to.
ROOMS = (
    ("/stellwerk_server/", None),
    ("/stellwerk/v1/", "generated"),
    ("/stellwerk/", "sdk"),
    ("/google/protobuf/", "protobuf"),
    ("/grpc/", "grpc"),
    ("/psycopg", "psycopg"),
    ("/asyncio/", "event loop"),
    ("/uvloop/", "event loop"),
    ("/redis/", "redis"),
    ("/tests/bench/", "bench"),
    ("/site-packages/", "other packages"),
)


@dataclass(frozen=True, order=True)
class Place:
    """A function, or a line of one, and the room it belongs to."""

    room: str
    name: str

    @classmethod
    def of(cls, frame: str) -> "Place":
        """From py-spy's "function (path:line)"."""
        function, _, where = frame.rpartition(" (")
        path = where.rstrip(")").rpartition(":")[0]
        return cls(_room(path), f"{Path(path).name}:{function}")


def _room(path: str) -> str:
    for part, room in ROOMS:
        if part in path:
            return room or path.partition(part)[2].partition("/")[0].removesuffix(".py")
    return "standard library" if path.startswith("/") else "native"


@dataclass(frozen=True)
class Sampled:
    """What py-spy saw of one process."""

    stacks: list[tuple[list[str], int]]

    @classmethod
    def read(cls, path: Path) -> "Sampled":
        lines = (line.rpartition(" ") for line in path.read_text().splitlines())
        return cls([(stack.split(";"), int(count)) for stack, _, count in lines])

    @property
    def total(self) -> int:
        return sum(count for _, count in self.stacks) or 1

    def own(self) -> "Counter[Place]":
        """Samples by the place that was on top."""
        found: Counter[Place] = Counter()
        for stack, count in self.stacks:
            found[Place.of(stack[-1])] += count
        return found

    def own_lines(self) -> "Counter[str]":
        """Samples by the line that was on top."""
        found: Counter[str] = Counter()
        for stack, count in self.stacks:
            function, _, where = stack[-1].rpartition(" (")
            found[f"{'/'.join(where.rstrip(')').split('/')[-2:])} {function}"] += count
        return found

    def inclusive(self) -> "Counter[Place]":
        """Samples by every place that was anywhere in the stack."""
        found: Counter[Place] = Counter()
        for stack, count in self.stacks:
            for place in {Place.of(frame) for frame in stack}:
                found[place] += count
        return found


def sampler(pid: int, out: Path, seconds: float, *, native: bool) -> "subprocess.Popen[bytes]":
    """py-spy on a process for so long."""
    program = shutil.which("py-spy", path=str(Path(sys.executable).parent)) or shutil.which("py-spy")
    if program is None:
        sys.exit("profile: expected py-spy beside this Python, found none: .venv/bin/uv pip install py-spy")
    command = [program, "record", "--pid", str(pid), "--output", str(out), "--format", "raw", "--full-filenames"]
    command += ["--gil", "--rate", str(SAMPLES_PER_S), "--duration", str(_sampled_s(seconds))]
    return subprocess.Popen([*command, *(["--native"] if native else [])], stdout=subprocess.DEVNULL)


def _sampled_s(seconds: float) -> int:
    """A whole number, and over before the window is."""
    return max(1, int(seconds) - 1)


def show(title: str, cpu_us: float, sampled: Sampled, sample_us: float) -> None:
    """The tables of one process; each sample stands for `sample_us` a step."""
    # A process that is not run while it holds the lock is sampled too.
    scale = min(sample_us, cpu_us / sampled.total)

    def table(heading: str, rows: Iterable[tuple[str, float]]) -> None:
        print(f"\n{heading}")
        for name, samples in rows:
            print(f"  {samples * scale:7.1f}  {name}")

    own = sampled.own()
    rooms: Counter[str] = Counter()
    for place, count in own.items():
        rooms[place.room] += count
    print(f"\n== {title}: {cpu_us:.1f} us a step, {sampled.total} samples")
    rooms["without the interpreter lock"] = round(cpu_us / scale) - sampled.total
    table("own time by room", rooms.most_common())
    table("own time by function", ((f"{p.room:16} {p.name}", count) for p, count in own.most_common(ROWS)))
    table("own time by line", sampled.own_lines().most_common(ROWS))
    included = [(f"{p.room:16} {p.name}", count) for p, count in sampled.inclusive().most_common(2 * ROWS)]
    table("time with everything called", included)


def show_threads(title: str, before: dict[str, float], after: dict[str, float], steps: int) -> None:
    """CPU a step of each kind of thread; only Python's own show in the samples."""
    used = {name: (seconds - before.get(name, 0.0)) / steps * 1e6 for name, seconds in after.items()}
    named = ", ".join(f"{name} {us:.1f}" for name, us in sorted(used.items(), key=lambda x: -x[1]) if us >= 0.1)
    print(f"\n{title} by thread, us a step: {named}")


def show_statements(dsn: str, steps: int) -> None:
    """Postgres's statements by their time; the counters were set to zero when the window began."""
    print("\n== postgres: statements, us a step | calls, rows, WAL bytes a step")
    with psycopg.connect(dsn, autocommit=True) as admin:
        for query, calls, rows, total_us, wal_bytes in admin.execute(STATEMENTS):
            figures = (
                f"{float(total_us) / steps:7.1f}  | {calls / steps:6.3f} {rows / steps:6.2f} {wal_bytes / steps:7.0f}"
            )
            print(f"  {figures}  {query[:110]}")


def profile(installation: Installation, worker: Child, load: Load, seconds: float, *, native: bool) -> None:
    """Sample a load in its window and print what was seen."""
    folder = installation.machine.folder
    with start_client(installation, load, seconds) as client:
        meter = installation.meter(worker=worker, client=client)
        client.hear("began", START_S)
        with psycopg.connect(installation.dsn, autocommit=True) as admin:
            admin.execute("SELECT pg_stat_statements_reset()")
        pids = {part: meter.pids[part] for part in ("server", "worker")}
        threads, before = {part: threads_cpu_s(pid) for part, pid in pids.items()}, meter.look()
        outs = {part: folder / f"{part}.raw" for part in pids}
        samplers = [sampler(pid, outs[part], seconds, native=native) for part, pid in pids.items()]
        client.hear("ended", seconds + PATIENCE_S)
        after, threads_after = meter.look(), {part: threads_cpu_s(pid) for part, pid in pids.items()}
        result = client.hear("result", PATIENCE_S)
        for each in samplers:
            each.wait(PATIENCE_S)
    steps = result["runs"] * load.steps_per_run
    cpu_us = after.us_per_step(before, steps)
    print(json.dumps({**result, "steps_per_s": steps / result["seconds"], "cpu_us_per_step": cpu_us}))
    print(f"everybody else on this machine: {after.others_percent(before)} % of a core (much blurs the lock's share)")
    sample_us = 1e6 / SAMPLES_PER_S / (steps * _sampled_s(seconds) / result["seconds"])
    for part, out in outs.items():
        show_threads(part, threads[part], threads_after[part], steps)
        show(part, cpu_us[part], Sampled.read(out), sample_us)
    show_statements(installation.dsn, steps)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.profile", description=__doc__)
    parser.add_argument("--workload", choices=[*LOADS], default="seq3")
    parser.add_argument("--seconds", type=float, default=10.0, help="of the window (default 10)")
    parser.add_argument("--native", action="store_true", help="C and Cython frames too; slows everything down")
    chosen = parser.parse_args()
    with machine(Options()) as bench, bench.installation(statements=True) as installation:
        installation.apply(*DEFINITIONS)
        with installation.worker() as worker:
            profile(installation, worker, LOADS[chosen.workload], chosen.seconds, native=chosen.native)


if __name__ == "__main__":
    main()
