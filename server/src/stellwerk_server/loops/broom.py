"""Sweeps out what has expired: idempotency keys, live events and activity past their time, workers long gone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from psycopg import AsyncConnection

from stellwerk_server.loops.base import Loop
from stellwerk_server.store import sql
from stellwerk_server.store.database import Pool

SQL, OVERVIEW = sql.load("dispatch"), sql.load("overview")
_BATCH = 5_000
_WORKER_KEPT_S = 86_400
_ACTIVITY_KEPT_S = 86_400


class Broom(Loop):
    """Deletes in small statements, so that nobody waits for it."""

    name = "broom"

    def __init__(self, pool: Pool, feed_retention_s: float = 3_600.0, period_s: float = 300.0) -> None:
        super().__init__(period_s)
        self._pool = pool
        self._feed_retention_s = feed_retention_s

    async def run_once(self) -> None:
        """Sweep until nothing is left."""
        older = {"older_s": self._feed_retention_s}
        async with self._pool.connection() as connection:
            await connection.execute(SQL.forget_workers, {"ids": None, "older_s": _WORKER_KEPT_S})
            await _all(connection, SQL.forget_old_keys, {})
            # In this order: an id is good while its row is in the feed, and then nothing that came after it is gone.
            await _all(connection, SQL.forget_old_feed, older)
            await _all(connection, SQL.forget_old_moves, older)
            await _all(connection, OVERVIEW.forget_old_activity, {"older_s": _ACTIVITY_KEPT_S})


async def _all(connection: AsyncConnection[Any], statement: bytes, parameters: Mapping[str, float]) -> None:
    while True:
        swept = await connection.execute(statement, {**parameters, "count": _BATCH})
        if swept.rowcount < _BATCH:
            return
