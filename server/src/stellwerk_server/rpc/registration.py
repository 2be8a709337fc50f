"""Workers that bring code: their workflows are registered, and runs another build has left parked go on."""

from __future__ import annotations

from collections.abc import Iterable

from stellwerk.v1 import worker_pb2
from stellwerk_server import definition
from stellwerk_server.commit.committer import Committer
from stellwerk_server.commit.workflows import Workflows
from stellwerk_server.model.code import action_of, pinned
from stellwerk_server.model.commands import ResumeRun
from stellwerk_server.store import sql, workflows
from stellwerk_server.store.database import Pool

SQL = sql.load("waits")
_BATCH = 500


class Registration:
    """Asked once for each line that comes up."""

    def __init__(self, pool: Pool, registry: Workflows, committer: Committer, live_pins: set[int]) -> None:
        self._pool = pool
        self._registry = registry
        self._committer = committer
        self._live_pins = live_pins

    async def register(self, namespace_id: int, queue: str, hello: worker_pb2.HeartbeatRequest) -> None:
        """Make the code the current version of each name, then have parked runs decided by this build."""
        names, build = sorted(set(hello.workflows)), hello.build
        if not names:
            return
        if hello.pin_runs:
            await self.pinned(namespace_id, queue, [action_of(name) for name in names], build)
        async with self._pool.connection() as connection:
            for name in names:
                code = definition.of_code(name, queue)
                await workflows.apply(connection, namespace_id, name, definition.digest(code), code.canonical)
                self._registry.forget_current(namespace_id, name)
        await self._resume(namespace_id, names, build)

    async def pinned(self, namespace_id: int, queue: str, actions: Iterable[str], build: str) -> list[str]:
        """The actions of decisions that stay on this build, which has a worker from this moment on."""
        own = [pinned(action, build) for action in actions]
        self._live_pins.update([await self._registry.lane(namespace_id, queue, action) for action in own])
        return own

    async def _resume(self, namespace_id: int, names: list[str], build: str) -> None:
        columns = {"namespace": namespace_id, "workflows": names, "build": build, "count": _BATCH, "after": 0}
        while True:
            async with self._pool.connection() as connection:
                rows = await (await connection.execute(SQL.parked_by_others, columns)).fetchall()
            await self._committer.submit_all([ResumeRun(row[0]) for row in rows])
            if len(rows) < _BATCH:
                return
            columns["after"] = rows[-1][0]
