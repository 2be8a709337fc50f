"""Reads over many tables at once: how a namespace stands. Decides and changes nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from psycopg import AsyncConnection

from stellwerk_server.model.events import Instant
from stellwerk_server.model.states import RunState
from stellwerk_server.store import rows, sql
from stellwerk_server.store.workers import LIVE_S

_SQL = sql.load("overview")
_OVERVIEW, _OPEN_RUNS, _ACTIVITY = _SQL.overview, _SQL.open_runs, _SQL.recent_activity
_ACTIVITY_MINUTES = 60


@dataclass(frozen=True, slots=True)
class Counts:
    """How much of everything there is in a namespace."""

    now: Instant
    dead_letters: int
    ready: int
    oldest_ready_at: Instant | None
    leased: int
    workers: int
    timers: int
    stalled: int


@dataclass(frozen=True, slots=True)
class OpenRuns:
    """How many runs of a namespace are in an open state."""

    namespace: str
    state: int
    count: int


@dataclass(frozen=True, slots=True)
class Activity:
    """The runs of one minute."""

    minute: Instant
    started: int
    succeeded: int
    failed: int
    ended_otherwise: int


@dataclass(frozen=True, slots=True)
class Overview:
    """A namespace at a glance; `open_runs` only has states that some run is in."""

    counts: Counts
    open_runs: dict[RunState, int]
    activity: list[Activity]


async def read(connection: AsyncConnection[Any], namespace: str) -> Overview:
    """Everything there is to count in a namespace; zeros when there is no such."""
    counts = await rows.one(connection, Counts, _OVERVIEW, {"namespace": namespace, "live_s": LIVE_S})
    assert counts is not None
    found = await rows.many(connection, OpenRuns, _OPEN_RUNS, {"namespace": namespace})
    minutes = {"namespace": namespace, "minutes": _ACTIVITY_MINUTES}
    activity = await rows.many(connection, Activity, _ACTIVITY, minutes)
    return Overview(counts, {RunState(each.state): each.count for each in found}, activity)
