"""Counts runs by the minute they started and ended in, and adds what was counted to the table every few seconds."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from stellwerk_server.commit.outcome import Committed
from stellwerk_server.loops.base import Loop
from stellwerk_server.model.events import SECOND, EventType, Instant
from stellwerk_server.model.states import RunState
from stellwerk_server.store import sql
from stellwerk_server.store.arrays import Instants, Int4s, Int8s
from stellwerk_server.store.database import GONE, Pool

SQL = sql.load("overview")
_MINUTE = 60 * SECOND
_STARTED, _SUCCEEDED, _FAILED, _OTHERWISE = range(4)
_PLACES = {RunState.SUCCEEDED: _SUCCEEDED, RunState.FAILED: _FAILED}
# Of the minutes that could not be written because the database was away.
_MAX_MINUTES = 10_000


class Activity(Loop):
    """One statement a round for all that was counted; what a crash loses of it are a few seconds of a picture."""

    name = "activity"

    def __init__(self, pool: Pool, period_s: float = 3.0) -> None:
        super().__init__(period_s)
        self._pool = pool
        # (namespace, minute) -> started, succeeded, failed, ended otherwise.
        self._counted: dict[tuple[int, Instant], list[int]] = {}

    def committed(self, committed: Committed) -> None:
        """Count what a commit has started and ended."""
        minute = committed.now - committed.now % _MINUTE
        for run, events in committed.events:
            if events[0].type is EventType.RUN_STARTED:
                self._count(run.workflow.namespace_id, minute, _STARTED)
        for run in committed.ended:
            self._count(run.workflow.namespace_id, minute, _PLACES.get(run.state, _OTHERWISE))

    async def run_once(self) -> None:
        """Add everything, once."""
        counted, self._counted = self._counted, {}
        if not counted:
            return
        try:
            async with self._pool.connection() as connection:
                await connection.execute(SQL.add_activity, _columns(counted), binary=True)
        except BaseException:
            # Whether it was added may not be known: rather twice than not at all, it is only a picture.
            self._keep(counted)
            raise

    async def stop(self) -> None:
        """End, with what is left added."""
        await super().stop()
        with suppress(*GONE):
            await self.run_once()

    def _count(self, namespace_id: int, minute: Instant, place: int) -> None:
        counts = self._counted.get((namespace_id, minute))
        if counts is None:
            counts = self._counted[namespace_id, minute] = [0, 0, 0, 0]
        counts[place] += 1

    def _keep(self, counted: dict[tuple[int, Instant], list[int]]) -> None:
        for key, counts in counted.items():
            held = self._counted.setdefault(key, [0, 0, 0, 0])
            for place, count in enumerate(counts):
                held[place] += count
        for key in sorted(self._counted, key=lambda key: key[1])[: max(0, len(self._counted) - _MAX_MINUTES)]:
            del self._counted[key]


def _columns(counted: dict[tuple[int, Instant], list[int]]) -> dict[str, Any]:
    started, succeeded, failed, otherwise = zip(*counted.values(), strict=True)
    return {
        "namespaces": Int4s([namespace_id for namespace_id, _ in counted]),
        "minutes": Instants([minute for _, minute in counted]),
        "started": Int8s(started),
        "succeeded": Int8s(succeeded),
        "failed": Int8s(failed),
        "otherwise": Int8s(otherwise),
    }
