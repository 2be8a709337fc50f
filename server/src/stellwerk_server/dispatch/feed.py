"""Everything that happens in a namespace, in the order of the feed, as a source of frames.

Whoever reads gives the commits their place first; see ARCHITECTURE.md, "HTTP and live events".
"""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple, Protocol

from psycopg import AsyncConnection

from stellwerk_server.dispatch.following import Page
from stellwerk_server.dispatch.frames import Frame
from stellwerk_server.model.errors import Expired, InvalidArgument, Problem
from stellwerk_server.store import feed
from stellwerk_server.store.database import Pool
from stellwerk_server.store.feed import MAX_POSITION, FeedEvent, FeedRow, Span

_ROWS = 500
_EVENTS = 500
_ID = re.compile(r"([0-9]{1,19})(?:\.([0-9]{1,10}))?-([0-9a-f]{8})")


class FeedPosition(NamedTuple):
    """How far a reader has come: `passed` events of the namespace in that row, None for all of them."""

    check: str
    row: int
    passed: int | None = None

    @property
    def id(self) -> str:
        """The text that leads back here."""
        inside = "" if self.passed is None else f".{self.passed}"
        return f"{self.row}{inside}-{self.check}"

    @classmethod
    def parse(cls, namespace: str, text: str) -> FeedPosition | None:
        """The position of an id; None for one that is broken or of another namespace."""
        found = _ID.fullmatch(text)
        if found is None or found[3] != check_of(namespace) or int(found[1]) > MAX_POSITION:
            return None
        return cls(found[3], int(found[1]), None if found[2] is None else int(found[2]))


def check_of(namespace: str) -> str:
    """What ids of a namespace end in. Not a secret: it tells an id of another namespace."""
    return hashlib.blake2b(namespace.encode(), digest_size=4).hexdigest()


class FeedEncoder(Protocol):
    """How an event of any run is said, as JSON."""

    def feed_event(self, event: FeedEvent) -> bytes:
        """The event with its run and workflow."""


class _Part(NamedTuple):
    """Events of one commit that are read next: the first is number `passed` of its row, which has `size` of ours."""

    span: Span
    row: int
    passed: int
    size: int


class FeedSource:
    """The feed of one namespace. A row about nothing is added when there was none for `quiet_s`."""

    def __init__(self, pool: Pool, namespace: str, encoder: FeedEncoder, quiet_s: float, *, payloads: bool) -> None:
        self._pool = pool
        self._namespace = namespace
        self._encoder = encoder
        self._quiet_s = quiet_s
        self._payloads = payloads
        self._namespace_id: int | None = None
        self._quiet_since_s = time.monotonic()
        self._check = check_of(namespace)

    async def begin(self) -> FeedPosition:
        """Behind all that is committed by now."""
        async with self._pool.connection() as connection:
            await feed.order(connection)
            await feed.mark(connection, self._quiet_s)
            bounds = await feed.bounds(connection)
        assert bounds.last is not None
        return FeedPosition(self._check, bounds.last)

    async def resume(self, id: str) -> FeedPosition:
        """The position of an id this source gave; raises Expired when what follows it is not there any more."""
        position = FeedPosition.parse(self._namespace, id)
        assert position is not None, id
        async with self._pool.connection() as connection:
            bounds = await feed.bounds(connection, position.row)
        if bounds.last is not None and position.row > bounds.last:
            raise InvalidArgument([Problem("after", "expected an id this stream gave, came one of a later time")])
        if not bounds.found:
            raise expired(self._namespace, bounds.first)
        return position

    async def read(self, position: FeedPosition, until: FeedPosition | None) -> Page[FeedPosition]:
        """The events that come next."""
        last = MAX_POSITION if until is None else until.row
        first = position.row + (position.passed is None)
        async with self._pool.connection() as connection:
            if self._namespace_id is None:
                self._namespace_id = await feed.namespace_id(connection, self._namespace)
            if until is None:
                await feed.order(connection)
            rows = await feed.page(connection, first, last, _ROWS)
            if until is None:
                await self._mark_when_quiet(connection, bool(rows))
            parts, whole = _cut(list(self._parts(rows, position, until)))
            found = await feed.events(connection, [part.span for part in parts], payloads=self._payloads)
        frames = [self._frame(event, parts[event.place]) for event in found.rows]
        if found.more:
            return Page(frames, _position(frames, self._namespace), more=True)
        if not whole:
            return Page(frames, self._after(parts[-1], parts[-1].span.last), more=True)
        after = position
        if rows:
            after = until if until is not None and rows[-1].position == until.row else self._all_of(rows[-1])
        return Page(frames, after, more=len(rows) == _ROWS)

    async def _mark_when_quiet(self, connection: AsyncConnection[Any], moved: bool) -> None:
        """Have a row, when there was none for long: the ids of who only waits must not expire."""
        now_s = time.monotonic()
        if moved:
            self._quiet_since_s = now_s
        elif now_s - self._quiet_since_s > self._quiet_s:
            self._quiet_since_s = now_s
            await feed.mark(connection, self._quiet_s)

    def _parts(self, rows: Sequence[FeedRow], start: FeedPosition, until: FeedPosition | None) -> Iterator[_Part]:
        """The commits' events of this namespace that lie between the two positions."""
        for row in rows:
            passed, skipped = 0, (start.passed or 0) if row.position == start.row else 0
            mine = [
                Span(run, first, last)
                for run, namespace, first, last in zip(row.runs, row.namespaces, row.firsts, row.lasts, strict=True)
                if namespace == self._namespace_id
            ]
            size = sum(span.last - span.first + 1 for span in mine)
            most = size
            if until is not None and row.position == until.row and until.passed is not None:
                most = until.passed
            for span in mine:
                count = span.last - span.first + 1
                begin, end = max(passed, skipped), min(passed + count, most)
                if begin < end:
                    cut = Span(span.run, span.first + begin - passed, span.first + end - passed - 1)
                    yield _Part(cut, row.position, begin, size)
                passed += count

    def _frame(self, found: FeedEvent, part: _Part) -> Frame:
        id = self._after(part, found.event.seq).id
        return Frame("event", id, self._encoder.feed_event(found), found.event.type.name, found.workflow)

    def _after(self, part: _Part, seq: int) -> FeedPosition:
        passed = part.passed + seq - part.span.first + 1
        return FeedPosition(self._check, part.row, None if passed == part.size else passed)

    def _all_of(self, row: FeedRow) -> FeedPosition:
        return FeedPosition(self._check, row.position)


def _cut(parts: list[_Part]) -> tuple[list[_Part], bool]:
    """The first parts, as many as one page has events; and whether that is all of them."""
    left = _EVENTS
    for place, part in enumerate(parts):
        count = part.span.last - part.span.first + 1
        if count > left:
            some = [part._replace(span=part.span._replace(last=part.span.first + left - 1))] if left else []
            return parts[:place] + some, False
        left -= count
    return parts, True


def _position(frames: Sequence[Frame], namespace: str) -> FeedPosition:
    position = FeedPosition.parse(namespace, frames[-1].id)
    assert position is not None
    return position


def expired(namespace: str, first: int | None) -> Expired:
    """The error for an id that is older than what is kept."""
    message = "after: what came behind this id is no longer kept (--feed-retention); read anew and go on from now"
    earliest = {} if first is None else {"earliest": FeedPosition(check_of(namespace), first).id}
    return Expired("EVENTS_EXPIRED", message, **earliest)
