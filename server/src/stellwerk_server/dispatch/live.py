"""Who follows what live on this instance: one follower a run or namespace for all its readers, and what wakes them.

Without readers nothing here costs more than one look at an empty table. Holds nothing that is durable.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from itertools import islice
from typing import Any, Protocol

from psycopg import AsyncConnection

from stellwerk_server.commit.outcome import Committed
from stellwerk_server.dispatch.feed import FeedEncoder, FeedPosition, FeedSource
from stellwerk_server.dispatch.following import Follower, Position, Reader, Source
from stellwerk_server.dispatch.frames import Frame
from stellwerk_server.dispatch.results import Results
from stellwerk_server.dispatch.run_events import RunEncoder, RunSource
from stellwerk_server.dispatch.weaving import RunPosition
from stellwerk_server.store import feed
from stellwerk_server.store.database import Pool
from stellwerk_server.store.runs import Run

# All windows together, and what each may have however many there are.
_WINDOWS_BYTES, _WINDOW_BYTES_MIN, _WINDOW_BYTES_MAX = 64 << 20, 64 << 10, 8 << 20
# Readers that have fallen behind read the tables in turn: the other connections are for everybody else.
_BEHIND = 2
# Streams are looked at without a hint in turn: so many a second.
_STREAMS_PULSED = 100
# A feed that is quiet for this part of the time ids are good for gets a mark.
_QUIET_PART = 8

Wanted = Callable[[Frame], bool]


class Encoder(RunEncoder, FeedEncoder, Protocol):
    """How everything is said, as JSON."""


class Live:
    """The followers of this instance."""

    def __init__(self, pool: Pool, results: Results, encoder: Encoder, retention_s: float) -> None:
        self._pool = pool
        self._results = results
        self._encoder = encoder
        self._quiet_s = retention_s / _QUIET_PART
        self._limit = asyncio.Semaphore(_BEHIND)
        self._runs: dict[int, dict[bool, Follower[RunPosition]]] = {}
        self._feeds: dict[tuple[str, bool], Follower[FeedPosition]] = {}
        self._readers: set[Reader[Any]] = set()
        self._turn = 0
        results.hold(self._drain)

    @property
    def draining(self) -> bool:
        """Whether the server stops, so that every stream ends."""
        return self._results.draining

    def hold(self, on_drain: Callable[[], object]) -> None:
        """Something is held open; `on_drain` is called when the server stops."""
        self._results.hold(on_drain)

    def let_go(self, on_drain: Callable[[], object]) -> None:
        """It has ended."""
        self._results.let_go(on_drain)

    async def settle(self, patience_s: float) -> None:
        """Return when every reader has taken his leave, or that time is over."""
        deadline = time.monotonic() + patience_s
        while self._readers and time.monotonic() < deadline:  # noqa: ASYNC110 - it happens once in a server's life
            await asyncio.sleep(0.01)

    def committed(self, committed: Committed) -> None:
        """Wake those who follow what this instance has committed."""
        if self._feeds and committed.events:
            self._poke_feeds()
        if self._runs:
            for run, _ in committed.events:
                self._poke_run(run.id)

    def moved(self, run_ids: Iterable[int]) -> None:
        """Another instance says that these runs have moved; so the feed has."""
        if self._feeds:
            self._poke_feeds()
        self.streamed(run_ids)

    def streamed(self, run_ids: Iterable[int]) -> None:
        """These runs have new chunks."""
        if self._runs:
            for run_id in run_ids:
                self._poke_run(run_id)

    async def pulse(self, connection: AsyncConnection[Any]) -> None:
        """The floor under all hints, once a second."""
        self._poke_feeds()
        if not self._runs:
            return
        sequences = await feed.sequences(connection, list(self._runs))
        streams = []
        for run_id, followers in self._runs.items():
            for with_chunks, follower in followers.items():
                if follower.position is None or follower.position.sequence < sequences.get(run_id, 0):
                    follower.poke()
                elif with_chunks:
                    streams.append(follower)
        self._turn = self._turn + _STREAMS_PULSED if self._turn + _STREAMS_PULSED < len(streams) else 0
        for follower in islice(streams, self._turn, self._turn + _STREAMS_PULSED):
            follower.poke()

    @asynccontextmanager
    async def run(self, run: Run, position: RunPosition, *, chunks: bool) -> AsyncIterator[Reader[RunPosition]]:
        """A reader of a run's events behind that position, for the block."""
        followers = self._runs.setdefault(run.id, {})
        follower = followers.get(chunks)
        if follower is None:
            follower = followers[chunks] = self._follower(RunSource(self._pool, run, self._encoder, chunks=chunks))
        try:
            async with self._reading(follower, position, None) as reader:
                yield reader
        finally:
            if not follower.followed:
                followers.pop(chunks, None)
                if not followers:
                    self._runs.pop(run.id, None)

    @asynccontextmanager
    async def feed(
        self, namespace: str, after: str, wanted: Wanted | None, *, payloads: bool
    ) -> AsyncIterator[Reader[FeedPosition]]:
        """A reader of a namespace's events behind that id, or from now on, for the block; raises Expired."""
        key = (namespace, payloads)
        source = FeedSource(self._pool, namespace, self._encoder, self._quiet_s, payloads=payloads)
        position = await source.resume(after) if after else None
        follower = self._feeds.get(key)
        if follower is None:
            follower = self._feeds[key] = self._follower(source)
        try:
            async with self._reading(follower, position, wanted) as reader:
                yield reader
        finally:
            if not follower.followed:
                self._feeds.pop(key, None)

    def _follower(self, source: Source[Any]) -> Follower[Any]:
        return Follower(source, self._window_bytes, self._limit)

    @asynccontextmanager
    async def _reading(
        self, follower: Follower[Any], position: Position | None, wanted: Wanted | None
    ) -> AsyncIterator[Reader[Any]]:
        reader: Reader[Any] = Reader(follower, position, wanted)
        reader.draining = self.draining
        self._readers.add(reader)
        follower.join(reader)
        try:
            yield reader
        finally:
            follower.leave(reader)
            self._readers.discard(reader)

    def _window_bytes(self) -> int:
        followers = len(self._runs) + len(self._feeds)
        return max(_WINDOW_BYTES_MIN, min(_WINDOW_BYTES_MAX, _WINDOWS_BYTES // max(1, followers)))

    def _poke_run(self, run_id: int) -> None:
        for follower in self._runs.get(run_id, {}).values():
            follower.poke()

    def _poke_feeds(self) -> None:
        for follower in self._feeds.values():
            follower.poke()

    def _drain(self) -> None:
        for reader in self._readers:
            reader.drain()
