"""The order in which a reader of one run gets events and chunks, and the id that says how far he has come. Pure.

Chunks come after the event their attempt begins with and before the one that ends it. What is said of an attempt that
has ended is over, so an id names open attempts only.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple
from urllib.parse import quote, unquote

from stellwerk_server.model.events import Event, EventType
from stellwerk_server.store.chunks import Chunk
from stellwerk_server.store.streams import ENDS, Key, Life

RUN_ENDS = frozenset(
    {
        EventType.RUN_SUCCEEDED,
        EventType.RUN_FAILED,
        EventType.RUN_CANCELLED,
        EventType.RUN_TERMINATED,
        EventType.RUN_TIMED_OUT,
        EventType.RUN_CONTINUED,
    }
)
# An id has to fit into a header: of more streams than that it forgets some, whose chunks would then come again.
MAX_ID_CHARS = 32_000
MAX_SEQUENCE = (1 << 31) - 1
_ID = re.compile(r"([0-9]{1,10})(r?)((?:;[^;:\s]{1,2000}:[0-9]{1,10}:[0-9]{1,19})*)")


class Reset(NamedTuple):
    """An attempt begins anew; the chunks of earlier ones are void."""

    step: str
    attempt: int


class Stream:
    """How far the chunks of one attempt were given. `begin` is None until the history was asked."""

    __slots__ = ("begin", "closed", "sent")

    def __init__(self, begin: int | None = None, sent: int = 0, closed: bool = False) -> None:
        self.begin = begin
        self.sent = sent
        self.closed = closed

    def copy(self) -> Stream:
        """Another one that stands where this one does."""
        return Stream(self.begin, self.sent, self.closed)


class RunPosition:
    """How far a reader of one run has come: the last event, and of the streams that are open the last chunks."""

    __slots__ = ("_id", "announced", "ended", "sequence", "streams")

    def __init__(self, sequence: int, *, announced: bool = False, ended: bool = False) -> None:
        self.sequence = sequence
        # The reset of the next event has been given.
        self.announced = announced
        # The event that ends the run has been given.
        self.ended = ended
        self.streams: dict[Key, Stream] = {}
        self._id = ""

    @classmethod
    def parse(cls, text: str) -> RunPosition | None:
        """The position of an id; None for what is none."""
        found = _ID.fullmatch(text)
        if found is None or int(found[1]) > MAX_SEQUENCE:
            return None
        position = cls(int(found[1]), announced=bool(found[2]))
        for part in found[3].split(";")[1:]:
            step, attempt, sent = part.split(":")
            if "\0" in unquote(step) or int(attempt) > MAX_SEQUENCE or int(sent) >= 1 << 63:
                return None
            position.streams[unquote(step), int(attempt)] = Stream(None, int(sent))
        return position

    @property
    def id(self) -> str:
        """The text that leads back here."""
        if not self._id:
            self._id = f"{self.sequence}{'r' * self.announced}{self._streams_text()}"
        return self._id

    def copy(self) -> RunPosition:
        """Another one that stands where this one does."""
        copy = RunPosition(self.sequence, announced=self.announced, ended=self.ended)
        copy.streams = {key: stream.copy() for key, stream in self.streams.items()}
        return copy

    def know(self, there: Iterable[Key], lives: Mapping[Key, Life]) -> None:
        """Take in the streams there are, and when the new ones of them begin and end."""
        known = set(there)
        self.streams = {key: stream for key, stream in self.streams.items() if key in known}
        for key, life in lives.items():
            stream = self.streams.setdefault(key, Stream())
            stream.begin = life.begin
            stream.closed = life.end is not None and life.end <= self.sequence

    def unknown(self, there: Iterable[Key]) -> list[Key]:
        """The streams of which it is not known when they begin."""
        return [key for key in there if (stream := self.streams.get(key)) is None or stream.begin is None]

    def open_until(self, sequence: int) -> list[Key]:
        """The streams that have chunks to give before the event with that sequence, in the order they begin."""
        found = [k for k, s in self.streams.items() if not s.closed and s.begin is not None and s.begin <= sequence]
        return sorted(found, key=lambda key: (self.streams[key].begin, key))

    def weave(
        self, events: Sequence[Event], chunks: Sequence[Chunk], unread: Sequence[Key], *, with_chunks: bool
    ) -> Iterator[Event | Chunk | Reset]:
        """What comes next, in order; the position has moved on when it is taken.

        `unread` are the streams that may have more chunks than those; stops before an event that ends one of them.
        """
        waiting: dict[Key, list[Chunk]] = {}
        for chunk in chunks:
            waiting.setdefault((chunk.step, chunk.attempt), []).append(chunk)
        of_step = self._open_by_step() if with_chunks else {}
        yield from self._given(waiting, [key for key in waiting if (self.streams[key].begin or 0) <= self.sequence])
        for event in events:
            ended = self._ended_by(event, of_step)
            if any(key in unread for key in ended):
                break
            yield from self._given(waiting, [key for key in ended if key in waiting])
            again = with_chunks and event.type is EventType.STEP_SCHEDULED and (event.attempt or 0) > 1
            if again and not self.announced:
                self._move(announced=True)
                yield Reset(event.step or "", event.attempt or 0)
            self._pass(event, ended)
            yield event
        yield from self._given(waiting, [k for k in waiting if (self.streams[k].begin or 0) <= self.sequence])

    def _given(self, waiting: dict[Key, list[Chunk]], keys: Iterable[Key]) -> Iterator[Chunk]:
        for key in keys:
            for chunk in waiting.pop(key):
                self.streams[key].sent = chunk.seq
                self._id = ""
                yield chunk

    def _pass(self, event: Event, ended: Iterable[Key]) -> None:
        for key in ended:
            self.streams[key].closed = True
        self.sequence = event.seq
        self.ended = self.ended or event.type in RUN_ENDS
        self._move(announced=False)

    def _move(self, *, announced: bool) -> None:
        self.announced = announced
        self._id = ""

    def _open_by_step(self) -> dict[str, list[Key]]:
        found: dict[str, list[Key]] = {}
        for key, stream in self.streams.items():
            if not stream.closed:
                found.setdefault(key[0], []).append(key)
        return found

    def _ended_by(self, event: Event, of_step: Mapping[str, Sequence[Key]]) -> list[Key]:
        if event.type in RUN_ENDS:
            return [key for keys in of_step.values() for key in keys if not self.streams[key].closed]
        if event.type not in ENDS:
            return []
        last = event.attempt or MAX_SEQUENCE
        return [key for key in of_step.get(event.step or "", ()) if key[1] <= last and not self.streams[key].closed]

    def _streams_text(self) -> str:
        text = ""
        for (step, attempt), stream in sorted(self.streams.items()) if self.streams else ():
            if stream.sent and not stream.closed and len(text) < MAX_ID_CHARS:
                text += f";{quote(step, safe='[]$@')}:{attempt}:{stream.sent}"
        return text
