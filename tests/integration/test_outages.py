"""The databases go away under load: what was acknowledged stays, and all goes on by itself."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
import redis

from stellwerk import Client, Worker
from stellwerk.v1 import admin_pb2, run_pb2
from stellwerk_server.cli.own_worker import running
from stellwerk_server.embedded import EmbeddedPostgres, EmbeddedValkey
from stellwerk_server.store.migrate import migrate
from tests.integration.api import Api, call, eventually, refusal
from tests.integration.conftest import StartServer

logger = logging.getLogger(__name__)
DOWN_S = 10.0
SEQ = "name: seq\nsteps: [{id: s, action: a}, {id: t, action: a}, {id: u, action: a}]"


@pytest.fixture
def own_postgres(tmp_path: Path) -> Iterator[list[EmbeddedPostgres]]:
    """A migrated Postgres of this test's own that may be stopped; a list, because it is another one afterwards."""
    found = [EmbeddedPostgres.start(tmp_path)]
    migrate(found[0].dsn)
    yield found
    found[-1].stop()


@pytest.fixture
def own_valkey(tmp_path: Path) -> Iterator[list[EmbeddedValkey]]:
    found = [EmbeddedValkey.start(tmp_path, settings={"appendonly": "no"})]
    yield found
    found[-1].stop()


class Load:
    """Callers that start runs and wait for them, one after the other; every acknowledged start is noted."""

    def __init__(self, client: Client, callers: int) -> None:
        self._client = client
        self._callers = callers
        self.acknowledged: list[str] = []
        self.finished = 0
        self._stopping = False
        self._tasks: list[asyncio.Task[None]] = []

    async def _call(self, number: int) -> None:
        count = 0
        while not self._stopping:
            count += 1
            handle = await self._client.start("seq", {"n": count}, idempotency_key=f"{number}/{count}")
            self.acknowledged.append(handle.run_id)
            assert (await handle.result(60)) == {"n": count}
            self.finished += 1

    @asynccontextmanager
    async def under_way(self) -> AsyncIterator[None]:
        self._tasks = [asyncio.create_task(self._call(n)) for n in range(self._callers)]
        try:
            await eventually(self.has_finished(20))
            yield
            await eventually(self.has_finished(self.finished + 20), 30)
        finally:
            self._stopping = True
            await asyncio.gather(*self._tasks)

    def has_finished(self, count: int) -> Any:
        async def look() -> bool:
            for task in self._tasks:
                if task.done():
                    task.result()
            return self.finished >= count

        return look


@asynccontextmanager
async def working(port: int) -> AsyncIterator[None]:
    """A worker whose handlers answer their input."""
    worker = Worker(f"127.0.0.1:{port}")

    @worker.handler("a")
    async def a(value: Any) -> Any:
        return value

    async with running(worker):
        yield


async def test_postgres_stopped_under_load_loses_nothing(
    start_server: StartServer, own_postgres: list[EmbeddedPostgres], tmp_path: Path, redis_url: str
) -> None:
    postgres = own_postgres[0]
    server = await start_server(database_url=postgres.dsn, redis_url=redis_url, lease_s=3.0)
    address = f"127.0.0.1:{server.port}"
    async with Api(server.port) as api, Client(address, retry_s=60) as client, working(server.port):
        await api.apply(SEQ)
        await api.apply("name: held\nsteps: [{id: s, action: held}]")
        load = Load(client, 20)
        async with load.under_way(), api.line("holder", "held") as line:
            held_run = await api.start("held")
            held = await api.take("held", worker="holder")
            async with line.beating(held.token):
                await asyncio.to_thread(postgres.stop)
                down = time.monotonic()
                error = await refusal(api.start("seq", {}))
                assert (error.code, error.reason) == ("UNAVAILABLE", "DATABASE_DOWN")
                assert error.retry_s is not None
                assert error.retry_s > 0
                refused = await api.complete(held, "lost")
                assert refused is not None
                assert (refused.reason, refused.code) == ("DATABASE_DOWN", 14)
                await asyncio.sleep(DOWN_S - (time.monotonic() - down))
                again = await asyncio.to_thread(EmbeddedPostgres.start, tmp_path, port=postgres.port)
                own_postgres.append(again)
                up = time.monotonic()
                await eventually(load.has_finished(load.finished + 1), 20)
                logger.info("the first run ended %.2f s after Postgres was back", time.monotonic() - up)
                # The lease is long over by the clock; its worker could not renew it, so it is its own still.
                await eventually(lambda: completes(api, held), 10)
        ended = await asyncio.gather(*[api.wait(run_id) for run_id in load.acknowledged])
        assert {result.state for result in ended} == {run_pb2.RUN_STATE_SUCCEEDED}
        assert (await api.get(held_run)).steps[0].attempt == 1
    with psycopg.connect(again.dsn) as connection:
        count = connection.execute("select count(*), count(distinct idempotency_key) from runs").fetchone()
        lost = connection.execute("select count(*) from steps where state not in (5, 6, 7, 8, 9)").fetchone()
    assert count is not None
    assert count[0] - 1 == count[1] == len(set(load.acknowledged))
    assert lost == (0,)


async def completes(api: Api, task: Any) -> bool:
    try:
        return await api.complete(task, "kept") is None
    except Exception:
        return False


async def test_postgres_killed_under_load_loses_nothing(
    start_server: StartServer, own_postgres: list[EmbeddedPostgres], tmp_path: Path
) -> None:
    postgres = own_postgres[0]
    server = await start_server(database_url=postgres.dsn)
    async with Api(server.port) as api, Client(f"127.0.0.1:{server.port}", retry_s=60) as client, working(server.port):
        await api.apply(SEQ)
        load = Load(client, 20)
        async with load.under_way():
            os.kill(postgres.pid, signal.SIGQUIT)  # an immediate shutdown: recovery at the next start
            await asyncio.to_thread(postgres.stop)
            own_postgres.append(await asyncio.to_thread(EmbeddedPostgres.start, tmp_path, port=postgres.port))
        ended = await asyncio.gather(*[api.wait(run_id) for run_id in load.acknowledged])
        assert {result.state for result in ended} == {run_pb2.RUN_STATE_SUCCEEDED}


async def test_a_server_that_cannot_reach_its_database_says_so_while_it_waits(
    start_server: StartServer, own_postgres: list[EmbeddedPostgres]
) -> None:
    server = await start_server(database_url=own_postgres[0].dsn)
    async with Api(server.port) as api:
        assert (await call(api.admin.GetServer(admin_pb2.GetServerRequest()))).database_up
        await asyncio.to_thread(own_postgres[0].stop)
        assert not (await call(api.admin.GetServer(admin_pb2.GetServerRequest()))).database_up


@pytest.mark.parametrize("how", ["stopped", "frozen", "flushed", "never there"])
async def test_redis_away_under_load_costs_nothing_but_speed(
    start_server: StartServer, own_valkey: list[EmbeddedValkey], tmp_path: Path, how: str
) -> None:
    valkey = own_valkey[0]
    url = valkey.url if how != "never there" else "redis://127.0.0.1:1"
    server, other = await start_server(redis_url=url), await start_server(redis_url=url)
    async with Api(server.port) as api, Client(f"127.0.0.1:{server.port}") as client, working(other.port):
        await api.apply(SEQ)
        load = Load(client, 10)
        async with load.under_way():
            if how == "stopped":
                valkey.stop()
            elif how == "frozen":
                os.kill(valkey.pid, signal.SIGSTOP)
            elif how == "flushed":
                with redis.Redis.from_url(url) as connection:
                    connection.flushall()
            try:
                await eventually(load.has_finished(load.finished + 10), 30)
            finally:
                if how == "stopped":
                    own_valkey.append(EmbeddedValkey.start(tmp_path, settings={"appendonly": "no"}))
                elif how == "frozen":
                    os.kill(valkey.pid, signal.SIGCONT)
        assert len(set(load.acknowledged)) == len(load.acknowledged)
        again = await client.start("seq", {"n": 1}, idempotency_key="0/1")
        assert again.deduplicated
        assert again.run_id in load.acknowledged


async def test_a_killed_server_loses_nothing_and_its_successor_goes_on(database_url: str, redis_url: str) -> None:
    first = await serve(database_url, redis_url, 0)
    async with Client(f"127.0.0.1:{first.port}", retry_s=60) as client, working(first.port):
        await client.apply_workflow(SEQ)
        load = Load(client, 20)
        async with load.under_way():
            first.program.kill()
            await first.program.wait()
            second = await serve(database_url, redis_url, first.port)
        async with Api(second.port) as api:
            ended = await asyncio.gather(*[api.wait(run_id) for run_id in load.acknowledged])
            assert {result.state for result in ended} == {run_pb2.RUN_STATE_SUCCEEDED}
    second.program.terminate()
    assert await asyncio.wait_for(second.program.wait(), 20) == 0


class Serving:
    """A server in a program of its own."""

    def __init__(self, program: asyncio.subprocess.Process, port: int) -> None:
        self.program = program
        self.port = port


async def serve(database_url: str, redis_url: str, port: int) -> Serving:
    program = await asyncio.create_subprocess_exec(
        sys.executable,
        str(Path(__file__).with_name("server_program.py")),
        database_url,
        redis_url,
        str(port),
        stdout=asyncio.subprocess.PIPE,
    )
    assert program.stdout is not None
    line = await asyncio.wait_for(program.stdout.readline(), 20)
    return Serving(program, int(line))


async def test_calls_of_a_broken_pool_are_unavailable_never_internal(
    start_server: StartServer, own_postgres: list[EmbeddedPostgres]
) -> None:
    """Every read and write while the database is away."""
    server = await start_server(database_url=own_postgres[0].dsn)
    async with Api(server.port) as api:
        await api.apply(SEQ)
        run_id = await api.start("seq", {})
        task = await api.take("a")
        await asyncio.to_thread(own_postgres[0].stop)
        calls = [
            api.get(run_id),
            api.history(run_id),
            api.start("seq", {}),
            api.apply(SEQ + "\noutput: 1"),
            call(api.runs.ListRuns(run_pb2.ListRunsRequest())),
            call(api.runs.CancelRun(run_pb2.CancelRunRequest(run_id=run_id))),
            call(api.runs.RetryRun(run_pb2.RetryRunRequest(run_id=run_id))),
            api.runs.WatchRun(run_pb2.WatchRunRequest(run_id=run_id)).read(),
        ]
        refused = await api.complete(task)
        assert refused is not None
        assert (refused.reason, refused.code) == ("DATABASE_DOWN", 14)
        errors = await asyncio.gather(*[refusal(asked) for asked in calls])
        assert {(error.code, error.reason) for error in errors} == {("UNAVAILABLE", "DATABASE_DOWN")}
        assert all(error.retry_s for error in errors)
