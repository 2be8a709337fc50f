"""What a batch writes, gathered as columns and sent set-based: one statement a table, in lock order."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any, NamedTuple

from stellwerk_server.engine.run import Run, Step
from stellwerk_server.model import failure as failures
from stellwerk_server.model.code import described
from stellwerk_server.model.events import Event, EventType, Instant, TimerKind
from stellwerk_server.model.failure import Failure
from stellwerk_server.store import sql
from stellwerk_server.store.arrays import (
    Byteas,
    Column,
    Float8s,
    Instants,
    Int2s,
    Int4s,
    Int8s,
    Places,
    Texts,
    Uuids,
)
from stellwerk_server.store.arrays import Instant as InstantParameter

SQL = sql.load("commit")
Execute = Callable[[bytes, Mapping[str, Any]], Awaitable[Any]]


class ReadyRow(NamedTuple):
    """A step that waits in the table for a poll."""

    run: int
    step: str
    attempt: int
    lane: int
    rank: int
    id: int
    attempt_s: float | None


class LeaseRow(NamedTuple):
    """A step handed out in this transaction."""

    run: int
    step: str
    attempt: int
    token: bytes
    worker: str
    lane: int
    expires_at: Instant
    deadline: Instant | None


class DeadRow(NamedTuple):
    """A step in the dead letters."""

    id: int
    namespace: int
    workflow: int
    run: int
    step: str
    attempt: int
    queue: str
    action: str
    reason: str
    failure: str
    input: bytes | None


class ChildRow(NamedTuple):
    """A run that belongs to a step of another."""

    run: int
    parent: int
    step: str


class PublishedRow(NamedTuple):
    """A value the code of a run shows."""

    run: int
    key: str
    value: bytes


class AttributeRow(NamedTuple):
    """A searchable value of a run; None removes it."""

    run: int
    key: str
    value: str | None
    namespace: int


class ParkedRow(NamedTuple):
    """A run whose code could not be decided, by that build."""

    run: int
    namespace: int
    workflow: str
    build: str
    reason: str


class ResolvedRow(NamedTuple):
    """A dead letter somebody decided about."""

    run: int
    step: str
    attempt: int
    state: int
    requeued: int | None


_COLUMNS: dict[type, tuple[type[Column], ...]] = {
    ReadyRow: (Int8s, Texts, Int4s, Int4s, Int2s, Int8s, Float8s),
    LeaseRow: (Int8s, Texts, Int4s, Uuids, Texts, Int4s, Instants, Instants),
    ChildRow: (Int8s, Int8s, Texts),
    PublishedRow: (Int8s, Texts, Byteas),
    AttributeRow: (Int8s, Texts, Texts, Int4s),
    ParkedRow: (Int8s, Int4s, Texts, Texts, Texts),
    DeadRow: (Int8s, Int4s, Int4s, Int8s, Texts, Int4s, Texts, Texts, Texts, Texts, Byteas),
}
_RESOLVED = (Int8s, Texts, Int4s, Int2s, Int8s)


class Rows:
    """All writes of one batch."""

    def __init__(self) -> None:
        self.runs: dict[int, Run] = {}
        self.steps: dict[tuple[int, str], tuple[Run, Step]] = {}
        self.events: list[tuple[int, Event]] = []
        self.ready: list[ReadyRow] = []
        self.leases: list[LeaseRow] = []
        self.dead: list[DeadRow] = []
        self.children: list[ChildRow] = []
        self.resolved: list[ResolvedRow] = []
        self.published: dict[tuple[int, str], PublishedRow] = {}
        self.attributes: dict[tuple[int, str], AttributeRow] = {}
        self.parked: dict[int, ParkedRow] = {}
        self.unparked: list[int] = []
        self.timers_set: dict[tuple[int, str, TimerKind], Instant] = {}
        self.timers_cleared: set[tuple[int, str, TimerKind]] = set()
        # Where the rows of used up leases are.
        self.taken: list[bytes] = []
        self.voided: list[tuple[int, str]] = []
        self.ended_runs: list[int] = []

    async def write(self, execute: Execute, now: Instant) -> list[Any]:
        """Queue every statement; returns the cursors that tell which leases were voided."""
        at = InstantParameter(now)
        if self.events:
            await execute(SQL.insert_events, {"at": at, **self._event_columns()})
            await execute(SQL.insert_move, {"at": at, **self._move_columns()})
        await self._write_runs(execute)
        await self._write_steps(execute)
        voided = await self._delete(execute)
        if self.timers_set:
            runs, steps, kinds = zip(*self.timers_set, strict=True)
            due = Instants(self.timers_set.values())
            columns = {"runs": Int8s(runs), "steps": Texts(steps), "kinds": Int2s(kinds), "due_at": due}
            await execute(SQL.insert_timers, columns)
        if self.ready:
            await execute(SQL.insert_ready, {"at": at, **_columns(ReadyRow, self.ready)})
        if self.leases:
            await execute(SQL.insert_leases, {"at": at, **_columns(LeaseRow, self.leases)})
        if self.children:
            await execute(SQL.insert_children, _columns(ChildRow, self.children))
        await self._write_code(execute)
        if self.dead:
            await execute(SQL.insert_dead_letters, {"at": at, **_columns(DeadRow, self.dead)})
        if self.resolved:
            names = ("runs", "steps", "attempts", "states", "requeued")
            encoded = [make(values) for make, values in zip(_RESOLVED, zip(*self.resolved, strict=True), strict=True)]
            await execute(SQL.resolve_dead_letters, dict(zip(names, encoded, strict=True)))
        return voided

    async def _write_code(self, execute: Execute) -> None:
        """What only runs of code have."""
        if self.published:
            await execute(SQL.publish, _columns(PublishedRow, self.published.values()))
        if self.attributes:
            rows = list(self.attributes.values())
            gone = [row for row in rows if row.value is None]
            if gone:
                places = {"runs": Int8s([row.run for row in gone]), "keys": Texts([row.key for row in gone])}
                await execute(SQL.remove_attributes, places)
            if len(gone) < len(rows):
                await execute(
                    SQL.set_attributes, _columns(AttributeRow, [row for row in rows if row.value is not None])
                )
        if self.unparked:
            await execute(SQL.unpark, {"runs": Int8s(self.unparked)})
        if self.parked:
            await execute(SQL.park, _columns(ParkedRow, self.parked.values()))

    async def _delete(self, execute: Execute) -> list[Any]:
        voided: list[Any] = []
        if self.taken:
            await execute(SQL.take_leases, {"places": Places(self.taken)})
        if self.timers_cleared:
            runs, steps, kinds = zip(*self.timers_cleared, strict=True)
            await execute(SQL.delete_timers, {"runs": Int8s(runs), "steps": Texts(steps), "kinds": Int2s(kinds)})
        if self.voided:
            runs, steps = zip(*sorted(self.voided), strict=True)
            places = {"runs": Int8s(runs), "steps": Texts(steps)}
            await execute(SQL.delete_ready, places)
            voided.append(await execute(SQL.delete_leases, places))
        if self.ended_runs:
            ended = {"runs": Int8s(sorted(self.ended_runs))}
            await execute(SQL.delete_ready_of_runs, ended)
            voided.append(await execute(SQL.delete_leases_of_runs, ended))
            await execute(SQL.delete_timers_of_runs, ended)
        return voided

    async def _write_runs(self, execute: Execute) -> None:
        new = [run for run in self.runs.values() if not run.stored]
        old = [run for run in self.runs.values() if run.stored]
        if new:
            await execute(SQL.insert_runs, {**_run_header(new), **_run_fold(new)})
        if old:
            await execute(SQL.update_runs, _run_fold(old))
        for run in new:
            run.stored = True

    async def _write_steps(self, execute: Execute) -> None:
        new = [held for held in self.steps.values() if not held[1].stored]
        old = [held for held in self.steps.values() if held[1].stored]
        if new:
            await execute(SQL.insert_steps, {**_step_header(new), **_step_fold(new)})
        if old:
            await execute(SQL.update_steps, _step_fold(old))
        for _, step in new:
            step.stored = True

    def _move_columns(self) -> dict[str, Column]:
        lasts = {run_id: event.seq for run_id, event in self.events}
        firsts = {run_id: event.seq for run_id, event in reversed(self.events)}
        return {
            "runs": Int8s(lasts),
            "namespaces": Int4s([self.runs[run_id].workflow.namespace_id for run_id in lasts]),
            "firsts": Int4s([firsts[run_id] for run_id in lasts]),
            "lasts": Int4s(lasts.values()),
        }

    def _event_columns(self) -> dict[str, Column]:
        events = [event for _, event in self.events]
        return {
            "run": Int8s([run for run, _ in self.events]),
            "seq": Int4s([e.seq for e in events]),
            "type": Int2s([e.type for e in events]),
            "step": Texts([e.step for e in events]),
            "attempt": Int4s([e.attempt for e in events]),
            "worker": Texts([e.worker for e in events]),
            "started_at": Instants([e.started_at for e in events]),
            "payload": Byteas([e.payload for e in events]),
            "failure": Texts([_failure(e.failure) for e in events]),
            "data": Texts([None if e.data is None else json.dumps(e.data) for e in events]),
        }


def _columns(kind: type, rows: Iterable[tuple[Any, ...]]) -> dict[str, Column]:
    values = zip(*rows, strict=True)
    fields: tuple[str, ...] = kind._fields  # type: ignore[attr-defined]  # NamedTuple classes only
    return {name: make(column) for name, make, column in zip(fields, _COLUMNS[kind], values, strict=True)}


def _failure(failure: Failure | None) -> str | None:
    return None if failure is None else failures.to_json(failure)


def _run_header(runs: list[Run]) -> dict[str, Column]:
    return {
        "namespace": Int4s([r.workflow.namespace_id for r in runs]),
        "workflow": Int4s([r.workflow.id for r in runs]),
        "input": Byteas([r.input for r in runs]),
        "key": Texts([r.idempotency_key for r in runs]),
        "request": Uuids([r.request_id for r in runs]),
        "forked_from": Int8s([r.forked_from for r in runs]),
        "trace": Texts([r.trace for r in runs]),
        "deadline": Instants([r.deadline for r in runs]),
        "created_at": Instants([r.created_at for r in runs]),
    }


def _run_fold(runs: list[Run]) -> dict[str, Column]:
    return {
        "id": Int8s([r.id for r in runs]),
        "state": Int2s([r.state for r in runs]),
        "seq": Int4s([r.seq for r in runs]),
        "output": Byteas([r.output for r in runs]),
        "failure": Texts([_failure(r.failure) for r in runs]),
        "block_reason": Texts([r.block_reason for r in runs]),
        "ended_at": Instants([r.ended_at for r in runs]),
        "decided": Int4s([None if r.code is None else r.code.decided for r in runs]),
    }


def _step_header(steps: list[tuple[Run, Step]]) -> dict[str, Column]:
    return {
        "position": Int4s([s.definition.index for _, s in steps]),
        "item": Int4s([s.item for _, s in steps]),
        "input": Byteas([s.input for _, s in steps]),
        "items": Int4s([s.items for _, s in steps]),
        "definition": Texts([None if r.code is None else _definition(s) for r, s in steps]),
    }


def _definition(step: Step) -> str:
    return json.dumps(described(step.definition))


def _step_fold(steps: list[tuple[Run, Step]]) -> dict[str, Column]:
    return {
        "run": Int8s([r.id for r, _ in steps]),
        "key": Texts([s.key for _, s in steps]),
        "state": Int2s([s.state for _, s in steps]),
        "attempt": Int4s([s.attempt for _, s in steps]),
        "output": Byteas([s.output for _, s in steps]),
        "failure": Texts([_failure(s.failure) for _, s in steps]),
        "worker": Texts([s.worker for _, s in steps]),
        "due_at": Instants([s.due_at for _, s in steps]),
        "ready_at": Instants([s.ready_at for _, s in steps]),
        "started_at": Instants([s.started_at for _, s in steps]),
        "ended_at": Instants([s.ended_at for _, s in steps]),
        "items_finished": Int4s([s.items_finished for _, s in steps]),
    }


def event_of(row: tuple[Any, ...]) -> Event:
    """The event of a row of `events`: seq, type, at, step, attempt, worker, started_at, payload, failure, data."""
    seq, type, at, step, attempt, worker, started_at, payload, failure, data = row
    return Event(
        seq,
        EventType(type),
        at,
        step,
        attempt,
        worker,
        started_at,
        payload,
        None if failure is None else failures.from_json(failure),
        None if data is None else json.loads(data),
    )
