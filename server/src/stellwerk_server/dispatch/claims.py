"""Claims: queued tasks for waiting polls, one statement a lane, beginning at the lane's low-water mark."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from psycopg import AsyncConnection

from stellwerk_server.commit.outcome import Committed, Queued
from stellwerk_server.commit.poll import Grant, Poll, journal
from stellwerk_server.commit.rows import event_of
from stellwerk_server.commit.waiting import Waiting
from stellwerk_server.commit.workflows import Workflows
from stellwerk_server.model.code import DECISION, step_definition
from stellwerk_server.model.events import NEWS, Event
from stellwerk_server.model.payload import NULL, Payload
from stellwerk_server.store import sql
from stellwerk_server.store.arrays import Int2s, Int8s, Texts, Uuids
from stellwerk_server.store.database import GONE, connect

logger = logging.getLogger(__name__)
SQL = sql.load("dispatch")

Mark = tuple[int, int]
_LOWEST: Mark = (-32768, -1)
_MAX_CLAIM = 500
# The news of a run that is gone.
_NOTHING: tuple[int, int, Payload | None, list[Event]] = (0, 0, None, [])
# How often a lane is searched from its very beginning, for rows that came in below the mark.
_FULL_SEARCH_S = 1.0


class Claims:
    """Moves rows of `ready` to waiting polls; one claim at a time, over all lanes that may have some."""

    def __init__(
        self, dsn: str, waiting: Waiting, workflows: Workflows, lease_s: float, deliver: Callable[[Committed], None]
    ) -> None:
        self._dsn = dsn
        self._waiting = waiting
        self._workflows = workflows
        self._lease_s = lease_s
        self._deliver = deliver
        self._marks: dict[int, Mark] = {}
        self._searched: dict[int, float] = {}
        # How many rows a lane has, as far as this instance knows: a claim takes no more places than that, so that the
        # others stay free for hand-outs inside commits. Lanes nobody has looked at yet are missing.
        self._depth: dict[int, int] = {}
        self._wanted: dict[int, None] = {}
        self._wake = asyncio.Event()
        self._connection: AsyncConnection[Any] | None = None
        self._stopping = False

    def look(self, lanes: Iterable[int]) -> None:
        """A poll has come for these lanes: claim for it where something may be queued."""
        for lane in lanes:
            self._want(lane)

    def queued(self, queued: Mapping[int, Queued]) -> None:
        """A commit of this instance has queued rows."""
        for lane, (count, (rank, number)) in queued.items():
            mark = self._marks.get(lane)
            if mark is not None and (rank, number) <= mark:
                self._marks[lane] = (rank, number - 1)
            if lane in self._depth:
                self._depth[lane] += count
            self._want(lane)

    def hint(self, lanes: Iterable[int]) -> None:
        """Somebody saw rows in these lanes: look from the beginning."""
        for lane in lanes:
            self._unknown(lane)
            self._want(lane)

    def stop(self) -> None:
        """Return from `run` after the claim under way."""
        self._stopping = True
        self._wake.set()

    async def run(self) -> None:
        """Claim until stopped."""
        try:
            while not self._stopping:
                if not self._wanted:
                    self._wake.clear()
                    await self._wake.wait()
                    continue
                lane = next(iter(self._wanted))
                del self._wanted[lane]
                await self._claim_safely(lane)
        finally:
            await self._hang_up()

    def _unknown(self, lane: int) -> None:
        self._marks.pop(lane, None)
        self._depth.pop(lane, None)

    def _want(self, lane: int) -> None:
        if self._depth.get(lane) != 0 and self._waiting.room(lane):
            self._wanted[lane] = None
            self._wake.set()

    async def _claim_safely(self, lane: int) -> None:
        try:
            await self._claim(lane)
        except GONE as error:
            logger.warning("claim: the database did not answer: %s", error)
            await self._hang_up()
            await asyncio.sleep(0.2)
            self._unknown(lane)
            self._want(lane)
        except Exception:
            # Whatever was leased but not delivered goes out again when its lease is over.
            logger.exception("claim of lane %s failed", lane)
            self._unknown(lane)
            await self._hang_up()
            await asyncio.sleep(0.2)

    async def _claim(self, lane: int) -> None:
        depth = self._depth.get(lane)
        places = _places(self._waiting.room(lane), _MAX_CLAIM if depth is None else min(depth, _MAX_CLAIM))
        if not places:
            return
        for poll in places:
            poll.reserve()
        # Rows that are queued while we look are counted from here.
        self._depth[lane] = 0 if depth is None else depth - len(places)
        mark = self._mark(lane)
        filled = 0
        try:
            rows = await self._lease(lane, mark, [poll.worker for poll in places])
            committed = Committed()
            grants = [await self._grant(row) for row in rows]
            if any(grant.step == DECISION for grant in grants):
                grants = await self._with_journals(grants)
            committed.grants += zip(places, grants, strict=False)
            filled = len(rows)
        finally:
            for poll in places[filled:]:
                poll.give_back()
        if rows:
            self._marks[lane] = (rows[-1][5], rows[-1][6])
        self._deliver(committed)
        self._judge(lane, mark, all_filled=filled == len(places), counted=depth is not None)

    def _judge(self, lane: int, mark: Mark, *, all_filled: bool, counted: bool) -> None:
        """After a claim: what is known of the lane now."""
        if all_filled and not counted:
            # There may be any number more.
            self._depth.pop(lane, None)
        elif not all_filled and mark != _LOWEST:
            # Nothing above the mark, but rows below it may have been committed late.
            self._marks.pop(lane, None)
            if self._search_due(lane):
                self._depth.pop(lane, None)
        self._want(lane)

    def _mark(self, lane: int) -> Mark:
        if self._search_due(lane):
            self._searched[lane] = time.monotonic()
            return _LOWEST
        return self._marks.get(lane, _LOWEST)

    def _search_due(self, lane: int) -> bool:
        return time.monotonic() - self._searched.get(lane, 0.0) > _FULL_SEARCH_S

    async def _lease(self, lane: int, mark: Mark, workers: list[str]) -> list[tuple[Any, ...]]:
        if self._connection is None:
            self._connection = await connect(self._dsn, "claims", relaxed=True)
        noise = os.urandom(16 * len(workers))
        columns = {
            "lane": lane,
            "rank": mark[0],
            "after": mark[1],
            "count": len(workers),
            "tokens": Uuids([noise[i : i + 16] for i in range(0, len(noise), 16)]),
            "workers": Texts(workers),
            "lease_s": self._lease_s,
        }
        cursor = await self._connection.execute(SQL.claim, columns, binary=True)
        return await cursor.fetchall()

    async def _grant(self, row: tuple[Any, ...]) -> Grant:
        run_id, step, attempt, token, worker, _, _, value, position, own, workflow_id, trace, deadline = row
        workflow = await self._workflows.by_id(workflow_id)
        definition = workflow.definition.decision if step == DECISION else None
        if definition is None:
            made = None if own is None else step_definition(step, position, json.loads(own))
            definition = made or workflow.definition.steps[position]
        task = (run_id, step, attempt, token, definition.action, definition.retry.max_attempts)
        return Grant(worker, *task, workflow, value or NULL, deadline, trace)

    async def _with_journals(self, grants: list[Grant]) -> list[Grant]:
        """The same grants, decisions with what the code has to see."""
        assert self._connection is not None
        runs = {grant.run_id for grant in grants if grant.step == DECISION}
        columns = {"runs": Int8s(runs), "types": Int2s(NEWS)}
        cursor = await self._connection.execute(SQL.news_of_runs, columns, binary=True)
        news: dict[int, tuple[int, int, Payload | None, list[Event]]] = {}
        for run_id, seq, decided, value, *event in await cursor.fetchall():
            events = news.setdefault(run_id, (decided or 0, seq, value, []))[3]
            if event[0] is not None:
                events.append(event_of(tuple(event)))
        return [
            _told(grant, *news.get(grant.run_id, _NOTHING)) if grant.step == DECISION else grant for grant in grants
        ]

    async def _hang_up(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close()


def _told(grant: Grant, decided: int, seq: int, value: Payload | None, events: list[Event]) -> Grant:
    return grant._replace(input=value or NULL, journal=journal(decided, seq, events))


def _places(polls: list[Poll], most: int) -> list[Poll]:
    """One entry a task, the polls taking turns, so that several workers share what is queued."""
    left = {poll: poll.free for poll in polls}
    places: list[Poll] = []
    while left and len(places) < most:
        for poll in list(left):
            places.append(poll)
            left[poll] -= 1
            if not left[poll]:
                del left[poll]
    return places[:most]
