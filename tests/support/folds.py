"""Histories read from the tables and folded by the real engine, for suites that compare rows with what they must be.

Says what differs; whether that is wrong is the suite's to say.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from stellwerk_server.engine.evolve import evolve
from stellwerk_server.engine.run import Run, Step
from stellwerk_server.model import failure as failures
from stellwerk_server.model.commands import Workflow
from stellwerk_server.model.events import SECOND, Event, EventType
from stellwerk_server.model.failure import Category
from stellwerk_server.model.states import DeadLetterState

# Columns of a row, by their names; instants are microseconds since 1970.
Row = dict[str, Any]

_EVENT = ("seq", "at", "step", "attempt", "worker", "started_at", "payload")
# The columns that the fold of a history decides, beside `failure` and what never changes.
RUN_COLUMNS = ("state", "seq", "output", "block_reason", "created_at", "ended_at")
STEP_COLUMNS = (
    "item", "state", "attempt", "input", "output", "worker", "due_at", "ready_at", "started_at", "ended_at", "items",
    "items_finished",
)  # fmt: skip


def plain(value: Any) -> Any:
    """A column as the engine has it: instants as numbers, uuids as bytes."""
    if hasattr(value, "timestamp"):
        return round(value.timestamp() * SECOND)
    if isinstance(value, memoryview):
        return bytes(value)
    return value.bytes if hasattr(value, "bytes") else value


def event_of(row: Row) -> Event:
    """The event behind a row of `events`."""
    failure = None if row["failure"] is None else failures.from_json(row["failure"])
    data = None if row["data"] is None else json.loads(row["data"])
    return Event(type=EventType(row["type"]), failure=failure, data=data, **{name: row[name] for name in _EVENT})


def folded(row: Row, workflow: Workflow, events: Iterable[Event]) -> Run:
    """The run of that row as its history makes it."""
    run = Run(row["id"], workflow, row["input"])
    run.deadline = row["deadline"]
    for event in events:
        evolve(run, event)
    return run


def differences(run: Run, row: Row, steps: Mapping[str, Row]) -> list[str]:
    """Where the rows of a run and its steps are not what was folded, as "step a: attempt is 1, folded 2"."""
    made = {name: getattr(run, name) for name in RUN_COLUMNS} | {"failure": failure_of(run)}
    found = _compared("the run", {name: row[name] for name in made}, made)
    touched = run.changes.touched
    found += [f"step {key}: it has a row, but no event" for key in steps.keys() - touched.keys()]
    for key, step in touched.items():
        if key in steps:
            found += _compared(f"step {key}", *_step_sides(run, step, steps[key]))
        else:
            found.append(f"step {key}: it has events, but no row")
    return found


def _step_sides(run: Run, step: Step, stored: Row) -> tuple[Row, Row]:
    made: Row = {name: getattr(step, name) for name in STEP_COLUMNS}
    if run.code is not None and step.state.finished:
        # The table keeps what only another attempt would need.
        made["input"] = stored["input"]
    names = (*STEP_COLUMNS, "failure", "position")
    return {n: stored[n] for n in names}, {**made, "failure": failure_of(step), "position": step.definition.index}


def _compared(what: str, stored: Row, made: Row) -> list[str]:
    return [f"{what}: {n} is {stored[n]!r:.80}, folded {made[n]!r:.80}" for n in stored if stored[n] != made[n]]


def failure_of(held: Run | Step) -> str | None:
    """A failure as its column has it."""
    return None if held.failure is None else failures.to_json(held.failure)


def least_delay_s(step: Step, event: Event) -> float:
    """The least time that must pass between an event of a step that sets a timer and that timer."""
    failure = event.failure
    if failure is None:
        return step.definition.sleep_s or 0.0
    if failure.category is Category.WORKER_LOST:
        return 0.0
    policy = step.definition.retry
    return policy.initial_s * (1.0 - policy.jitter) if failure.retry_after_s is None else failure.retry_after_s


def resolution(events: Iterable[Event], step: str, attempt: int) -> DeadLetterState | None:
    """What a history says of a dead letter; None when it says nothing, as of one that a fork has taken over."""
    after = False
    for event in events:
        if event.step != step:
            continue
        if event.type is EventType.STEP_DEAD and event.attempt == attempt:
            after = True
        elif after and event.type is EventType.STEP_SCHEDULED:
            return DeadLetterState.REQUEUED
        elif after and event.type is EventType.STEP_DISCARDED:
            return DeadLetterState.DISCARDED
    return None
