"""Reads of the table `events`: histories, page by page. Writing it is the committer's alone."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from psycopg import AsyncConnection

from stellwerk_server.model import failure as failures
from stellwerk_server.model.events import Event, EventType, Instant
from stellwerk_server.model.payload import Payload
from stellwerk_server.store import rows, sql

_AFTER = sql.load("read").events_after


@dataclass(frozen=True, slots=True)
class _Row:
    seq: int
    type: int
    at: Instant
    step: str | None
    attempt: int | None
    worker: str | None
    started_at: Instant | None
    payload: Payload | None
    failure: str | None
    data: str | None

    def event(self) -> Event:
        return Event(
            self.seq,
            EventType(self.type),
            self.at,
            self.step,
            self.attempt,
            self.worker,
            self.started_at,
            self.payload,
            None if self.failure is None else failures.from_json(self.failure),
            None if self.data is None else json.loads(self.data),
        )


async def after(connection: AsyncConnection[Any], run_id: int, seq: int, size: int) -> rows.Page[Event]:
    """The events with a greater sequence, at most `size` of them and rows.PAGE_BYTES."""
    found = await rows.page(connection, _Row, _AFTER, {"run_id": run_id, "seq": seq}, size)
    return rows.Page([row.event() for row in found.rows], found.more)
