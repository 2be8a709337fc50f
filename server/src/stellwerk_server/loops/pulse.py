"""One look a second at everything a lost hint could hide: queued tasks, expired leases, runs that ended elsewhere."""

from __future__ import annotations

from typing import Any

from stellwerk_server.commit.waiting import Waiting
from stellwerk_server.dispatch.claims import Claims
from stellwerk_server.dispatch.live import Live
from stellwerk_server.dispatch.results import Result, Results
from stellwerk_server.loops.base import Loop
from stellwerk_server.loops.leases import Leases
from stellwerk_server.loops.timers import Timers
from stellwerk_server.model import failure as failures
from stellwerk_server.model.events import SECOND
from stellwerk_server.model.states import RunState
from stellwerk_server.store import sql
from stellwerk_server.store.database import Pool

SQL = sql.load("dispatch")
_MAX_ASKED = 10_000
# After the database was away workers have this long to name their tasks again; longer than a round may take.
_HOLD_S = 7.0


class Pulse(Loop):
    """The floor under all wake-ups: a lost hint costs a second, never a run. One statement a second when idle."""

    name = "pulse"

    def __init__(
        self,
        pool: Pool,
        waiting: Waiting,
        claims: Claims,
        results: Results,
        leases: Leases,
        timers: Timers,
        live: Live,
    ) -> None:
        super().__init__(1.0)
        self._pool = pool
        self._waiting = waiting
        self._claims = claims
        self._results = results
        self._leases = leases
        self._timers = timers
        self._live = live
        self.database_up = True

    async def run_once(self) -> None:
        """Look, and wake those who have something to do."""
        was_up = self.database_up
        if not was_up:
            self._leases.hold(_HOLD_S)
        try:
            row = await self._look()
        except Exception:
            # Not before: a probe that comes while a look is under way is told how the last one went.
            self.database_up = False
            raise
        self.database_up = True
        now, lanes, due, expired = row
        self._timers.clock(round(now.timestamp() * SECOND))
        self._claims.hint(lanes)
        if expired:
            self._leases.poke()
        if due or not was_up:
            self._timers.poke()
        self._results.changed(self._results.watched())

    async def _look(self) -> tuple[Any, ...]:
        async with self._pool.connection() as connection:
            columns = {"lanes": self._waiting.lanes(), "after": self._leases.mark or "-infinity"}
            row = await (await connection.execute(SQL.pulse, columns)).fetchone()
            awaited = self._results.awaited()[:_MAX_ASKED]
            if awaited:
                ended = await (await connection.execute(SQL.ended_runs, {"runs": awaited})).fetchall()
                for run_id, state, output, failure in ended:
                    reason = None if failure is None else failures.from_json(failure)
                    self._results.ended(Result(run_id, RunState(state), output, reason))
            await self._live.pulse(connection)
        assert row is not None
        looked: tuple[Any, ...] = row
        return looked
