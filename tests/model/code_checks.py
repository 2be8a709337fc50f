"""What must hold of runs of code after every command, read from the tables; the rest is the same for all runs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from stellwerk_server.engine.run import Run
from stellwerk_server.model import ids
from stellwerk_server.model.code import DECISION
from stellwerk_server.model.events import SECOND, Event, EventType, TimerKind
from stellwerk_server.model.failure import Category
from stellwerk_server.model.payload import NULL
from stellwerk_server.model.states import RunState

if TYPE_CHECKING:
    from tests.model.checks import Tables

RETRY = (DECISION, TimerKind.RETRY)


def check_code(tables: Tables) -> None:
    """All of it, for every run."""
    published: dict[tuple[int, str], bytes] = {}
    attributes: dict[tuple[int, str], str] = {}
    for run in tables.folds.values():
        events = tables.events[run.id]
        _check_header(tables, run)
        _check_retries(events)
        for event in events:
            data = event.data or {}
            if event.type is EventType.RUN_PUBLISHED:
                published[run.id, data["key"]] = NULL if event.payload is None else event.payload
            elif event.type is EventType.RUN_ATTRIBUTES:
                attributes |= {(run.id, key): json.dumps(value) for key, value in data["values"].items()}
    assert tables.published == published
    assert tables.attributes == {place: text for place, text in attributes.items() if text != "null"}
    blocked = {run.id for run in tables.folds.values() if run.code is not None and run.state is RunState.BLOCKED}
    assert set(tables.parked) == blocked
    assert all(row["reason"] == tables.folds[run_id].block_reason for run_id, row in tables.parked.items())


def decision_wanted(tables: Tables, run: Run) -> dict[tuple[int, str], int]:
    """The decision that is queued or handed out; never one of a run that is over, parked, or waits to try again."""
    code = run.code
    waits = (run.id, *RETRY) in tables.timers
    if code is None or not code.due or run.state is not RunState.RUNNING or waits:
        assert code is None or not waits or code.due
        return {}
    return {(run.id, DECISION): code.step.attempt}


def closes(tables: Tables, run: Run, kind: TimerKind) -> bool:
    """Whether its parent's end is on its way to the run or to one it goes on for, or one of their codes was told."""
    while True:
        asked = run.code is not None and run.code.cancel_asked
        if asked or (run.id, "", kind) in tables.timers:
            return True
        before = (tables.events[run.id][0].data or {}).get("continued_from")
        if before is None:
            return False
        run = tables.folds[_run_id(before)]


def _run_id(shown: str) -> int:
    found = ids.parse(shown)
    assert found is not None
    return found


def goes_on(tables: Tables, run: Run) -> bool:
    """Whether the run goes on for one that its parent has not yet heard the end of, or will not hear of any more.

    One that was itself continued before the parent heard of it is passed over: its successor is asked in its stead.
    """
    data = tables.events[run.id][0].data or {}
    assert run.child_of is not None
    parent = tables.folds[run.child_of.run_id]
    pending = (run.child_of.run_id, run.child_of.step, TimerKind.CHILD_ENDED) in tables.timers
    unheard = parent.steps[run.child_of.step].state.finished
    return "continued_from" in data and (pending or unheard or run.state is RunState.CONTINUED)


def _check_header(tables: Tables, run: Run) -> None:
    code = run.code
    assert tables.runs[run.id]["decided"] == (None if code is None else code.decided)
    if code is None or run.state.terminal:
        return
    assert code.news == news(tables.events[run.id], code.decided)
    assert code.due or not code.news


def news(events: list[Event], after: int, until: int | None = None) -> list[Event]:
    """Said anew and by itself: what the code has to be told of these events."""
    told = ("RUN_STARTED", "STEP_KEPT", "RUN_CANCEL_REQUESTED", "STEP_SUCCEEDED", "STEP_FAILED")
    return [e for e in events if e.type.name in told and after < e.seq <= (until or e.seq)]


def _check_retries(events: list[Event]) -> None:
    """I10: a decision that failed is not answered before its delay, nor tried more than six times."""
    due_at, failures = 0, 0
    for event in events:
        data: dict[str, Any] = event.data or {}
        if event.type is EventType.DECISION_FAILED:
            assert event.at >= due_at
            failures += 1
            assert failures <= 6
            due_at = data.get("due_at", event.at)
            lost = event.failure is not None and event.failure.category is Category.WORKER_LOST
            assert lost or "due_at" not in data or due_at > event.at
            assert due_at <= event.at + 10 * SECOND
        elif "decision" in data:
            assert event.at >= due_at
            failures = 0
        elif event.type is EventType.RUN_RESUMED:
            failures = 0
