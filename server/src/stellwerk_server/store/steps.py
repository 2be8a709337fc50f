"""Reads of the table `steps`, with what `leases` says about them. Writing them is the committer's alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from psycopg import AsyncConnection

from stellwerk_server.model.events import Instant
from stellwerk_server.model.payload import Payload
from stellwerk_server.model.states import StepState
from stellwerk_server.store import rows, sql

_READ = sql.load("read")
_OF_RUN = _READ.steps_of_run
_LIST = _READ.list_steps
_OUTLINE = _READ.outline_of_steps
# Code may make any number of steps; an answer has room for so many.
MOST_OF_CODE = 10_000


@dataclass(frozen=True, slots=True)
class Step:
    """A step as it stands; LEASED when somebody holds it, with that worker and the time it was handed out."""

    key: str
    position: int
    item: int | None
    state: int
    attempt: int
    input: Payload | None
    output: Payload | None
    failure: str | None
    worker: str | None
    due_at: Instant | None
    ready_at: Instant | None
    started_at: Instant | None
    ended_at: Instant | None
    items: int | None
    items_finished: int | None
    # Of a run of code: what its code asked for, as `model.code.step_definition` reads it.
    definition: str | None
    # The last run the step has started.
    child: int | None = None


async def of_run(
    connection: AsyncConnection[Any], run_id: int, *, most: int | None = None, max_bytes: int | None = None
) -> list[Step]:
    """The steps that have a row, in definition order, each foreach followed by its items; the last `most` of them.

    Payloads and failures are given until they take up `max_bytes` (None: rows.PAGE_BYTES), those of items last;
    then they are None.
    """
    bound = rows.PAGE_BYTES if max_bytes is None else max_bytes
    return await rows.many(connection, Step, _OF_RUN, {"run_id": run_id, "max_bytes": bound, "most": most})


@dataclass(frozen=True, slots=True)
class StepFilter:
    """Which steps of a run to list; empty means all, `after` is the place (position, item) a page goes on behind."""

    run_id: int
    keys: Sequence[str] = ()
    states: Sequence[StepState] = ()
    payloads: bool = False
    omit_items: bool = False
    after: tuple[int, int] = (-1, -1)


@dataclass(slots=True)
class Outline:
    """Where a run's steps stand: the places of the definition that have a row, and items of a foreach by state."""

    begun: set[int] = field(default_factory=set)
    items: dict[int, dict[StepState, int]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Count:
    position: int
    item: bool
    state: int
    count: int


async def list_page(connection: AsyncConnection[Any], wanted: StepFilter, size: int) -> rows.Page[Step]:
    """The steps that have a row and fit, in definition order; payloads only when they are wanted."""
    parameters = {
        "run_id": wanted.run_id,
        "keys": list(wanted.keys) or None,
        "states": [int(state) for state in wanted.states] or None,
        "payloads": wanted.payloads,
        "omit_items": wanted.omit_items,
        "position": wanted.after[0],
        "item": wanted.after[1],
    }
    return await rows.page(connection, Step, _LIST, parameters, size)


async def outline(connection: AsyncConnection[Any], run_id: int) -> Outline:
    """Which places of the definition have begun, and how the items of each foreach stand."""
    found = Outline()
    for count in await rows.many(connection, _Count, _OUTLINE, {"run_id": run_id}):
        if count.item:
            found.items.setdefault(count.position, {})[StepState(count.state)] = count.count
        else:
            found.begun.add(count.position)
    return found
