"""Reads what a run waits for, in one snapshot: its open steps with the rows that will move them, and who serves those.

What that means, and how to say it, is dispatch's.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from psycopg import AsyncConnection
from psycopg.rows import dict_row

from stellwerk_server.model.code import DECISION
from stellwerk_server.model.events import Instant
from stellwerk_server.model.payload import Payload
from stellwerk_server.model.states import RunState
from stellwerk_server.store import rows, sql, workers
from stellwerk_server.store.arrays import Int2s, Int4s, Int8s
from stellwerk_server.store.workers import Served

_EXPLAIN = sql.load("explain")
_RUN, _WAITS, _DECISION, _LANES = _EXPLAIN.run, _EXPLAIN.waits, _EXPLAIN.decision, _EXPLAIN.lanes
_JOIN_LARGE = _EXPLAIN.join_large
# The very statement of the auditor, for a slice of one run.
_STALLED = sql.load("overview").stalled_runs
# Of one sort, and of the tasks before one.
MOST = 1_000
# Child runs that are explained too; one level down is enough to see where to look.
_CHILDREN = 5


@dataclass(frozen=True, slots=True)
class ExplainedRun:
    """The run itself; `told` when news of its parent's end is on its way, `about` what the event of its end says."""

    id: int
    namespace_id: int
    workflow_id: int
    workflow: str
    state: int
    failure: str | None
    block_reason: str | None
    decided: int | None
    output: Payload | None
    deadline: Instant | None
    created_at: Instant
    ended_at: Instant | None
    build: str | None
    about: str | None
    told: bool
    now: Instant


@dataclass(frozen=True, slots=True)
class Wait:
    """The first of `alike` open steps, and the row that will move it: `what` names it, LOST is none.

    `moment` is when it goes on (RETRY, SLEEP) or since when it waits; `base` the attempts before its last requeue;
    `found` counts the rows of its sort, of which MOST are read.
    """

    what: str
    key: str
    state: int
    timed: bool
    attempt: int
    position: int
    definition: str | None
    moment: Instant | None
    timeout_at: Instant | None
    deadline: Instant | None
    lane: int | None
    rank: int | None
    number: int | None
    worker: str | None
    child: int | None
    child_state: int | None
    child_workflow: str | None
    letter: int | None
    reason: str | None
    failure: str | None
    base: int | None
    alike: int
    found: int


@dataclass(frozen=True, slots=True)
class Decision:
    """Where the code of a run stands."""

    lane: int | None
    rank: int | None
    number: int | None
    queued_at: Instant | None
    worker: str | None
    leased_at: Instant | None
    held_attempt: int | None
    due_at: Instant | None
    failed_attempt: int | None
    failure: str | None
    cancel_at: Instant | None
    cancel: str | None


@dataclass(frozen=True, slots=True)
class Lane:
    """Where a task is queued: live workers, their slots, how many are taken, and how many tasks are before it."""

    lane: int
    queue: str
    action: str
    number: int
    workers: int
    slots: int
    busy: int
    ahead: int


@dataclass(frozen=True, slots=True)
class Lost:
    """The first step that nothing will move; `step` is None when it is the run as a whole."""

    step: str | None
    state: int | None
    timed: bool


@dataclass(frozen=True, slots=True)
class Explained:
    """One run, all of one moment; `lanes` by the number of the queued task, `children` those that were looked into."""

    run: ExplainedRun
    waits: Sequence[Wait] = ()
    decision: Decision | None = None
    lanes: dict[int, Lane] | None = None
    served: Sequence[Served] = ()
    lost: Lost | None = None
    children: dict[int, Explained] | None = None


async def read(
    connection: AsyncConnection[Any], namespace: str, run_id: int, polled: Iterable[int], *, inside: bool = False
) -> Explained | None:
    """The run, None when this namespace has none of that id; inside a transaction of one snapshot.

    `polled` are the lanes somebody waits on at this instance; `inside` leaves out what its child runs wait for.
    """
    run = await rows.one(connection, ExplainedRun, _RUN, {"run_id": run_id, "namespace": namespace})
    if run is None or RunState(run.state).terminal:
        return None if run is None else Explained(run)
    await connection.execute(_JOIN_LARGE, {"how": "off"})
    waits = await rows.many(connection, Wait, _WAITS, {"run_id": run_id, "most": MOST})
    await connection.execute(_JOIN_LARGE, {"how": "on"})
    decision = None
    if run.decided is not None:
        decision = await rows.one(connection, Decision, _DECISION, {"run_id": run_id, "step": DECISION})
    tasks = [(wait.lane, wait.rank, wait.number) for wait in waits if wait.lane is not None]
    if decision is not None and decision.lane is not None:
        tasks.append((decision.lane, decision.rank, decision.number))
    children: dict[int, Explained] = {}
    for wait in waits if not inside else ():
        if wait.what == "CHILD" and wait.child is not None and len(children) < _CHILDREN:
            child = await read(connection, namespace, wait.child, polled, inside=True)
            children |= {} if child is None else {wait.child: child}
    return Explained(
        run,
        waits,
        decision,
        await _lanes(connection, run, tasks),
        await workers.list_served(connection, namespace, polled) if tasks else (),
        await _lost(connection, run),
        children,
    )


async def _lanes(connection: AsyncConnection[Any], run: ExplainedRun, tasks: list[Any]) -> dict[int, Lane]:
    if not tasks:
        return {}
    lanes, ranks, numbers = zip(*tasks, strict=True)
    columns: dict[str, Any] = {"lanes": Int4s(lanes), "ranks": Int2s(ranks), "numbers": Int8s(numbers)}
    columns |= {"namespace": run.namespace_id, "live_s": workers.LIVE_S, "most": MOST}
    return {lane.number: lane for lane in await rows.many(connection, Lane, _LANES, columns)}


async def _lost(connection: AsyncConnection[Any], run: ExplainedRun) -> Lost | None:
    """What the auditor would call it stalled for, however young it is."""
    columns = {"namespace": run.namespace_id, "after": run.id - 1, "count": 1, "older_s": -1.0}
    async with connection.cursor(binary=True, row_factory=dict_row) as cursor:
        await cursor.execute(_STALLED, columns)
        found = await cursor.fetchone()
    if found is None or found["stalled"] != [run.id]:
        return None
    return Lost(found["steps"][0], found["states"][0], found["timed"][0])
