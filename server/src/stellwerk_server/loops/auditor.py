"""Finds open runs that nothing will move, which is always a fault of ours or of somebody's SQL, and has them mended.

Once a minute one server looks; where the last one stopped the next goes on. What cannot be mended is counted.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import NamedTuple

from stellwerk_server.commit.committer import Committer
from stellwerk_server.commit.outcome import Applied
from stellwerk_server.dispatch.causes import missing
from stellwerk_server.loops.base import Loop
from stellwerk_server.model import ids
from stellwerk_server.model.commands import MendRun
from stellwerk_server.model.errors import NotFound, StellwerkError
from stellwerk_server.store import sql
from stellwerk_server.store.arrays import Int8s
from stellwerk_server.store.database import Pool
from stellwerk_server.store.explained import Lost

logger = logging.getLogger(__name__)
SQL = sql.load("overview")
# Every server asks this often whether a minute is over.
_ASK_S = 10.0
_EVERY_S = 60.0
# Runs looked at in one statement, fewer when that took long, and for how long a round goes on.
_SLICE, _LEAST = 2_000, 20
_SLOW_S = 0.5
_ROUND_S = 2.0
# A run is given so long before anybody wonders.
_OLDER_S = 10.0
_MAX_TOLD = 100


class Stalled(NamedTuple):
    """A run that nothing will move, and what it has lost."""

    run_id: int
    workflow: str
    lost: Lost


class Auditor(Loop):
    """Looks at every open run in turn; `mended` is called for each run that goes on again."""

    name = "auditor"

    def __init__(
        self,
        pool: Pool,
        committer: Committer,
        mended: Callable[[], None] = lambda: None,
        *,
        every_s: float = _EVERY_S,
        older_s: float = _OLDER_S,
    ) -> None:
        super().__init__(_ASK_S)
        self._pool = pool
        self._committer = committer
        self._mended = mended
        self._every_s = every_s
        self._older_s = older_s
        self._slice = _SLICE

    async def run_once(self) -> None:
        """If it is our turn: go on until every run was looked at, or the time of a round is over."""
        async with self._pool.connection() as connection:
            turn = await (await connection.execute(SQL.take_audit, {"every_s": self._every_s})).fetchone()
        if turn is None:
            return
        place = (int(turn[0]), int(turn[1]))
        until_s = time.monotonic() + _ROUND_S
        while True:
            place = await self._look(*place)
            if place == (0, 0) or time.monotonic() >= until_s:
                break
        async with self._pool.connection() as connection:
            await connection.execute(SQL.leave_audit, {"namespace": place[0], "after": place[1]})

    async def _look(self, namespace_id: int, after: int) -> tuple[int, int]:
        """Look at the next slice; where to go on, (0, 0) after the last."""
        size = self._slice
        async with self._pool.connection() as connection:
            row = await (await connection.execute(SQL.namespaces_from, {"from": namespace_id})).fetchone()
            if row is None:
                return 0, 0
            if row[0] != namespace_id:
                namespace_id, after = row[0], 0
            columns = {"namespace": namespace_id, "after": after, "count": size, "older_s": self._older_s}
            began_s = time.monotonic()
            found = await (await connection.execute(SQL.stalled_runs, columns)).fetchone()
            self._size(time.monotonic() - began_s)
        assert found is not None
        last, looked, *lists = found
        # No connection is held meanwhile: the committer may need one.
        ill = await self._mend(
            row[1], [Stalled(run, name, Lost(*lost)) for run, name, *lost in zip(*lists, strict=True)]
        )
        whole = looked < size
        await self._record((namespace_id, row[1]), (after, None if whole else last), ill)
        return (namespace_id + 1, 0) if whole else (namespace_id, last)

    def _size(self, took_s: float) -> None:
        """Let the next slice be larger or smaller, by how long this one took."""
        self._slice = max(_LEAST, self._slice // 2) if took_s > _SLOW_S else min(_SLICE, self._slice * 2)

    async def _mend(self, namespace: str, found: list[Stalled]) -> list[Stalled]:
        """Have them mended; those that could not be."""
        outcomes = await self._committer.submit_all([MendRun(each.run_id) for each in found])
        ill: list[Stalled] = []
        for each, outcome in zip(found, outcomes, strict=True):
            if isinstance(outcome, Applied) and outcome.changed:
                self._mended()
                _tell(namespace, each, "was stalled and goes on again")
            elif isinstance(outcome, Applied):
                # Somebody else may have moved it since; otherwise the next round says the same.
                ill += [] if outcome.state.terminal else [each]
            elif isinstance(outcome, StellwerkError) and not isinstance(outcome, NotFound):
                raise outcome
        return ill

    async def _record(self, namespace: tuple[int, str], looked_at: tuple[int, int | None], ill: list[Stalled]) -> None:
        """Keep the table of those that are stalled, and tell of each that is new to it."""
        number, name = namespace
        columns = {"namespace": number, "runs": Int8s([each.run_id for each in ill])}
        span = {"after": looked_at[0], "last": looked_at[1]}
        async with self._pool.connection() as connection:
            await connection.execute(SQL.forget_stalled, {**columns, **span}, binary=True)
            cursor = await connection.execute(SQL.note_stalled, columns, binary=True)
            new = {run_id for (run_id,) in await cursor.fetchall()}
        for each in [each for each in ill if each.run_id in new][:_MAX_TOLD]:
            _tell(name, each, "is stalled")
        if len(new) > _MAX_TOLD:
            logger.warning("%s more runs of namespace %s are stalled", len(new) - _MAX_TOLD, name)


def _tell(namespace: str, stalled: Stalled, what: str) -> None:
    shown = ids.show(stalled.run_id)
    logger.warning(
        "run %s of workflow %s in namespace %s %s: %s",
        *(shown, stalled.workflow, namespace, what, missing(stalled.lost)),
        extra={"run_id": shown},
    )
