"""The worker's side of decisions against a server that follows a script: journals, leases, local steps, its drain."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any

import pytest

from sdk.python.tests.fake import FakeServer, task
from sdk.python.tests.journals import event
from stellwerk import StellwerkError, TerminalError, Worker, WorkflowContext, _run_cache, _watchdog, workflow
from stellwerk._replay import Replay
from stellwerk._run_cache import RunCache
from stellwerk.v1 import payload_pb2, run_pb2
from stellwerk.v1.worker_pb2 import CancelledTask, Journal, Task, TaskResult

Work = Callable[..., Worker]


@pytest.fixture
async def decide(server: FakeServer) -> Any:
    """`decide(function, ...)` starts a worker with the workflow "flow"."""
    running: list[tuple[Worker, asyncio.Task[None]]] = []

    def start(function: Callable[..., Any], **options: Any) -> Worker:
        worker = Worker(server.address, **{"drain_s": 2.0, "build": "b1", **options})
        worker.register_workflow("flow", function)
        running.append((worker, asyncio.create_task(worker.run())))
        return worker

    yield start
    for worker, ended in running:
        worker.stop()
        await asyncio.wait_for(ended, 15)


def decision(*events: run_pb2.Event, after: int = 0, token: str = "d1", workflow: str = "flow") -> Task:
    """The task of a decision."""
    sequence = events[-1].sequence if events else after
    journal = Journal(after_sequence=after, sequence=sequence, events=events)
    made = task(f"workflow:{workflow}", "bob", step="$decision", workflow=workflow, journal=journal)
    made.token = token.encode()
    return made


def sent(server: FakeServer) -> list[TaskResult]:
    """All results, in the order they came."""
    return [result for request in server.seen.get("CompleteTask", []) for result in request.results]


def kinds(result: TaskResult) -> list[str | None]:
    return [command.WhichOneof("kind") for command in result.decision.commands]


async def greets(ctx: WorkflowContext, name: str) -> Any:
    first = await ctx.step("greet", name)
    return await ctx.step("greet", first)


STARTED = event(1, "RUN_STARTED")
STARTED.ClearField("payload")


async def test_the_hello_names_workflows_and_build(server: FakeServer, decide: Any) -> None:
    worker = decide(greets, pin_runs=True)
    await server.until(lambda: server.seen.get("beat"))
    hello = server.seen["beat"][0]
    assert (list(hello.workflows), hello.build, hello.pin_runs) == (["flow"], "b1", True)
    await server.until(lambda: server.seen.get("PollTask"))
    assert {tuple(poll.actions) for poll in server.seen["PollTask"]} == {("workflow:flow",)}
    assert worker.workflows == ["flow"]


async def test_a_run_that_is_held_needs_only_what_is_new(server: FakeServer, decide: Any) -> None:
    decide(greets)
    server.offer(decision(STARTED))
    first = (await server.result(b"d1")).decision
    assert (first.sequence, first.keep, first.build, first.commands[0].action.input.json) == (1, False, "b1", '"bob"')
    server.offer(decision(event(3, "STEP_SUCCEEDED", "greet", "hi"), after=1, token="d2"))
    assert (await server.result(b"d2")).decision.commands[0].action.input.json == '"hi"'
    assert "GetHistory" not in server.seen


async def test_a_run_that_is_not_held_is_read_whole(server: FakeServer, decide: Any) -> None:
    server.history_page = 2
    server.history = [
        event(1, "RUN_STARTED", payload="bob"),
        event(2, "STEP_SCHEDULED", "greet", "bob", action="greet", decision=1),
        event(3, "STEP_SUCCEEDED", "greet", "hi"),
        event(4, "STEP_SCHEDULED", "greet#2", "hi", action="greet", decision=3),
        event(5, "STEP_SUCCEEDED", "greet#2", "bye"),
    ]
    decide(greets)
    server.offer(decision(server.history[4], after=3))
    result = (await server.result(b"d1")).decision
    assert (result.sequence, result.commands[0].succeed.output.json) == (5, '"bye"')
    assert len(server.seen["GetHistory"]) == 3


async def test_a_difference_fails_the_decision_for_good(server: FakeServer, decide: Any) -> None:
    server.history = [
        event(1, "RUN_STARTED", payload="bob"),
        event(2, "STEP_SCHEDULED", "charge", "card", action="charge", decision=1),
        event(3, "STEP_SUCCEEDED", "charge", "hi"),
    ]
    decide(greets)
    server.offer(decision(server.history[2], after=1))
    failure = (await server.result(b"d1")).failure
    assert (failure.type, failure.terminal) == ("NonDeterminism", True)
    assert failure.message == 'step 1: recorded charge("card"), now greet("bob")'


async def test_local_steps_keep_the_lease_and_are_told_what_came_in(server: FakeServer, decide: Any) -> None:
    threads: list[str] = []

    async def flow(ctx: WorkflowContext) -> Any:
        remote = ctx.step("remote")
        local = await ctx.run("sync", in_a_thread)
        other = await ctx.run("async", work)
        return [await remote, local, other]

    def in_a_thread() -> int:
        threads.append(threading.current_thread().name)
        return 1

    async def work() -> int:
        return len(asyncio.all_tasks())

    server.journals[b"d1"] = deque(
        [
            Journal(after_sequence=1, sequence=2),
            Journal(after_sequence=2, sequence=4, events=[event(3, "STEP_SUCCEEDED", "remote", "far")]),
            Journal(after_sequence=4, sequence=5),
        ]
    )
    decide(flow)
    server.offer(decision(STARTED))
    await server.until(lambda: len(sent(server)) == 4)
    assert [kinds(result) for result in sent(server)] == [["action"], ["local"], ["local"], ["succeed"]]
    assert [(r.decision.sequence, r.decision.keep) for r in sent(server)] == [
        (1, True),
        (2, True),
        (4, True),
        (5, False),
    ]
    assert sent(server)[3].decision.commands[0].succeed.output.json.startswith('["far",1,')
    assert threads[0].startswith("stellwerk-local")


async def test_a_signal_reaches_the_code_while_a_local_step_takes_its_time(server: FakeServer, decide: Any) -> None:
    async def flow(ctx: WorkflowContext) -> Any:
        slow = ctx.run("slow", asyncio.Event().wait)
        told = await ctx.wait_signal("go")
        slow.cancel()
        return told

    server.journals[b"d1"] = deque(
        [
            Journal(after_sequence=1, sequence=2),
            Journal(after_sequence=2, sequence=4, events=[event(4, "STEP_SUCCEEDED", "go", "now")]),
        ]
    )
    decide(flow)
    server.offer(decision(STARTED))
    await server.until(lambda: len(sent(server)) == 3)
    assert [kinds(result) for result in sent(server)] == [["signal"], [], ["succeed"]]
    assert [(r.decision.sequence, r.decision.keep) for r in sent(server)] == [(1, True), (2, True), (4, False)]


async def test_a_verdict_that_tells_of_another_place_has_the_history_read_anew(server: FakeServer, decide: Any) -> None:
    async def flow(ctx: WorkflowContext) -> Any:
        return await ctx.run("local", lambda: 1)

    server.journals[b"d1"] = deque([Journal(after_sequence=7, sequence=7)])
    server.history = [event(1, "RUN_STARTED"), event(2, "STEP_RAN", "local", 5, decision=1, keep=True)]
    decide(flow)
    server.offer(decision(STARTED))
    await server.until(lambda: len(sent(server)) == 2)
    assert sent(server)[1].decision.commands[0].succeed.output.json == "5"


async def test_local_steps_are_tried_again_unless_they_say_not_to(server: FakeServer, decide: Any) -> None:
    tries: list[str] = []

    def fails(kind: type[Exception], name: str) -> Callable[[], Any]:
        def act() -> None:
            tries.append(name)
            raise kind(name)

        return act

    async def flow(ctx: WorkflowContext) -> Any:
        retry: Any = {"max_attempts": 3, "initial": 0.001}
        calls = [
            ctx.run("again", fails(ValueError, "again"), retry=retry),
            ctx.run("once", fails(TerminalError, "once"), retry=retry),
        ]
        return [str(error) for error in await asyncio.gather(*calls, return_exceptions=True)]

    server.journals[b"d1"] = deque(Journal(after_sequence=n, sequence=n + 1) for n in range(1, 4))
    decide(flow)
    server.offer(decision(STARTED))
    await server.until(lambda: sent(server) and not sent(server)[-1].decision.keep)
    output = sent(server)[-1].decision.commands[0].succeed.output.json
    assert output == '["ValueError: again","TerminalError: once"]'
    assert sorted(tries) == ["again", "again", "again", "once"]


async def test_a_large_decision_travels_in_parts(server: FakeServer, decide: Any) -> None:
    async def flow(ctx: WorkflowContext) -> None:
        await asyncio.gather(*(ctx.sleep("60s") for _ in range(2_500)))

    server.journals[b"d1"] = deque(
        [Journal(after_sequence=1, sequence=1001), Journal(after_sequence=1001, sequence=2001)]
    )
    decide(flow)
    server.offer(decision(STARTED))
    await server.until(lambda: len(sent(server)) == 3)
    assert [len(result.decision.commands) for result in sent(server)] == [1000, 1000, 500]
    assert [result.decision.keep for result in sent(server)] == [True, True, False]


async def test_a_lost_lease_drops_the_run(server: FakeServer, decide: Any) -> None:
    lost = payload_pb2.Refusal(reason="LEASE_LOST", message="gone", code=9)
    server.verdicts[b"d1"] = deque([lost])
    server.history = [event(1, "RUN_STARTED", payload="bob")]
    decide(greets)
    server.offer(decision(STARTED))
    await server.until(lambda: sent(server))
    server.offer(decision(after=1, token="d2"))
    assert kinds(await server.result(b"d2")) == ["action"]
    assert len(server.seen["GetHistory"]) == 1


@pytest.mark.parametrize(("reason", "code"), [("PAYLOAD_TOO_LARGE", 3), ("TooManyCommands", 9), ("NOT_FOUND", 5)])
async def test_a_refused_decision_becomes_a_failure(server: FakeServer, decide: Any, reason: str, code: int) -> None:
    refusal = payload_pb2.Refusal(reason=reason, message="no", code=code)
    server.verdicts[b"d1"] = deque([refusal])
    decide(greets)
    server.offer(decision(STARTED))
    failure = (await server.result(b"d1")).failure
    assert (failure.type, failure.message, failure.terminal) == (reason, "no", True)


async def test_a_decision_the_server_broke_over_is_tried_again(server: FakeServer, decide: Any) -> None:
    server.verdicts[b"d1"] = deque([payload_pb2.Refusal(reason="INTERNAL", message="a bug", code=13)])
    decide(greets)
    server.offer(decision(STARTED))
    failure = (await server.result(b"d1")).failure
    assert (failure.type, failure.message, failure.terminal) == ("INTERNAL", "a bug", False)


async def test_a_workflow_that_nobody_has_is_given_back(server: FakeServer, decide: Any) -> None:
    decide(greets)
    server.offer(decision(STARTED, workflow="other"))
    assert (await server.result(b"d1")).HasField("release")


async def test_a_decision_that_is_cut_off_is_given_back(server: FakeServer, decide: Any) -> None:
    began = asyncio.Event()

    async def forever() -> None:
        began.set()
        await asyncio.Event().wait()

    async def flow(ctx: WorkflowContext) -> None:
        await ctx.run("forever", forever)

    worker = decide(flow, drain_s=0.0)
    server.offer(decision(STARTED))
    await began.wait()
    worker.stop()
    assert (await server.result(b"d1")).HasField("release")


async def test_what_the_server_takes_back_is_dropped(server: FakeServer, decide: Any) -> None:
    began, ended = asyncio.Event(), asyncio.Event()

    async def forever() -> None:
        began.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    async def flow(ctx: WorkflowContext) -> None:
        await ctx.run("forever", forever)

    decide(flow)
    server.offer(decision(STARTED))
    await began.wait()
    await server.until(lambda: any(held.token == b"d1" for beat in server.seen["beat"] for held in beat.held))
    await server.cancels.put(CancelledTask(token=b"d1", reason="RUN_TERMINATED"))
    await ended.wait()
    # It may have asked what is new; it has nothing to say.
    assert not any(result.decision.commands for result in sent(server))


@pytest.mark.parametrize("asleep", [True, False])
async def test_code_that_blocks_is_told_and_broken(
    server: FakeServer, decide: Any, monkeypatch: pytest.MonkeyPatch, asleep: bool
) -> None:
    monkeypatch.setattr(_watchdog, "BLOCKED_S", 0.2)
    awake = threading.Event()

    async def flow(ctx: WorkflowContext) -> None:
        if asleep:
            awake.wait(2)
        while not asleep:
            time.monotonic()
        await ctx.step("after")

    # On its own loop: the code blocks the worker's.
    worker = Worker(server.address, build="b1")
    worker.register_workflow("flow", flow)
    thread = threading.Thread(target=lambda: asyncio.run(worker.run()))
    thread.start()
    try:
        server.offer(decision(STARTED))
        failure = (await server.result(b"d1")).failure
        assert failure.type == "WorkflowBlocked"
        assert failure.message.startswith("the code has not come to a wait for 0 s: ")
        assert "test_deciding.py" in failure.message
        awake.set()
        # The worker lives on.
        server.offer(decision(STARTED, workflow="other", token="d2"))
        assert (await server.result(b"d2")).HasField("release")
    finally:
        worker.stop()
        await asyncio.to_thread(thread.join, 15)
    assert len(sent(server)) == 2


async def test_waiting_runs_are_dropped_by_number_and_by_age(monkeypatch: pytest.MonkeyPatch) -> None:
    def run(run_id: str) -> Replay:
        made = Replay(workflow.plan("flow", greets), run_id)
        made.feed([event(1, "RUN_STARTED", payload="bob")])
        return made

    cache = RunCache(2)
    runs = [run(f"r{number}") for number in range(3)]
    for each in runs:
        cache.put(each)
    assert [each.over for each in runs] == [True, False, False]
    assert cache.take("r1", 1) is runs[1]
    assert cache.take("r2", 9) is None
    monkeypatch.setattr(_run_cache, "IDLE_S", -1.0)
    monkeypatch.setattr(_run_cache, "_LOOK_S", 0.01)
    cache = RunCache(2)
    cache.put(run("r4"))
    while len(cache):  # noqa: ASYNC110 - what it forgets by itself tells nobody
        await asyncio.sleep(0.01)
    assert cache.take("r4", 1) is None


def test_what_is_no_workflow_is_refused() -> None:
    worker = Worker("127.0.0.1:1")

    def plain(ctx: Any) -> None: ...

    async def nothing() -> None: ...

    with pytest.raises(TypeError, match="workflow 'x': expected an async function"):
        worker.register_workflow("x", plain)
    with pytest.raises(TypeError, match=r"workflow 'x': expected \(ctx\) or \(ctx, input\), came \(\)"):
        worker.register_workflow("x", nothing)
    worker.register_workflow("flow", greets)
    with pytest.raises(ValueError, match="workflow 'flow': expected one, came a second"):
        worker.register_workflow("flow", greets)
    with pytest.raises(ValueError, match="cached_runs: expected a number >= 0, came -1"):
        Worker("127.0.0.1:1", cached_runs=-1)


def test_the_build_is_a_digest_of_the_source() -> None:
    async def other(ctx: WorkflowContext) -> None: ...

    first = workflow.build_of({"flow": workflow.plan("flow", greets)})
    assert len(first) == 12
    assert first == workflow.build_of({"flow": workflow.plan("flow", greets)})
    assert first != workflow.build_of({"flow": workflow.plan("flow", other)})


async def test_a_program_defines_workflows_for_all_its_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workflow, "_defined", {})
    workflow.define_workflow("defined")(greets)
    with pytest.raises(ValueError, match="workflow 'defined': expected one, came a second"):
        workflow.define_workflow("defined")(greets)
    worker = Worker("127.0.0.1:1")
    assert worker.workflows == ["defined"]
    worker.register_workflow("defined", greets)
    with pytest.raises(ValueError, match="expected one, came a second"):
        await worker.run()


async def test_a_worker_needs_something_to_do() -> None:
    with pytest.raises(StellwerkError, match="handlers: expected at least one"):
        await Worker("127.0.0.1:1").run()
