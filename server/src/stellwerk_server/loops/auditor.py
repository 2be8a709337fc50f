"""Finds open runs that nothing will move, which is always a fault of ours or of somebody's SQL. Mends nothing."""

from __future__ import annotations

import logging
import time
from typing import Any

from stellwerk_server.loops.base import Loop
from stellwerk_server.model import ids
from stellwerk_server.model.states import StepState
from stellwerk_server.store import sql
from stellwerk_server.store.arrays import Int8s
from stellwerk_server.store.database import Pool

logger = logging.getLogger(__name__)
SQL = sql.load("overview")
# Runs looked at in one statement, and for how long a round goes on; the next one continues where it was.
_SLICE = 2_000
_ROUND_S = 1.0
# A run is given so long before anybody wonders.
_OLDER_S = 10.0
_MAX_KEPT = 100_000
_MAX_TOLD = 100


class Auditor(Loop):
    """Looks at every open run in turn, some thousands a round, and tells of each stalled one once."""

    name = "auditor"

    def __init__(self, pool: Pool, period_s: float = 30.0, older_s: float = _OLDER_S) -> None:
        super().__init__(period_s)
        self._pool = pool
        self._older_s = older_s
        # Where it goes on: the namespace being looked at (None: the first) and the last run seen of it.
        self._namespace: tuple[int, str] | None = None
        self._after = 0
        # Stalled runs by namespace: as of the last time through, and those found of the namespace being looked at.
        self._stalled: dict[str, set[int]] = {}
        self._found: set[int] = set()

    def stalled(self) -> dict[str, int]:
        """How many runs of each namespace nothing will move, as far as has been seen."""
        return {namespace: len(runs) for namespace, runs in self._stalled.items()}

    async def run_once(self) -> None:
        """Go on until every run was looked at, or the time of a round is over."""
        until_s = time.monotonic() + _ROUND_S
        async with self._pool.connection() as connection:
            if self._namespace is None:
                await self._next_namespace(connection, 0)
            while self._namespace is not None and time.monotonic() < until_s:
                await self._look(connection)

    async def _next_namespace(self, connection: Any, after: int) -> None:
        row = await (await connection.execute(SQL.namespaces_after, {"after": after})).fetchone()
        self._namespace = None if row is None else (row[0], row[1])
        self._after, self._found = 0, set()

    async def _look(self, connection: Any) -> None:
        assert self._namespace is not None
        number, name = self._namespace
        columns = {"namespace": number, "after": self._after, "count": _SLICE, "older_s": self._older_s}
        row = await (await connection.execute(SQL.stalled_runs, columns)).fetchone()
        last, looked, stalled = row
        known = self._stalled.setdefault(name, set())
        new = [run_id for run_id in stalled if run_id not in known]
        if len(self._found) < _MAX_KEPT:
            self._found.update(stalled)
        known.update(new[: max(0, _MAX_KEPT - len(known))])
        if new:
            await self._tell(connection, name, new)
        if looked < _SLICE:
            self._stalled[name] = self._found
            await self._next_namespace(connection, number)
        else:
            self._after = last

    async def _tell(self, connection: Any, namespace: str, run_ids: list[int]) -> None:
        cursor = await connection.execute(SQL.what_is_missing, {"runs": Int8s(run_ids[:_MAX_TOLD])}, binary=True)
        for run_id, workflow, step, state, due_at in await cursor.fetchall():
            missing = _missing(step, state, due_at)
            logger.warning(
                "run %s of workflow %s in namespace %s is stalled: %s",
                *(ids.show(run_id), workflow, namespace, missing),
                extra={"run_id": ids.show(run_id)},
            )
        if len(run_ids) > _MAX_TOLD:
            logger.warning("%s more runs of namespace %s are stalled", len(run_ids) - _MAX_TOLD, namespace)


def _missing(step: str | None, state: int | None, due_at: object) -> str:
    if step is None:
        return "it is open, but no step is, and nobody is asked what comes next"
    if state == StepState.READY:
        return f"step {step} is READY, but it is in no queue and nobody holds it"
    if due_at is not None:
        return f"step {step} waits for a moment, but has no timer"
    return f"step {step} waits, but what it waits for is gone"
