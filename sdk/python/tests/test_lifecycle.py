"""The line that shows a worker is alive, and how a worker leaves."""

from __future__ import annotations

import asyncio
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import pytest

from sdk.python.tests.fake import FakeServer, refusing, task
from stellwerk import TaskContext, Worker
from stellwerk._channel import target
from stellwerk._poller import Poller
from stellwerk.v1 import payload_pb2, worker_pb2, worker_pb2_grpc

Work = Callable[..., Worker]


async def test_the_first_beat_introduces_the_worker_and_the_last_says_good_bye(server: FakeServer, work: Work) -> None:
    worker = work({"b": lambda value: value, "a": lambda value: value}, slots=7, queue="fast")
    hello = (await server.until(lambda: server.seen.get("beat")))[0]
    assert (hello.worker_id, hello.queue, list(hello.actions)) == (worker.worker_id, "fast", ["a", "b"])
    assert (hello.slots, hello.namespace, hello.sdk.split()[0]) == (7, "default", "python")
    worker.stop()
    await server.until(lambda: server.seen["beat"][-1].leaving)


async def test_nothing_is_polled_before_the_line_is_open(
    server: FakeServer, work: Work, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a worker killed right after its first poll is missed only when the lease is over."""
    monkeypatch.setattr("stellwerk._poller.LINE_S", 60.0)
    polls_before: list[int] = []

    async def open_late(request: Any, context: Any) -> None:
        await asyncio.sleep(0.2)
        polls_before.append(len(server.seen.get("PollTask", [])))

    server.play("Heartbeat", open_late)
    work({"noop": lambda value: value})
    server.offer(task())
    await server.result()
    assert await server.until(lambda: polls_before) == [0]


async def test_a_server_without_the_line_is_polled_all_the_same(
    server: FakeServer, work: Work, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stellwerk._poller.LINE_S", 0.1)
    server.play("Heartbeat", *[refusing(grpc.StatusCode.UNIMPLEMENTED)] * 100)
    work({"noop": lambda value: value})
    server.offer(task())
    await server.result()


async def test_progress_travels_soon(server: FakeServer, work: Work) -> None:
    done = asyncio.Event()

    async def report(value: Any, ctx: TaskContext) -> None:
        ctx.heartbeat({"done": 3})
        await done.wait()

    server.interval_ms = 60_000
    work({"noop": report})
    server.offer(task())

    def reported() -> list[str]:
        held = [held for beat in server.seen.get("beat", []) for held in beat.held]
        return [held.progress.json for held in held if held.HasField("progress")]

    assert await server.until(reported) == ['{"done":3}']
    done.set()
    await server.result()


async def test_a_draining_server_is_left_for_a_new_line_that_names_what_is_held(server: FakeServer, work: Work) -> None:
    begun, end = asyncio.Event(), asyncio.Event()

    async def hold(value: Any) -> None:
        begun.set()
        await end.wait()

    work({"noop": hold})
    server.offer(task())
    await begun.wait()
    await server.until(lambda: server.seen.get("beat"))
    server.draining.set()
    await server.until(lambda: len(server.seen["Heartbeat"]) == 2)
    hello = await server.until(lambda: [beat for beat in server.seen["beat"] if beat.actions][1:])
    assert [held.token for held in hello[0].held] == [b"run_1"]
    end.set()
    await server.result()


class _Line(worker_pb2_grpc.WorkerServiceServicer):
    """A server in threads, because the loop of the test is the one that gets blocked."""

    def __init__(self) -> None:
        self.beats: list[tuple[float, int]] = []
        self.begun = False

    def PollTask(self, request: Any, context: Any) -> worker_pb2.PollTaskResponse:
        if not self.begun:
            self.begun = True
            return worker_pb2.PollTaskResponse(tasks=[task()])
        ended = threading.Event()
        context.add_callback(ended.set)
        ended.wait(20)
        return worker_pb2.PollTaskResponse()

    def CompleteTask(self, request: Any, context: Any) -> worker_pb2.CompleteTaskResponse:
        return worker_pb2.CompleteTaskResponse(verdicts=[worker_pb2.TaskVerdict()])

    def Heartbeat(self, requests: Any, context: Any) -> Iterator[worker_pb2.HeartbeatResponse]:
        yield worker_pb2.HeartbeatResponse(interval_ms=100)
        for request in requests:
            self.beats.append((time.monotonic(), len(request.held)))


async def test_the_heart_beats_while_a_handler_blocks_the_loop() -> None:
    line = _Line()
    server = grpc.server(ThreadPoolExecutor(8))
    worker_pb2_grpc.add_WorkerServiceServicer_to_server(line, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    worker = Worker(f"127.0.0.1:{port}", polls=1)
    blocked: list[float] = []

    async def burn(value: Any) -> None:
        blocked.append(time.monotonic())
        while time.monotonic() < blocked[0] + 2.0:  # computes, and never awaits
            sum(range(1000))
        blocked.append(time.monotonic())
        worker.stop()

    worker.register("noop", burn)
    await worker.run()
    server.stop(None).wait()
    during = [held for at, held in line.beats if blocked[0] + 1.0 < at < blocked[1]]
    assert len(during) >= 4
    assert set(during) == {1}


async def test_a_stop_lets_running_handlers_end_and_their_results_out(server: FakeServer, work: Work) -> None:
    begun, end = asyncio.Event(), asyncio.Event()
    ran: list[Any] = []

    async def slow(value: Any) -> str:
        ran.append(value)
        begun.set()
        await end.wait()
        return "done"

    worker = work({"noop": slow}, drain_s=10)
    server.offer(task(value=1))
    await begun.wait()
    worker.stop()
    await asyncio.sleep(0.05)
    server.offer(task(value=2, run_id="too late"))
    end.set()
    assert (await server.result()).output.json == '"done"'
    await server.until(lambda: server.seen["beat"][-1].leaving)
    assert ran == [1]
    assert b"too late" not in server.results


async def test_tasks_that_come_during_the_stop_are_given_back(server: FakeServer) -> None:
    """Wired by hand: whether a cancelled poll still brings something is the network's to decide."""
    polled, stopped, given_back = asyncio.Event(), asyncio.Event(), []

    async def poll(request: Any, **options: Any) -> worker_pb2.PollTaskResponse:
        polled.set()
        await stopped.wait()
        return worker_pb2.PollTaskResponse(tasks=[task()])

    poller = Poller(
        lambda request, **options: _Uncancellable(poll(request)),
        worker_pb2.PollTaskRequest(),
        target(server.address, None, None, None),
        polls=1,
        free_slots=lambda: 1,
        accept=lambda tasks: pytest.fail("accepted"),
        give_back=given_back.extend,
    )
    poller.start()
    poller.line_opened()
    await polled.wait()
    stopping = asyncio.create_task(poller.stop())
    await asyncio.sleep(0)
    stopped.set()
    await stopping
    assert [given.run_id for given in given_back] == ["run_1"]


class _Uncancellable:
    """A call whose answer was on its way when it was cancelled."""

    def __init__(self, answer: Any) -> None:
        self._answer = answer

    def __await__(self) -> Any:
        return self._answer.__await__()

    def cancel(self) -> bool:
        return False


async def test_handlers_that_outlast_the_drain_are_cancelled_and_reported(server: FakeServer, work: Work) -> None:
    begun, stuck = asyncio.Event(), threading.Event()

    async def forever(value: Any) -> None:
        begun.set()
        await asyncio.Event().wait()

    work_in_thread = lambda value: stuck.wait(20)  # noqa: E731
    worker = work({"a": forever, "s": work_in_thread}, drain_s=0.1)
    server.offer(task("a", run_id="r1"), task("s", run_id="r2"))
    await begun.wait()
    await server.until(lambda: not server.tasks)
    worker.stop()
    for run_id in (b"r1", b"r2"):
        failure = (await server.result(run_id)).failure
        assert (failure.type, failure.terminal) == ("WorkerStopped", False)
        assert failure.category == payload_pb2.FAILURE_CATEGORY_WORKER_LOST
    stuck.set()


async def test_cancelling_run_ends_the_worker_quickly(server: FakeServer) -> None:
    worker = Worker(server.address, drain_s=60)
    begun = asyncio.Event()

    async def forever(value: Any) -> None:
        begun.set()
        await asyncio.Event().wait()

    worker.register("noop", forever)
    running = asyncio.create_task(worker.run())
    server.offer(task())
    await begun.wait()
    running.cancel()
    await asyncio.wait({running}, timeout=8)
    assert running.cancelled()
    assert (await server.result()).failure.type == "WorkerStopped"


_SCRIPT = """
import sys
from stellwerk import Worker
worker = Worker(sys.argv[1])
worker.register("noop", lambda value: value * 2)
worker.start()
print("drained")
"""


async def test_sigterm_drains_a_worker_that_was_started(server: FakeServer) -> None:
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", _SCRIPT, server.address), stdout=asyncio.subprocess.PIPE
    )
    try:
        server.offer(task(value=21))
        assert (await server.result()).output.json == "42"
        await server.until(lambda: server.seen.get("beat"))
        child.terminate()
        output, _ = await asyncio.wait_for(child.communicate(), 15)
    finally:
        if child.returncode is None:
            child.kill()
    assert output == b"drained\n"
    assert child.returncode == 0
    assert server.seen["beat"][-1].leaving
