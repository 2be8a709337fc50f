"""The checker is tried itself: a clean run has no findings, and each broken promise is called by its name."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from stellwerk_server.embedded import EmbeddedPostgres
from tests.faults.checker import INVARIANTS, NOT_APPLICABLE, Logs, check
from tests.faults.records import FAULTS, OPERATIONS
from tests.faults.rehearsal import rehearse
from tests.faults.report import JSON, bound, percentile, write_report
from tests.faults.tampering import TAMPERINGS, Stage, Tamper, calls
from tests.faults.tampering.stage import Line
from tests.support.databases import fresh_database


@dataclass(frozen=True)
class Played:
    """A clean run: its logs, its database, its runs by story."""

    folder: Path
    dsn: str
    runs: dict[str, str]


@pytest.fixture(scope="module")
def played(
    postgres: EmbeddedPostgres, migrated_template: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Played]:
    """Played once."""
    folder = tmp_path_factory.mktemp("played")
    with fresh_database(postgres, migrated_template) as dsn:
        yield Played(folder, dsn, rehearse(folder, dsn))


@pytest.fixture
def stage(played: Played, tmp_path: Path) -> Iterator[Stage]:
    """A copy to tamper with; what is done to the database is undone."""
    folder = tmp_path / "logs"
    shutil.copytree(played.folder, folder)
    with psycopg.connect(played.dsn) as connection:
        yield Stage(folder, connection, played.runs)
        connection.rollback()


def found(stage: Stage) -> list[str]:
    return [str(finding) for finding in check(Logs(stage.folder), stage.connection).findings]


def test_a_clean_run_has_no_findings(stage: Stage) -> None:
    verdict = check(Logs(stage.folder), stage.connection)
    assert [str(finding) for finding in verdict.findings] == []
    assert verdict.ok
    assert verdict.runs == len(stage.runs)


def test_every_invariant_has_something_to_look_at(stage: Stage) -> None:
    looked = check(Logs(stage.folder), stage.connection).looked
    assert {name for name in INVARIANTS if not looked[name]} == set(NOT_APPLICABLE)


def test_every_invariant_is_broken_in_some_way() -> None:
    assert {name for name, tamperings in TAMPERINGS.items() if not tamperings} == set(NOT_APPLICABLE)


@pytest.mark.parametrize(
    ("invariant", "tamper"),
    [
        pytest.param(invariant, tamper, id=f"{invariant}-{tamper.__name__}")
        for invariant, tamperings in TAMPERINGS.items()
        for tamper in tamperings
    ],
)
def test_what_is_broken_is_called_by_its_name(stage: Stage, invariant: str, tamper: Tamper) -> None:
    tamper(stage)
    findings = check(Logs(stage.folder), stage.connection).findings
    assert {finding.invariant for finding in findings} == {invariant}, [str(finding) for finding in findings]


def test_what_nobody_knows_may_have_happened_or_not(stage: Stage) -> None:
    run = stage.runs["plain"]
    unknown: list[tuple[str, Line]] = [
        ("start", {"workflow": "one", "input": {}, "key": "k"}),
        ("signal", {"run_id": run, "name": "go", "id": "s8", "value": "a/s8"}),
        ("cancel", {"run_id": run}),
        ("requeue", {"run_id": run, "step": "a", "dead_letter_id": "dl_0000000000000"}),
        ("complete", {"token": "1", "run_id": run, "step": "a", "attempt": 3, "outcome": "succeeded", "value": "x"}),
        ("peek", {"run_id": run}),
    ]
    for f, args in unknown:
        stage.call(f, args, {}, "info", error="UNAVAILABLE")
    # As a client leaves it that is killed.
    with (stage.folder / OPERATIONS).open("a") as log:
        log.write('{"at": 1, "id"')
    assert found(stage) == []


def test_a_run_that_mostly_failed_is_void(stage: Stage, played: Played) -> None:
    stage.calls(lambda call: call["f"] != "probe", kind="info", error="UNAVAILABLE")
    report = write_report(stage.folder, played.dsn)
    assert "operations are OK" in report.void
    assert not report.ok


def test_logs_without_operations_are_void(stage: Stage) -> None:
    stage.edit(OPERATIONS, lambda lines: [])
    assert check(Logs(stage.folder), stage.connection).void


def test_the_report_is_read_again_from_a_folder(stage: Stage, played: Played) -> None:
    calls.a_signal_is_lost(stage)
    stage.edit(FAULTS, lambda lines: [*lines, *_server_kills(lines[0])])
    command = [sys.executable, "-m", "tests.faults.checker", str(stage.folder), "--dsn", played.dsn]
    again = subprocess.run(command, cwd=Path(__file__).parents[2], capture_output=True, text=True, check=False)
    assert again.returncode == 1, again.stderr
    document = json.loads((stage.folder / JSON).read_text())
    assert [finding["invariant"] for finding in document["findings"]] == ["I13"]
    assert document["recoveries"]["worker_kill"]["count"] == 1
    recovery = document["recoveries"]["server_kill"]
    assert (recovery["count"], recovery["beside"], recovery["max_s"], recovery["beyond"]) == (1, 1, 2.5, 1)
    assert document["faults"] == {"server_kill": 2, "worker_kill": 1}
    assert document["operations"]["start"] == {"ok": 13, "failed": 1, "indeterminate": 1}
    assert "| I13 | an acknowledged signal arrives once, in order | 4 | 1 |" in again.stdout
    assert f"I13 {stage.runs['plain']}, operations" in again.stdout


def test_bounds_and_percentiles() -> None:
    assert (bound(3), bound(300), bound(1_000)) == ("-", "1 %", "0.3 %")
    hundred = list(range(1, 101))
    assert [percentile(hundred, share) for share in (0.0, 0.5, 0.99, 1.0)] == [1, 50, 99, 100]
    assert percentile([7.0], 0.99) == 7.0


def _server_kills(fault: Line) -> list[Line]:
    """One that was got over slowly, and one while Postgres was away too."""
    kills: list[Line] = []
    for number, detail in ((7, {"after_s": 2.5}), (8, {"after_s": 9.0, "dark": True})):
        kill = {**fault, "id": number, "fault": "server_kill", "target": "server-1"}
        kills += [{**kill, "phase": "begin", "detail": {}}, {**kill, "phase": "recovered", "detail": detail}]
    return kills
