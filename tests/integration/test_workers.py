"""Workers that die, hang, vanish or return nonsense: their tasks go out again, and nobody else notices."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from stellwerk import Client, RunFailed, Worker
from stellwerk.v1 import admin_pb2, run_pb2, worker_pb2
from stellwerk_server.cli.own_worker import running
from stellwerk_server.server import Server
from tests.integration.api import Api, call, duration, eventually, payload
from tests.integration.conftest import StartServer

HOLD = "name: hold\nsteps: [{id: s, action: hold, retry: {initial: 10ms}}]"
ONE = "name: one\nsteps: [{id: s, action: a, retry: {initial: 10ms}}]"
PROGRAM = Path(__file__).with_name("worker_program.py")


async def has_line(api: Api, worker: str) -> bool:
    """Whether the worker has told of itself; its polls alone say nothing of an SDK."""
    answer = await call(api.admin.ListWorkers(admin_pb2.ListWorkersRequest()))
    return any(found.worker_id == worker and found.sdk for found in answer.workers)


@asynccontextmanager
async def worker_program(port: int, worker_id: str) -> AsyncIterator[asyncio.subprocess.Process]:
    program = await asyncio.create_subprocess_exec(
        sys.executable, str(PROGRAM), str(port), worker_id, stdout=asyncio.subprocess.PIPE
    )
    try:
        yield program
    finally:
        if program.returncode is None:
            program.kill()
        await program.communicate()


async def begins(program: asyncio.subprocess.Process, run_id: str) -> None:
    assert program.stdout is not None
    line = await asyncio.wait_for(program.stdout.readline(), 20)
    assert line.decode().strip() == run_id


@pytest.mark.parametrize("polled_just_before", [False, True])
async def test_the_task_of_a_killed_worker_is_out_again_within_seconds(
    server: Server, api: Api, polled_just_before: bool
) -> None:
    await api.apply(HOLD)
    async with worker_program(server.port, "victim") as victim:
        run_id = await api.start("hold")
        await begins(victim, run_id)
        await eventually(lambda: has_line(api, "victim"), 5)
        if polled_just_before:  # a sign of life that is written down only after the death must not count
            await api.poll("nothing", worker="victim", wait_s=0)
        killed = time.monotonic()
        victim.kill()
        task = await api.take("hold", worker="heir", wait_s=8)
        took_s = time.monotonic() - killed
    assert (task.attempt, task.run_id) == (2, run_id)
    assert took_s < 3.5
    assert await api.complete(task) is None
    failed = next(e for e in await api.history(run_id) if e.type == "STEP_ATTEMPT_FAILED")
    assert (failed.failure.type, failed.worker_id) == ("WorkerLost", "victim")


async def test_the_task_of_a_frozen_worker_is_out_again_after_its_lease(start_server: StartServer) -> None:
    server = await start_server(lease_s=2.0)
    async with Api(server.port) as api, worker_program(server.port, "frozen") as frozen:
        await api.apply(HOLD)
        run_id = await api.start("hold")
        await begins(frozen, run_id)
        os.kill(frozen.pid, signal.SIGSTOP)
        stopped = time.monotonic()
        try:
            # The frozen worker's polls still wait: they must not swallow the task a second time.
            task = await api.take("hold", worker="heir", wait_s=20)
            took_s = time.monotonic() - stopped
            assert (task.attempt, task.run_id) == (2, run_id)
            assert took_s < 2.0 + 2.0
            assert await api.complete(task) is None
        finally:
            os.kill(frozen.pid, signal.SIGCONT)
        assert (await api.wait(run_id)).state == run_pb2.RUN_STATE_SUCCEEDED


async def test_a_task_that_is_never_named_goes_out_again_after_its_lease(start_server: StartServer) -> None:
    server = await start_server(lease_s=1.0)
    async with Api(server.port) as api, api.line("w1", "a"):
        await api.apply(ONE)
        await api.start("one")
        lost = await api.take("a", worker="w1")
        again = await api.take("a", worker="w2", wait_s=5)
        assert (lost.attempt, again.attempt) == (1, 2)
        refused = await api.complete(lost)
        assert refused is not None
        assert refused.reason == "LEASE_LOST"
        assert await api.complete(again) is None


async def test_a_task_that_is_named_stays_with_its_worker(start_server: StartServer) -> None:
    server = await start_server(lease_s=1.0)
    async with Api(server.port) as api, api.line("w1", "a") as line:
        await api.apply(ONE)
        run_id = await api.start("one")
        task = await api.take("a")
        async with line.beating(task.token):
            assert await api.poll("a", worker="thief", wait_s=3) == []
        assert await api.complete(task, "mine") is None
        assert (await api.wait(run_id)).output.json == '"mine"'


async def test_a_poison_task_ends_in_the_dead_letters(start_server: StartServer) -> None:
    server = await start_server(lease_s=1.0)
    async with Api(server.port) as api:
        await api.apply("name: poison\nsteps: [{id: s, action: a, retry: {max_attempts: 2, initial: 10ms}}]")
        run_id = await api.start("poison")
        assert (await api.take("a", worker="first")).attempt == 1
        assert (await api.take("a", worker="second")).attempt == 2
        ended = await api.wait(run_id)
        assert (ended.state, ended.failure.type) == (run_pb2.RUN_STATE_FAILED, "LeaseExpired")


async def test_a_worker_that_reconnects_in_time_keeps_its_task(api: Api) -> None:
    await api.apply(ONE)
    await api.start("one")
    async with api.line("w1", "a"):
        task = await api.take("a")
    await api.poll("nothing", worker="idler", wait_s=0.8)
    async with api.line("w1", "a", held=[task.token]):
        assert await api.poll("a", worker="thief", wait_s=2.5) == []
        assert await api.complete(task) is None


async def test_each_broken_line_has_a_moment_of_its_own(api: Api) -> None:
    """One that breaks just before another's time is over is not taken along with it."""
    await api.apply(ONE)
    await api.start("one")
    async with api.line("slow", "a"):
        task = await api.take("a", worker="slow")
        async with api.line("first", "other"):
            pass
        await api.poll("nothing", worker="idler", wait_s=1.2)
    await api.poll("nothing", worker="idler", wait_s=0.9)
    async with api.line("slow", "a", held=[task.token]):
        assert await api.poll("a", worker="thief", wait_s=1.5) == []
        assert await api.complete(task) is None


async def test_a_worker_that_leaves_gives_its_tasks_back_at_once(api: Api) -> None:
    await api.apply(ONE)
    await api.start("one")
    async with api.line("leaver", "a") as line:
        await api.take("a", worker="leaver")
        await line.beat(leaving=True)
        await line.stream.done_writing()
        left = time.monotonic()
        assert (await api.take("a", worker="heir", wait_s=5)).attempt == 2
        assert time.monotonic() - left < 1.4


async def test_a_poll_whose_client_is_gone_gives_its_task_back_under_the_same_attempt(
    start_server: StartServer,
) -> None:
    server = await start_server(lease_s=2.0)
    attempts = []
    async with Api(server.port) as api:
        await api.apply(ONE)
        for _ in range(20):
            gone = Api(server.port)
            request = worker_pb2.PollTaskRequest(worker_id="gone", actions=["a"], max_tasks=1, wait=duration(20))
            polling: Any = gone.workers.PollTask(request)
            waiting = asyncio.create_task(answer_of(polling))
            await asyncio.sleep(0.02)
            starting = asyncio.create_task(api.start("one"))
            polling.cancel()
            await gone.channel.close(None)
            await asyncio.gather(waiting, return_exceptions=True)
            run_id = await starting
            task = await api.take("a", worker="heir", wait_s=6)
            assert task.run_id == run_id
            assert await api.complete(task) is None
            attempts.append(task.attempt)
    # An answer that was on the wire already is the client's, as far as anybody can tell: its lease runs out.
    assert set(attempts) <= {1, 2}
    assert attempts.count(1) >= 10


async def answer_of(call: Any) -> Any:
    return await call


async def test_cancel_reaches_a_running_handler_at_once(api: Api) -> None:
    await api.apply(ONE)
    for end, reason in ((api.runs.CancelRun, "RUN_CANCELLED"), (api.runs.TerminateRun, "RUN_TERMINATED")):
        run_id = await api.start("one")
        async with api.line("w1", "a") as line:
            task = await api.take("a")
            asked = time.monotonic()
            kind = run_pb2.CancelRunRequest if reason == "RUN_CANCELLED" else run_pb2.TerminateRunRequest
            await end(kind(run_id=run_id, reason="enough"))
            heard = await line.hear()
            assert time.monotonic() - asked < 1.0
            assert [(c.token, c.reason) for c in heard.cancelled] == [(task.token, reason)]
            refused = await api.complete(task)
            assert refused is not None
            assert refused.reason == "LEASE_LOST"


async def test_cancel_stops_a_handler_of_the_sdk(server: Server, client: Client, api: Api) -> None:
    worker = Worker(f"127.0.0.1:{server.port}")
    begun, stopped = asyncio.Event(), asyncio.Event()

    @worker.handler("a")
    async def a(_: Any) -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            stopped.set()

    await api.apply(ONE)
    async with running(worker):
        handle = await client.start("one")
        await asyncio.wait_for(begun.wait(), 10)
        await handle.cancel("enough")
        await asyncio.wait_for(stopped.wait(), 2)


async def test_an_output_that_cannot_be_encoded_fails_the_step_for_good(
    server: Server, client: Client, api: Api
) -> None:
    worker = Worker(f"127.0.0.1:{server.port}")
    outputs = {"set": {1, 2}, "nan": float("nan"), "object": object(), "huge": "x" * 3_000_000, "surrogate": "\ud800"}
    worker.register("a", lambda name: outputs.get(name, "fine"))
    await api.apply(ONE)
    async with running(worker):
        for name in outputs:
            with pytest.raises(RunFailed) as failed:
                await asyncio.wait_for(client.run("one", name), 20)
            assert failed.value.failure is not None
            assert failed.value.failure.type in ("EncodeError", "PayloadTooLarge"), name
            assert failed.value.failure.attempt == 1
        assert await client.run("one", "other") == "fine"


async def test_a_poll_never_answers_more_than_a_message_holds(server: Server, client: Client, api: Api) -> None:
    await api.apply(ONE)
    big = "x" * 1_900_000
    runs = [await api.start("one", big) for _ in range(14)]
    worker = Worker(f"127.0.0.1:{server.port}")
    worker.register("a", len)
    async with running(worker):
        results = await asyncio.wait_for(asyncio.gather(*[client.handle(run).result() for run in runs]), 30)
    assert results == [len(big)] * 14
    assert {(await api.step(run, "s")).attempt for run in runs} == {1}


async def test_results_of_any_size_reach_their_callers(server: Server, client: Client, api: Api) -> None:
    await api.apply(ONE)
    worker = Worker(f"127.0.0.1:{server.port}")
    worker.register("a", lambda n: "x" * 1_900_000)
    async with running(worker):
        results = await asyncio.wait_for(asyncio.gather(*[client.run("one", n) for n in range(14)]), 40)
    assert {len(r) for r in results} == {1_900_000}
    assert len(results) == 14


async def test_tasks_are_shared_among_workers_and_none_goes_out_twice(api: Api) -> None:
    await api.apply("name: many\nsteps: [{id: f, action: a, foreach: '${input}'}]")
    run_id = await api.start("many", list(range(200)))
    taken: list[tuple[str, str]] = []

    async def work(name: str) -> None:
        while tasks := await api.poll("a", worker=name, max_tasks=7, wait_s=1):
            taken.extend((name, task.step) for task in tasks)
            await api.finish(*[worker_pb2.TaskResult(token=t.token, output=payload(1)) for t in tasks], worker=name)

    await asyncio.gather(*[work(f"w{i}") for i in range(4)])
    assert len(taken) == len({step for _, step in taken}) == 200
    assert len({name for name, _ in taken}) > 1
    await eventually(lambda: succeeded(api, run_id), 5)


async def succeeded(api: Api, run_id: str) -> bool:
    return (await api.get(run_id, steps=False)).state == run_pb2.RUN_STATE_SUCCEEDED
