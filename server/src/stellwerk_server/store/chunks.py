"""Reads of the table `chunks`: what handlers streamed. Writing it is the committer's alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from psycopg import AsyncConnection

from stellwerk_server.model.events import Instant
from stellwerk_server.model.payload import Payload
from stellwerk_server.store import rows, sql

_AFTER = sql.load("read").chunks_after

# The last sequence seen of each stream: (step, attempt) → seq.
Position = Mapping[tuple[str, int], int]


@dataclass(frozen=True, slots=True)
class Chunk:
    """One piece of a stream; `seq` is gap-free from 1 within the attempt."""

    step: str
    attempt: int
    seq: int
    payload: Payload
    at: Instant


async def after(
    connection: AsyncConnection[Any], run_id: int, position: Position, limit: int, max_bytes: int | None = None
) -> list[Chunk]:
    """Chunks of all streams of the run beyond `position`, stream by stream; [] when there are none.

    At most `limit` and `max_bytes` (None: rows.PAGE_BYTES): move the position on and ask again until nothing comes.
    """
    parameters = {
        "run_id": run_id,
        "steps": [step for step, _ in position],
        "attempts": [attempt for _, attempt in position],
        "seqs": list(position.values()),
        "limit": limit,
        "max_bytes": rows.PAGE_BYTES if max_bytes is None else max_bytes,
    }
    return await rows.many(connection, Chunk, _AFTER, parameters)
