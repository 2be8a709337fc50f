"""The bench prints what it promises. Asserts no speed."""

import json
import subprocess
import sys

from tests.bench.child import ROOT

FIELDS = {"workload", "runs", "steps", "seconds", "runs_per_s", "steps_per_s", "p50_ms", "p95_ms", "p99_ms"}
PARTS = {"server", "postgres", "worker", "client"}


def test_one_short_workload_prints_one_line_with_all_its_fields() -> None:
    command = [sys.executable, "-m", "tests.bench", "--workload", "seq3", "--seconds", "1", "--runs-in-flight", "20"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=100)
    assert done.returncode == 0, done.stderr
    (line,) = [json.loads(text) for text in done.stdout.splitlines()]
    assert line.keys() >= FIELDS
    assert line["workload"] == "seq3"
    assert line["runs"] > 0
    assert line["steps"] == 3 * line["runs"]
    assert line["cpu_us_per_step"].keys() == {*PARTS, "total"}
    assert line["rss_mib"].keys() == PARTS
    assert all(line["cpu_us_per_step"][part] > 0 and line["rss_mib"][part] > 0 for part in PARTS)
