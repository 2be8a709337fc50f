"""A waiting poll and what is granted to it. Values of one poll only; who waits where is `waiting`'s."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import NamedTuple

from stellwerk_server.model.commands import Workflow
from stellwerk_server.model.events import Event, Instant
from stellwerk_server.model.payload import Payload


class Journal(NamedTuple):
    """What the code of a run has to see: `events` follow `after`; they are left out when they are too many."""

    after: int
    sequence: int
    events: tuple[Event, ...]


class Grant(NamedTuple):
    """A task leased to a worker; `journal` of decisions only."""

    worker: str
    run_id: int
    step: str
    attempt: int
    secret: bytes
    action: str
    max_attempts: int
    workflow: Workflow
    input: Payload
    deadline: Instant | None
    trace: str | None
    journal: Journal | None = None

    @property
    def size(self) -> int:
        """Bytes of the payloads it carries."""
        size = len(self.input)
        if self.journal is not None:
            size += sum(len(event.payload) for event in self.journal.events if event.payload is not None)
        return size


# A journal with more than this is read page by page from the history.
MAX_JOURNAL_BYTES = 4 * 1024 * 1024
MAX_JOURNAL_EVENTS = 2_000


def journal(after: int, sequence: int, events: Iterable[Event]) -> Journal:
    """The journal of a hand-out; one that is too large says that it is to be read from the history."""
    told = tuple(events)
    size = sum(len(event.payload) for event in told if event.payload is not None)
    if size > MAX_JOURNAL_BYTES or len(told) > MAX_JOURNAL_EVENTS:
        return Journal(sequence, sequence, ())
    return Journal(after, sequence, told)


class Poll:
    """One PollTask call that waits. A place is reserved, then filled or given back, and the call is answered."""

    __slots__ = ("_closing", "claimed", "free", "future", "lanes", "reserved", "tasks", "worker")

    def __init__(self, worker: str, lanes: tuple[int, ...], max_tasks: int, future: asyncio.Future[None]) -> None:
        self.worker = worker
        self.lanes = lanes
        self.free = max_tasks
        # Tasks promised in a transaction that is not yet committed.
        self.reserved = 0
        self.tasks: list[Grant] = []
        self.future = future
        # Whether a task it has was queued before.
        self.claimed = False
        self._closing = False

    @property
    def open(self) -> bool:
        """True while somebody waits for the answer."""
        return not self.future.done()

    def reserve(self, count: int = 1) -> None:
        """Take places for tasks that are being leased."""
        self.free -= count
        self.reserved += count

    def give_back(self, count: int = 1) -> None:
        """The tasks did not come."""
        self.reserved -= count
        if self._closing:
            self.answer_if_settled()
        else:
            self.free += count

    def fill(self, grant: Grant) -> bool:
        """A promised task has come; False when nobody waits for it any more.

        From now on the poll takes no new promises: it is answered as soon as those it has are kept or given back.
        """
        self.reserved -= 1
        self.free = 0
        self._closing = True
        if self.open:
            self.tasks.append(grant)
            return True
        return False

    def answer_if_settled(self) -> None:
        """Let the call return with the tasks it has, unless more are promised by a commit under way."""
        if self.reserved == 0 and self.open:
            self.future.set_result(None)

    def close(self) -> None:
        """The wait is over: take nothing new, and answer as soon as nothing is promised."""
        self._closing = True
        self.free = 0
        self.answer_if_settled()
