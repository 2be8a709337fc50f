"""Reads of the table `runs`. Writing it is the committer's alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from psycopg import AsyncConnection

from stellwerk_server.model import ids
from stellwerk_server.model.code import DECISION
from stellwerk_server.model.events import Instant
from stellwerk_server.model.payload import Payload
from stellwerk_server.model.states import RunState
from stellwerk_server.store import rows, sql

_READ = sql.load("read")
_SNAPSHOT = _READ.snapshot
_GET = _READ.get_run
_LIST = _READ.list_runs
_LIST_OF_WORKFLOW = _READ.list_runs_of_workflow
_LIST_BY_ATTRIBUTES = _READ.list_runs_by_attributes
_RAREST = _READ.rarest_attribute
_PUBLISHED = _READ.published_of_run
_HEAD = _READ.get_run_head

MAX_ID = (1 << 63) - 1
# Ids carry a server's clock and `created_at` the database's; the two never differ by more than this.
_CLOCK_SLACK_MS = 3_600_000


@dataclass(frozen=True, slots=True)
class Run:
    """A run as it stands, with the names of its namespace and workflow; `failure` is the stored JSON.

    `attributes` is a JSON object, None without any. Only `get` gives what comes after it.
    """

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
    attributes: str | None = None
    # The last event its code has seen; None when it has no code.
    decided: int | None = None
    # Where a decision waits that nobody has been handed.
    decision_queue: str | None = None
    decision_action: str | None = None


@dataclass(frozen=True, slots=True)
class Head:
    """What a reader of its steps has to know of a run; `decided` as with Run."""

    id: int
    namespace: str
    workflow_id: int
    state: int
    seq: int
    decided: int | None


@dataclass(frozen=True, slots=True)
class Published:
    """A value that the code of a run shows."""

    key: str
    value: Payload


@dataclass(frozen=True, slots=True)
class _Attribute:
    key: str
    value: str


@dataclass(frozen=True, slots=True)
class RunFilter:
    """Which runs to list; empty and None mean all, times are exclusive, `before_id` is where a page goes on."""

    namespace: str
    workflow: str = ""
    states: Sequence[RunState] = ()
    created_after: datetime | None = None
    created_before: datetime | None = None
    before_id: int | None = None
    # By name, the values in canonical JSON.
    attributes: Mapping[str, str] = field(default_factory=dict)


async def snapshot(connection: AsyncConnection[Any]) -> None:
    """Make all reads of the transaction just begun see one moment."""
    await connection.execute(_SNAPSHOT)


async def get(connection: AsyncConnection[Any], namespace: str, run_id: int) -> Run | None:
    """The run, None when this namespace has none of that id."""
    return await rows.one(connection, Run, _GET, {"namespace": namespace, "run_id": run_id, "decision": DECISION})


async def head(connection: AsyncConnection[Any], namespace: str, run_id: int) -> Head | None:
    """The run without anything large, None when this namespace has none of that id."""
    return await rows.one(connection, Head, _HEAD, {"namespace": namespace, "run_id": run_id})


async def published(connection: AsyncConnection[Any], run_id: int, max_bytes: int) -> list[Published]:
    """What the code of a run shows, by key: as many values as fit."""
    return await rows.many(connection, Published, _PUBLISHED, {"run_id": run_id, "max_bytes": max_bytes})


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
    if wanted.attributes:
        parameters |= await _by_attributes(connection, wanted)
        return await rows.page(connection, Run, _LIST_BY_ATTRIBUTES, parameters, size)
    statement = _LIST_OF_WORKFLOW if wanted.workflow else _LIST
    return await rows.page(connection, Run, statement, parameters, size)


async def _by_attributes(connection: AsyncConnection[Any], wanted: RunFilter) -> dict[str, Any]:
    """What the statement takes: the attribute that leads, and those that are checked for each run it leads to."""
    checked = dict(wanted.attributes)
    lead, value = next(iter(checked.items()))
    if len(checked) > 1:
        columns = {"namespace": wanted.namespace, **_columns(checked)}
        rarest = await rows.one(connection, _Attribute, _RAREST, columns)
        assert rarest is not None
        lead, value = rarest.key, rarest.value
    del checked[lead]
    return {"key": lead, "value": value, **_columns(checked)}


def _columns(attributes: Mapping[str, str]) -> dict[str, list[str]]:
    return {"keys": list(attributes), "values": list(attributes.values())}


def _last_id(wanted: RunFilter) -> int:
    by_time = _id_at(wanted.created_before, _CLOCK_SLACK_MS) if wanted.created_before else MAX_ID
    by_page = MAX_ID if wanted.before_id is None else wanted.before_id - 1
    return min(by_time, by_page)


def _id_at(moment: datetime, slack_ms: int) -> int:
    return ids.first_at(int(moment.timestamp() * 1000) + slack_ms)
