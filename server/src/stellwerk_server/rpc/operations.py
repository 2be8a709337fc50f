"""AdminService's larger reads: timers, and everything at a glance. Changes nothing."""

from __future__ import annotations

import asyncio
import json
import time
from typing import Any

from psycopg_pool import AsyncConnectionPool

from stellwerk.v1 import admin_pb2
from stellwerk_server.commit.workflows import Workflows
from stellwerk_server.model import ids
from stellwerk_server.model.code import DECISION
from stellwerk_server.model.definition import StepKind
from stellwerk_server.model.events import TimerKind
from stellwerk_server.rpc.convert import timestamp
from stellwerk_server.rpc.fields import Fields, page_token
from stellwerk_server.store import overview, timers
from stellwerk_server.store.overview import Overview
from stellwerk_server.store.timers import Place, Timer

TIMERS_SIZE, TIMERS_SIZE_MAX = 100, 1_000
# Counting a large namespace may take a while: it is shown again for so many times as long as it took.
_KEPT_FOR = 10.0
_MAX_KEPT = 1_000
_KINDS = {
    TimerKind.RETRY: "RETRY",
    TimerKind.SLEEP: "SLEEP",
    TimerKind.STEP_TOTAL: "STEP_TIMEOUT",
    TimerKind.STEP_START: "START_TIMEOUT",
    TimerKind.RUN_DEADLINE: "RUN_TIMEOUT",
}
_MAX_INSTANT = 253_402_300_800_000_000


class Operations:
    """ListTimers and GetOverview."""

    def __init__(
        self,
        pool: AsyncConnectionPool[Any],
        workflows: Workflows,
    ) -> None:
        self._pool = pool
        self._workflows = workflows
        self._kept: dict[str, tuple[float, Overview]] = {}
        self._reading: dict[str, asyncio.Lock] = {}

    async def ListTimers(
        self, request: admin_pb2.ListTimersRequest, context: object = None
    ) -> admin_pb2.ListTimersResponse:
        """Timers that are set, soonest first."""
        fields = Fields()
        namespace = fields.namespace(request.namespace)
        workflow = fields.text("workflow", request.workflow)
        size = fields.page_size(request.page_size, TIMERS_SIZE, TIMERS_SIZE_MAX)
        scope = ("timers", namespace, workflow)
        after = _place(fields, request.page_token, *scope)
        fields.raise_if_any()
        async with self._pool.connection() as connection:
            page = await timers.list_page(connection, namespace, workflow, after, size)
        return admin_pb2.ListTimersResponse(
            timers=[await self._timer(timer) for timer in page.rows],
            next_page_token=page_token(_position(page.rows[-1]), *scope) if page.more else "",
        )

    async def GetOverview(
        self, request: admin_pb2.GetOverviewRequest, context: object = None
    ) -> admin_pb2.GetOverviewResponse:
        """What an operator wants to see first."""
        fields = Fields()
        namespace = fields.namespace(request.namespace)
        fields.raise_if_any()
        seen = await self._overview(namespace)
        counts = seen.counts
        return admin_pb2.GetOverviewResponse(
            now=timestamp(counts.now),
            runs_open={state.name: count for state, count in seen.open_runs.items()},
            dead_letters_open=counts.dead_letters,
            tasks_ready=counts.ready,
            tasks_leased=counts.leased,
            oldest_ready_time=timestamp(counts.oldest_ready_at),
            workers=counts.workers,
            timers=counts.timers,
            runs_stalled=counts.stalled,
            activity=[_activity(minute) for minute in seen.activity],
        )

    async def _overview(self, namespace: str) -> Overview:
        """Read anew, or the last one while that is recent; callers that come together share one reading."""
        lock = self._reading.setdefault(namespace, asyncio.Lock())
        try:
            async with lock:
                kept = self._kept.get(namespace)
                began_s = time.monotonic()
                if kept is not None and began_s < kept[0]:
                    return kept[1]
                async with self._pool.connection() as connection:
                    seen = await overview.read(connection, namespace)
                now_s = time.monotonic()
                if len(self._kept) >= _MAX_KEPT:
                    self._kept.clear()
                self._kept[namespace] = (now_s + (now_s - began_s) * _KEPT_FOR, seen)
                return seen
        finally:
            if not lock.locked():
                self._reading.pop(namespace, None)

    async def _timer(self, timer: Timer) -> admin_pb2.Timer:
        kind = TimerKind(timer.kind)
        name = _KINDS[kind]
        if timer.step == DECISION:
            name = "DECISION_RETRY"
        elif kind is TimerKind.STEP_TOTAL and await self._awaits_signal(timer):
            name = "SIGNAL_TIMEOUT"
        return admin_pb2.Timer(
            run_id=ids.show(timer.run_id),
            workflow=timer.workflow,
            step="" if timer.step == DECISION else timer.step,
            kind=name,
            due_time=timestamp(timer.due_at),
        )

    async def _awaits_signal(self, timer: Timer) -> bool:
        if timer.definition is not None:
            return "signal" in json.loads(timer.definition)
        step = (await self._workflows.by_id(timer.workflow_id)).definition.step(timer.step)
        return step is not None and step.kind is StepKind.SIGNAL


def _activity(minute: overview.Activity) -> admin_pb2.Activity:
    return admin_pb2.Activity(
        time=timestamp(minute.minute),
        started=minute.started,
        succeeded=minute.succeeded,
        failed=minute.failed,
        ended_otherwise=minute.ended_otherwise,
    )


def _position(timer: Timer) -> str:
    return f"{timer.due_at}/{timer.run_id}/{timer.kind}/{timer.step}"


def _place(fields: Fields, token: str, *scope: object) -> Place:
    """Where a page of timers goes on; a token that is none is noted."""
    position = fields.position(token, *scope)
    if position is None:
        return Place()
    *numbers, step = position.split("/", 3)
    if len(numbers) == 3 and all(n.isascii() and n.isdigit() and len(n) < 19 for n in numbers):
        due_at, run_id, kind = map(int, numbers)
        if due_at < _MAX_INSTANT:
            return Place(due_at, run_id, kind, step)
    fields.refuse("page_token", "the next_page_token of the same request, or nothing", token)
    return Place()
