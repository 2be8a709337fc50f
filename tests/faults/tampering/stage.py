"""Hands on the logs and the database of a run that is over, to break one promise and no other.

A history that is changed takes its rows along, so that the checker has to find more than rows that differ.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg

from stellwerk_server import definition
from stellwerk_server.model import ids
from stellwerk_server.model.commands import Workflow
from stellwerk_server.model.events import EventType
from tests.faults.checker import INVARIANTS
from tests.faults.records import FAULTS, OPERATIONS
from tests.support.folds import RUN_COLUMNS, STEP_COLUMNS, Row, event_of, failure_of, folded, plain

LEDGER = "effects-bare-1.1.jsonl"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MOMENTS = ("created_at", "ended_at", "due_at", "ready_at", "started_at")
Line = dict[str, Any]


class Stage:
    """A copy of a clean run: its logs, and its database within a transaction. `runs` are its runs by story."""

    def __init__(self, folder: Path, connection: psycopg.Connection[Any], runs: dict[str, str]) -> None:
        self.folder, self.connection, self.runs = folder, connection, runs

    def number(self, story: str) -> int:
        """The run of a story as the database has it."""
        number = ids.parse(self.runs[story])
        assert number is not None
        return number

    # the database

    def sql(self, statement: str, *parameters: Any) -> None:
        """Change something, which must be there."""
        assert self.connection.execute(statement.encode(), parameters).rowcount > 0, statement

    def history(self, story: str, change: Callable[[list[Row]], list[Row]]) -> None:
        """Give a run another history, numbered anew, and the rows that follow from it."""
        run_id = self.number(story)
        rows = _rows(self.connection, "select * from events where run_id = %s order by seq", run_id)
        events = [{**row, "seq": seq} for seq, row in enumerate(change(rows), 1)]
        self.connection.execute("delete from events where run_id = %s", [run_id])
        for event in events:
            _insert(self.connection, "events", event)
        _rewrite(self.connection, run_id, events)

    def gone(self, story: str) -> None:
        """Take a run out of every table."""
        for table in ("events", "steps"):
            self.sql(f"delete from {table} where run_id = %s", self.number(story))  # noqa: S608 - our names
        self.sql("delete from runs where id = %s", self.number(story))

    # the logs

    def edit(self, name: str, change: Callable[[list[Line]], list[Line]]) -> None:
        """Write a log anew."""
        path = self.folder / name
        lines = change([json.loads(line) for line in path.read_text().splitlines()])
        path.write_text("".join(json.dumps(line) + "\n" for line in lines))

    def calls(self, wanted: Callable[[Line], bool], **changed: Any) -> None:
        """Change the ends of the operations that are wanted; there must be one."""

        def change(lines: list[Line]) -> list[Line]:
            found = [line for line in lines if line["kind"] != "invoke" and wanted(line)]
            assert found
            for line in found:
                line.update({**changed, "result": {**line["result"], **changed.get("result", {})}})
            return lines

        self.edit(OPERATIONS, change)

    def call(self, f: str, args: Line, result: Line, kind: str = "ok", client: str = "client-9", **more: Any) -> None:
        """Add an operation at the end, of a client that is served well afterwards."""

        def change(lines: list[Line]) -> list[Line]:
            at, number = lines[-1]["at"] + 1, len(lines) + 1_000
            head = {"id": number, "client": client, "namespace": more.get("namespace", "alpha"), "f": f, "args": args}
            ended = {**head, "at": at + 1, "kind": kind, "result": result, "error": more.get("error", "")}
            last = {**head, "id": number + 1, "f": "probe", "args": {}, "result": {}, "error": ""}
            begun = {**head, "at": at, "kind": "invoke", "result": {}, "error": ""}
            more_lines = [{**last, "at": at + 2, "kind": "invoke"}, {**last, "at": at + 3, "kind": "ok"}]
            return [*lines, begun, ended, *more_lines]

        self.edit(OPERATIONS, change)

    def effect(self, story: str, step: str, later_s: float = 0.0, after: str = "", **changed: Any) -> None:
        """Add a line to the ledger: a copy of the last one of that step (and phase), later."""

        def change(lines: list[Line]) -> list[Line]:
            like = [line for line in lines if line["run_id"] == self.runs[story]]
            last = [line for line in like if line["step"] == step and after in (line["phase"], "")] or like
            added = {**last[-1], "step": step, "phase": "begin", "value": "", **changed}
            return [*lines, {**added, "at": last[-1]["at"] + int(later_s * 1e6)}]

        self.edit(LEDGER, change)

    def calm(self) -> None:
        """Forget that anything was broken."""
        self.edit(FAULTS, lambda lines: [])


def _rows(connection: psycopg.Connection[Any], statement: str, *parameters: Any) -> list[Row]:
    cursor = connection.execute(statement.encode(), parameters)
    assert cursor.description is not None
    names = [column.name for column in cursor.description]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def _insert(connection: psycopg.Connection[Any], table: str, row: Row) -> None:
    marks = ", ".join(["%s"] * len(row))
    connection.execute(f"insert into {table} ({', '.join(row)}) values ({marks})".encode(), list(row.values()))  # noqa: S608


def _rewrite(connection: psycopg.Connection[Any], run_id: int, events: list[Row]) -> None:
    row = _rows(connection, "select * from runs where id = %s", run_id)[0]
    run = folded(_plain(row), _workflow(connection, row["workflow_id"]), [event_of(_plain(event)) for event in events])
    _update(connection, "runs", run, RUN_COLUMNS, "id = %s", run_id)
    connection.execute("delete from steps where run_id = %s and key <> all(%s)", [run_id, list(run.changes.touched)])
    for key, step in run.changes.touched.items():
        _update(connection, "steps", step, STEP_COLUMNS, "run_id = %s and key = %s", run_id, key)


def _update(
    connection: psycopg.Connection[Any], table: str, held: Any, columns: tuple[str, ...], where: str, *place: Any
) -> None:
    values = {name: _stored(name, getattr(held, name)) for name in columns} | {"failure": failure_of(held)}
    sets = ", ".join(f"{name} = %s" for name in values)
    connection.execute(f"update {table} set {sets} where {where}".encode(), [*values.values(), *place])  # noqa: S608


def _stored(name: str, value: Any) -> Any:
    moment = name in _MOMENTS and value is not None
    return _EPOCH + timedelta(microseconds=value) if moment else value


def _plain(row: Row) -> Row:
    return {name: plain(value) for name, value in row.items()}


def _workflow(connection: psycopg.Connection[Any], number: int) -> Workflow:
    row = _rows(connection, "select * from workflows where id = %s", number)[0]
    made = definition.compile(row["definition"])
    return Workflow(number, row["namespace_id"], "", row["name"], row["version"], made, ())


def at(events: list[Row], type: EventType, step: str | None = None, which: int = 0) -> int:
    """The place of an event in a history."""
    return [n for n, e in enumerate(events) if e["type"] == type and step in (None, e["step"])][which]


def data(event: Row, **changed: Any) -> Row:
    """The event with other data."""
    return {**event, "data": json.dumps({**json.loads(event["data"] or "{}"), **changed})}


Tamper = Callable[[Stage], None]
# What breaks an invariant and no other, by its name.
TAMPERINGS: dict[str, list[Tamper]] = {name: [] for name in INVARIANTS}


def breaks(invariant: str) -> Callable[[Tamper], Tamper]:
    """What the function does breaks that invariant and no other."""

    def add(tamper: Tamper) -> Tamper:
        TAMPERINGS[invariant].append(tamper)
        return tamper

    return add
