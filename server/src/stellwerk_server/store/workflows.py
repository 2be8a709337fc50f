"""The table `workflows`: versions by content, of which one is current."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from psycopg import AsyncConnection

from stellwerk_server.model.events import Instant
from stellwerk_server.store import rows, sql

_SQL = sql.load("workflows")
_LOCK = _SQL.lock_workflow
_OF_CONTENT = _SQL.versions_of_content
_ACTIVATE = _SQL.activate_workflow
_ADD = _SQL.add_workflow
_GET = _SQL.get_workflow
_LIST_CURRENT = _SQL.list_current_workflows
_LIST_VERSIONS = _SQL.list_workflow_versions

MAX_VERSION = (1 << 31) - 1


@dataclass(frozen=True, slots=True)
class WorkflowRow:
    """One immutable version; `definition` is its canonical JSON, `current` whether new runs get it."""

    id: int
    namespace_id: int
    name: str
    version: int
    digest: bytes
    definition: str
    created_at: Instant
    activated_at: Instant
    current: bool


async def apply(
    connection: AsyncConnection[Any], namespace_id: int, name: str, digest: bytes, definition: str
) -> tuple[WorkflowRow, bool]:
    """Make this content the current version of the name; True when no version had it before."""
    content = {"namespace_id": namespace_id, "name": name, "digest": digest}
    async with connection.transaction():
        await connection.execute(_LOCK, {"namespace_id": namespace_id, "name": name})
        known = await rows.one(connection, WorkflowRow, _OF_CONTENT, content)
        if known is not None and not known.current:
            known = await rows.one(connection, WorkflowRow, _ACTIVATE, {"id": known.id})
        if known is not None:
            return known, False
        added = await rows.one(connection, WorkflowRow, _ADD, {**content, "definition": definition})
    assert added is not None
    return added, True


async def get(connection: AsyncConnection[Any], namespace: str, name: str, version: int = 0) -> WorkflowRow | None:
    """That version, or the current one for 0; None when there is no such thing."""
    return await rows.one(connection, WorkflowRow, _GET, {"namespace": namespace, "name": name, "version": version})


async def list_current(
    connection: AsyncConnection[Any], namespace: str, size: int, after_name: str = ""
) -> rows.Page[WorkflowRow]:
    """The current version of each name, by name."""
    parameters = {"namespace": namespace, "after_name": after_name}
    return await rows.page(connection, WorkflowRow, _LIST_CURRENT, parameters, size)


async def list_versions(
    connection: AsyncConnection[Any], namespace: str, name: str, size: int, before_version: int = MAX_VERSION
) -> rows.Page[WorkflowRow]:
    """All versions of a name, newest first."""
    parameters = {"namespace": namespace, "name": name, "before_version": before_version}
    return await rows.page(connection, WorkflowRow, _LIST_VERSIONS, parameters, size)
