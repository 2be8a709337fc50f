"""The order of events and chunks: whatever the pages, nothing is lost, doubled or told outside of its attempt."""

from __future__ import annotations

import random

import pytest

from stellwerk_server.dispatch.weaving import RunPosition
from stellwerk_server.model.events import Event, EventType
from stellwerk_server.model.payload import Payload
from stellwerk_server.store.chunks import Chunk
from stellwerk_server.store.streams import Key, Life

E = EventType


class History:
    """A run with chunks, all of it stored already."""

    def __init__(self, dice: random.Random) -> None:
        self.events: list[Event] = []
        self.lives: dict[Key, Life] = {}
        self.chunks: dict[Key, int] = {}
        self._emit(E.RUN_STARTED)
        waiting = [(f"s{n}", 1) for n in range(6)]
        open_since: dict[Key, int] = {}
        while waiting or open_since:
            if waiting and (not open_since or dice.random() < 0.5):
                key = waiting.pop()
                open_since[key] = self._emit(E.STEP_SCHEDULED, *key)
                self.chunks[key] = dice.randrange(0, 7)
                continue
            key = dice.choice(sorted(open_since))
            failed = key[1] < 3 and dice.random() < 0.5
            end = self._emit(E.STEP_ATTEMPT_FAILED if failed else E.STEP_SUCCEEDED, *key)
            self.lives[key] = Life(open_since.pop(key), end)
            if failed:
                waiting.append((key[0], key[1] + 1))
        self._emit(E.RUN_SUCCEEDED)

    def _emit(self, type: EventType, step: str | None = None, attempt: int | None = None) -> int:
        self.events.append(Event(len(self.events) + 1, type, 0, step, attempt))
        return len(self.events)

    def there(self) -> dict[Key, int]:
        return {key: last for key, last in self.chunks.items() if last}

    def page(self, position: RunPosition, events: int, chunks: int) -> list[str]:
        """What a reader is told next, from pages of that size; moves the position on."""
        there = self.there()
        new = position.unknown(there)
        position.know(there, {key: self.lives[key] for key in new})
        found = self.events[position.sequence : position.sequence + events]
        last = found[-1].seq if found else position.sequence
        wanted = [key for key in position.open_until(last) if position.streams[key].sent < there[key]]
        stored = [
            Chunk(key[0], key[1], seq, Payload(b"1"), 0)
            for key in wanted
            for seq in range(position.streams[key].sent + 1, there[key] + 1)
        ]
        unread: list[Key] = []
        if len(stored) > chunks:
            stored = stored[:chunks]
            unread = wanted[wanted.index((stored[-1].step, stored[-1].attempt)) :]
        return [f"{position.id} {_words(piece)}" for piece in position.weave(found, stored, unread, with_chunks=True)]


def _words(piece: object) -> str:
    if isinstance(piece, Event):
        return f"event {piece.seq}"
    if isinstance(piece, Chunk):
        return f"chunk {piece.step} {piece.attempt} {piece.seq}"
    return f"reset {piece}"


def check(history: History, told: list[str]) -> None:
    """Everything once, in order, and every chunk between the two events of its attempt."""
    events = [int(line.split()[2]) for line in told if line.split()[1] == "event"]
    assert events == [event.seq for event in history.events]
    chunks: dict[Key, list[int]] = {}
    passed = 0
    for line in told:
        _, kind, *rest = line.split()
        if kind == "event":
            passed = int(rest[0])
        elif kind == "chunk":
            key = (rest[0], int(rest[1]))
            life = history.lives[key]
            assert life.begin <= passed
            assert life.end is not None
            assert passed < life.end
            chunks.setdefault(key, []).append(int(rest[2]))
    assert chunks == {key: list(range(1, last + 1)) for key, last in history.there().items()}
    again = [e for e in history.events if e.type is E.STEP_SCHEDULED and (e.attempt or 0) > 1]
    assert sum(" reset " in line for line in told) == len(again)


@pytest.mark.parametrize("seed", range(30))
def test_pages_of_any_size_tell_the_same(seed: int) -> None:
    dice = random.Random(seed)
    history = History(dice)
    position = RunPosition(0)
    told: list[str] = []
    while not position.ended:
        page = history.page(position, dice.randrange(1, 9), dice.randrange(1, 9))
        assert page
        told += page
    check(history, told)


@pytest.mark.parametrize("seed", range(30))
def test_every_id_leads_back_to_where_it_was_told(seed: int) -> None:
    """Cut after any frame: a reader with that id is told the rest, each thing once."""
    dice = random.Random(seed)
    history = History(dice)
    told: list[str] = []
    position = RunPosition(0)
    while not position.ended:
        page = history.page(position, dice.randrange(1, 9), dice.randrange(1, 9))
        told += page[: dice.randrange(1, len(page) + 1)]
        id = told[-1].split()[0]
        found = RunPosition.parse(id)
        assert found is not None
        found.ended = position.ended and found.sequence == position.sequence
        assert found.id == id
        position = found
    check(history, told)


BROKEN = ["", "x", "-1", "1;", "1;s:1", "1;s:1:x", "1;s:1:1;", "01234567890", "1 ", "1R", "3000000000"]


@pytest.mark.parametrize("text", BROKEN)
def test_what_is_no_id_is_none(text: str) -> None:
    assert RunPosition.parse(text) is None


def test_an_id_holds_any_step() -> None:
    position = RunPosition.parse("7r;e[3]:1:44;$decision:2:9;a%3Bb%3A%20%C3%A4:1:1")
    assert position is not None
    assert set(position.streams) == {("e[3]", 1), ("$decision", 2), ("a;b: ä", 1)}
    assert RunPosition.parse(position.id) is not None
