"""What people read: lines, trees and tables of runs, with nothing in them that could steer a terminal."""

from __future__ import annotations

from collections import deque
from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import Any

import pytest
from rich.console import Console

from stellwerk import Chunk, Event, Failure, FieldProblem, InvalidArgument, Run, RunState, Step, StepState
from stellwerk_server.cli import bench, describe, output, problems, watch

NOW = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)
BAD = "\x1b[2J\x9b2J\x07"


def step_of(name: str, state: StepState = StepState.SUCCEEDED, **values: Any) -> Step:
    unset: dict[str, Any] = dict.fromkeys(Step.__slots__)
    counts = {"attempt": 1, "max_attempts": 4, "items": 0, "items_finished": 0}
    texts = {"action": "a", "queue": "default", "waiting_for": "", "worker_id": "w-1", "needs": ()}
    return Step(**{**unset, **counts, **texts, "step": name, "state": state, **values})


def run_of(*steps: Step, **values: Any) -> Run:
    unset: dict[str, Any] = dict.fromkeys(Run.__slots__)
    texts = {"run_id": "run_1", "workflow": "w", "version": 1, "block_reason": "", "forked_from": ""}
    code = {"published": {}, "attributes": {}, "waiting_for": "", "continued_as": ""}
    return Run(**{**unset, **texts, **code, "create_time": NOW, "state": RunState.RUNNING, "steps": steps, **values})


def failure_of(message: str) -> Failure:
    return Failure("Oops", message, "", "USER", False, None, None, "a", 1, "w-1", NOW)


def event_of(type: str, step: str = "", **values: Any) -> Event:
    unset: dict[str, Any] = dict.fromkeys(Event.__slots__)
    return Event(**{**unset, "sequence": 1, "time": NOW, "type": type, "step": step, "attributes": {}, **values})


def printed(renderable: Any) -> str:
    console = Console(file=StringIO(), width=200, markup=False, highlight=False)
    console.print(renderable)
    file = console.file
    assert isinstance(file, StringIO)
    return file.getvalue()


def lines_of(capsys: pytest.CaptureFixture[str], *items: Event | Chunk) -> list[str]:
    lines = watch.Lines(output.Output(as_json=False))
    for item in items:
        lines.show(item)
    return capsys.readouterr().out.splitlines()


def test_nothing_that_steers_a_terminal_gets_through(capsys: pytest.CaptureFixture[str]) -> None:
    failed = step_of(f"a{BAD}", StepState.DEAD, failure=failure_of(BAD), worker_id=BAD, progress=BAD)
    waiting = step_of("b", StepState.READY, waiting_for=BAD)
    code = {"published": {BAD: BAD}, "attributes": {BAD: BAD}, "waiting_for": BAD}
    leased = step_of("c", StepState.LEASED, progress={BAD: BAD})
    run = run_of(failed, waiting, leased, workflow=BAD, block_reason=BAD, **code)
    chunk = Chunk(f"a{BAD}", 1, 1, BAD, NOW)
    describe.run(run, Console(width=200, markup=False))
    lines_of(capsys, chunk, event_of("STEP_DEAD", f"a{BAD}", failure=failure_of(BAD), attributes={BAD: BAD}))
    said = capsys.readouterr().out + printed(watch.tree(run, deque([chunk]))) + describe.value(BAD)
    assert "\\x1b" in said
    assert [character for character in said if not character.isprintable() and character != "\n"] == []


def test_a_tree_shows_progress_attempts_and_what_a_step_waits_for() -> None:
    run = run_of(
        step_of("one", start_time=NOW, end_time=NOW + timedelta(seconds=2)),
        step_of("each", StepState.WAITING, items=10, items_finished=4),
        step_of("each[1]"),
        step_of("each[2]", StepState.LEASED, attempt=2, progress={"done": 7}),
        step_of("last", StepState.READY, waiting_for="no worker serves it"),
    )
    said = printed(watch.tree(run, deque([Chunk("each[2]", 1, 1, "half way", NOW)])))
    for expected in ("2.00 s", "4 of 10", "attempt 2 of 4", '{"done": 7}', "no worker serves it", "each[2] › half way"):
        assert expected in said
    assert "each[1]" not in said


def test_a_tree_of_a_huge_fan_out_stays_small() -> None:
    items = [step_of(f"each[{n}]", StepState.LEASED) for n in range(10_000)]
    run = run_of(step_of("each", StepState.WAITING, items=10_000), *items)
    assert len(printed(watch.tree(run, deque())).splitlines()) < 10
    assert len(list(describe.interesting(run.steps))) < 30


def test_lines_thin_items_out_but_no_failure(capsys: pytest.CaptureFixture[str]) -> None:
    done = [event_of("STEP_SUCCEEDED", f"each[{n}]") for n in range(999)]
    dead = event_of("STEP_DEAD", "each[999]", failure=failure_of("no"))
    lines = lines_of(capsys, event_of("STEP_EXPANDED", "each", payload=[0] * 1000), *done, dead)
    assert len(lines) == 12
    assert "Oops: no" in lines[-2]
    assert lines[-1].endswith("each: 1000 of 1000 items")


def test_times_are_utc_and_short() -> None:
    moment = NOW.astimezone(datetime.now().astimezone().tzinfo)
    assert output.clock(moment) == "2026-01-01 12:00:00Z"
    assert output.took(NOW, NOW + timedelta(milliseconds=1234)) == "1.23 s"
    assert output.took(NOW, NOW + timedelta(minutes=5)) == "5.0 min"
    assert output.took(NOW, NOW + timedelta(days=1)) == "24.0 h"
    assert output.took(NOW, None) == ""


def test_json_of_any_record() -> None:
    text = output.to_json({"step": step_of("a", output=b"\xff", end_time=NOW)})
    assert '"output": {"base64": "/w=="}' in text
    assert '"end_time": "2026-01-01T12:00:00Z"' in text


def test_an_error_is_one_line_or_one_line_a_problem(capsys: pytest.CaptureFixture[str]) -> None:
    fields = (FieldProblem("a", "expected b,\ncame c"), FieldProblem("d", "expected e"))
    assert problems.report(problems.CliError(f"two\nlines{BAD}", 2), as_json=False) == 2
    assert problems.report(InvalidArgument("bad", fields=fields[:1]), as_json=False) == 1
    assert problems.report(InvalidArgument("bad", fields=fields), as_json=False) == 1
    assert capsys.readouterr().err.splitlines() == [
        "error: two lines\\x1b[2J\\x9b2J\\x07",
        "error: a: expected b, came c",
        "error: 2 problems",
        "  a: expected b, came c",
        "  d: expected e",
    ]


def test_the_figures_of_a_load() -> None:
    figures = bench.summary([n / 1000 for n in range(1, 101)], 2.0)
    assert (figures["runs"], figures["runs_per_s"], figures["steps_per_s"]) == (100, 50.0, 150.0)
    assert (figures["p50_ms"], figures["p95_ms"], figures["p99_ms"]) == (50.0, 95.0, 99.0)
