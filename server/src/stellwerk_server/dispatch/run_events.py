"""The events of one run, with or without its chunks, as a source of frames. Encodes with what it was given."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from psycopg import AsyncConnection

from stellwerk_server.dispatch.following import Page
from stellwerk_server.dispatch.frames import Frame
from stellwerk_server.dispatch.weaving import MAX_SEQUENCE, Reset, RunPosition
from stellwerk_server.model.events import Event
from stellwerk_server.store import events, rows, runs, streams
from stellwerk_server.store.chunks import Chunk
from stellwerk_server.store.database import Pool
from stellwerk_server.store.runs import Run
from stellwerk_server.store.streams import Key, Wanted

_PAGE = 500
# Of a run with more events a follower reads only what is new; who wants the others reads them himself.
_FOLLOWED_FROM_START = 2_000
_ALL = (1 << 63) - 1


class RunEncoder(Protocol):
    """How what happens to a run is said, as JSON."""

    def event(self, event: Event, run: Run) -> bytes:
        """An entry of its history."""

    def chunk(self, chunk: Chunk) -> bytes:
        """A piece of a stream."""

    def reset(self, reset: Reset) -> bytes:
        """The beginning of another attempt."""

    def end(self, run: Run) -> bytes:
        """How it has ended."""


class RunSource:
    """One run; `run` as it stood when somebody asked for it."""

    def __init__(self, pool: Pool, run: Run, encoder: RunEncoder, *, chunks: bool) -> None:
        self._pool = pool
        self._run = run
        self._encoder = encoder
        self._chunks = chunks

    async def begin(self) -> RunPosition:
        """At the first event, or at the last one of a long history."""
        if self._run.seq <= _FOLLOWED_FROM_START:
            return RunPosition(0)
        position = RunPosition(self._run.seq, ended=self._run.ended_at is not None)
        if self._chunks:
            async with self._pool.connection() as connection:
                there = await self._learn(connection, position)
            for key in position.open_until(position.sequence):
                position.streams[key].sent = there[key]
        return position

    async def resume(self, id: str) -> RunPosition:
        """The position of an id this source gave."""
        position = RunPosition.parse(id)
        assert position is not None, id
        return position

    async def read(self, position: RunPosition, until: RunPosition | None) -> Page[RunPosition]:
        """The events and chunks that come next, and the end when there are no more."""
        position = position.copy()
        last = MAX_SEQUENCE if until is None else until.sequence
        chunks: rows.Page[Chunk] = rows.Page((), more=False)
        unread: Sequence[Key] = ()
        async with self._pool.connection() as connection:
            page = await events.after(connection, self._run.id, position.sequence, _PAGE)
            found = [event for event in page.rows if event.seq <= last]
            if self._chunks:
                chunks, unread = await self._read_chunks(connection, position, found, until)
        frames = [
            self._frame(piece, position)
            for piece in position.weave(found, chunks.rows, unread, with_chunks=self._chunks)
        ]
        more = chunks.more or (page.more and len(found) == len(page.rows))
        end = await self._end(position) if until is None and not more and self._over(position) else None
        return Page(frames, position, more, end)

    def _over(self, position: RunPosition) -> bool:
        """Whether nothing comes after it any more."""
        return position.ended or (self._run.ended_at is not None and position.sequence >= self._run.seq)

    async def _learn(self, connection: AsyncConnection[Any], position: RunPosition) -> dict[Key, int]:
        """Take in the streams there are by now, and give the last chunk of each."""
        there = await streams.of_run(connection, self._run.id)
        if there:
            new = position.unknown(there)
            position.know(there, await streams.lives(connection, self._run.id, new) if new else {})
        return there

    async def _read_chunks(
        self,
        connection: AsyncConnection[Any],
        position: RunPosition,
        found: Sequence[Event],
        until: RunPosition | None,
    ) -> tuple[rows.Page[Chunk], Sequence[Key]]:
        """Chunks that come before or between these events, and the streams that may have more of them."""
        there = await self._learn(connection, position)
        last = found[-1].seq if found else position.sequence
        wanted = []
        for key in position.open_until(last):
            sent, upto = position.streams[key].sent, min(there[key], _upto(key, until))
            if sent < upto:
                wanted.append(Wanted(key, sent, _upto(key, until)))
        if not wanted:
            return rows.Page((), more=False), ()
        page = await streams.chunks(connection, self._run.id, wanted, _PAGE)
        if not page.more:
            return page, ()
        keys = [each.key for each in wanted]
        last_read = page.rows[-1]
        return page, keys[keys.index((last_read.step, last_read.attempt)) :]

    async def _end(self, position: RunPosition) -> Frame | None:
        async with self._pool.connection() as connection:
            run = await runs.get(connection, self._run.namespace, self._run.id)
        return None if run is None else Frame("end", position.id, self._encoder.end(run))

    def _frame(self, piece: Event | Chunk | Reset, position: RunPosition) -> Frame:
        if isinstance(piece, Event):
            return Frame("event", position.id, self._encoder.event(piece, self._run))
        if isinstance(piece, Chunk):
            return Frame("chunk", position.id, self._encoder.chunk(piece))
        return Frame("reset", position.id, self._encoder.reset(piece))


def _upto(key: Key, until: RunPosition | None) -> int:
    """The last chunk of a stream that a reader who stops there may have."""
    if until is None:
        return _ALL
    stream = until.streams.get(key)
    if stream is None:
        return 0
    return _ALL if stream.closed else stream.sent
