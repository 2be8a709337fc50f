"""Reads of the table `timers`: what will happen when. Setting and taking them is the committer's alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from psycopg import AsyncConnection

from stellwerk_server.model.events import Instant
from stellwerk_server.store import arrays, rows, sql

_LIST = sql.load("overview").list_timers


@dataclass(frozen=True, slots=True)
class Timer:
    """One timer that is set; `definition` is that of a step its code has asked for."""

    run_id: int
    workflow_id: int
    workflow: str
    step: str
    kind: int
    due_at: Instant
    definition: str | None


@dataclass(frozen=True, slots=True)
class Place:
    """Where a timer stands in the order of all: a page goes on behind one."""

    due_at: Instant = 0
    run_id: int = -1
    kind: int = 0
    step: str = ""


async def list_page(
    connection: AsyncConnection[Any], namespace: str, workflow: str, after: Place, size: int
) -> rows.Page[Timer]:
    """The soonest; an empty workflow means those of all."""
    parameters = {
        "namespace": namespace,
        "workflow": workflow or None,
        "due_at": arrays.Instant(after.due_at),
        "run_id": after.run_id,
        "kind": after.kind,
        "step": after.step,
    }
    return await rows.page(connection, Timer, _LIST, parameters, size)
