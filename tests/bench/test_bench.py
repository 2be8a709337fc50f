"""The bench prints what it promises. Asserts no speed."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.bench.__main__ import arguments
from tests.bench.child import ROOT
from tests.bench.languages import LANGUAGES, NotBuilt
from tests.bench.meter import cpu_s

FIELDS = {"workload", "runs", "steps", "seconds", "runs_per_s", "steps_per_s", "p50_ms", "p95_ms", "p99_ms"}
PARTS = {"server", "postgres", "worker", "client"}


def bench(*options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tests.bench", *options]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=100)


def test_one_short_workload_prints_one_line_with_all_its_fields() -> None:
    options = ["--workload", "seq3", "--worker", "python", "--seconds", "1", "--runs-in-flight", "20"]
    done = bench(*options)
    assert done.returncode == 0, done.stderr
    (line,) = [json.loads(text) for text in done.stdout.splitlines()]
    assert line.keys() >= FIELDS
    assert (line["workload"], line["worker"]) == ("seq3", "python")
    assert line["runs"] > 0
    assert line["steps"] == 3 * line["runs"]
    assert line["cpu_us_per_step"].keys() == {*PARTS, "total"}
    assert line["rss_mib"].keys() == PARTS
    assert all(line["cpu_us_per_step"][part] > 0 and line["rss_mib"][part] > 0 for part in PARTS)


def test_the_worker_is_pythons_unless_another_is_asked_for() -> None:
    assert arguments([]).worker == "python"
    assert arguments(["--worker", "java", "--workload", "seq3"]).worker == "java"


def test_an_unknown_worker_is_refused_with_the_choices() -> None:
    done = bench("--worker", "cobol")
    assert done.returncode == 2
    assert all(language in done.stderr for language in (*LANGUAGES, "cobol"))


@pytest.mark.parametrize("language", ["node", "java"])
def test_a_worker_that_is_not_built_says_what_builds_it(language: str, tmp_path: Path) -> None:
    with pytest.raises(NotBuilt, match=rf"needs .*{language}.*, which is not there; `.+`.* makes it"):
        LANGUAGES[language].at(tmp_path)


@pytest.mark.parametrize(("language", "program"), [("node", "node"), ("java", "java")])
def test_a_built_worker_is_called_from_the_checkout(language: str, program: str, tmp_path: Path) -> None:
    for part in LANGUAGES[language].parts:
        (tmp_path / part).mkdir(parents=True)
    command = LANGUAGES[language].at(tmp_path)
    assert command[0] == program
    assert str(tmp_path) in " ".join(command)


CHILD_S = 1.0
SPINNING_CHILD = f"import sys, time\nwhile time.process_time() < {CHILD_S}: pass\nprint(flush=True); sys.stdin.read()"
# Another thread than the main one starts a child, which computes until it is told to end.
THREADED_PARENT = f"""
import subprocess, sys, threading
threading.Thread(target=lambda: subprocess.run([sys.executable, "-c", {SPINNING_CHILD!r}])).start()
"""


def test_the_cpu_of_a_child_counts_whichever_thread_started_it() -> None:
    command = [sys.executable, "-c", THREADED_PARENT]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as parent:
        assert parent.stdin
        assert parent.stdout
        parent.stdout.readline()
        used_s = cpu_s(parent.pid)
        parent.stdin.close()
    assert used_s >= 0.8 * CHILD_S  # /proc counts in ticks
