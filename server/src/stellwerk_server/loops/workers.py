"""Signs of life, written in batches: one statement for all workers and one for all leases they hold."""

from __future__ import annotations

import time
from typing import Any

from stellwerk_server.dispatch.sessions import Held, Session, Sessions
from stellwerk_server.loops.base import Loop
from stellwerk_server.model import token as tokens
from stellwerk_server.store import sql
from stellwerk_server.store.arrays import Float8s, Int4s, Int8s, Texts, Uuids
from stellwerk_server.store.database import GONE, Pool

SQL = sql.load("dispatch")


class Touch(Loop):
    """Touches the rows of all workers heard of since the last round. A new worker pokes it, so it is known at once."""

    name = "touch workers"

    def __init__(self, pool: Pool, sessions: Sessions, period_s: float = 4.0) -> None:
        super().__init__(period_s)
        self._pool = pool
        self._sessions = sessions
        sessions.on_opened = self.poke

    async def run_once(self) -> None:
        """Write one row a worker."""
        seen = {(s.namespace_id, s.id): s for s in self._sessions.all_open()} | self._sessions.seen
        if not seen:
            return
        self._sessions.seen = {}
        async with self._pool.connection() as connection:
            await connection.execute(SQL.touch_workers, self._columns([seen[key] for key in sorted(seen)]))
        for session in seen.values():
            if session.leaving and not self._sessions.connected(session.id):
                # It left meanwhile, and was forgotten before its row was there.
                self._sessions.lose(session)

    def _columns(self, sessions: list[Session]) -> dict[str, Any]:
        now_s = time.monotonic()
        return {
            "namespaces": Int4s([s.namespace_id for s in sessions]),
            "ids": Texts([s.id for s in sessions]),
            "queues": Texts([s.queue for s in sessions]),
            "actions": Texts([" ".join(s.actions) for s in sessions]),
            "slots": Int4s([s.slots for s in sessions]),
            "sdks": Texts([s.sdk for s in sessions]),
            "hosts": Texts([s.host for s in sessions]),
            # A line that is open is a sign of life now, a poll is one of when it came.
            "ages_s": Float8s([0.0 if self._sessions.connected(s.id) else now_s - s.heard_at_s for s in sessions]),
        }


class Extend(Loop):
    """Extends the leases that workers named since the last round, and tells them which are gone."""

    name = "extend leases"

    def __init__(self, pool: Pool, sessions: Sessions, lease_s: float) -> None:
        super().__init__(0.5)
        self._pool = pool
        self._sessions = sessions
        self._lease_s = lease_s

    async def run_once(self) -> None:
        """One statement for everything that was named."""
        named = self._sessions.extend
        if not named:
            return
        self._sessions.extend = {}
        held = sorted(named)
        columns = {
            "lease_s": self._lease_s,
            "runs": Int8s([h.run_id for h in held]),
            "steps": Texts([h.step for h in held]),
            "tokens": Uuids([h.secret for h in held]),
        }
        try:
            async with self._pool.connection() as connection:
                cursor = await connection.execute(SQL.extend_leases, columns, binary=True)
                kept = {Held(*row) for row in await cursor.fetchall()}
        except GONE:
            self._sessions.extend = named | self._sessions.extend
            raise
        for lease in held:
            if lease not in kept:
                worker, attempt = named[lease]
                self._sessions.stop_task(
                    worker, tokens.pack(lease.run_id, attempt, lease.secret, lease.step), "LEASE_LOST"
                )
