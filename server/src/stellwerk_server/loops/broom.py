"""Sweeps out what has expired: idempotency keys past their time, rows of workers long gone."""

from __future__ import annotations

from stellwerk_server.loops.base import Loop
from stellwerk_server.store import sql
from stellwerk_server.store.database import Pool

SQL = sql.load("dispatch")
_BATCH = 5_000
_WORKER_KEPT_S = 86_400


class Broom(Loop):
    """Deletes in small statements, so that nobody waits for it."""

    name = "broom"

    def __init__(self, pool: Pool, period_s: float = 300.0) -> None:
        super().__init__(period_s)
        self._pool = pool

    async def run_once(self) -> None:
        """Sweep until nothing is left."""
        async with self._pool.connection() as connection:
            await connection.execute(SQL.forget_old_workers, {"older_s": _WORKER_KEPT_S})
            while True:
                swept = await connection.execute(SQL.forget_old_keys, {"count": _BATCH})
                if swept.rowcount < _BATCH:
                    return
