"""Which runs a namespace has, how those have ended that have, and which run goes on for one that was continued."""

from __future__ import annotations

from stellwerk_server.commit.code import successor
from stellwerk_server.commit.committer import Committer
from stellwerk_server.commit.outcome import Applied
from stellwerk_server.commit.workflows import Workflows
from stellwerk_server.dispatch.results import Result
from stellwerk_server.model import failure as failures
from stellwerk_server.model.commands import Command
from stellwerk_server.model.errors import NotFound, Refused
from stellwerk_server.model.states import RunState
from stellwerk_server.rpc import names, wire
from stellwerk_server.store import sql
from stellwerk_server.store.database import Pool

SQL = sql.load("waits")


class KnownRuns:
    """Asks the caches of open runs first, then the table."""

    def __init__(self, committer: Committer, workflows: Workflows, pool: Pool) -> None:
        self._committer = committer
        self._workflows = workflows
        self._pool = pool

    async def owned(self, namespace: str, text: str) -> int:
        """The run's id, when the run is of this namespace; raises InvalidArgument or NotFound."""
        names.check_namespace(namespace)
        run_id = wire.run_id_in(text)
        namespace_id = await self._workflows.namespace_id(namespace)
        if not self._committer.holds_open(run_id, namespace_id) and not await self.look_up(namespace_id, [run_id]):
            raise NotFound("RUN_NOT_FOUND", f"run_id: there is no run {text} in this namespace", run_id=text)
        return run_id

    async def submit(self, command: Command) -> tuple[int, Applied]:
        """Have a run told something; one that was continued passes it on. The run that took it, and its answer.

        Raises what the committer answers with.
        """
        while True:
            try:
                outcome = await self._committer.submit(command)
            except Refused as refused:
                if refused.metadata.get("state") != RunState.CONTINUED.name:
                    raise
                command = command._replace(run_id=await self._successor(command.run_id))
                continue
            assert isinstance(outcome, Applied)
            return command.run_id, outcome

    async def _successor(self, run_id: int) -> int:
        async with self._pool.connection() as connection:
            row = await (await connection.execute(SQL.output, {"run": run_id})).fetchone()
        assert row is not None
        return successor(row[0])

    async def look_up(self, namespace_id: int, run_ids: list[int]) -> dict[int, Result | None]:
        """Runs that exist in the namespace, with the result of those that have ended."""
        if not run_ids:
            return {}
        async with self._pool.connection() as connection:
            cursor = await connection.execute(SQL.results, {"namespace": namespace_id, "runs": run_ids})
            rows = await cursor.fetchall()
        found: dict[int, Result | None] = {}
        for run_id, state, output, failure in rows:
            ended = RunState(state).terminal
            reason = None if failure is None else failures.from_json(failure)
            found[run_id] = Result(run_id, RunState(state), output, reason) if ended else None
        return found
