"""Durable timers: those this instance set, or saw coming, fire at their moment; the table is searched as a floor."""

from __future__ import annotations

import asyncio
import heapq
import time
from collections.abc import Callable

from stellwerk_server.commit.committer import Committer
from stellwerk_server.commit.outcome import Applied, Committed
from stellwerk_server.loops.base import Loop
from stellwerk_server.model.commands import FireTimer
from stellwerk_server.model.events import SECOND, Instant, TimerKind
from stellwerk_server.store import sql
from stellwerk_server.store.database import Pool

SQL = sql.load("dispatch")
_BATCH = 1_000
# Timers further away are left to the table; the heap holds what falls due soon.
_AHEAD_S = 30.0
_MAX_ARMED = 100_000
# Host and database clocks are compared at every commit; this much later the database agrees that it is time.
_MARGIN_S = 0.002


class Timers(Loop):
    """Fires due timers through the committer, which takes each once and never early."""

    name = "timers"

    def __init__(
        self,
        pool: Pool,
        committer: Committer,
        fired: Callable[[float], None] = lambda lag_s: None,
        period_s: float = 10.0,
    ) -> None:
        super().__init__(period_s)
        # Told of every timer that did what it was set for, with how many seconds after its moment.
        self._fired = fired
        self._pool = pool
        self._committer = committer
        self._heap: list[tuple[Instant, int, str, TimerKind]] = []
        # How far the database's clock is ahead of this host's monotonic one, in microseconds.
        self._offset: Instant | None = None
        self._alarm: asyncio.TimerHandle | None = None
        self._armed_for: Instant | None = None
        self._firing: set[asyncio.Task[None]] = set()

    def committed(self, committed: Committed) -> None:
        """Arm the timers a commit has set."""
        self.clock(committed.now)
        horizon = committed.now + int(_AHEAD_S * SECOND)
        for run_id, step, kind, due_at in committed.timers:
            if due_at <= horizon and len(self._heap) < _MAX_ARMED:
                heapq.heappush(self._heap, (due_at, run_id, step, kind))
        if committed.timers:
            self._arm()

    def clock(self, now: Instant) -> None:
        """The database says that it is `now`, or was a moment ago."""
        offset = now - _monotonic()
        if self._offset is None or offset > self._offset or self._offset - offset > SECOND:
            self._offset = offset

    async def run_once(self) -> None:
        """Arm what falls due before the next round, also of other instances; what is due already fires at once."""
        async with self._pool.connection() as connection:
            columns = {"ahead_s": self._period_s + 1.0, "count": _BATCH}
            rows = await (await connection.execute(SQL.coming_timers, columns)).fetchall()
        # What was armed stays: the rows are only some, and what was committed meanwhile is not among them.
        found = {(round(due.timestamp() * SECOND), run, step, TimerKind(kind)) for run, step, kind, due in rows}
        self._heap = list(found.union(self._heap))
        heapq.heapify(self._heap)
        self._armed_for = None
        self._arm()

    async def stop(self) -> None:
        """End; what is armed stays in the table."""
        await super().stop()
        if self._alarm is not None:
            self._alarm.cancel()
        await asyncio.gather(*self._firing, return_exceptions=True)

    def _arm(self) -> None:
        if not self._heap or self._offset is None or self._heap[0][0] == self._armed_for:
            return
        if self._alarm is not None:
            self._alarm.cancel()
        self._armed_for = self._heap[0][0]
        delay_s = max(0.0, (self._armed_for - self._offset - _monotonic()) / SECOND + _MARGIN_S)
        self._alarm = asyncio.get_running_loop().call_later(delay_s, self._ring)

    def _ring(self) -> None:
        assert self._offset is not None
        now = _monotonic() + self._offset
        due: list[FireTimer] = []
        while self._heap and self._heap[0][0] <= now and len(due) < _BATCH:
            due_at, run_id, step, kind = heapq.heappop(self._heap)
            due.append(FireTimer(run_id, step, kind, due_at))
        self._armed_for = None
        if due:
            task = asyncio.create_task(self._fire(due), name="fire timers")
            self._firing.add(task)
            task.add_done_callback(self._firing.discard)
        self._arm()

    async def _fire(self, due: list[FireTimer]) -> None:
        # A timer that is gone, early or met by a broken database stays as the table has it; the next round sees it.
        outcomes = await self._committer.submit_all(due)
        assert self._offset is not None
        now = _monotonic() + self._offset
        for fire, outcome in zip(due, outcomes, strict=True):
            if isinstance(outcome, Applied) and outcome.changed and fire.kind <= TimerKind.RUN_DEADLINE:
                self._fired((now - fire.due_at) / SECOND)


def _monotonic() -> Instant:
    return time.monotonic_ns() // 1000
