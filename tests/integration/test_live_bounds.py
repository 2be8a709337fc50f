"""Live events when clients are slow, many or gone, hints are lost, and the database is away."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest

from stellwerk.v1 import run_pb2, worker_pb2
from stellwerk_server.embedded import EmbeddedPostgres
from stellwerk_server.server import Server
from stellwerk_server.store.migrate import migrate
from tests.integration.api import Api, Refused, call, eventually, payload
from tests.integration.conftest import StartServer
from tests.integration.live_api import EventStream, Frame, socket, stream
from tests.support.servers import RunningServer, serving

ONE = "name: one\nsteps: [{id: s, action: a}]"
TWO = "name: two\nsteps: [{id: s, action: a}, {id: t, action: a}]"
MIB = 1 << 20
CHUNKS, CHUNK_BYTES = 100, MIB
# What a client that does not read may cost: a page under way, sockets, and the window all readers share.
SLACK_BYTES = 70 * MIB


def resident_bytes(pid: int) -> int:
    """The memory of a program."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1]) * 1024


async def stream_chunks(api: Api, task: worker_pb2.Task, count: int, size: int, first: int = 1) -> None:
    """Stream large chunks, each acknowledged before the next."""
    line = api.workers.StreamResult()
    for sequence in range(first, first + count):
        chunk = payload("x" * (size - 10))
        await line.write(worker_pb2.StreamResultRequest(token=task.token, sequence=sequence, chunk=chunk))
        assert not (await line.read()).HasField("refusal")
    await line.done_writing()


@asynccontextmanager
async def unread(server: RunningServer, run_id: str, kind: str) -> AsyncIterator[None]:
    """A client that asks for a run's chunks and reads nothing of them."""
    port = int(server.ready["http"].rpartition(":")[2])
    if kind == "event stream":
        async with stream(port, f"/api/runs/{run_id}/events", chunks="true") as live:
            await live.frame()
            yield
    else:
        async with socket(port, max_queue=1) as live_socket:
            await live_socket.say(subscribe="run", id="a", run_id=run_id, chunks=True)
            await live_socket.hear()
            yield


@pytest.mark.parametrize("kind", ["event stream", "websocket"])
def test_a_client_that_does_not_read_costs_bounded_memory(
    database_url: str, redis_url: str, tmp_path: Path, kind: str
) -> None:
    with serving(database_url, redis_url, tmp_path) as server:
        asyncio.run(leave_unread(server, kind))


async def leave_unread(server: RunningServer, kind: str) -> None:
    """Two clients follow 100 MiB of chunks, of which one reads nothing."""
    port = int(server.ready["http"].rpartition(":")[2])
    async with Api(server.ready["port"]) as api, api.line("w1", "a") as line:
        await api.apply(ONE)
        run_id = await api.start("one")
        task = await api.take("a")
        async with line.beating(task.token):
            await stream_chunks(api, task, 5, CHUNK_BYTES)
            before = resident_bytes(server.process.pid)
            async with unread(server, run_id, kind), stream(port, f"/api/runs/{run_id}/events", chunks="true") as live:
                reading = asyncio.create_task(count_chunks(live, CHUNKS))
                await stream_chunks(api, task, CHUNKS - 5, CHUNK_BYTES, first=6)
                assert await reading == list(range(1, CHUNKS + 1))
                assert resident_bytes(server.process.pid) - before < SLACK_BYTES


async def count_chunks(live: EventStream, count: int) -> list[int]:
    """The numbers of the next chunks."""
    found: list[int] = []
    while len(found) < count:
        frame = await live.frame()
        if frame.event == "chunk":
            found.append(frame.data["sequence"])
    return found


async def test_a_client_that_reads_late_gets_all_of_it_once(server: Server, api: Api) -> None:
    """More than the window holds happens while it does not read."""
    await api.apply(ONE)
    run_id = await api.start("one")
    task = await api.take("a")
    async with stream(server.http_port, f"/api/runs/{run_id}/events", chunks="true") as live:
        await live.frame()
        await stream_chunks(api, task, 30, MIB)
        await api.complete(task)
        assert await count_chunks(live, 30) == list(range(1, 31))
        assert [frame.event for frame in await live.all()] == ["event", "event", "end"]


async def test_many_readers_of_one_run_get_the_same_bytes(server: Server, api: Api) -> None:
    await api.apply(ONE)
    run_id = await api.start("one")
    async with AsyncExitStack() as open_streams:
        path = f"/api/runs/{run_id}/events"
        lives = [await open_streams.enter_async_context(stream(server.http_port, path)) for _ in range(60)]
        reading = [asyncio.create_task(live.all()) for live in lives]
        await api.complete(await api.take("a"))
        told = await asyncio.gather(*reading)
    assert all(frames == told[0] for frames in told)
    assert [frame.id for frame in told[0]] == ["0", "1", "2", "3", "4", "4"]


async def test_without_hints_another_instance_tells_within_the_floor(
    start_server: StartServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stellwerk_server.dispatch.wakeups.Wakeups.start", lambda self: None)
    here, there = await start_server(), await start_server()
    async with Api(here.port) as api:
        await api.apply(ONE)
        run_id = await api.start("one")
        async with (
            stream(there.http_port, f"/api/runs/{run_id}/events", chunks="true", last_id="2") as run,
            stream(there.http_port, "/api/events") as feed,
        ):
            await run.frame()
            await feed.frame()
            task = await api.take("a")
            await stream_chunks(api, task, 1, 100)
            assert (await run.frame()).event == "chunk"
            await api.complete(task)
            assert [(await run.frame()).data["type"], (await run.frame()).data["type"]] == [
                "STEP_SUCCEEDED",
                "RUN_SUCCEEDED",
            ]
            assert (await feed.frame()).data["type"] == "STEP_SUCCEEDED"


async def test_readers_stay_while_the_database_is_away(
    start_server: StartServer, tmp_path: Path, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stellwerk_server.web.live.PING_S", 0.2)
    postgres = EmbeddedPostgres.start(tmp_path)
    try:
        migrate(postgres.dsn)
        server = await start_server(database_url=postgres.dsn, redis_url=redis_url, lease_s=60.0)
        async with Api(server.port) as api:
            await api.apply(TWO)
            run_id = await api.start("two")
            path = f"/api/runs/{run_id}/events"
            async with (
                stream(server.http_port, path, last_id="2") as run,
                stream(server.http_port, "/api/events") as feed,
            ):
                await run.frame()
                await feed.frame()
                await asyncio.to_thread(postgres.stop)
                for live in (run, feed):
                    comment = await live.next()
                    assert comment is not None
                    assert comment.event == ""
                postgres = await asyncio.to_thread(EmbeddedPostgres.start, tmp_path, port=postgres.port)
                await eventually(lambda: cancelled(api, run_id))
                for live in (run, feed):
                    assert (await live.frame()).data["type"] == "RUN_CANCELLED"
    finally:
        postgres.stop()


async def cancelled(api: Api, run_id: str) -> bool:
    """Whether the run could be cancelled."""
    try:
        await call(api.runs.CancelRun(run_pb2.CancelRunRequest(run_id=run_id)))
    except Refused as error:
        if error.code != "UNAVAILABLE":
            raise
        return False
    return True


async def test_clients_that_come_and_go_leave_nothing_behind(server: Server, api: Api) -> None:
    """Cut at any moment, also before the first frame; afterwards the last one still gets everything."""
    dice = random.Random(7)
    await api.apply(ONE)
    run_id = await api.start("one")
    path = f"/api/runs/{run_id}/events"

    async def visit() -> None:
        async with asyncio.timeout(dice.random() / 5):
            async with stream(server.http_port, path) as live:
                await live.all()

    visits = await asyncio.gather(*(visit() for _ in range(50)), return_exceptions=True)
    assert {type(error) for error in visits} == {TimeoutError}
    async with stream(server.http_port, path) as live:
        await live.frame()
        await api.complete(await api.take("a"))
        frames: list[Frame] = await live.all()
    assert [frame.id for frame in frames] == ["1", "2", "3", "4", "4"]
