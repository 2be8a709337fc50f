"""Reads of `lanes`, `ready` and `leases` together: how much waits where. Claims are dispatch's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from psycopg import AsyncConnection

from stellwerk_server.model.events import Instant
from stellwerk_server.store import rows, sql
from stellwerk_server.store.workers import LIVE_S

_LIST = sql.load("read").list_queues


@dataclass(frozen=True, slots=True)
class Queue:
    """One lane: tasks that wait, since when, tasks handed out, live workers that serve it."""

    queue: str
    action: str
    ready: int
    oldest_ready_at: Instant | None
    leased: int
    workers: int


async def list_all(connection: AsyncConnection[Any], namespace: str) -> list[Queue]:
    """Every lane of the namespace, by queue and action."""
    return await rows.many(connection, Queue, _LIST, {"namespace": namespace, "live_s": LIVE_S})
