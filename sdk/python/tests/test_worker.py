"""The worker against a server that cuts polls, refuses results and goes away."""

from __future__ import annotations

import asyncio
import json
import threading
from collections import deque
from collections.abc import AsyncIterator, Callable
from typing import Any

import grpc
import pytest

from sdk.python.tests.fake import FakeServer, refusing, task
from stellwerk import RetryableError, StellwerkError, TaskContext, TerminalError, Worker
from stellwerk.v1 import payload_pb2, worker_pb2

Work = Callable[..., Worker]


async def _echo(value: Any) -> Any:
    return value


async def test_sync_and_async_handlers_answer(server: FakeServer, work: Work) -> None:
    async def upper(text: str, ctx: TaskContext) -> str:
        return f"{text.upper()} {ctx.idempotency_key}"

    work({"up": upper, "down": lambda text: text.lower(), "big": _echo})
    server.offer(task("up", "a", run_id="r1"), task("down", "B", run_id="r2"), task("big", 2**80, run_id="r3"))
    assert (await server.result(b"r1")).output.json == '"A r1/s1"'
    assert (await server.result(b"r2")).output.json == '"b"'
    assert (await server.result(b"r3")).output.json == str(2**80)


async def test_bytes_go_in_and_out_as_bytes(server: FakeServer, work: Work) -> None:
    work({"flip": lambda data: data[::-1]})
    server.offer(task("flip", input=payload_pb2.Payload(data=b"\x00\xff")))
    assert (await server.result()).output.data == b"\xff\x00"


async def test_a_lambda_may_call_an_async_function(server: FakeServer, work: Work) -> None:
    work({"x": lambda value: _echo(value + 1)})
    server.offer(task("x", 1))
    assert (await server.result()).output.json == "2"


async def test_results_of_one_turn_travel_together(server: FakeServer, work: Work) -> None:
    work({"noop": _echo}, slots=500, polls=1)
    server.offer(*[task(value=n, run_id=f"r{n}") for n in range(450)])
    await server.until(lambda: len(server.results) == 450)
    sizes = [len(request.results) for request in server.seen["CompleteTask"]]
    assert max(sizes) == 200
    assert len(sizes) <= 6


async def test_no_more_tasks_are_asked_for_than_slots_are_free(server: FakeServer, work: Work) -> None:
    go, full, running, most = asyncio.Event(), asyncio.Event(), 0, 0

    async def hold(value: Any) -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        if running == 3:
            full.set()
        await go.wait()
        running -= 1

    work({"noop": hold}, slots=3, polls=2)
    server.offer(*[task(run_id=f"r{n}") for n in range(10)])
    await server.until(lambda: len(server.tasks) == 7)
    await full.wait()
    go.set()
    await server.until(lambda: len(server.results) == 10)
    assert most == 3


@pytest.mark.parametrize(
    "code", ["CANCELLED", "UNAVAILABLE", "INTERNAL", "UNKNOWN", "DEADLINE_EXCEEDED", "UNAUTHENTICATED"]
)
async def test_the_poll_loop_goes_on_after_any_status(server: FakeServer, work: Work, code: str) -> None:
    server.play("PollTask", *[refusing(grpc.StatusCode[code])] * 3)
    work({"noop": _echo})
    server.offer(task(value=1))
    assert (await server.result()).output.json == "1"
    assert len(server.seen["PollTask"]) >= 4


async def test_the_worker_finds_a_restarted_server(server: FakeServer, work: Work) -> None:
    work({"noop": _echo})
    await server.until(lambda: server.seen.get("PollTask") and server.seen.get("beat"))
    await server.stop()
    server.seen.clear()
    await server.start()
    server.offer(task(value=2))
    assert (await server.result()).output.json == "2"
    await server.until(lambda: server.seen.get("beat"))


async def test_results_are_sent_again_until_they_are_acknowledged(server: FakeServer, work: Work) -> None:
    server.play(
        "CompleteTask",
        refusing(grpc.StatusCode.UNAVAILABLE),
        refusing(grpc.StatusCode.CANCELLED),
        refusing(grpc.StatusCode.UNAUTHENTICATED),
    )
    work({"noop": _echo})
    server.offer(task(value=3))
    assert (await server.result()).output.json == "3"
    assert len(server.seen["CompleteTask"]) == 4
    assert len({request.SerializeToString() for request in server.seen["CompleteTask"]}) == 1


async def test_a_result_that_is_not_taken_now_is_sent_again(server: FakeServer, work: Work) -> None:
    away = payload_pb2.Refusal(reason="DATABASE_DOWN", message="away", code=14)
    server.verdicts[b"run_1"] = deque([away, away])
    work({"noop": _echo})
    server.offer(task(value=3))
    assert (await server.result()).output.json == "3"
    assert len(server.seen["CompleteTask"]) == 3


async def test_a_lost_lease_is_dropped(server: FakeServer, work: Work) -> None:
    server.verdicts[b"run_1"] = deque([payload_pb2.Refusal(reason="LEASE_LOST", code=9)])
    work({"noop": _echo})
    server.offer(task(value=1), task(value=2, run_id="run_2"))
    await server.result(b"run_2")
    assert b"run_1" not in server.results


@pytest.mark.parametrize(
    ("reason", "expected"), [("PAYLOAD_TOO_LARGE", "PayloadTooLarge"), ("BAD_JSON", "EncodeError")]
)
async def test_a_refused_output_becomes_a_terminal_failure(
    server: FakeServer, work: Work, reason: str, expected: str
) -> None:
    server.verdicts[b"run_1"] = deque([payload_pb2.Refusal(reason=reason, message="not that", code=3)])
    work({"noop": _echo})
    server.offer(task(value=1))
    failure = (await server.result()).failure
    assert (failure.type, failure.terminal) == (expected, True)
    assert "not that" in failure.message


async def test_a_batch_the_server_cannot_take_is_cut_up(server: FakeServer, work: Work) -> None:
    async def take_all_but_the_bad(request: Any, context: Any) -> None:
        if any(result.output.json == "3" for result in request.results):
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, "one of them is bad")

    server.play("CompleteTask", *[take_all_but_the_bad] * 20)
    work({"noop": _echo}, polls=1)
    server.offer(*[task(value=n, run_id=f"r{n}") for n in range(8)])
    await server.until(lambda: len(server.results) == 8)
    assert server.results[b"r3"].failure.type == "EncodeError"
    assert all(server.results[f"r{n}".encode()].output.json == str(n) for n in range(8) if n != 3)


async def test_a_handler_that_raises_is_a_failure_with_stack_and_cause(server: FakeServer, work: Work) -> None:
    def fail(value: Any) -> None:
        try:
            raise KeyError("inner")
        except KeyError as error:
            raise RuntimeError("outer \ud800") from error

    work({"noop": fail})
    server.offer(task())
    failure = (await server.result()).failure
    assert (failure.type, failure.message, failure.terminal) == ("RuntimeError", "outer ?", False)
    assert failure.category == payload_pb2.FAILURE_CATEGORY_USER
    assert failure.cause.type == "KeyError"
    assert "in fail" in failure.stack
    assert "_runner.py" not in failure.stack


async def test_terminal_and_retryable_errors(server: FakeServer, work: Work) -> None:
    async def declined(value: Any) -> None:
        raise TerminalError("no money", type="CardDeclined", details={"code": 51})

    async def later(value: Any) -> None:
        raise RetryableError("busy", retry_after=1.5)

    work({"declined": declined, "later": later})
    server.offer(task("declined", run_id="r1"), task("later", run_id="r2"))
    first, second = (await server.result(b"r1")).failure, (await server.result(b"r2")).failure
    assert (first.type, first.terminal, first.details.json) == ("CardDeclined", True, '{"code":51}')
    assert (second.type, second.terminal) == ("RetryableError", False)
    assert second.retry_after.ToMilliseconds() == 1500


async def _nan(value: Any) -> Any:
    return {"rate": float("nan")}


@pytest.mark.parametrize(
    ("handler", "expected"),
    [
        (_nan, r"value.rate cannot be written"),
        (lambda value: [1, {2, 3}], "value[1] cannot be written as JSON: a set has no JSON form"),
        (lambda value: "\ud800", "not valid Unicode"),
        (lambda value: object(), "a object has no JSON form"),
    ],
)
async def test_what_cannot_be_encoded_is_a_terminal_failure(
    server: FakeServer, work: Work, handler: Callable[..., Any], expected: str
) -> None:
    work({"noop": handler})
    server.offer(task())
    failure = (await server.result()).failure
    assert (failure.type, failure.terminal) == ("EncodeError", True)
    assert expected in failure.message


async def test_an_input_that_does_not_fit_names_the_field(server: FakeServer, work: Work) -> None:
    async def charge(amounts: dict[str, int]) -> int:
        return sum(amounts.values())

    work({"noop": charge})
    server.offer(task(value={"a": 1, "b": "two"}))
    failure = (await server.result()).failure
    assert (failure.type, failure.terminal) == ("InputError", True)
    assert failure.message == "input.b: expected an integer, came 'two'"


async def test_a_handler_that_exits_does_not_end_the_worker(server: FakeServer, work: Work) -> None:
    async def leave(value: Any) -> None:
        raise SystemExit(3)

    def leave_in_thread(value: Any) -> None:
        raise SystemExit(3)

    work({"a": leave, "s": leave_in_thread, "noop": _echo})
    server.offer(task("a", run_id="r1"), task("s", run_id="r2"), task(value=1, run_id="r3"))
    assert (await server.result(b"r1")).failure.type == "SystemExit"
    assert (await server.result(b"r2")).failure.type == "SystemExit"
    assert (await server.result(b"r3")).output.json == "1"


class _Odd(BaseException):
    pass


async def _odd_chunks(_: Any) -> AsyncIterator[int]:
    yield 1
    raise _Odd("odd")


async def _odd(_: Any, __: object = None) -> None:
    raise _Odd("odd")


def _odd_in_thread(_: Any) -> None:
    raise _Odd("odd")


@pytest.mark.parametrize("handler", [_odd, _odd_in_thread, _odd_chunks, lambda value: _odd(value, None)])
async def test_what_is_raised_and_is_no_exception_is_a_failure_too(
    server: FakeServer, work: Work, handler: Callable[..., Any]
) -> None:
    work({"x": handler})
    server.offer(task("x"))
    failure = (await server.result()).failure
    assert (failure.type, failure.message, failure.terminal) == ("_Odd", "odd", False)


async def test_a_task_nobody_can_run_is_given_back(server: FakeServer, work: Work) -> None:
    work({"noop": _echo})
    server.offer(task("other"))
    assert (await server.result()).HasField("release")


async def test_blocking_handlers_run_side_by_side(server: FakeServer, work: Work) -> None:
    everybody = threading.Barrier(20, timeout=10)

    def meet(value: Any) -> str:
        everybody.wait()
        return threading.current_thread().name

    work({"noop": meet}, slots=20)
    server.offer(*[task(run_id=f"r{n}") for n in range(20)])
    await server.until(lambda: len(server.results) == 20)
    assert all(result.HasField("output") for result in server.results.values())


async def test_the_context_tells_what_the_task_is(
    server: FakeServer, work: Work, caplog: pytest.LogCaptureFixture
) -> None:
    async def look(value: Any, ctx: TaskContext) -> list[Any]:
        ctx.logger.error("looking", extra={"mine": 1})
        assert not ctx.cancelled
        return [ctx.run_id, ctx.step, ctx.attempt, ctx.workflow, ctx.action, ctx.deadline, dict(ctx.trace)]

    work({"look": look})
    seen = task("look", attempt=2, trace={"traceparent": "00-1"})
    seen.deadline.FromSeconds(1_000_000_000)
    server.offer(seen)
    assert json.loads((await server.result()).output.json) == [
        *("run_1", "s1", 2, "wf", "look", "2001-09-09T01:46:40+00:00", {"traceparent": "00-1"})
    ]
    (record,) = [record for record in caplog.records if record.name == "stellwerk.task"]
    assert (record.__dict__["run_id"], record.__dict__["attempt"], record.__dict__["mine"]) == ("run_1", 2, 1)


async def test_a_cancel_reaches_async_and_sync_handlers(server: FakeServer, work: Work) -> None:
    begun = threading.Semaphore(0)
    seen: list[str] = []

    async def wait(value: Any, ctx: TaskContext) -> None:
        begun.release()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            seen.append(f"{ctx.cancelled.reason} {bool(ctx.cancelled)}")
            raise

    def spin(value: Any, ctx: TaskContext) -> None:
        begun.release()
        while True:
            threading.Event().wait(0.005)
            ctx.heartbeat("spinning")

    work({"a": wait, "s": spin})
    server.offer(task("a", run_id="r1"), task("s", run_id="r2"))
    for _ in range(2):
        await asyncio.to_thread(begun.acquire)
    for run_id in ("r1", "r2"):
        await server.cancels.put(worker_pb2.CancelledTask(token=run_id.encode(), reason="RUN_CANCELLED"))
    for run_id in ("r1", "r2"):
        failure = (await server.result(run_id.encode())).failure
        assert (failure.type, failure.category) == ("TaskCancelled", payload_pb2.FAILURE_CATEGORY_CANCELLED)
    assert seen == ["RUN_CANCELLED True"]


async def test_a_handler_may_await_its_cancellation_and_still_answer(server: FakeServer, work: Work) -> None:
    begun = asyncio.Event()

    async def patient(value: Any, ctx: TaskContext) -> str:
        begun.set()
        try:
            await ctx.cancelled
        except asyncio.CancelledError:
            return f"cleaned up after {ctx.cancelled.reason}"
        return "not cancelled"

    work({"noop": patient})
    server.offer(task())
    await asyncio.wait_for(begun.wait(), 10)
    await server.cancels.put(worker_pb2.CancelledTask(token=b"run_1", reason="STEP_TIMED_OUT"))
    assert (await server.result()).output.json == '"cleaned up after STEP_TIMED_OUT"'


async def test_a_cancel_that_comes_before_its_task_is_kept(
    server: FakeServer, work: Work, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Beats without tasks show that the worker has read what the server sent before them.
    monkeypatch.setattr("stellwerk._heartbeat.IDLE_S", 0.0)
    ran: list[Any] = []
    work({"noop": ran.append})
    await server.cancels.put(worker_pb2.CancelledTask(token=b"run_1", reason="RUN_CANCELLED"))
    await server.until(lambda: server.cancels.empty() and len(server.seen.get("beat", [])) >= 2)
    server.offer(task())
    assert (await server.result()).failure.type == "TaskCancelled"
    assert ran == []


async def test_a_running_worker_takes_no_more_handlers(server: FakeServer, work: Work) -> None:
    worker = work({"noop": _echo})
    await server.until(lambda: server.seen.get("PollTask"))
    with pytest.raises(StellwerkError, match="before the worker is started"):
        worker.register("late", _echo)
    with pytest.raises(StellwerkError, match="runs already"):
        await worker.run()


async def test_a_worker_without_handlers_says_so() -> None:
    with pytest.raises(StellwerkError, match="handlers: expected at least one"):
        await Worker("127.0.0.1:1").run()


@pytest.mark.parametrize(("option", "value"), [("slots", 0), ("polls", 0), ("drain_s", -1)])
def test_bad_options_are_named(option: str, value: int) -> None:
    with pytest.raises(ValueError, match=f"{option}: expected a number >="):
        Worker(**{option: value})
