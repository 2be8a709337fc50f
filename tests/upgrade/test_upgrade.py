"""A cluster is rolled over under load: the earlier server goes on beside the new one, on the schema of the new one."""

from __future__ import annotations

import asyncio
import itertools
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.rows import dict_row

from stellwerk import Client, RunHandle, TaskContext, Unavailable, Worker, WorkflowContext
from stellwerk_server.cli.own_worker import running
from stellwerk_server.commit.workflows import Workflows
from stellwerk_server.embedded import EmbeddedPostgres, EmbeddedValkey
from stellwerk_server.store import migrate
from stellwerk_server.store.database import read_pool
from tests.integration.api import eventually
from tests.support import folds
from tests.support.databases import fresh_database
from tests.support.servers import RunningServer, serving
from tests.upgrade.earlier import Earlier, commits, require_history, unpack

EVERYTHING = """
name: everything
steps:
  - {id: first, action: echo}
  - {id: again, action: stumble, needs: [first], retry: {initial: 50ms}}
  - {id: each, action: echo, needs: [first], foreach: "${[input.n, input.n + 1]}"}
  - {id: nap, sleep: 200ms, needs: [first]}
  - {id: told, signal: go, needs: [nap]}
  - {id: child, workflow: small, input: "${input}", needs: [again, each]}
output: "${[steps.again.output.n, steps.each.output, steps.told.output, steps.child.output.n]}"
"""
SMALL = "name: small\nsteps: [{id: one, action: echo}]\noutput: '${input}'"
# Runs that must come through before the next thing happens.
ENOUGH = 15


class Load:
    """Clients that go on whatever server they find; what they were told is kept to be compared with the tables."""

    def __init__(self) -> None:
        self.addresses: list[str] = []
        self.done: Counter[str] = Counter()
        self.told: dict[str, Any] = {}
        self._numbers = itertools.count(1)
        self._moved = asyncio.Event()

    async def run(self, place: int) -> None:
        """One run after the other, on server `place` while there is one."""
        while True:
            number = next(self._numbers)
            address = self.addresses[place % len(self.addresses)]
            try:
                await self._one(address, number)
            except Unavailable:
                # Its server has gone: whatever was begun is found by its key on another one.
                await self._one(self.addresses[-1], number)
            self.done[address] += 1
            self._moved.set()

    async def _one(self, address: str, number: int) -> None:
        async with Client(address, retry_s=5.0) as client:
            workflow = "everything" if number % 3 else "flow"
            handle = await client.start(workflow, {"n": number}, idempotency_key=f"k{number}")
            again = await client.start(workflow, {"n": number}, idempotency_key=f"k{number}")
            assert (again.run_id, again.deduplicated) == (handle.run_id, True)
            await handle.signal("go", {"n": number}, signal_id=f"s{number}")
            self.told[handle.run_id] = await handle.result(60)
            assert self.told[handle.run_id] == expected(workflow, number)

    async def until(self, address: str, count: int) -> None:
        """Wait until so many more runs have come through by that server."""
        wanted = self.done[address] + count
        while self.done[address] < wanted:
            self._moved.clear()
            await self._moved.wait()


def expected(workflow: str, number: int) -> Any:
    """What such a run gives."""
    n = {"n": number}
    return [number, [number, number + 1], n, number] if workflow == "everything" else [n, n, n]


@asynccontextmanager
async def working(address: str) -> AsyncIterator[None]:
    """A worker of that server for all there is."""
    worker = Worker(address, drain_s=2.0)

    @worker.handler("echo")
    async def echo(value: Any) -> Any:
        return value

    @worker.handler("stumble")
    async def stumble(value: Any, ctx: TaskContext) -> Any:
        if ctx.attempt == 1:
            raise RuntimeError("once")
        return value

    @worker.workflow("flow")
    async def flow(ctx: WorkflowContext, value: Any) -> Any:
        remote = await ctx.step("echo", value)
        await ctx.sleep(0.1)
        told = await ctx.wait_signal("go")

        async def local() -> Any:
            return value

        return [remote, told, await ctx.run("local", local)]

    async with running(worker):
        yield


@pytest.fixture(scope="module", params=sorted(commits()) or ["no history"])
def earlier(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Earlier:
    """The server of an earlier commit."""
    require_history()
    return unpack(commits()[request.param], tmp_path_factory.mktemp("earlier"))


@pytest.fixture
def dsn(postgres: EmbeddedPostgres) -> Iterator[str]:
    """An empty database."""
    with fresh_database(postgres) as dsn:
        yield dsn


@pytest.mark.timeout(240)
async def test_an_earlier_server_goes_on_beside_the_new_one(
    earlier: Earlier, dsn: str, valkey: EmbeddedValkey, tmp_path: Path
) -> None:
    load = Load()
    with serving(dsn, valkey.url, tmp_path, **earlier.environment) as old:
        assert migrate.current(dsn) == earlier.revision
        load.addresses = [old.address]
        async with working(old.address), asyncio.TaskGroup() as clients:
            await apply(old)
            tasks = [clients.create_task(load.run(place)) for place in range(6)]
            await load.until(old.address, ENOUGH)
            with serving(dsn, valkey.url, tmp_path) as new:
                assert migrate.current(dsn) == migrate.revisions()[-1]
                load.addresses = [old.address, new.address]
                async with working(new.address):
                    await asyncio.gather(load.until(old.address, ENOUGH), load.until(new.address, ENOUGH))
                    load.addresses = [new.address]
                    old.process.terminate()
                    assert await asyncio.to_thread(old.process.wait, 30) == 0, old.log_tail()
                    await load.until(new.address, ENOUGH)
                    for task in tasks:
                        task.cancel()
                    await asyncio.gather(*tasks, return_exceptions=True)
                    await all_end(new, load)
    await nothing_is_wrong(dsn, load)


def test_an_earlier_server_starts_on_the_new_schema(
    earlier: Earlier, dsn: str, valkey: EmbeddedValkey, tmp_path: Path
) -> None:
    """Going back is possible, unless the schema says no or the server is too old to ask."""
    migrate.migrate(dsn)
    if earlier.revision == migrate.revisions()[-1] or earlier.serves_newer_schemas:
        with serving(dsn, valkey.url, tmp_path, **earlier.environment) as old:
            assert old.cli("overview").status == 0
    else:
        with (
            pytest.raises(AssertionError, match="data of a newer version"),
            serving(dsn, valkey.url, tmp_path, **earlier.environment),
        ):
            pass


def test_it_is_the_earlier_server(earlier: Earlier) -> None:
    assert earlier.revision <= migrate.revisions()[-1]
    assert (earlier.folder / "server/src/stellwerk_server/server.py").is_file()


async def apply(server: RunningServer) -> None:
    async with Client(server.address) as client:
        for text in (SMALL, EVERYTHING):
            await client.apply_workflow(text)
        # That one comes from the worker.
        await eventually(lambda: there(client, "flow"))


async def there(client: Client, workflow: str) -> bool:
    return workflow in [each.name async for each in client.list_workflows()]


async def all_end(server: RunningServer, load: Load) -> None:
    """What was begun when the load stopped, or is only now, is told what it waits for, and ends."""
    async with Client(server.address) as client:
        while left := [run.run_id async for run in client.list_runs(states=["RUNNING"])]:
            for handle in map(client.handle, left):
                await told(handle)
            for handle in map(client.handle, left):
                await handle.result(60)


async def told(handle: RunHandle) -> None:
    run = await handle.get()
    if run.workflow != "small":
        await handle.signal("go", run.input, signal_id=f"s{run.input['n']}")


async def nothing_is_wrong(dsn: str, load: Load) -> None:
    """Rows are what the histories say, whoever wrote them; nobody was told what is not there."""
    assert len(load.told) >= 4 * ENOUGH
    with psycopg.connect(dsn, row_factory=dict_row) as connection:
        assert not connection.execute("select id from runs where state < 5").fetchall()
        assert not connection.execute("select 1 from leases union all select 1 from ready").fetchall()
        runs = plain(connection.execute("select * from runs").fetchall())
        steps = plain(connection.execute("select * from steps").fetchall())
        events = plain(connection.execute("select * from events order by run_id, seq").fetchall())
    assert len({(row["workflow_id"], row["idempotency_key"]) for row in runs if row["idempotency_key"]}) >= len(
        load.told
    )
    async with read_pool(dsn, 1) as pool:
        workflows = Workflows(pool)
        for row in runs:
            mine = [folds.event_of(event) for event in events if event["run_id"] == row["id"]]
            run = folds.folded(row, await workflows.by_id(row["workflow_id"]), mine)
            assert folds.differences(run, row, {s["key"]: s for s in steps if s["run_id"] == row["id"]}) == []


def plain(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{name: folds.plain(value) for name, value in row.items()} for row in rows]
