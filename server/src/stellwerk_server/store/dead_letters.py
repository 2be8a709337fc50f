"""Reads of the table `dead_letters`. Writing it is the committer's alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from psycopg import AsyncConnection

from stellwerk_server.model.events import Instant
from stellwerk_server.model.payload import Payload
from stellwerk_server.model.states import DeadLetterState
from stellwerk_server.store import rows, sql
from stellwerk_server.store.runs import MAX_ID

_READ = sql.load("read")
_GET = _READ.get_dead_letter
_LIST = _READ.list_dead_letters
_LIST_OPEN = _READ.list_open_dead_letters


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A step whose attempts are over, and what became of it; `failure` is the stored JSON."""

    id: int
    workflow_id: int
    workflow: str
    run_id: int
    step: str
    attempt: int
    queue: str
    action: str
    reason: str
    failure: str
    input: Payload | None
    state: int
    created_at: Instant
    resolved_at: Instant | None
    requeued_run_id: int | None


@dataclass(frozen=True, slots=True)
class DeadLetterFilter:
    """Which to list; empty and None mean all, but for `states`: only open ones."""

    namespace: str
    workflow: str = ""
    action: str = ""
    run_id: int | None = None
    states: Sequence[DeadLetterState] = (DeadLetterState.OPEN,)
    before_id: int | None = None


async def get(connection: AsyncConnection[Any], namespace: str, letter_id: int) -> DeadLetter | None:
    """The dead letter, None when this namespace has none of that id."""
    return await rows.one(connection, DeadLetter, _GET, {"namespace": namespace, "id": letter_id})


async def list_page(connection: AsyncConnection[Any], wanted: DeadLetterFilter, size: int) -> rows.Page[DeadLetter]:
    """The newest that fit."""
    parameters = {
        "namespace": wanted.namespace,
        "workflow": wanted.workflow or None,
        "action": wanted.action or None,
        "run_id": wanted.run_id,
        "states": [int(state) for state in wanted.states],
        "before_id": MAX_ID if wanted.before_id is None else wanted.before_id,
    }
    only_open = set(wanted.states) == {DeadLetterState.OPEN}
    return await rows.page(connection, DeadLetter, _LIST_OPEN if only_open else _LIST, parameters, size)
