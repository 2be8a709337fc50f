"""Reads of the table `events`: histories, page by page. Writing it is the committer's alone."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from psycopg import AsyncConnection

from stellwerk_server.model import failure as failures
from stellwerk_server.model.events import Event, EventType, Instant
from stellwerk_server.model.payload import Payload
from stellwerk_server.store import rows, sql

_READ = sql.load("read")
_AFTER = _READ.events_after
_ATTEMPTS = _READ.attempts_of_steps
# Of the attempts of one answer: the newest, and their failures until they take up this much.
_MOST_ATTEMPTS, _ATTEMPT_BYTES = 20_000, 3 << 20
# What begins or ends an attempt.
_OF_ATTEMPTS = [
    EventType.STEP_CHILD_STARTED,
    EventType.STEP_SUCCEEDED,
    EventType.STEP_ATTEMPT_FAILED,
    EventType.STEP_DEAD,
    EventType.STEP_FAILED,
    EventType.STEP_RAN,
]


@dataclass(frozen=True, slots=True)
class AttemptEvent:
    """What the history says of one attempt: that its child run began, or how it ended; `failure` is the stored JSON."""

    step: str
    type: int
    at: Instant
    attempt: int
    worker: str | None
    started_at: Instant | None
    failure: str | None


@dataclass(frozen=True, slots=True)
class EventRow:
    """An event as it is stored; statements of other reads may add columns of their own."""

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
        """The event it is."""
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


async def after(
    connection: AsyncConnection[Any], run_id: int, seq: int, size: int, max_bytes: int | None = None
) -> rows.Page[Event]:
    """The events with a greater sequence, at most `size` of them and `max_bytes` (None: rows.PAGE_BYTES)."""
    found = await rows.page(connection, EventRow, _AFTER, {"run_id": run_id, "seq": seq}, size, max_bytes)
    return rows.Page([row.event() for row in found.rows], found.more)


async def attempts(connection: AsyncConnection[Any], run_id: int, keys: Sequence[str]) -> list[AttemptEvent]:
    """The attempts of these steps in order; of very many the newest."""
    types = [int(type) for type in _OF_ATTEMPTS]
    bounds = {"limit": _MOST_ATTEMPTS, "max_bytes": _ATTEMPT_BYTES}
    columns = {"run_id": run_id, "keys": list(keys), "types": types, **bounds}
    return await rows.many(connection, AttemptEvent, _ATTEMPTS, columns)
