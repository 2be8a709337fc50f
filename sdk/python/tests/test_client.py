"""The client against a server that refuses, cuts, restarts and answers late."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.rpc import error_details_pb2

from sdk.python.tests.fake import FakeServer, error_info, refusing
from stellwerk import (
    CauseKind,
    Client,
    EncodeError,
    IdempotencyKeyReused,
    InvalidArgument,
    NotFound,
    PayloadTooLarge,
    RunCancelled,
    RunFailed,
    RunState,
    RunTerminal,
    RunTerminated,
    RunTimedOut,
    Signal,
    StellwerkError,
    Unauthenticated,
    Unavailable,
)
from stellwerk.v1 import payload_pb2, run_pb2

UNAVAILABLE = grpc.StatusCode.UNAVAILABLE


async def test_run_gives_the_output_of_the_run(server: FakeServer, client: Client) -> None:
    server.end_at_once = True
    assert await client.run("wf", {"n": 10**40, "x": 1.5, "s": "ü"}) == {"n": 10**40, "x": 1.5, "s": "ü"}


async def test_a_lone_start_goes_at_once_and_carries_its_options(server: FakeServer, client: Client) -> None:
    handle = await client.start(
        "wf", b"\x00raw", idempotency_key="k", timeout=timedelta(minutes=2), version=3, trace={"traceparent": "t"}
    )
    (request,) = server.seen["StartRuns"]
    (start,) = request.starts
    assert handle.run_id == f"run_{start.request_id}"
    assert (start.workflow, start.idempotency_key, start.version) == ("wf", "k", 3)
    assert (start.timeout.seconds, start.input.data, dict(start.trace)) == (120, b"\x00raw", {"traceparent": "t"})
    assert request.namespace == "default"


async def test_signals_name_their_run_by_id_or_by_key(server: FakeServer, client: Client) -> None:
    assert not await client.handle("run_1").signal("approval", {"by": "ada"}, signal_id="s1")
    assert await client.handle("run_1").signal("approval", {"by": "ada"}, signal_id="s1")
    handle = await client.signal("wf", "k", "approval")
    first, _, by_key = server.seen["SignalRun"]
    assert (first.run_id, first.signal.name, first.signal.payload.json) == ("run_1", "approval", '{"by":"ada"}')
    assert (by_key.workflow, by_key.idempotency_key, by_key.signal.payload.json) == ("wf", "k", "null")
    assert first.request_id != by_key.request_id
    assert (handle.run_id, handle.deduplicated) == ("run_of_key", False)


async def test_a_start_carries_its_signal(server: FakeServer, client: Client) -> None:
    await client.start("wf", signal=Signal("approval", [1], "s1"))
    signal = server.seen["StartRuns"][0].starts[0].signal
    assert (signal.name, signal.payload.json, signal.signal_id) == ("approval", "[1]", "s1")


async def test_concurrent_starts_travel_in_batches_of_at_most_1000(server: FakeServer, client: Client) -> None:
    handles = await asyncio.gather(*[client.start("wf", n) for n in range(2_500)])
    sizes = [len(request.starts) for request in server.seen["StartRuns"]]
    assert sum(sizes) == 2_500
    assert max(sizes) == 1_000
    assert len(sizes) <= 4
    assert len({handle.run_id for handle in handles}) == 2_500


async def test_batches_are_bounded_by_bytes(server: FakeServer, client: Client) -> None:
    await asyncio.gather(*[client.start("wf", "x" * 1_000_000) for _ in range(10)])
    assert max(request.ByteSize() for request in server.seen["StartRuns"]) <= 4 * 1024 * 1024 + 100
    assert sum(len(request.starts) for request in server.seen["StartRuns"]) == 10


async def test_the_next_batch_fills_while_calls_are_in_flight(server: FakeServer, client: Client) -> None:
    release = asyncio.Event()

    async def hold(request: Any, context: Any) -> None:
        await release.wait()

    server.play("StartRuns", hold, hold)
    starts = []
    for n in range(2):
        starts.append(asyncio.create_task(client.start("wf", n)))
        await server.until(lambda: len(server.seen.get("StartRuns", [])) == len(starts))
    starts += [asyncio.create_task(client.start("wf", n)) for n in range(50)]
    await asyncio.sleep(0)
    release.set()
    await asyncio.gather(*starts)
    assert [len(request.starts) for request in server.seen["StartRuns"]] == [1, 1, 50]


async def test_a_start_is_sent_again_with_the_same_request_id(server: FakeServer, client: Client) -> None:
    busy = refusing(grpc.StatusCode.RESOURCE_EXHAUSTED, "slow down", error_details_pb2.RetryInfo(), error_info("RATE"))
    server.play("StartRuns", refusing(UNAVAILABLE), refusing(grpc.StatusCode.ABORTED), busy)
    handle = await client.start("wf", 1)
    ids = {request.starts[0].request_id for request in server.seen["StartRuns"]}
    assert len(server.seen["StartRuns"]) == 4
    assert ids == {handle.run_id.removeprefix("run_")}


async def test_a_refused_item_fails_alone_and_a_busy_one_is_sent_again(server: FakeServer, client: Client) -> None:
    reused = payload_pb2.Refusal(reason="IDEMPOTENCY_KEY_REUSED", message="other input", code=9)
    busy = payload_pb2.Refusal(reason="SYSTEM_OVERLOADED", message="later", code=8)
    server.start_refusals.extend([None, reused, busy])
    first, second, third = await asyncio.gather(
        *[client.start("wf", n, idempotency_key=str(n)) for n in range(3)], return_exceptions=True
    )
    assert isinstance(second, IdempotencyKeyReused)
    assert str(second) == "other input [IDEMPOTENCY_KEY_REUSED]"
    assert not isinstance(first, BaseException)
    assert not isinstance(third, BaseException)


async def test_retrying_ends_with_the_budget_and_names_the_address() -> None:
    async with Client("127.0.0.1:1", retry_s=0.3) as client:
        with pytest.raises(Unavailable, match=r"no Stellwerk server answers at 127\.0\.0\.1:1 \(TLS off\): "):
            await client.start("wf", 1)
        with pytest.raises(Unavailable, match=r"127\.0\.0\.1:1"):
            await client.server()


async def test_results_survive_a_restart_of_the_server(server: FakeServer, client: Client) -> None:
    handle = await client.start("wf", 1)
    waiting = [asyncio.create_task(handle.result()) for _ in range(3)]
    await server.until(lambda: server.seen.get("ids"))
    await server.stop()
    await server.start()
    await server.until(lambda: len(server.seen["ids"]) == 2)
    server.end(handle.run_id, output="done")
    assert await asyncio.gather(*waiting) == ["done"] * 3


async def test_a_run_that_ended_before_anybody_waited_gives_its_result(server: FakeServer, client: Client) -> None:
    server.end("run_early", output=[1, None])
    assert await client.handle("run_early").result() == [1, None]


async def test_many_waiting_callers_share_one_stream_and_batch_their_ids(server: FakeServer, client: Client) -> None:
    server.end_at_once = True
    results = await asyncio.gather(*[client.run("wf", n) for n in range(1_500)])
    assert results == list(range(1_500))
    assert len(server.seen["AwaitRuns"]) == 1
    assert len(server.seen["ids"]) < 20


async def test_a_timeout_ends_the_wait_and_not_the_stream(server: FakeServer, client: Client) -> None:
    handle = client.handle("run_slow")
    with pytest.raises(TimeoutError):
        await handle.result(timeout=0.05)
    server.end("run_slow", output=2)
    assert await handle.result(timeout=5) == 2


async def test_an_unknown_run_is_not_found(client: Client) -> None:
    with pytest.raises(NotFound, match="unknown_1"):
        await client.handle("unknown_1").result()


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ("FAILED", RunFailed),
        ("CANCELLED", RunCancelled),
        ("TERMINATED", RunTerminated),
        ("TIMED_OUT", RunTimedOut),
    ],
)
async def test_a_run_that_did_not_succeed_raises(
    server: FakeServer, client: Client, state: str, expected: type[RunFailed]
) -> None:
    failure = payload_pb2.Failure(type="CardDeclined", message="no money", step="charge", attempt=4)
    server.end("run_bad", state, failure=failure)
    with pytest.raises(RunFailed) as caught:
        await client.handle("run_bad").result()
    assert type(caught.value) is expected
    assert caught.value.state is RunState(state)
    assert caught.value.failure is not None
    text = f"run run_bad ended as {state} in step charge, attempt 4: CardDeclined: no money"
    assert str(caught.value) == text


async def test_final_errors_of_the_await_stream_reach_the_callers(server: FakeServer, client: Client) -> None:
    server.play("AwaitRuns", refusing(grpc.StatusCode.UNAUTHENTICATED, "who are you"))
    with pytest.raises(Unauthenticated, match="who are you"):
        await client.handle("run_1").result()


async def test_a_refusal_is_heard_while_much_is_being_said(server: FakeServer, client: Client) -> None:
    server.play("AwaitRuns", *[refusing(grpc.StatusCode.UNAUTHENTICATED, "who are you")] * 20)
    waiting = [client.handle(f"run_{number:060}").result() for number in range(8_000)]
    for error in await asyncio.gather(*waiting, return_exceptions=True):
        assert isinstance(error, Unauthenticated), error


async def test_closing_the_client_wakes_those_who_wait(server: FakeServer) -> None:
    client = Client(server.address)
    waiting = asyncio.create_task(client.handle("run_1").result())
    await server.until(lambda: server.seen.get("ids"))
    await client.close()
    with pytest.raises(StellwerkError, match="closed"):
        await waiting
    with pytest.raises(StellwerkError, match="the client is closed"):
        await client.start("wf")


async def test_errors_carry_reason_metadata_and_every_field(server: FakeServer, client: Client) -> None:
    violations = [
        error_details_pb2.BadRequest.FieldViolation(field="steps[0].id", description="missing"),
        error_details_pb2.BadRequest.FieldViolation(field="steps[1].when", description="bad CEL"),
    ]
    server.play(
        "ApplyWorkflow",
        refusing(
            grpc.StatusCode.INVALID_ARGUMENT,
            "bad definition",
            error_info("INVALID_WORKFLOW", name="wf"),
            error_details_pb2.BadRequest(field_violations=violations),
        ),
    )
    with pytest.raises(InvalidArgument) as caught:
        await client.apply_workflow({"name": "wf"})
    assert (caught.value.code, caught.value.reason) == ("INVALID_ARGUMENT", "INVALID_WORKFLOW")
    assert caught.value.metadata == {"name": "wf"}
    assert [problem.field for problem in caught.value.fields] == ["steps[0].id", "steps[1].when"]
    assert "steps[1].when: bad CEL" in str(caught.value)


async def test_the_reason_decides_the_class(server: FakeServer, client: Client) -> None:
    server.play("CancelRun", refusing(grpc.StatusCode.FAILED_PRECONDITION, "it has ended", error_info("RUN_TERMINAL")))
    with pytest.raises(RunTerminal, match="it has ended"):
        await client.handle("run_1").cancel("why not")


async def test_unary_calls_are_sent_again(server: FakeServer, client: Client) -> None:
    server.play("TerminateRun", refusing(UNAVAILABLE), refusing(grpc.StatusCode.DEADLINE_EXCEEDED))
    assert await client.handle("run_1").terminate("enough") is RunState.TERMINATED
    assert len({request.request_id for request in server.seen["TerminateRun"]}) == 1
    assert server.seen["TerminateRun"][0].request_id


async def test_what_cannot_be_encoded_is_refused_before_it_is_sent(server: FakeServer, client: Client) -> None:
    with pytest.raises(EncodeError, match=r"value\.a\[1\]"):
        await client.start("wf", {"a": [1, float("nan")]})
    with pytest.raises(PayloadTooLarge, match="came 1600"):
        await client.start("wf", "x" * 16_000_000)
    with pytest.raises(ValueError, match="timeout"):
        await client.start("wf", timeout=-1)
    assert "StartRuns" not in server.seen


def _events(*sequences: int) -> list[run_pb2.Event]:
    return [run_pb2.Event(sequence=sequence, type="X", attributes='{"a":1}') for sequence in sequences]


def _chunk(sequence: int) -> run_pb2.Chunk:
    payload = payload_pb2.Payload(json=str(sequence))
    return run_pb2.Chunk(step="s", attempt=1, sequence=sequence, payload=payload)


async def test_watch_goes_on_where_it_broke_and_gives_nothing_twice(server: FakeServer, client: Client) -> None:
    server.watches.append([run_pb2.WatchRunResponse(events=_events(1, 2), chunks=[_chunk(1), _chunk(2)])])
    server.watches.append([run_pb2.WatchRunResponse(events=_events(2, 3), chunks=[_chunk(2), _chunk(3)])])
    server.play("WatchRun", refusing(UNAVAILABLE))
    seen = [(type(item).__name__, item.sequence) async for item in client.handle("run_1").watch()]
    assert sorted(seen) == [(kind, n) for kind in ("Chunk", "Event") for n in (1, 2, 3)]
    assert [request.after_sequence for request in server.seen["WatchRun"]] == [0, 2]


async def test_reading_calls_give_plain_values(server: FakeServer, client: Client) -> None:
    run = await client.handle("run_1").get(include_steps=True)
    assert (run.run_id, run.state, run.steps[0].state) == ("run_1", RunState.FAILED, "DEAD")
    assert run.create_time == datetime(2001, 9, 9, 1, 46, 40, tzinfo=UTC)
    assert run.state.terminal
    assert [event.type async for event in client.handle("run_1").history()] == ["RUN_STARTED"]
    assert (await client.server()).version == "9"
    assert (await client.workers())[0].slots == 3
    assert (await client.queues())[0].ready == 2
    assert [(timer.run_id, timer.kind) async for timer in client.timers()] == [("run_1", ""), ("run_2", "SLEEP")]
    seen = await client.overview()
    assert (seen.runs_open, seen.tasks_ready, seen.oldest_ready_time) == ({"RUNNING": 2}, 5, None)
    assert [(minute.started, minute.failed) for minute in seen.activity] == [(3, 1)]
    assert [letter.state async for letter in client.dead_letters(states=["OPEN"])] == ["OPEN"]
    assert (await client.requeue("d1")).run_id == "run_again"
    await client.discard("d1", "no use")
    assert (await client.handle("run_1").retry("s1")).run_id == "run_fork"
    assert server.seen["RetryRun"][0].from_step == "s1"


async def test_an_explanation_has_typed_causes(server: FakeServer, client: Client) -> None:
    found = await client.handle("run_1").explain()
    assert (found.run_id, found.state, found.summary, found.more_causes) == ("run_1", "RUNNING", "it backs off", 4)
    assert (found.now, found.deadline) == (None, None)
    again, child, later = found.causes
    assert (again.kind, again.step, again.attempt) == (CauseKind.BACKING_OFF, "s1", 3)
    assert again.due_time == datetime(2001, 9, 9, 1, 46, 40, tzinfo=UTC)
    assert again.failure is not None
    assert again.failure.type == "Boom"
    assert (child.kind, child.child_state, child.failure, child.other_queues) == ("CHILD_RUN", "BLOCKED", None, ())
    assert (later.kind, later.sentence) == (CauseKind.UNSPECIFIED, "of a newer server")


async def test_lists_read_page_after_page_up_to_the_limit(server: FakeServer, client: Client) -> None:
    runs = [run.run_id async for run in client.list_runs("wf", states=["FAILED"])]
    assert runs == ["run_00", "run_01", "run_10", "run_11", "run_20", "run_21"]
    assert server.seen["ListRuns"][0].states == [run_pb2.RUN_STATE_FAILED]
    server.seen.clear()
    assert len([run async for run in client.list_runs(limit=3)]) == 3
    assert len(server.seen["ListRuns"]) == 2


async def test_a_definition_may_be_a_path_a_text_or_a_dict(server: FakeServer, client: Client, tmp_path: Path) -> None:
    file = tmp_path / "wf.yaml"
    file.write_text("name: wf\n")
    texts = [file, str(file), "name: wf\n", {"name": "wf"}]
    assert [(await client.apply_workflow(text)).definition for text in texts] == [
        "name: wf\n",
        "name: wf\n",
        "name: wf\n",
        '{"name": "wf"}',
    ]
    assert (await client.validate_workflow('{"steps": []}'))[0].field == "steps[0].id"


async def test_every_call_carries_token_and_client_name(server: FakeServer) -> None:
    async with Client(server.address, token="secret") as client:
        await client.server()
    assert server.metadata["authorization"] == "Bearer secret"
    assert server.metadata["x-client-name"] == "stellwerk-python"


async def test_options_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STELLWERK_ADDRESS", "127.0.0.1")
    monkeypatch.setenv("STELLWERK_NAMESPACE", "team")
    client = Client()
    assert (client.address, client.namespace) == ("127.0.0.1:7400", "team")


@pytest.mark.parametrize("address", ["http://x:1", "host:port", ":7400", "host:70000", "a b:1"])
def test_a_bad_address_is_named(address: str) -> None:
    with pytest.raises(ValueError, match="address: expected host:port"):
        Client(address)


async def test_what_the_code_of_a_run_shows_is_read(server: FakeServer, client: Client) -> None:
    async def answer(request: Any, context: Any) -> run_pb2.GetRunResponse:
        published = {"state": payload_pb2.Payload(json='{"at":1}')}
        run = run_pb2.Run(run_id="r1", attributes='{"customer":"c1"}', waiting_for="no worker", published=published)
        return run_pb2.GetRunResponse(run=run)

    server.play("GetRun", answer)
    run = await client.handle("r1").get()
    assert (run.published, run.attributes) == ({"state": {"at": 1}}, {"customer": "c1"})
    assert (run.waiting_for, run.continued_as) == ("no worker", "")
    assert await client.handle("r1").resume() is RunState.RUNNING
    assert [run async for run in client.list_runs(attributes={"customer": "c1"}, limit=1)]
    assert server.seen["ListRuns"][0].attributes == '{"customer":"c1"}'


async def test_the_result_is_the_last_runs(server: FakeServer, client: Client) -> None:
    server.end("r1", "CONTINUED", continued_as="r2")
    server.end("r2", "CONTINUED", continued_as="r3")
    server.end("r3", output="done")
    assert await client.handle("r1").result() == "done"
