"""Live events of a namespace: in one order on every instance, once, whoever was cut off and wherever he comes back."""

from __future__ import annotations

import asyncio
import random
from typing import Any

import psycopg
import pytest

from stellwerk_server.server import Server
from tests.integration.api import Api
from tests.integration.conftest import StartServer
from tests.integration.live_api import Frame, refused, stream

ONE = "name: one\nsteps: [{id: s, action: a}]"
OTHER = "name: other\nsteps: [{id: s, action: a}]"
PATH = "/api/events"


def places(frames: list[Frame]) -> list[tuple[str, int]]:
    """Run and sequence of each event."""
    return [(frame.data["run_id"], frame.data["sequence"]) for frame in frames if frame.event == "event"]


async def finish(api: Api, count: int, worker: str = "w1") -> None:
    """Do so many tasks."""
    while count:
        tasks = await api.poll("a", worker=worker, max_tasks=min(count, 20))
        for task in tasks:
            await api.complete(task, "done")
        count -= len(tasks)


async def test_the_feed_begins_now_and_tells_of_every_run(server: Server, api: Api) -> None:
    await api.apply(ONE)
    await api.apply(OTHER)
    await api.start("one", "before")
    async with stream(server.http_port, PATH) as live:
        ready = await live.frame()
        assert (ready.event, ready.data) == ("ready", {})
        first, second = await api.start("one", "secret"), await api.start("other")
        frames = [await live.frame() for _ in range(4)]
    assert places(frames) == [(first, 1), (first, 2), (second, 1), (second, 2)]
    event = frames[0]
    assert event.data["workflow"] == "one"
    assert event.data["version"] == 1
    assert event.data["type"] == "RUN_STARTED"
    assert "payload" not in event.data


async def test_payloads_and_details_come_when_asked_for(server: Server, api: Api) -> None:
    await api.apply(ONE)
    async with stream(server.http_port, PATH) as brief, stream(server.http_port, PATH, payloads="true") as whole:
        await brief.frame()
        await whole.frame()
        await api.start("one", {"n": 1})
        await api.fail(await api.take("a"), "Boom", terminal=True, stack="at line 1")
        short, long = [await brief.frame() for _ in range(3)], [await whole.frame() for _ in range(3)]
    assert [f.data["type"] for f in short] == ["RUN_STARTED", "STEP_SCHEDULED", "STEP_DEAD"]
    assert long[0].data["payload"] == {"n": 1}
    assert short[2].data["failure"]["type"] == "Boom"
    assert short[2].data["failure"]["message"] == "no"
    assert "stack" not in short[2].data["failure"]
    assert long[2].data["failure"]["stack"] == "at line 1"
    assert [f.id for f in short] == [f.id for f in long]


async def test_filters_hold_and_the_id_moves_on_behind_them(
    server: Server, api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stellwerk_server.web.live.PING_S", 0.1)
    await api.apply(ONE)
    await api.apply(OTHER)
    async with (
        stream(server.http_port, PATH, workflow="other", type=["RUN_*", "STEP_DEAD"]) as live,
        stream(server.http_port, PATH) as every,
    ):
        ready = await live.frame()
        await every.frame()
        await api.start("one")
        seen = [await every.frame() for _ in range(2)]
        while (comment := await live.next()) is not None and comment.id == ready.id:
            assert comment.data == "ping"
        assert comment is not None
        assert (comment.event, comment.id) == ("", seen[1].id)
        await api.start("other")
        frame = await live.frame()
        assert (frame.data["workflow"], frame.data["type"]) == ("other", "RUN_STARTED")
    async with stream(server.http_port, PATH, last_id=comment.id, workflow="other", type="STEP_*") as live:
        await live.frame()
        frame = await live.frame()
        assert frame.data["type"] == "STEP_SCHEDULED"


async def collect(ports: list[int], after: str, dice: random.Random, wanted: int) -> list[Frame]:
    """So many events behind an id, cut off and gone on with at random, now here, now there."""
    found: list[Frame] = []
    while len(found) < wanted:
        async with stream(dice.choice(ports), PATH, last_id=after) as live:
            assert await live.frame() == Frame("ready", after, {})
            for _ in range(min(dice.randrange(1, 40), wanted - len(found))):
                found.append(await live.frame())
                after = found[-1].id
    return found


@pytest.mark.parametrize(("hints", "seed"), [("redis", 1), ("notify", 2)])
async def test_two_instances_tell_the_same_once_however_often_they_are_cut(
    start_server: StartServer, redis_url: str, hints: str, seed: int
) -> None:
    options: dict[str, Any] = {"redis_url": redis_url if hints == "redis" else None, "lease_s": 120.0}
    here, there = await start_server(**options), await start_server(**options)
    ports, runs = [here.http_port, there.http_port], 40
    async with Api(here.port) as first, Api(there.port) as second:
        await first.apply(ONE)
        async with stream(here.http_port, PATH) as live:
            ready = await live.frame()
        readers = [
            asyncio.create_task(collect(ports, ready.id, random.Random(seed * 10 + n), 4 * runs)) for n in range(4)
        ]
        work = [
            asyncio.create_task(finish(first, runs // 2, "w1")),
            asyncio.create_task(finish(second, runs // 2, "w2")),
        ]
        started = await asyncio.gather(*[(first, second)[n % 2].start("one", n) for n in range(runs)])
        await asyncio.gather(*work)
        told = [await reader for reader in readers]
    assert sorted(places(told[0])) == sorted((run, seq) for run in started for seq in (1, 2, 3, 4))
    for run in started:
        assert [seq for of, seq in places(told[0]) if of == run] == [1, 2, 3, 4]
    for frames in told[1:]:
        assert frames == told[0]


async def test_ids_of_other_namespaces_and_broken_ones_are_refused(server: Server, api: Api) -> None:
    await api.apply(ONE)
    async with stream(server.http_port, PATH) as live:
        ready = await live.frame()
    for after, namespace in ((ready.id, "elsewhere"), ("12", ""), ("x", ""), (ready.id + "0", "")):
        error = await refused(server.http_port, PATH, last_id=after, namespace=namespace)
        assert (error.status, error.problem["errors"][0]["field"]) == (400, "last-event-id")
    beyond = "999999-" + ready.id.partition("-")[2]
    error = await refused(server.http_port, PATH, after=beyond)
    assert (error.status, error.problem["reason"]) == (400, "INVALID_ARGUMENT")


@pytest.mark.parametrize("pattern", ["run_*", "NOTHING", "RUN_*;", "STEP_*X", "*" * 50])
async def test_a_type_that_none_is_is_refused(server: Server, pattern: str) -> None:
    error = await refused(server.http_port, PATH, type=pattern)
    assert (error.status, error.problem["errors"][0]["field"]) == (400, "type")


async def test_an_id_older_than_what_is_kept_has_expired(server: Server, api: Api, database_url: str) -> None:
    await api.apply(ONE)
    async with stream(server.http_port, PATH) as live:
        ready = await live.frame()
        await api.start("one")
        frame = await live.frame()
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("delete from feed where position < (select max(position) from feed)")
    error = await refused(server.http_port, PATH, after=ready.id)
    assert (error.status, error.problem["reason"]) == (410, "EVENTS_EXPIRED")
    assert error.problem["metadata"]["earliest"].partition("-")[0] == frame.id.partition(".")[0].partition("-")[0]


async def test_nobody_reads_and_nothing_is_put_in_order(server: Server, api: Api, database_url: str) -> None:
    await api.apply(ONE)
    await api.start("one")
    with psycopg.connect(database_url, autocommit=True) as connection:
        assert connection.execute("select count(*) from feed").fetchone() == (0,)
        assert connection.execute("select count(*) from moves").fetchone() == (1,)


async def test_a_namespace_that_comes_later_is_told_of(server: Server) -> None:
    async with stream(server.http_port, PATH, namespace="later") as live, Api(server.port, "later") as api:
        await live.frame()
        await api.apply(ONE)
        run_id = await api.start("one")
        frame = await live.frame()
        assert places([frame]) == [(run_id, 1)]


async def test_a_stopping_server_says_so_at_once(start_server: StartServer) -> None:
    leaving, staying = await start_server(), await start_server()
    async with Api(staying.port) as api:
        await api.apply(ONE)
        run_id = await api.start("one")
        async with (
            stream(leaving.http_port, PATH) as feed,
            stream(leaving.http_port, f"/api/runs/{run_id}/events", last_id="2") as run,
        ):
            for live in (feed, run):
                await live.frame()
            await leaving.stop()
            ends = [(await live.all())[-1] for live in (feed, run)]
        assert [(end.event, end.data) for end in ends] == [("end", {"reason": "DRAINING"})] * 2
        await api.start("one", "meanwhile")
        async with stream(staying.http_port, PATH, last_id=ends[0].id) as feed:
            await feed.frame()
            frame = await feed.frame()
            assert frame.data["type"] == "RUN_STARTED"
