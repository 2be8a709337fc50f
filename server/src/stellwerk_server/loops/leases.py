"""The reaper: leases that ran out, and those of workers whose line broke, go back as failed attempts."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from stellwerk_server.commit.committer import Committer
from stellwerk_server.commit.outcome import Applied
from stellwerk_server.dispatch.sessions import Session, Sessions
from stellwerk_server.loops.base import Loop
from stellwerk_server.model import token as tokens
from stellwerk_server.model.commands import ExpireLease
from stellwerk_server.model.errors import Refused
from stellwerk_server.model.failure import Category, Failure
from stellwerk_server.store import sql
from stellwerk_server.store.database import Pool

logger = logging.getLogger(__name__)
SQL = sql.load("dispatch")
_BATCH = 1_000
# A worker whose line broke has this long to open another before its tasks go out again.
LINE_GRACE_S = 1.5
_FULL_SEARCH_EVERY = 30
# The mark stays this far behind: a lease of a short attempt may be committed after its time was over.
_LATE_COMMITS = timedelta(seconds=10)


class Leases(Loop):
    """Searches for expired leases when poked by the pulse, from a low-water mark; from the beginning now and then."""

    name = "leases"

    def __init__(self, pool: Pool, committer: Committer, sessions: Sessions, hung: Callable[[str], None]) -> None:
        super().__init__(5.0)
        self._pool = pool
        self._committer = committer
        self._sessions = sessions
        self._hung = hung
        self._held_until_s = 0.0
        self._rounds = 0
        self.mark: Any = None

    async def run_once(self) -> None:
        """Expire what is over."""
        if time.monotonic() < self._held_until_s:
            return
        self._rounds += 1
        if self._rounds % _FULL_SEARCH_EVERY == 0:
            self.mark = None
        while rows := await self._expired():
            outcomes = await self._committer.submit_all([self._expire(row) for row in rows])
            if not all(isinstance(outcome, Applied | Refused) for outcome in outcomes):
                # What could not be taken now is searched for again from the same mark.
                return
            self.mark = rows[-1][6] - _LATE_COMMITS
            if len(rows) < _BATCH:
                return

    def hold(self, hold_s: float) -> None:
        """Expire nothing for a while: the database was away, and nobody could renew a lease."""
        self._held_until_s = time.monotonic() + hold_s

    async def _expired(self) -> list[tuple[Any, ...]]:
        async with self._pool.connection() as connection:
            columns = {"after": self.mark or "-infinity", "count": _BATCH}
            rows: list[tuple[Any, ...]] = await (await connection.execute(SQL.expired_leases, columns)).fetchall()
        return rows

    def _expire(self, row: tuple[Any, ...]) -> ExpireLease:
        run_id, step, attempt, secret, worker, timed_out, _ = row
        if timed_out:
            failure = Failure("AttemptTimeout", "the attempt was not done in time", category=Category.TIMEOUT)
            reason = "STEP_TIMED_OUT"
        else:
            message = f"worker {worker} did not renew its lease in time"
            failure = Failure("LeaseExpired", message, category=Category.WORKER_LOST)
            reason = "LEASE_LOST"
            self._hung(worker)
        self._sessions.stop_task(worker, tokens.pack(run_id, attempt, secret.bytes, step), reason)
        return ExpireLease(run_id, step, attempt, secret.bytes, failure)


class LostWorkers(Loop):
    """Takes the tasks of workers whose line broke and did not come back, on this or another instance."""

    name = "lost workers"

    def __init__(self, pool: Pool, committer: Committer, sessions: Sessions) -> None:
        super().__init__(0.05)
        self._pool = pool
        self._committer = committer
        self._sessions = sessions
        # The first of those whose moment is not over yet.
        self._next: Session | None = None

    async def run_once(self) -> None:
        """Wait for a broken line, give its worker a moment, then see whether it is back."""
        first = self._next or await self._sessions.lost.get()
        self._next = first
        await asyncio.sleep(_grace_left_s(first))
        self._next = None
        gone = [first]
        while self._next is None and not self._sessions.lost.empty() and len(gone) < _BATCH:
            session = self._sessions.lost.get_nowait()
            if _grace_left_s(session) > 0:
                self._next = session
            else:
                gone.append(session)
        try:
            await self._take_from([s for s in gone if not self._sessions.connected(s.id)])
        except BaseException:
            for session in gone:
                self._sessions.lose(session)
            raise

    async def _take_from(self, gone: list[Session]) -> None:
        async with self._pool.connection() as connection:
            back = await self._seen_since(connection, [s.id for s in gone if not s.leaving])
            lost = [s.id for s in gone if s.id not in back]
            if not lost:
                return
            await connection.execute(SQL.forget_workers, {"ids": lost, "older_s": None})
            leases = await (await connection.execute(SQL.leases_of_workers, {"workers": lost})).fetchall()
        for worker in lost:
            logger.info("worker %s is gone", worker)
        failure = Failure("WorkerLost", "the connection of its worker broke", category=Category.WORKER_LOST)
        commands = [ExpireLease(run, step, attempt, secret.bytes, failure) for run, step, attempt, secret, _ in leases]
        await self._committer.submit_all(commands)

    async def _seen_since(self, connection: Any, ids: list[str]) -> set[str]:
        if not ids:
            return set()
        cursor = await connection.execute(SQL.workers_seen, {"ids": ids, "within_s": LINE_GRACE_S * 0.8})
        return {row[0] for row in await cursor.fetchall()}


def _grace_left_s(session: Session) -> float:
    return 0.0 if session.leaving else max(0.0, session.closed_at_s + LINE_GRACE_S - time.monotonic())
