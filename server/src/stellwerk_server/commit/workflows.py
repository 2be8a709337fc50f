"""Registered workflows, namespaces and lanes, looked up once and remembered; the current version for a second."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from typing import Any

from stellwerk_server import definition
from stellwerk_server.model.commands import Workflow
from stellwerk_server.model.errors import NotFound
from stellwerk_server.store import sql
from stellwerk_server.store.database import Pool

SQL = sql.load("registry")
_CAPACITY = 2_000
# Another instance may register a new version; this is how long starts here may still get the one before.
_CURRENT_FOR_S = 1.0


class Workflows:
    """The registry as the hot path sees it."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._by_id: OrderedDict[int, Workflow] = OrderedDict()
        self._current: dict[tuple[int, str], tuple[float, Workflow]] = {}
        self._namespaces: dict[str, int] = {}
        self._names: dict[int, str] = {}
        self._lanes: dict[tuple[int, str, str], int] = {}
        self._loading = asyncio.Lock()

    async def by_id(self, workflow_id: int) -> Workflow:
        """The version with that row id."""
        workflow = self._by_id.get(workflow_id)
        if workflow is None:
            async with self._loading:
                workflow = self._by_id.get(workflow_id) or await self._load(workflow_id)
        return workflow

    async def find(self, namespace: str, name: str, version: int = 0) -> Workflow:
        """The current version (0) or the one asked for; raises NotFound."""
        namespace_id = await self.namespace_id(namespace)
        held = self._current.get((namespace_id, name))
        if version == 0 and held is not None and held[0] > time.monotonic():
            return held[1]
        columns = {"namespace": namespace_id, "name": name}
        if version:
            row = await self._one(SQL.workflow_by_version, {**columns, "version": version})
        else:
            row = await self._one(SQL.current_workflow, columns)
        if row is None:
            which = f"version {version} of workflow {name!r}" if version else f"workflow {name!r}"
            raise NotFound(
                "WORKFLOW_NOT_FOUND", f"workflow: there is no {which} in namespace {namespace or 'default'!r}"
            )
        workflow = await self.by_id(row[0])
        if version == 0:
            if len(self._current) > _CAPACITY:
                self._current.clear()
            self._current[namespace_id, name] = (time.monotonic() + _CURRENT_FOR_S, workflow)
        return workflow

    def forget_current(self, namespace_id: int, name: str) -> None:
        """A version was registered here: the next start looks anew."""
        self._current.pop((namespace_id, name), None)

    async def namespace_id(self, name: str) -> int:
        """The number of a namespace, made on first use; empty means "default"."""
        name = name or "default"
        known = self._namespaces.get(name)
        if known is None:
            known = self._namespaces[name] = await self._intern(SQL.intern_namespace, {"name": name})
            self._names[known] = name
        return known

    def namespace_name(self, namespace_id: int) -> str:
        """The name of a namespace that somebody has asked for by its name; empty for others."""
        return self._names.get(namespace_id, "")

    async def lane(self, namespace_id: int, queue: str, action: str) -> int:
        """The number of a dispatch lane, made on first use."""
        key = (namespace_id, queue, action)
        known = self._lanes.get(key)
        if known is None:
            columns = {"namespace": namespace_id, "queue": queue, "action": action}
            known = self._lanes[key] = await self._intern(SQL.intern_lane, columns)
        return known

    async def _load(self, workflow_id: int) -> Workflow:
        row = await self._one(SQL.workflow_by_id, {"id": workflow_id})
        if row is None:
            raise LookupError(f"workflow row {workflow_id} is gone")
        id_, namespace_id, namespace, name, version, canonical = row
        compiled = definition.compile(canonical)
        steps = compiled.steps if compiled.decision is None else (compiled.decision,)
        lanes = [await self.lane(namespace_id, s.queue, s.action) if s.action else 0 for s in steps]
        workflow = Workflow(id_, namespace_id, namespace, name, version, compiled, tuple(lanes))
        self._by_id[workflow_id] = workflow
        if len(self._by_id) > _CAPACITY:
            self._by_id.popitem(last=False)
        return workflow

    async def _intern(self, statement: bytes, columns: dict[str, Any]) -> int:
        # Two servers may intern at once; the loser sees nothing of it in its statement, and the winner's in the next.
        for _ in range(5):
            row = await self._one(statement, columns)
            if row is not None:
                return int(row[0])
        raise LookupError(f"could not intern {columns}")

    async def _one(self, statement: bytes, columns: dict[str, Any]) -> tuple[Any, ...] | None:
        async with self._pool.connection() as connection:
            cursor = await connection.execute(statement, columns)
            row: tuple[Any, ...] | None = await cursor.fetchone()
        return row
