"""Reads of the table `steps`, with what `leases` says about them. Writing them is the committer's alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from psycopg import AsyncConnection

from stellwerk_server.model.events import Instant
from stellwerk_server.model.payload import Payload
from stellwerk_server.store import rows, sql

_OF_RUN = sql.load("read").steps_of_run
# Code may make any number of steps; an answer has room for so many.
MOST_OF_CODE = 10_000


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
    # Of a run of code: what its code asked for, as `model.code.step_definition` reads it.
    definition: str | None
    # The last run the step has started.
    child: int | None = None


async def of_run(
    connection: AsyncConnection[Any], run_id: int, *, most: int | None = None, max_bytes: int | None = None
) -> list[Step]:
    """The steps that have a row, in definition order, each foreach followed by its items; the last `most` of them.

    Payloads and failures are given until they take up `max_bytes` (None: rows.PAGE_BYTES), those of items last;
    then they are None.
    """
    bound = rows.PAGE_BYTES if max_bytes is None else max_bytes
    return await rows.many(connection, Step, _OF_RUN, {"run_id": run_id, "max_bytes": bound, "most": most})
