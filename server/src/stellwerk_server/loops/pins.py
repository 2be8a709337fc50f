"""Builds that runs stay on: which of them a worker serves, and what becomes of decisions whose build is gone."""

from __future__ import annotations

from stellwerk_server.dispatch.claims import Claims
from stellwerk_server.loops.base import Loop
from stellwerk_server.store import sql
from stellwerk_server.store.database import Pool

SQL = sql.load("dispatch")
# A row of a worker is touched every 4 s.
_SEEN_WITHIN_S = 10.0


class Pins(Loop):
    """Looks once a second; `live` is what hand-outs go by. Costs one look at `lanes` while nobody pins runs."""

    name = "pins"

    def __init__(self, pool: Pool, claims: Claims, live: set[int]) -> None:
        super().__init__(1.0)
        self._pool = pool
        self._claims = claims
        self._live = live

    async def run_once(self) -> None:
        """Learn which builds are there, and let any worker decide what waits for one that is not."""
        async with self._pool.connection() as connection:
            lanes = await (await connection.execute(SQL.pinned_lanes, {"within_s": _SEEN_WITHIN_S})).fetchall()
            self._live.clear()
            self._live.update(lane for lane, _, served in lanes if served)
            orphans = [(lane, common) for lane, common, served in lanes if not served and common is not None]
            if orphans:
                columns = {"lanes": [lane for lane, _ in orphans], "common": [common for _, common in orphans]}
                moved = await (await connection.execute(SQL.unpin_ready, columns)).fetchall()
                self._claims.hint({lane for (lane,) in moved})
