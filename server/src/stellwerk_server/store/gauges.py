"""How the whole cluster stands, for metrics: every namespace at once, each figure with a bound on what it may cost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import psycopg
from psycopg import AsyncConnection

from stellwerk_server.store import rows, sql
from stellwerk_server.store.overview import OpenRuns
from stellwerk_server.store.workers import LIVE_S

_SQL = sql.load("overview")
_PATIENCE = _SQL.patience
_OPEN, _BLOCKED, _STALLED, _LANES, _DEAD, _WORKERS = (
    _SQL.open_runs, _SQL.blocked_gauges, _SQL.stalled_gauges, _SQL.lane_gauges, _SQL.dead_gauges, _SQL.worker_gauges,
)  # fmt: skip
_STATEMENT_MILLIS = 2_000
_MOST = 5_000
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Blocked:
    """How many runs are blocked for a reason."""

    namespace: str
    reason: str
    count: int


@dataclass(frozen=True, slots=True)
class Stalled:
    """How many open runs of a namespace nothing will move, as the auditor has last seen it."""

    namespace: str
    count: int


@dataclass(frozen=True, slots=True)
class Lane:
    """What waits for one action on one queue, and how long the oldest has."""

    namespace: str
    queue: str
    action: str
    ready: int
    age_s: float


@dataclass(frozen=True, slots=True)
class Dead:
    """Open dead letters of one action on one queue."""

    namespace: str
    queue: str
    action: str
    dead: int


@dataclass(frozen=True, slots=True)
class Working:
    """The live workers of a queue and what they can hold."""

    namespace: str
    queue: str
    workers: int
    slots: int
    used: int


@dataclass(frozen=True, slots=True)
class Cluster:
    """Everything; None is what took too long to count."""

    open_runs: list[OpenRuns] | None
    blocked: list[Blocked] | None
    stalled: list[Stalled] | None
    lanes: list[Lane] | None
    dead: list[Dead] | None
    working: list[Working] | None


async def read(connection: AsyncConnection[Any]) -> Cluster:
    """Count everything, one bounded statement after the other."""
    limit = {"limit": _MOST}
    return Cluster(
        open_runs=await _bounded(connection, OpenRuns, _OPEN, {"namespace": None}),
        blocked=await _bounded(connection, Blocked, _BLOCKED, {}),
        stalled=await _bounded(connection, Stalled, _STALLED, {}),
        lanes=await _bounded(connection, Lane, _LANES, limit),
        dead=await _bounded(connection, Dead, _DEAD, limit),
        working=await _bounded(connection, Working, _WORKERS, {**limit, "live_s": LIVE_S}),
    )


async def _bounded(
    connection: AsyncConnection[Any], kind: type[T], statement: bytes, parameters: Mapping[str, Any]
) -> list[T] | None:
    try:
        async with connection.transaction():
            await rows.value(connection, _PATIENCE, {"millis": str(_STATEMENT_MILLIS)})
            return await rows.many(connection, kind, statement, parameters)
    except psycopg.errors.QueryCanceled:
        return None
