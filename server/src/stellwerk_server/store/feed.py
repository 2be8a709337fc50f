"""The tables `moves` and `feed`: commits in the order in which readers see them, and the events they brought.

The committer writes `moves`; putting them in order is all that is written here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from psycopg import AsyncConnection

from stellwerk_server.model.events import Event
from stellwerk_server.store import rows, sql
from stellwerk_server.store.events import EventRow

_SQL = sql.load("feed")
_LOCK = _SQL.lock_feed
_ORDER = _SQL.order_moves
_ANY = _SQL.any_moves
_MARK = _SQL.mark_feed
_BOUNDS = _SQL.feed_bounds
_ROWS = _SQL.feed_rows
_NAMESPACE = _SQL.find_namespace
_EVENTS = _SQL.events_of_spans
_SEQUENCES = _SQL.sequences_of_runs

# Commits put in order by one statement.
_GULP = 2_000
MAX_POSITION = (1 << 63) - 1


@dataclass(frozen=True, slots=True)
class FeedRow:
    """One commit: run `runs[i]` of `namespaces[i]` got the events `firsts[i]` to `lasts[i]`."""

    position: int
    runs: list[int]
    namespaces: list[int]
    firsts: list[int]
    lasts: list[int]


class Bounds(NamedTuple):
    """The first and the last row there are, None without any, and whether the one asked for is there."""

    first: int | None
    last: int | None
    found: bool


class Span(NamedTuple):
    """Events of one run that one commit brought."""

    run: int
    first: int
    last: int


class FeedEvent(NamedTuple):
    """An event of any run; `place` is the number of its span, from 0."""

    place: int
    run_id: int
    workflow: str
    version: int
    event: Event


@dataclass(frozen=True, slots=True)
class _Row(EventRow):
    place: int
    run_id: int
    workflow: str
    version: int

    def of_feed(self) -> FeedEvent:
        return FeedEvent(self.place - 1, self.run_id, self.workflow, self.version, self.event())


async def order(connection: AsyncConnection[Any]) -> None:
    """Give all commits there are their place; safe on several instances at once."""
    while await rows.value(connection, _ANY, {}):
        async with connection.transaction():
            await connection.execute(_LOCK)
            ordered = await connection.execute(_ORDER, {"limit": _GULP})
        if ordered.rowcount < _GULP:
            return


async def mark(connection: AsyncConnection[Any], older_s: float) -> None:
    """Add a row about nothing when the last one is older than that."""
    async with connection.transaction():
        await connection.execute(_LOCK)
        await connection.execute(_MARK, {"older_s": older_s})


async def bounds(connection: AsyncConnection[Any], position: int = 0) -> Bounds:
    """How far the feed goes, and whether it has the row at `position`."""
    found = await (await connection.execute(_BOUNDS, {"position": position})).fetchone()
    assert found is not None
    return Bounds(*found)


async def page(connection: AsyncConnection[Any], first: int, last: int, limit: int) -> list[FeedRow]:
    """The rows from one position to another."""
    parameters = {"from_position": first, "to_position": last, "limit": limit}
    return await rows.many(connection, FeedRow, _ROWS, parameters)


async def namespace_id(connection: AsyncConnection[Any], name: str) -> int | None:
    """The number of a namespace, None while nothing was ever done in it."""
    found: int | None = await rows.value(connection, _NAMESPACE, {"name": name})
    return found


async def events(connection: AsyncConnection[Any], spans: Sequence[Span], *, payloads: bool) -> rows.Page[FeedEvent]:
    """The events of the spans in order, as many as rows.PAGE_BYTES hold."""
    parameters = {
        "runs": [span.run for span in spans],
        "firsts": [span.first for span in spans],
        "lasts": [span.last for span in spans],
        "payloads": payloads,
    }
    most = sum(span.last - span.first + 1 for span in spans)
    found = await rows.page(connection, _Row, _EVENTS, parameters, most)
    return rows.Page([row.of_feed() for row in found.rows], found.more)


async def sequences(connection: AsyncConnection[Any], run_ids: Sequence[int]) -> dict[int, int]:
    """How many events each run has."""
    found = await (await connection.execute(_SEQUENCES, {"runs": list(run_ids)})).fetchall()
    return dict(found)
