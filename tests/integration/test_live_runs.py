"""Live events of one run as an event stream: what is said, in which order, and that nothing is lost when it is cut."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from typing import Any

import pytest

from stellwerk.v1 import run_pb2, worker_pb2
from stellwerk_server.server import Server
from tests.integration.api import Api, payload
from tests.integration.conftest import StartServer
from tests.integration.live_api import Frame, refused, stream

ONE = "name: one\nsteps: [{id: s, action: a}]"
TWO = "name: two\nsteps: [{id: s, action: a}, {id: t, action: a}]"
RETRIED = "name: retried\nsteps: [{id: s, action: a, retry: {max_attempts: 5, initial: 10ms}}]"
EACH = 'name: each\nsteps: [{id: e, action: a, foreach: "${input}"}]'


def told(frames: list[Frame]) -> list[str]:
    """The frames in a few words."""
    words = {"event": lambda d: d["type"], "chunk": lambda d: f"{d['step']}:{d['attempt']}:{d['sequence']}"}
    return [words.get(frame.event, lambda d, e=frame.event: e)(frame.data) for frame in frames]


async def chunk(api: Api, task: worker_pb2.Task, *values: Any, first: int = 1) -> None:
    """Stream chunks of a task, each acknowledged."""
    line = api.workers.StreamResult()
    for place, value in enumerate(values):
        request = worker_pb2.StreamResultRequest(token=task.token, sequence=first + place, chunk=payload(value))
        await line.write(request)
    await line.done_writing()
    answers = [answer async for answer in line]
    assert len(answers) == len(values)
    assert not any(answer.HasField("refusal") for answer in answers)


async def test_a_run_is_told_from_its_first_event_to_its_end(server: Server, api: Api) -> None:
    await api.apply(TWO)
    run_id = await api.start("two", {"n": 1})
    async with stream(server.http_port, f"/api/runs/{run_id}/events") as live:
        ready = await live.frame()
        assert ready == Frame("ready", "0", {})
        await api.complete(await api.take("a"), "x")
        await api.complete(await api.take("a"), "y")
        frames = await live.all()
    assert told(frames) == [
        "RUN_STARTED",
        "STEP_SCHEDULED",
        "STEP_SUCCEEDED",
        "STEP_SCHEDULED",
        "STEP_SUCCEEDED",
        "RUN_SUCCEEDED",
        "end",
    ]
    assert [frame.id for frame in frames] == ["1", "2", "3", "4", "5", "6", "6"]
    assert frames[0].data["payload"] == {"n": 1}
    assert frames[2].data["payload"] == "x"
    assert frames[-1].data == {"reason": "RUN_ENDED", "run_id": run_id, "state": "SUCCEEDED", "output": "y"}


async def test_a_run_that_has_ended_is_told_whole(server: Server, api: Api) -> None:
    await api.apply(ONE)
    run_id = await api.start("one")
    await api.complete(await api.take("a"), "x")
    await api.wait(run_id)
    async with stream(server.http_port, f"/api/runs/{run_id}/events") as live:
        assert told(await live.all()) == [
            "ready",
            "RUN_STARTED",
            "STEP_SCHEDULED",
            "STEP_SUCCEEDED",
            "RUN_SUCCEEDED",
            "end",
        ]
    async with stream(server.http_port, f"/api/runs/{run_id}/events", last_id="4") as live:
        assert told(await live.all()) == ["ready", "end"]


async def test_chunks_come_within_their_attempt_and_a_new_attempt_is_announced(server: Server, api: Api) -> None:
    await api.apply(RETRIED)
    run_id = await api.start("retried")
    async with stream(server.http_port, f"/api/runs/{run_id}/events", chunks="true") as live:
        task = await api.take("a")
        await chunk(api, task, 1, 2)
        await api.fail(task)
        task = await api.take("a")
        await chunk(api, task, 3)
        await api.complete(task)
        frames = await live.all()
    assert told(frames) == [
        "ready",
        "RUN_STARTED",
        "STEP_SCHEDULED",
        "s:1:1",
        "s:1:2",
        "STEP_ATTEMPT_FAILED",
        "reset",
        "STEP_SCHEDULED",
        "s:2:1",
        "STEP_SUCCEEDED",
        "RUN_SUCCEEDED",
        "end",
    ]
    assert [frame.data["payload"] for frame in frames if frame.event == "chunk"] == [1, 2, 3]
    assert frames[6].data == {"step": "s", "attempt": 2}
    assert [frame.id for frame in frames][3:8] == ["2;s:1:1", "2;s:1:2", "3", "3r", "4"]
    for place, frame in enumerate(frames[:-1]):
        async with stream(server.http_port, f"/api/runs/{run_id}/events", last_id=frame.id, chunks="true") as live:
            assert await live.all() == [Frame("ready", frame.id, {}), *frames[place + 1 :]]


BUSY_STEPS = 8


async def be_busy(api: Api, worker: str, dice: random.Random) -> None:
    """Do tasks until there are none for a while: each streams, and some fail."""
    while tasks := await api.poll("a", worker=worker, max_tasks=3, wait_s=0.5):
        await asyncio.gather(*(_stream_and_end(api, worker, task, dice) for task in tasks))


async def _stream_and_end(api: Api, worker: str, task: worker_pb2.Task, dice: random.Random) -> None:
    count = dice.randrange(0, 9)
    for begin in range(0, count, 3):
        await chunk(api, task, *range(begin, min(count, begin + 3)), first=begin + 1)
    if task.attempt < 3 and dice.random() < 0.4:
        await api.fail(task)
    else:
        await api.finish(worker_pb2.TaskResult(token=task.token, output=payload(task.attempt)), worker=worker)


async def read_in_pieces(
    ports: list[int], path: str, dice: random.Random, after: str = "0", **query: Any
) -> list[Frame]:
    """Every frame up to the end, cut off and gone on with at random, now here, now there."""
    found: list[Frame] = []
    after = "0"
    while not found or found[-1].event != "end":
        async with stream(dice.choice(ports), path, last_id=after, **query) as live:
            ready = await live.frame()
            assert ready == Frame("ready", after, {})
            for _ in range(dice.randrange(1, 20)):
                found.append(await live.frame())
                after = found[-1].id
                if found[-1].event == "end":
                    break
    return found


def check_order(frames: list[Frame], history: list[run_pb2.Event]) -> None:
    """Every event once and in order, every chunk once, in order and within its attempt."""
    assert [frame.data["sequence"] for frame in frames if frame.event == "event"] == [e.sequence for e in history]
    last: dict[tuple[str, int], int] = {}
    ended: set[tuple[str, int]] = set()
    announced = []
    for frame in frames:
        key = (frame.data.get("step", ""), frame.data.get("attempt", 0))
        if frame.event == "chunk":
            assert key not in ended, frame
            assert frame.data["sequence"] == last.get(key, 0) + 1, frame
            last[key] = frame.data["sequence"]
        elif frame.event == "reset":
            announced.append(key)
        elif frame.event == "event" and frame.data["type"] in ("STEP_SUCCEEDED", "STEP_ATTEMPT_FAILED"):
            ended.add(key)
    again = [(e.step, e.attempt) for e in history if e.type == "STEP_SCHEDULED" and e.attempt > 1]
    assert announced == again


@pytest.mark.parametrize(("hints", "seed"), [("redis", 1), ("notify", 2), ("redis", 3)])
async def test_a_busy_run_is_told_once_however_often_it_is_cut(
    start_server: StartServer, redis_url: str, hints: str, seed: int
) -> None:
    dice = random.Random(seed)
    url = redis_url if hints == "redis" else None
    options: dict[str, Any] = {"redis_url": url, "lease_s": 120.0}
    here, there = await start_server(**options), await start_server(**options)
    async with Api(here.port) as first, Api(there.port) as second:
        await first.apply(EACH.replace("action: a", "action: a, retry: {max_attempts: 5, initial: 5ms}"))
        run_id = await first.start("each", list(range(BUSY_STEPS)))
        path, ports = f"/api/runs/{run_id}/events", [here.http_port, there.http_port]
        reading = [
            asyncio.create_task(read_in_pieces(ports, path, random.Random(seed * 10 + n), chunks="true"))
            for n in range(4)
        ]
        plain = asyncio.create_task(read_in_pieces(ports, path, random.Random(seed)))
        await asyncio.gather(be_busy(first, "w1", dice), be_busy(second, "w2", dice))
        history = await first.history(run_id)
        told = [await task for task in reading]
        chunks = await first_stored_chunks(first, run_id)
        for frames in told:
            check_order(frames, history)
            found = {}
            for frame in frames:
                if frame.event == "chunk":
                    found[frame.data["step"], frame.data["attempt"]] = frame.data["sequence"]
            assert found == chunks
        assert [f.data["sequence"] for f in await plain if f.event == "event"] == [e.sequence for e in history]


async def first_stored_chunks(api: Api, run_id: str) -> dict[tuple[str, int], int]:
    """The last chunk of each attempt, as WatchRun tells."""
    found: dict[tuple[str, int], int] = {}
    async for answer in api.runs.WatchRun(run_pb2.WatchRunRequest(run_id=run_id, include_chunks=True)):
        for each in answer.chunks:
            found[each.step, each.attempt] = each.sequence
    return found


@pytest.mark.parametrize("bad", ["x", "-1", "1;", "1;s:1", "12-abcdef01", "99999999999", "1;s:1:x", "r"])
async def test_an_id_that_is_none_is_refused(server: Server, api: Api, bad: str) -> None:
    await api.apply(ONE)
    run_id = await api.start("one")
    path = f"/api/runs/{run_id}/events"
    for error in (await refused(server.http_port, path, after=bad), await refused(server.http_port, path, last_id=bad)):
        assert (error.status, error.problem["reason"]) == (400, "INVALID_ARGUMENT")
    assert error.problem["errors"][0]["field"] == "last-event-id"


async def test_what_cannot_be_streamed_is_a_problem(server: Server, api: Api) -> None:
    await api.apply(ONE)
    run_id = await api.start("one")
    path = f"/api/runs/{run_id}/events"
    error = await refused(server.http_port, path, after="3")
    assert (error.status, error.problem["errors"][0]["field"]) == (400, "after")
    assert "0 to 2" in error.problem["detail"]
    assert (await refused(server.http_port, path, chunks="maybe")).problem["errors"][0]["field"] == "chunks"
    assert (await refused(server.http_port, path, what="ever")).problem["errors"][0]["field"] == "what"
    assert (await refused(server.http_port, path, namespace="other")).status == 404
    assert (await refused(server.http_port, "/api/runs/run_x/events")).status == 400
    missing = await refused(server.http_port, "/api/runs/run_0000000000000/events")
    assert (missing.status, missing.problem["reason"]) == (404, "RUN_NOT_FOUND")


async def test_a_header_wins_over_the_query(server: Server, api: Api) -> None:
    await api.apply(ONE)
    run_id = await api.start("one")
    async with stream(server.http_port, f"/api/runs/{run_id}/events", last_id="1", after="0") as live:
        assert await live.frame() == Frame("ready", "1", {})


async def test_a_long_history_is_read_by_each_at_its_own_pace(start_server: StartServer) -> None:
    """More events than a follower begins with, and more chunks than a page."""
    server = await start_server(lease_s=120.0)
    async with Api(server.port) as api:
        await read_long_history(server, api)


async def read_long_history(server: Server, api: Api) -> None:
    await api.apply(EACH)
    run_id = await api.start("each", list(range(2_100)))
    async with stream(server.http_port, f"/api/runs/{run_id}/events", chunks="true") as live:
        done = 0
        while done < 2_100:
            tasks = await api.poll("a", max_tasks=1_000)
            if not done:
                await chunk(api, tasks[0], *range(600))
                await chunk(api, tasks[1], *range(600))
            await api.finish(*[worker_pb2.TaskResult(token=task.token, output=payload(1)) for task in tasks])
            done += len(tasks)
        frames = await live.all()
    history = [event async for event in whole_history(api, run_id)]
    check_order(frames[1:], history)
    assert sum(frame.event == "chunk" for frame in frames) == 1_200
    async with stream(server.http_port, f"/api/runs/{run_id}/events", chunks="true") as live:
        again = await live.all()
        check_order(again[1:], history)
        assert sum(frame.event == "chunk" for frame in again) == 1_200
    middle = next(frame.id for frame in frames if frame.event == "chunk" and frame.data["sequence"] == 300)
    place = next(place for place, frame in enumerate(frames) if frame.id == middle)
    async with stream(server.http_port, f"/api/runs/{run_id}/events", chunks="true", last_id=middle) as live:
        rest = await live.all()
        assert sum(frame.event == "chunk" for frame in rest) == sum(f.event == "chunk" for f in frames[place + 1 :])
        assert [f.id for f in rest][-1] == frames[-1].id


async def whole_history(api: Api, run_id: str) -> AsyncIterator[run_pb2.Event]:
    """Every event of a run, by pages."""
    token = ""
    while True:
        request = run_pb2.GetHistoryRequest(run_id=run_id, page_size=10_000, page_token=token)
        answer = await api.runs.GetHistory(request)
        for event in answer.events:
            yield event
        token = answer.next_page_token
        if not token:
            return
