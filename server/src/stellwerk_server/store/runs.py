"""Reads of the table `runs`. Writing it is the committer's alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg import AsyncConnection

from stellwerk_server.model import ids
from stellwerk_server.model.events import Instant
from stellwerk_server.model.payload import Payload
from stellwerk_server.model.states import RunState
from stellwerk_server.store import rows, sql

_READ = sql.load("read")
_SNAPSHOT = _READ.snapshot
_GET = _READ.get_run
_LIST = _READ.list_runs
_LIST_OF_WORKFLOW = _READ.list_runs_of_workflow

MAX_ID = (1 << 63) - 1
# Ids carry a server's clock and `created_at` the database's; the two never differ by more than this.
_CLOCK_SLACK_MS = 3_600_000


@dataclass(frozen=True, slots=True)
class Run:
    """A run as it stands, with the names of its namespace and workflow; `failure` is the stored JSON."""

    id: int
    namespace: str
    workflow_id: int
    workflow: str
    version: int
    state: int
    seq: int
    input: Payload | None
    output: Payload | None
    failure: str | None
    block_reason: str | None
    idempotency_key: str | None
    forked_from: int | None
    deadline: Instant | None
    created_at: Instant
    ended_at: Instant | None
    parent_run_id: int | None = None
    parent_step: str | None = None


@dataclass(frozen=True, slots=True)
class RunFilter:
    """Which runs to list; empty and None mean all, times are exclusive, `before_id` is where a page goes on."""

    namespace: str
    workflow: str = ""
    states: Sequence[RunState] = ()
    created_after: datetime | None = None
    created_before: datetime | None = None
    before_id: int | None = None


async def snapshot(connection: AsyncConnection[Any]) -> None:
    """Make all reads of the transaction just begun see one moment."""
    await connection.execute(_SNAPSHOT)


async def get(connection: AsyncConnection[Any], namespace: str, run_id: int) -> Run | None:
    """The run, None when this namespace has none of that id."""
    return await rows.one(connection, Run, _GET, {"namespace": namespace, "run_id": run_id})


async def list_page(connection: AsyncConnection[Any], wanted: RunFilter, size: int) -> rows.Page[Run]:
    """The newest runs that fit, without payloads."""
    parameters = {
        "namespace": wanted.namespace,
        "workflow": wanted.workflow,
        "states": [int(state) for state in wanted.states] or None,
        "created_after": wanted.created_after,
        "created_before": wanted.created_before,
        "from_id": _id_at(wanted.created_after, -_CLOCK_SLACK_MS) if wanted.created_after else 0,
        "to_id": _last_id(wanted),
    }
    statement = _LIST_OF_WORKFLOW if wanted.workflow else _LIST
    return await rows.page(connection, Run, statement, parameters, size)


def _last_id(wanted: RunFilter) -> int:
    by_time = _id_at(wanted.created_before, _CLOCK_SLACK_MS) if wanted.created_before else MAX_ID
    by_page = MAX_ID if wanted.before_id is None else wanted.before_id - 1
    return min(by_time, by_page)


def _id_at(moment: datetime, slack_ms: int) -> int:
    return ids.first_at(int(moment.timestamp() * 1000) + slack_ms)
