"""The workers' lines: who is connected, which tasks they hold, and which of those they must stop."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable
from typing import NamedTuple

from stellwerk_server.commit.outcome import Voided
from stellwerk_server.model import token as tokens
from stellwerk_server.model.payload import Payload

_MAX_PROGRESS = 10_000
_MAX_BUILDS = 10_000


class Held(NamedTuple):
    """One task a worker says it holds."""

    run_id: int
    step: str
    secret: bytes


class Cancelled(NamedTuple):
    """A task the worker must stop, by its wire token."""

    token: bytes
    reason: str


class Session:
    """One worker's line while it is open."""

    __slots__ = (
        "actions",
        "build",
        "cancelled",
        "closed_at_s",
        "heard_at_s",
        "held",
        "host",
        "id",
        "leaving",
        "namespace_id",
        "queue",
        "sdk",
        "slots",
        "wake",
    )

    def __init__(self, namespace_id: int, worker_id: str) -> None:
        self.namespace_id = namespace_id
        self.id = worker_id
        self.queue = "default"
        self.actions: tuple[str, ...] = ()
        self.slots = 0
        self.sdk = ""
        self.host = ""
        # Of the code it decides.
        self.build = ""
        self.leaving = False
        self.held: list[Held] = []
        self.cancelled: list[Cancelled] = []
        self.wake = asyncio.Event()
        # On this host's monotonic clock, as is when the line closed; 0 while it is open.
        self.heard_at_s = time.monotonic()
        self.closed_at_s = 0.0


class Sessions:
    """The open lines of this instance, the workers that polled lately, and the last progress of running tasks."""

    def __init__(self) -> None:
        self._open: dict[str, Session] = {}
        # Called for each line that comes up, so that every instance soon knows where the worker is.
        self.on_opened: Callable[[], None] = lambda: None
        # Workers heard of since the last touch, with or without a line; one row each, written in batches.
        self.seen: dict[tuple[int, str], Session] = {}
        self.lost: asyncio.Queue[Session] = asyncio.Queue(maxsize=10_000)
        # Leases to extend, with the worker and the attempt.
        self.extend: dict[Held, tuple[str, int]] = {}
        self._progress: OrderedDict[tuple[int, str], Payload] = OrderedDict()
        # The builds of workers with a line and of those that had one lately.
        self._builds: OrderedDict[str, str] = OrderedDict()

    def opened(self, session: Session) -> None:
        """A worker's line has come up; an older one of the same worker no longer counts."""
        self._open[session.id] = session
        self.seen[session.namespace_id, session.id] = session
        if session.build:
            self._builds[session.id] = session.build
            self._builds.move_to_end(session.id)
            if len(self._builds) > _MAX_BUILDS:
                self._builds.popitem(last=False)
        self.on_opened()

    def build_of(self, worker_id: str) -> str:
        """The build of a worker that has, or had lately, a line to this instance; else empty."""
        return self._builds.get(worker_id, "")

    def closed(self, session: Session) -> None:
        """A line broke or the worker left."""
        if self._open.get(session.id) is session:
            del self._open[session.id]
            # What it said before is no sign of life any more.
            self.seen.pop((session.namespace_id, session.id), None)
            session.closed_at_s = time.monotonic()
            self.lose(session)

    def lose(self, session: Session) -> None:
        """Have somebody look whether the worker is back; when too many are lost, their leases run out instead."""
        if not self.lost.full():
            self.lost.put_nowait(session)

    def connected(self, worker_id: str) -> bool:
        """True while the worker has a line to this instance."""
        return worker_id in self._open

    def polled(self, namespace_id: int, worker_id: str, queue: str, actions: Iterable[str], room: int) -> None:
        """A poll is a sign of life; it also describes workers that have no line."""
        session = self._open.get(worker_id)
        if session is None:
            session = Session(namespace_id, worker_id)
            session.queue, session.actions, session.slots = queue, tuple(actions), room
        self.seen[namespace_id, worker_id] = session

    def void(self, voided: Iterable[Voided]) -> None:
        """Tell the workers that these leases are gone."""
        for lease in voided:
            session = self._open.get(lease.worker)
            if session is not None:
                wire = tokens.pack(lease.run_id, lease.attempt, lease.secret, lease.step)
                session.cancelled.append(Cancelled(wire, lease.reason))
                session.wake.set()

    def stop_task(self, worker_id: str, wire: bytes, reason: str) -> None:
        """Tell one worker to stop one task."""
        session = self._open.get(worker_id)
        if session is not None:
            session.cancelled.append(Cancelled(wire, reason))
            session.wake.set()

    def all_open(self) -> list[Session]:
        """The lines that are open now."""
        return list(self._open.values())

    def report_progress(self, run_id: int, step: str, progress: Payload) -> None:
        """Remember what a handler reported last; kept in memory, bounded."""
        self._progress[run_id, step] = progress
        self._progress.move_to_end((run_id, step))
        if len(self._progress) > _MAX_PROGRESS:
            self._progress.popitem(last=False)

    def progress(self, run_id: int, step: str) -> Payload | None:
        """The last progress of a step, when it was reported to this instance."""
        return self._progress.get((run_id, step))
