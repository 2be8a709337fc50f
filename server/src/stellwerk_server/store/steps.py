"""Reads of the table `steps`, with what `leases` says about them. Writing them is the committer's alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from psycopg import AsyncConnection

from stellwerk_server.model.events import Instant
from stellwerk_server.model.payload import Payload
from stellwerk_server.store import rows, sql

_OF_RUN = sql.load("read").steps_of_run


@dataclass(frozen=True, slots=True)
class Step:
    """A step as it stands; LEASED when somebody holds it, with that worker and the time it was handed out."""

    key: str
    position: int
    item: int | None
    state: int
    attempt: int
    input: Payload | None
    output: Payload | None
    failure: str | None
    worker: str | None
    due_at: Instant | None
    ready_at: Instant | None
    started_at: Instant | None
    ended_at: Instant | None
    items: int | None
    items_finished: int | None
    # The last run the step has started.
    child: int | None = None


async def of_run(connection: AsyncConnection[Any], run_id: int) -> list[Step]:
    """The steps that have a row, in definition order, each foreach followed by its items.

    Payloads and failures are given until they take up rows.PAGE_BYTES, those of items last; then they are
    None.
    """
    return await rows.many(connection, Step, _OF_RUN, {"run_id": run_id, "max_bytes": rows.PAGE_BYTES})
