"""The report of a run under faults, as Markdown for people and JSON for programs: what was done, broken and found.

Judges nothing itself: the checker does.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tests.faults.checker import INVARIANTS, NOT_APPLICABLE, Finding, Logs, Verdict, check, snapshot
from tests.faults.records import FAIL, OK

MARKDOWN, JSON = "report.md", "report.json"
# Recovery is to take at most so long; of Postgres beyond its own.
AIMS_S = {"server_kill": 2.0, "worker_kill": 3.0, "postgres_kill": 3.0, "postgres_restart": 3.0}
_SHOWN = 50
Row = Sequence[object]


@dataclass(frozen=True, slots=True)
class Recovery:
    """How long one kind of fault was felt; `beside` counts those that others kept dark, which are left out."""

    count: int
    beside: int
    p50_s: float
    p99_s: float
    max_s: float
    aim_s: float | None
    # How many took longer than the aim.
    beyond: int


@dataclass(frozen=True, slots=True)
class Report:
    """One run under faults."""

    about: dict[str, Any]
    verdict: Verdict
    # By kind of operation: ok, failed, indeterminate.
    operations: dict[str, tuple[int, int, int]]
    faults: dict[str, int]
    recoveries: dict[str, Recovery]

    @property
    def ok(self) -> bool:
        """Whether it counts and nothing was found."""
        return self.verdict.ok

    @property
    def void(self) -> str:
        """Why it does not count; empty when it does."""
        return self.verdict.void

    @property
    def findings(self) -> list[Finding]:
        """What was found."""
        return self.verdict.findings

    @property
    def text(self) -> str:
        """As Markdown."""
        parts = [_head(self), _operations(self), _faults(self), _invariants(self), _violations(self)]
        return "\n\n".join(parts) + "\n"

    @property
    def document(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "about": self.about,
            "ok": self.ok,
            "void": self.void,
            "runs": self.verdict.runs,
            "steps": self.verdict.steps,
            "operations": {f: dict(zip(_ENDS, counts, strict=True)) for f, counts in self.operations.items()},
            "faults": self.faults,
            "recoveries": {fault: asdict(recovery) for fault, recovery in self.recoveries.items()},
            "looked": dict(self.verdict.looked),
            "notes": list(self.verdict.notes),
            "not_applicable": list(NOT_APPLICABLE),
            "findings": [asdict(finding) for finding in self.findings],
        }


def read_report(folder: Path, dsn: str) -> Report:
    """Check what a run has left behind."""
    logs = Logs(folder)
    with snapshot(dsn) as connection:
        verdict = check(logs, connection)
    return Report(logs.about, verdict, _ended(logs), _begun(logs), _recoveries(logs, verdict.took))


def write_report(folder: Path, dsn: str) -> Report:
    """Check it, and leave the report beside the logs."""
    report = read_report(folder, dsn)
    (folder / MARKDOWN).write_text(report.text)
    (folder / JSON).write_text(json.dumps(report.document, indent=1) + "\n")
    return report


def bound(count: int) -> str:
    """What none of `count` bounds at 95 %: as a share in percent."""
    return f"{300 / count:.3g} %" if count > 3 else "-"


def percentile(sorted_values: Sequence[float], share: float) -> float:
    """The value that this share of them does not exceed."""
    return sorted_values[max(0, -(-int(len(sorted_values) * share * 1000) // 1000) - 1)]


_ENDS = ("ok", "failed", "indeterminate")


def _ended(logs: Logs) -> dict[str, tuple[int, int, int]]:
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for call in logs.calls:
        counts[call.f]["ok" if call.kind == OK else "failed" if call.kind == FAIL else "indeterminate"] += 1
    return {f: (c["ok"], c["failed"], c["indeterminate"]) for f, c in sorted(counts.items())}


def _begun(logs: Logs) -> dict[str, int]:
    return dict(sorted(Counter(window.fault for window in logs.windows).items()))


def _recoveries(logs: Logs, took: dict[str, list[float]]) -> dict[str, Recovery]:
    """As the harness has measured them; of workers as long as their tasks took to go out again."""
    alone: dict[str, list[float]] = defaultdict(list, {kind: list(times) for kind, times in took.items()})
    beside: Counter[str] = Counter()
    for fault in logs.faults:
        if fault.phase == "recovered" and "after_s" in fault.detail and fault.fault not in took:
            dark = bool(fault.detail.get("dark"))
            beside[fault.fault] += dark
            if not dark:
                alone[fault.fault].append(float(fault.detail["after_s"]))
    return {fault: _recovery(fault, sorted(values), beside[fault]) for fault, values in sorted(alone.items())}


def _recovery(fault: str, values: list[float], beside: int) -> Recovery:
    aim_s = AIMS_S.get(fault)
    beyond = 0 if aim_s is None else sum(value > aim_s for value in values)
    times = (percentile(values, 0.5), percentile(values, 0.99), values[-1])
    return Recovery(len(values), beside, *times, aim_s, beyond)


def _head(report: Report) -> str:
    about = report.about
    say = "void: " + report.void if report.void else f"{len(report.findings)} violations"
    rows: list[Row] = [
        ("violations", say),
        ("duration", f"{float(about.get('duration_s', 0)) / 60:.1f} min"),
        ("seed", about.get("seed", "-")),
        ("revision", about.get("revision") or "-"),
        ("servers", about.get("servers", "-")),
        ("workers", ", ".join(f"{n} {name}" for name, n in (about.get("workers") or {}).items()) or "-"),
        ("runs", f"{report.verdict.runs:,}"),
        ("steps done", f"{report.verdict.steps:,}"),
        ("faults", f"{sum(report.faults.values()):,}"),
    ]
    return f"### The run\n\n{_table(('what', 'value'), rows)}"


def _operations(report: Report) -> str:
    totals = [sum(column) for column in zip(*report.operations.values(), strict=True)] or [0, 0, 0]
    rows: list[Row] = [(f, *counts) for f, counts in report.operations.items()]
    return f"### Operations of clients\n\n{_table(('operation', *_ENDS), [*rows, ('all', *totals)])}"


def _faults(report: Report) -> str:
    head = ("fault", "times", "bound", "recovered", "p50", "p99", "longest", "aim", "beyond it")
    rows: list[Row] = [(f, n, bound(n), *_times(report.recoveries.get(f))) for f, n in report.faults.items()]
    total = sum(report.faults.values())
    rows.append(("all", total, bound(total), *_times(None)))
    note = (
        "No violation in n faults bounds their rate at 3/n (95 %). Recovery is that of faults during which no other one"
        " had taken everything away; of Postgres it is beyond its own start."
    )
    return f"### Faults\n\n{note}\n\n{_table(head, rows)}"


def _times(recovery: Recovery | None) -> Row:
    if recovery is None:
        return ("",) * 6
    times = [f"{value:.2f} s" for value in (recovery.p50_s, recovery.p99_s, recovery.max_s)]
    return (recovery.count, *times, "" if recovery.aim_s is None else f"{recovery.aim_s:g} s", recovery.beyond)


def _invariants(report: Report) -> str:
    found = Counter(finding.invariant for finding in report.findings)
    rows: list[Row] = []
    for name, promise in INVARIANTS.items():
        looked: object = "there is no such feature yet" if name in NOT_APPLICABLE else report.verdict.looked[name]
        rows.append((name, promise, looked, found[name]))
    parts = [f"### Invariants\n\n{_table(('', 'promise', 'looked at', 'violations'), rows)}"]
    return "\n\n".join([*parts, *report.verdict.notes])


def _violations(report: Report) -> str:
    if not report.findings:
        return "### Violations\n\nNone."
    shown = [f"- {finding}" for finding in report.findings[:_SHOWN]]
    left = len(report.findings) - _SHOWN
    return "\n".join(["### Violations\n", *shown, *([f"- and {left} more"] if left > 0 else [])])


def _table(head: Row, rows: Iterable[Row]) -> str:
    lines = [_line(head), _line(["---"] * len(head)), *map(_line, rows)]
    return "\n".join(lines)


def _line(cells: Row) -> str:
    return f"| {' | '.join(f'{cell:,}' if isinstance(cell, int) else str(cell) for cell in cells)} |"
