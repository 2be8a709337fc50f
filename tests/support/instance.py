"""A server without its gRPC surface: committer, claims, polls and loops on one database, driven by hand.

Loops are not started: a test calls their `run_once`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from stellwerk_server import definition
from stellwerk_server.commit.batch import Context
from stellwerk_server.commit.cache import RunCache
from stellwerk_server.commit.committer import Committer
from stellwerk_server.commit.outcome import Applied, Committed, Outcome, Started
from stellwerk_server.commit.poll import Grant, Poll
from stellwerk_server.commit.waiting import Waiting
from stellwerk_server.commit.workflows import Workflows
from stellwerk_server.dispatch.claims import Claims
from stellwerk_server.dispatch.dispatcher import Dispatcher
from stellwerk_server.dispatch.sessions import Sessions
from stellwerk_server.loops.leases import Leases
from stellwerk_server.loops.timers import Timers
from stellwerk_server.model.commands import CompleteStep, FailStep, ReleaseStep, StartRun, Workflow
from stellwerk_server.model.failure import Failure
from stellwerk_server.model.ids import IdSource
from stellwerk_server.model.payload import from_value
from stellwerk_server.store import workflows as workflow_rows
from stellwerk_server.store.database import read_pool

CUT_LANES = (
    "select pg_terminate_backend(pid) from pg_stat_activity"
    " where datname = current_database() and application_name like 'stellwerk lane%%'"
)


class Instance:
    """One server of possibly several on a database. `committed` holds what it published."""

    def __init__(
        self, dsn: str, number: int = 1, *, lanes: int = 2, lease_s: float = 10.0, ids: IdSource | None = None
    ) -> None:
        self.pool = read_pool(dsn, 3)
        self.ids = ids or IdSource(number)
        self.waiting = Waiting()
        self.workflows = Workflows(self.pool)
        self.sessions = Sessions()
        self.committed: list[Committed] = []
        contexts = [
            Context(RunCache(1_000), self.waiting, self.workflows, self.ids, lease_s, 3_600.0, lanes)
            for _ in range(lanes)
        ]
        self.caches = [context.cache for context in contexts]
        self.committer = Committer(dsn, contexts, self._publish)
        self.claims = Claims(dsn, self.waiting, self.workflows, lease_s, self._deliver)
        self.dispatcher = Dispatcher(self.waiting, self.claims, self.workflows, self._release)
        self.leases = Leases(self.pool, self.committer, self.sessions, self.dispatcher.close_polls_of)
        self.timers = Timers(self.pool, self.committer)
        self._claiming: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin to commit and to claim."""
        await self.pool.open()
        self.committer.start()
        self._claiming = asyncio.create_task(self.claims.run())

    async def stop(self) -> None:
        """Finish what waits and hang up."""
        await self.dispatcher.settle()
        await self.timers.stop()
        self.claims.stop()
        assert self._claiming is not None
        await self._claiming
        await self.committer.stop()
        await self.pool.close()

    async def register(self, text: str, namespace: str = "default") -> Workflow:
        """The workflow of that definition, registered."""
        parsed = definition.parse(text)
        namespace_id = await self.workflows.namespace_id(namespace)
        async with self.pool.connection() as connection:
            row, _ = await workflow_rows.apply(
                connection, namespace_id, parsed.name, definition.digest(parsed), parsed.canonical
            )
        return await self.workflows.by_id(row.id)

    def start_run(self, workflow: Workflow, value: Any = None, **fields: Any) -> StartRun:
        """The command that starts a run, with an id of its own."""
        return StartRun(self.ids.next(), workflow, from_value(value), **fields)

    async def begin(self, workflow: Workflow, value: Any = None, **fields: Any) -> int:
        """Start a run and return its id."""
        outcome = await self.committer.submit(self.start_run(workflow, value, **fields))
        assert isinstance(outcome, Started)
        return outcome.run_id

    def wait(self, workflow: Workflow, max_tasks: int = 1, worker: str = "w") -> Poll:
        """A poll that waits for every action of the workflow."""
        lanes = tuple(dict.fromkeys(lane for lane in workflow.lanes if lane))
        poll = Poll(worker, lanes, max_tasks, asyncio.get_running_loop().create_future())
        self.waiting.add(poll)
        self.claims.look(lanes)
        return poll

    async def wait_in_vain(self, workflow: Workflow) -> Poll:
        """A poll for which nothing was found in the queue: what is begun next is handed to it at once."""
        poll = self.wait(workflow)
        async with asyncio.timeout(10):
            # What it reserves while it looks is not free for a commit.
            while self.claims._wake.is_set():  # noqa: ASYNC110 - the event says that there is work, not its end
                await asyncio.sleep(0.002)
        return poll

    async def end(self, poll: Poll) -> list[Grant]:
        """What the poll was given; it waits no longer."""
        poll.close()
        await poll.future
        self.waiting.remove(poll)
        return poll.tasks

    async def take(self, workflow: Workflow, max_tasks: int = 1, worker: str = "w") -> list[Grant]:
        """What a poll is given; there must be something."""
        poll = self.wait(workflow, max_tasks, worker)
        async with asyncio.timeout(5):
            while not poll.future.done():
                await asyncio.wait([poll.future], timeout=0.2)
                self.pulse(poll)
        self.waiting.remove(poll)
        return poll.tasks

    def pulse(self, poll: Poll) -> None:
        """What the loop of that name tells the claims each second: there may be rows."""
        self.claims.hint(poll.lanes)

    async def submit(self, *commands: Any) -> list[Outcome]:
        """The outcome of each."""
        async with asyncio.timeout(20):
            return await self.committer.submit_all(commands)

    async def fetch(self, statement: str, *parameters: Any) -> list[tuple[Any, ...]]:
        """The rows of an ad-hoc look at the database."""
        async with self.pool.connection() as connection:
            cursor = await connection.execute(statement.encode(), parameters)
            rows: list[tuple[Any, ...]] = await cursor.fetchall()
        return rows

    async def until(self, statement: str, *parameters: Any) -> None:
        """Wait until the statement has rows."""
        async with asyncio.timeout(10):
            while not await self.fetch(statement, *parameters):  # noqa: ASYNC110 - a table has no event
                await asyncio.sleep(0.002)

    def _publish(self, committed: Committed) -> None:
        self.committed.append(committed)
        self._deliver(committed)

    def _deliver(self, committed: Committed) -> None:
        self.dispatcher.deliver(committed)

    async def _release(self, grants: list[Grant]) -> None:
        await self.committer.submit_all([release(grant) for grant in grants])


@asynccontextmanager
async def running(*instances: Instance) -> AsyncIterator[Sequence[Instance]]:
    """The instances, started; stopped at the end."""
    for instance in instances:
        await instance.start()
    try:
        yield instances
    finally:
        for instance in instances:
            await instance.stop()


def complete(grant: Grant, value: Any = None, **changed: Any) -> CompleteStep:
    """The task is done; `changed` forges fields of the token."""
    command = CompleteStep(grant.run_id, grant.step, grant.attempt, grant.secret, from_value(value))
    return command._replace(**changed)


def fail(grant: Grant, type: str = "Boom", **fields: Any) -> FailStep:
    """The task has failed."""
    return FailStep(grant.run_id, grant.step, grant.attempt, grant.secret, Failure(type, "no", **fields))


def release(grant: Grant) -> ReleaseStep:
    """The task is given back."""
    return ReleaseStep(grant.run_id, grant.step, grant.attempt, grant.secret)


def changed(outcome: Outcome) -> bool:
    """Whether a command was accepted and did something."""
    return isinstance(outcome, Applied) and outcome.changed
