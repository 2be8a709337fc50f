"""A commit lane: collects whatever is waiting and commits it as one transaction, again and again.

While one batch is at the fsync the next one fills; there is no delay, so a lone command is never held back.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections import deque
from collections.abc import Callable
from typing import NamedTuple

import psycopg

from stellwerk_server.commit.batch import Batch, Context, Poisoned
from stellwerk_server.commit.outcome import Committed, Outcome
from stellwerk_server.model.commands import Command
from stellwerk_server.model.errors import Exhausted, StellwerkError, Unavailable
from stellwerk_server.store.database import GONE, Line

logger = logging.getLogger(__name__)

MAX_BATCH = 400
MAX_WAITING = 50_000
# A batch is sent again so often when a deadlock has undone it.
_MOST_DEADLOCKS = 4


class Ticket:
    """One caller's commands; its future is done when the last of them is answered."""

    __slots__ = ("future", "left", "outcomes")

    def __init__(self, size: int, future: asyncio.Future[list[Outcome]]) -> None:
        self.outcomes: list[Outcome] = []
        self.left = size
        self.future = future

    def answer(self, index: int, outcome: Outcome) -> None:
        """One command is decided."""
        self.outcomes[index] = outcome
        self.left -= 1
        if self.left == 0 and not self.future.done():
            self.future.set_result(self.outcomes)


class Entry(NamedTuple):
    """A command on its way, and whom to answer."""

    command: Command
    ticket: Ticket
    place: int


class CommitLane:
    """One connection and the runs that belong to it."""

    def __init__(self, dsn: str, number: int, context: Context, publish: Callable[[Committed], None]) -> None:
        self._dsn = dsn
        self._number = number
        self._context = context
        self._publish = publish
        self._inbox: deque[Entry] = deque()
        self._wake = asyncio.Event()
        self._line: Line | None = None
        self._stopping = False

    def put(self, entry: Entry) -> None:
        """Queue a command; refused at once when too many wait already."""
        if len(self._inbox) >= MAX_WAITING:
            message = f"{MAX_WAITING} commands wait for the database already"
            entry.ticket.answer(
                entry.place, Exhausted("OVERLOADED", message, cause="PERSISTENCE_LIMIT", scope="SYSTEM")
            )
            return
        self._inbox.append(entry)
        self._wake.set()

    def stop(self) -> None:
        """Finish what is queued, then return from `run`."""
        self._stopping = True
        self._wake.set()

    async def run(self) -> None:
        """Commit batches until stopped."""
        try:
            while True:
                if not self._inbox:
                    if self._stopping:
                        return
                    self._wake.clear()
                    await self._wake.wait()
                    continue
                size = min(len(self._inbox), MAX_BATCH)
                await self._commit([self._inbox.popleft() for _ in range(size)])
        finally:
            await self._hang_up()

    async def _commit(self, entries: list[Entry]) -> None:
        deadlocks = 0
        while entries:
            try:
                batch = await self._transaction([entry.command for entry in entries])
            except Poisoned as poisoned:
                logger.exception("a command failed inside the engine: %.300r", entries[poisoned.index].command)
                _answer(entries.pop(poisoned.index), _internal(poisoned.__cause__))
                continue
            except GONE as error:
                if isinstance(error, psycopg.errors.DeadlockDetected) and deadlocks < _MOST_DEADLOCKS:
                    # Postgres has undone it for certain, and the other one goes on.
                    deadlocks += 1
                    logger.warning("a batch of %d was undone by a deadlock", len(entries))
                    continue
                for entry in entries:
                    _answer(entry, Unavailable("DATABASE_DOWN", f"the database did not answer: {error}".strip()))
                await asyncio.sleep(random.uniform(0.05, 0.2))
                return
            except Exception as error:
                await self._one_by_one(entries, error)
                return
            self._conclude(entries, batch)
            return

    async def _one_by_one(self, entries: list[Entry], error: Exception) -> None:
        """The batch cannot be written: find the command it is about, and let the others pass."""
        if len(entries) == 1 and not isinstance(error, psycopg.errors.UniqueViolation):
            logger.error("%.300r cannot be written", entries[0].command, exc_info=error)
            _answer(entries[0], _internal(error))
            return
        for entry in entries:
            try:
                batch = await self._transaction([entry.command])
            except GONE as gone:
                _answer(entry, Unavailable("DATABASE_DOWN", f"the database did not answer: {gone}".strip()))
            except Exception as refused:
                logger.exception("refused alone: %.300r", entry.command)
                _answer(entry, _internal(refused))
            else:
                self._conclude([entry], batch)

    def _conclude(self, entries: list[Entry], batch: Batch) -> None:
        """It is durable: tell the server, then the callers, whatever becomes of the former."""
        try:
            self._publish(batch.committed)
        except Exception:
            logger.exception("what was committed could not be published")
        for entry, outcome in zip(entries, batch.outcomes, strict=True):
            assert outcome is not None
            _answer(entry, outcome)

    async def _transaction(self, commands: list[Command]) -> Batch:
        if self._line is None:
            self._line = await Line.open(self._dsn, f"lane {self._number}")
        batch = Batch(self._line, self._context, commands)
        began_s = time.perf_counter()
        try:
            await batch.run()
        except BaseException:
            # What was sent is a transaction until the next sync: only without one is it undone.
            batch.abandon()
            await self._hang_up()
            raise
        batch.committed.commands, batch.committed.took_s = len(commands), time.perf_counter() - began_s
        return batch

    async def _hang_up(self) -> None:
        line, self._line = self._line, None
        if line is not None:
            await line.close()


def _answer(entry: Entry, outcome: Outcome) -> None:
    entry.ticket.answer(entry.place, outcome)


def _internal(error: BaseException | None) -> StellwerkError:
    return StellwerkError("INTERNAL", f"the server failed on this command: {type(error).__name__}: {error}")
