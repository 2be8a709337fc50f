"""Reads of the table `workers`: who is there, and who serves what. Touching the rows is dispatch's."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from psycopg import AsyncConnection

from stellwerk_server.model.events import Instant
from stellwerk_server.store import rows, sql

_READ = sql.load("read")
_LIST = _READ.list_workers
_SERVED = _READ.list_served

# A worker that was not seen for this long is taken for gone: several times the interval of its sign of life.
LIVE_S = 15.0
_MAX_LISTED = 10_000


@dataclass(frozen=True, slots=True)
class Worker:
    """A worker, how many tasks it holds, and whether it was seen within LIVE_S."""

    id: str
    queue: str
    actions: list[str]
    slots: int
    sdk: str
    host: str
    first_seen_at: Instant
    seen_at: Instant
    leased: int
    live: bool


@dataclass(frozen=True, slots=True)
class Served:
    """An action some worker serves or served on a queue, and when the last of them was seen."""

    queue: str
    action: str
    seen_at: Instant
    live: bool
    seen_ago_s: float


async def list_all(connection: AsyncConnection[Any], namespace: str) -> list[Worker]:
    """The workers of a namespace, last seen first."""
    parameters = {"namespace": namespace, "live_s": LIVE_S, "limit": _MAX_LISTED}
    return await rows.many(connection, Worker, _LIST, parameters)


async def list_served(connection: AsyncConnection[Any], namespace: str, polled: Iterable[int] = ()) -> list[Served]:
    """Every (queue, action) that workers named, dead ones too; the lanes `polled` are live whoever asks there."""
    parameters = {"namespace": namespace, "live_s": LIVE_S, "polled": list(polled)}
    return await rows.many(connection, Served, _SERVED, parameters)
