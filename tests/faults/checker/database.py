"""The database after a run under faults, read in one snapshot: every run with its history, rows and fold.

Reads some hundred runs at a time, so that a million events need little memory. Changes nothing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import psycopg

from stellwerk_server import definition
from stellwerk_server.engine.run import Run
from stellwerk_server.model import ids
from stellwerk_server.model.commands import Workflow
from stellwerk_server.model.events import Event, TimerKind
from stellwerk_server.model.states import RunState
from stellwerk_server.store import sql
from tests.support.folds import Row, event_of, folded, plain

_OVERVIEW = sql.load("overview")
_RUNS_AT_A_TIME = 500
_LIMIT = 1 << 40


@dataclass(frozen=True, slots=True)
class Head:
    """What calls are compared with, of every run there is."""

    id: int
    namespace: str
    workflow: str
    state: RunState
    input: bytes | None
    output: bytes | None
    failure: str | None
    key: str | None
    request: str | None
    forked_from: int | None
    goes_on_as: int | None

    @property
    def shown(self) -> str:
        """Its id as clients know it."""
        return ids.show(self.id)


@dataclass(slots=True)
class History:
    """One run. `fold` is None when its history cannot be folded, and `broken` says why."""

    head: Head
    row: Row
    events: list[Event]
    steps: dict[str, Row]
    fold: Run | None = None
    broken: str = ""
    ready: list[Row] = field(default_factory=list)
    leases: list[Row] = field(default_factory=list)
    timers: list[Row] = field(default_factory=list)
    dead: list[Row] = field(default_factory=list)
    parked: list[Row] = field(default_factory=list)
    chunks: list[Row] = field(default_factory=list)
    payloads: list[bytes] = field(default_factory=list)

    @property
    def shown(self) -> str:
        """The run's id as clients know it."""
        return self.head.shown

    def of_step(self, step: str) -> list[Event]:
        """Its events of a step, those of the list it is an item of included."""
        parent = step.partition("[")[0]
        return [event for event in self.events if event.step in (step, parent)]


@contextmanager
def snapshot(dsn: str) -> Iterator[psycopg.Connection[Any]]:
    """A connection on which nothing changes any more, whatever others do."""
    with psycopg.connect(dsn) as connection:
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        connection.read_only = True
        yield connection


class Final:
    """The tables as they are for the connection's transaction."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self._connection = connection
        self._workflows = {row["id"]: _workflow(row) for row in self.rows(_WORKFLOWS)}
        self.heads = {row["id"]: self._head(row) for row in self.rows(_HEADS)}
        self.dead = self.rows("select * from dead_letters order by id")

    def rows(self, statement: str, *parameters: Any) -> list[Row]:
        """The rows of a look at the database."""
        return self._look(statement.encode(), parameters)

    def _look(self, statement: bytes, parameters: Any) -> list[Row]:
        cursor = self._connection.execute(statement, parameters)
        assert cursor.description is not None
        names = [column.name for column in cursor.description]
        return [dict(zip(names, map(plain, row), strict=True)) for row in cursor.fetchall()]

    def head(self, run_id: str) -> Head | None:
        """A run by the id that clients know."""
        number = ids.parse(run_id)
        return None if number is None else self.heads.get(number)

    def last_of(self, head: Head) -> Head:
        """The run that goes on for it, at the end of the chain."""
        while head.goes_on_as in self.heads and head.goes_on_as is not None:
            head = self.heads[head.goes_on_as]
        return head

    def histories(self) -> Iterator[History]:
        """Every run, oldest first."""
        numbers = sorted(self.heads)
        for start in range(0, len(numbers), _RUNS_AT_A_TIME):
            yield from self._some(numbers[start : start + _RUNS_AT_A_TIME])

    def stalled(self) -> list[int]:
        """The runs that nothing will move, in the auditor's words."""
        found: list[int] = []
        for row in self.rows("select id from namespaces"):
            columns = {"namespace": row["id"], "after": 0, "count": _LIMIT, "older_s": 0.0}
            found += self._look(_OVERVIEW.stalled_runs, columns)[0]["stalled"]
        return found

    def _head(self, row: Row) -> Head:
        workflow = self._workflows[row["workflow_id"]]
        state = RunState(row["state"])
        output = row["output"]
        goes_on_as = ids.parse(output.decode().strip('"')) if state is RunState.CONTINUED and output else None
        request = row["request_id"] and row["request_id"].hex()
        facts = (state, row["input"], output, row["failure"], row["idempotency_key"], request, row["forked_from"])
        return Head(row["id"], workflow.namespace, workflow.name, *facts, goes_on_as)

    def _some(self, numbers: list[int]) -> Iterator[History]:
        tables = {name: self._by_run(name, order, numbers) for name, order in _TABLES.items()}
        for row in self.rows("select * from runs where id = any(%s) order by id", numbers):
            steps = {step["key"]: step for step in tables["steps"][row["id"]]}
            try:
                events = [event_of(event) for event in tables["events"][row["id"]]]
            except ValueError as error:
                yield History(self.heads[row["id"]], row, [], steps, broken=str(error))
                continue
            history = History(self.heads[row["id"]], row, events, steps)
            _fold(history, self._workflows[row["workflow_id"]])
            for name in ("ready", "leases", "timers", "dead", "parked", "chunks"):
                setattr(history, name, tables["dead_letters" if name == "dead" else name][row["id"]])
            history.payloads = [chunk["payload"] for chunk in history.chunks]
            history.payloads += [shown["value"] for shown in tables["published"][row["id"]]]
            yield history

    def _by_run(self, table: str, order: str, numbers: list[int]) -> defaultdict[int, list[Row]]:
        found: defaultdict[int, list[Row]] = defaultdict(list)
        statement = f"select * from {table} where run_id = any(%s) order by run_id, {order}"  # noqa: S608 - our names
        for row in self.rows(statement, numbers):
            found[row["run_id"]].append(row)
        return found


def _fold(history: History, workflow: Workflow) -> None:
    seqs = [event.seq for event in history.events]
    if not seqs or seqs != list(range(1, len(seqs) + 1)):
        history.broken = f"the events {seqs[:20]}"
        return
    try:
        history.fold = folded(history.row, workflow, history.events)
    except Exception as error:  # What a wrong history does to the engine is not known.
        history.broken = f"a history that cannot be folded ({type(error).__name__}: {error})"


def _workflow(row: Row) -> Workflow:
    made = definition.compile(row["definition"])
    return Workflow(row["id"], row["namespace_id"], row["namespace"], row["name"], row["version"], made, ())


def is_wait(kind: int) -> bool:
    """Whether a timer is a wait and not a message from one run to another."""
    return kind <= TimerKind.RUN_DEADLINE


# Read whole for a slice of runs, and in which order.
_TABLES = {
    "events": "seq",
    "steps": "position, item",
    "ready": "step",
    "leases": "step",
    "timers": "step, kind",
    "dead_letters": "id",
    "parked": "run_id",
    "chunks": "step, attempt, seq",
    "published": "key",
}
_WORKFLOWS = "select w.*, n.name as namespace from workflows w join namespaces n on n.id = w.namespace_id"
_HEADS = "select id, workflow_id, state, input, output, failure, idempotency_key, request_id, forked_from from runs"
