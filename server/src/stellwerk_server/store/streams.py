"""Chunks of a run by stream, a stream being one attempt of a step, and where in the history streams begin and end."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from psycopg import AsyncConnection

from stellwerk_server.model.events import EventType
from stellwerk_server.store import rows, sql
from stellwerk_server.store.chunks import Chunk

_SQL = sql.load("feed")
_STREAMS = _SQL.streams_of_run
_TURNS = _SQL.turns_of_steps
_CHUNKS = _SQL.chunks_of_streams

# Step and attempt.
Key = tuple[str, int]
# After one of these an attempt of its step brings no more chunks.
ENDS = frozenset(
    {
        EventType.STEP_SUCCEEDED,
        EventType.STEP_ATTEMPT_FAILED,
        EventType.STEP_DEAD,
        EventType.STEP_FAILED,
        EventType.STEP_SKIPPED,
        EventType.STEP_KEPT,
        EventType.STEP_RAN,
        EventType.STEP_CANCELLED,
    }
)
_TURNING = [int(type) for type in (EventType.STEP_SCHEDULED, EventType.STEP_EXPANDED, *ENDS)]


class Life(NamedTuple):
    """The sequence of the event an attempt begins with, 0 when none says so, and of the one it ends with, if any."""

    begin: int
    end: int | None


class Wanted(NamedTuple):
    """Chunks of a stream beyond `seq`, up to `upto`."""

    key: Key
    seq: int
    upto: int


@dataclass(frozen=True, slots=True)
class _Stream:
    step: str
    attempt: int
    last: int


@dataclass(frozen=True, slots=True)
class _Turn:
    seq: int
    type: int
    step: str
    attempt: int | None


async def of_run(connection: AsyncConnection[Any], run_id: int) -> dict[Key, int]:
    """The last chunk of each stream there is."""
    found = await rows.many(connection, _Stream, _STREAMS, {"run_id": run_id})
    return {(stream.step, stream.attempt): stream.last for stream in found}


async def lives(connection: AsyncConnection[Any], run_id: int, keys: Sequence[Key]) -> dict[Key, Life]:
    """When these streams begin and end, as far as the history knows."""
    steps = {step for step, _ in keys}
    steps |= {parent for step in steps if (parent := _parent(step))}
    parameters = {"run_id": run_id, "steps": list(steps), "types": _TURNING}
    turns: dict[str, list[_Turn]] = {}
    for turn in await rows.many(connection, _Turn, _TURNS, parameters):
        turns.setdefault(turn.step, []).append(turn)
    return {key: _life(key, turns) for key in keys}


async def chunks(
    connection: AsyncConnection[Any], run_id: int, wanted: Iterable[Wanted], limit: int
) -> rows.Page[Chunk]:
    """Stream by stream, at most `limit` chunks and rows.PAGE_BYTES."""
    listed = list(wanted)
    parameters: Mapping[str, Any] = {
        "run_id": run_id,
        "steps": [each.key[0] for each in listed],
        "attempts": [each.key[1] for each in listed],
        "seqs": [each.seq for each in listed],
        "uptos": [each.upto for each in listed],
    }
    return await rows.page(connection, Chunk, _CHUNKS, parameters, limit)


def _life(key: Key, turns: Mapping[str, Sequence[_Turn]]) -> Life:
    step, attempt = key
    own = turns.get(step, ())
    # The first attempt of an item begins when its foreach is expanded: no event says it again for each.
    begins = [t.seq for t in own if t.type == EventType.STEP_SCHEDULED and t.attempt == attempt] or [
        t.seq for t in turns.get(_parent(step), ()) if t.type == EventType.STEP_EXPANDED and attempt == 1
    ]
    begin = begins[0] if begins else 0
    ends = [t.seq for t in own if t.seq > begin and t.type in ENDS and (t.attempt or attempt) >= attempt]
    return Life(begin, ends[0] if ends else None)


def _parent(step: str) -> str:
    """The foreach an item belongs to; empty for any other step."""
    return step.rpartition("[")[0] if step.endswith("]") else ""
