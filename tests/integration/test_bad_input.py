"""What a careless or hostile client may send: each has a clear answer, and the next call is served as ever."""

from __future__ import annotations

import json
from typing import Any

import grpc
import pytest

from stellwerk.v1 import admin_pb2, payload_pb2, run_pb2, worker_pb2, workflow_pb2
from stellwerk_server.config import MIB
from stellwerk_server.server import Server
from tests.integration.api import Api, Refused, call, duration, eventually, payload, refusal, released, succeeded

ONE = "name: one\nsteps: [{id: first, action: a}]"
LIMIT = 2 * MIB


def definition(*steps: str, extra: str = "") -> str:
    return f"name: bad\nsteps: [{', '.join(steps)}]\n{extra}"


BAD_DEFINITIONS = {
    "cycle": (definition("{id: x, action: a, needs: [y]}", "{id: y, action: a, needs: [x]}"), "steps", "x", "y"),
    "itself": (definition("{id: x, action: a, needs: [x]}"), "steps[0].needs", "x"),
    "duplicate id": (definition("{id: x, action: a}", "{id: x, action: a}"), "steps[1].id", "x"),
    "unknown need": (definition("{id: x, action: a, needs: [nope]}"), "steps[0].needs", "nope"),
    "unknown step in a template": (
        definition("{id: x, action: a, input: '${steps.nope.output}'}"),
        "steps[0].input",
        "nope",
    ),
    "bad CEL": (definition("{id: x, action: a, when: 'input.n >'}"), "steps[0].when"),
    "bad duration": (definition("{id: x, sleep: 5 parsecs}"), "steps[0].sleep", "5 parsecs"),
    "negative duration": (definition("{id: x, action: a, timeout: {attempt: -1s}}"), "steps[0].timeout", "-1s"),
    "no steps": ("name: bad\nsteps: []", "steps"),
    "no YAML": ("name: [", "definition"),
    "unknown field": (definition("{id: x, action: a, colour: red}"), "steps[0]", "colour"),
    "NUL": (definition('{id: x, action: "a\\0b"}'), "steps[0].action"),
    "deep": ('{"name": "bad", "steps": ' + "[" * 100_000 + "]" * 100_000 + "}", "definition"),
    "too long": ("name: bad\nsteps: []\n# " + "x" * MIB, "definition"),
}


@pytest.mark.parametrize("name", BAD_DEFINITIONS)
async def test_a_bad_definition_is_refused_with_field_and_value(api: Api, name: str) -> None:
    text, field, *named = BAD_DEFINITIONS[name]
    error = await refusal(api.apply(text))
    assert (error.code, error.reason) == ("INVALID_ARGUMENT", "INVALID_ARGUMENT")
    found = {place: what for place, what in error.fields.items() if place.startswith(field)}
    assert found, error.fields
    assert all(word in " ".join([*found, *found.values()]) for word in named), found
    request = workflow_pb2.ValidateWorkflowRequest(definition=text)
    problems = (await call(api.workflows.ValidateWorkflow(request))).problems
    assert {p.field: p.description for p in problems} == error.fields
    assert (await refusal(api.start("bad"))).code == "NOT_FOUND"


async def test_all_that_is_wrong_with_a_definition_is_said_at_once(api: Api) -> None:
    error = await refusal(api.apply(definition("{id: x, sleep: soon}", "{id: x, action: a, when: '1 +'}")))
    assert len(error.fields) >= 3


async def test_an_unknown_workflow_is_not_found(api: Api) -> None:
    error = await refusal(api.start("nobody-wrote-it", {}))
    assert (error.code, error.reason) == ("NOT_FOUND", "WORKFLOW_NOT_FOUND")
    assert "'nobody-wrote-it'" in error.message


async def test_an_unknown_version_is_not_found(api: Api) -> None:
    await api.apply(ONE)
    error = await refusal(api.start("one", {}, version=7))
    assert (error.code, error.reason) == ("NOT_FOUND", "WORKFLOW_NOT_FOUND")
    assert "version 7" in error.message


async def test_a_run_whose_action_nobody_serves_stays_and_says_so(api: Api) -> None:
    await api.apply(ONE)
    run_id = await api.start("one", {})
    step = await api.step(run_id, "first")
    assert "no worker serves action 'a' on queue 'default'" in step.waiting_for
    async with api.line("late", "a"):
        await eventually(lambda: served(api, run_id), 3)
        assert (await api.complete(await api.take("a", worker="late"), 1)) is None
    assert (await api.wait(run_id)).state == run_pb2.RUN_STATE_SUCCEEDED


async def served(api: Api, run_id: str) -> bool:
    return not (await api.step(run_id, "first")).waiting_for


async def test_input_against_its_schema_is_refused_with_its_path(api: Api) -> None:
    schema = "input_schema: {type: object, required: [total], properties: {total: {type: number}}}"
    await api.apply(definition("{id: x, action: a}", extra=schema))
    error = await refusal(api.start("bad", {"total": "many"}))
    assert (error.code, error.reason) == ("INVALID_ARGUMENT", "INPUT_MISMATCH")
    ((field, what),) = error.fields.items()
    assert field.startswith("input")
    assert "total" in field + what
    assert "many" in what
    assert (await refusal(api.start("bad", {}))).reason == "INPUT_MISMATCH"
    assert await api.start("bad", {"total": 3})


async def test_a_payload_at_the_limit_is_taken_and_one_byte_more_is_refused(api: Api) -> None:
    await api.apply(ONE)
    run_id = await api.start("one", "x" * (LIMIT - 2))
    error = await refusal(api.start("one", "x" * (LIMIT - 1)))
    assert (error.code, error.reason) == ("INVALID_ARGUMENT", "PAYLOAD_TOO_LARGE")
    assert error.metadata == {"field": "input", "size": str(LIMIT + 1), "limit": str(LIMIT)}
    task = await api.take("a")
    refused = await api.complete(task, "x" * (LIMIT - 1))
    assert refused is not None
    assert refused.reason == "PAYLOAD_TOO_LARGE"
    assert refused.metadata["field"] == "results[0].output"
    assert await api.complete(task, "x" * (LIMIT - 2)) is None
    assert len((await api.wait(run_id)).output.json) == LIMIT


async def test_a_payload_of_64_mib_is_refused_by_the_transport_with_both_sizes(api: Api) -> None:
    await api.apply(ONE)
    request = run_pb2.StartRunRequest(workflow="one", input=payload_pb2.Payload(data=b"x" * 64 * MIB))
    error = await refusal(api.runs.StartRun(request))
    assert error.code == "RESOURCE_EXHAUSTED"
    assert str(16 * MIB) in error.message
    assert await api.start("one", {})


@pytest.mark.parametrize("depth", [990, 1000, 1020, 1025, 100_000])
async def test_deep_json_is_stored_or_refused_but_never_fails_the_server(api: Api, depth: int) -> None:
    await api.apply(ONE)
    await api.apply(
        "name: checked\ninput_schema: {}\nsteps: [{id: s, action: a, input: '${input}', when: 'input != 1'}]"
    )
    deep = payload_pb2.Payload(json="[" * depth + "]" * depth)
    for workflow in ("one", "checked"):
        request = run_pb2.StartRunRequest(workflow=workflow, input=deep, idempotency_key=f"deep {depth}")
        answer = await verdict(api, request)
        if isinstance(answer, Refused):
            assert answer.code == "INVALID_ARGUMENT", answer
            assert "levels deep" in answer.fields["input.json"]
        else:
            assert (await api.get(answer)).input.json == deep.json


async def verdict(api: Api, request: run_pb2.StartRunRequest) -> str | Refused:
    """The run, or why there is none."""
    try:
        return (await call(api.runs.StartRun(request))).run_id
    except Refused as error:
        return error


@pytest.mark.parametrize(
    "text", ["", "{", "NaN", "[1,]", '"\\ud800"', "\ufeff1", "'a'", '"\t"', "1 2", '{"a": undefined}', "01"]
)
async def test_what_is_no_json_is_refused(api: Api, text: str) -> None:
    await api.apply(ONE)
    request = run_pb2.StartRunRequest(workflow="one", input=payload_pb2.Payload(json=text), idempotency_key="k")
    error = await refusal(api.runs.StartRun(request))
    assert error.code == "INVALID_ARGUMENT"
    assert "input.json" in error.fields


@pytest.mark.parametrize("text", ['"\\u0000"', "1" * 5000, "-1e400", '{"a":1,"a":2}', "1e309", '"\\ud83d\\ude86"'])
async def test_odd_json_travels_as_it_is(api: Api, text: str) -> None:
    await api.apply("name: odd\ninput_schema: {}\nsteps: [{id: s, action: a, input: '${input}'}]")
    value = payload_pb2.Payload(json=text)
    request = run_pb2.StartRunRequest(workflow="odd", input=value, idempotency_key="k")
    run_id = await verdict(api, request)
    if isinstance(run_id, Refused):
        assert run_id.code == "INVALID_ARGUMENT", run_id
        return
    await eventually(lambda: begun(api, run_id))
    assert (await api.get(run_id)).input.json == text


async def begun(api: Api, run_id: str) -> bool:
    run = await api.get(run_id)
    return run.state == run_pb2.RUN_STATE_FAILED or run.steps[0].state == run_pb2.STEP_STATE_READY


@pytest.mark.parametrize(
    "method", ["RunService/StartRun", "WorkerService/CompleteTask", "WorkerService/PollTask", "RunService/GetRun"]
)
@pytest.mark.parametrize("data", [b"\x0a\x02\xff\xfe", b"\xff\xff\xff", b"\x0a\x7f"], ids=["utf-8", "tag", "short"])
async def test_bytes_that_are_no_request_are_refused(api: Api, method: str, data: bytes) -> None:
    error = await refusal(api.channel.unary_unary(f"/stellwerk.v1.{method}")(data))
    assert (error.code, error.reason) == ("INVALID_ARGUMENT", "MALFORMED_REQUEST")
    assert f"{len(data)} bytes" in error.fields["request"]


@pytest.mark.parametrize("method", ["WorkerService/Heartbeat", "WorkerService/StreamResult", "RunService/AwaitRuns"])
async def test_a_stream_ends_at_bytes_that_are_no_request(api: Api, method: str) -> None:
    stream = api.channel.stream_stream(f"/stellwerk.v1.{method}")()
    if method.endswith("Heartbeat"):
        good = worker_pb2.HeartbeatRequest(worker_id="w", actions=["a"])
        await stream.write(good.SerializeToString())
        await stream.read()
    await stream.write(b"\xff\xff\xff")
    error = await refusal(stream.read())
    assert (error.code, error.reason) == ("INVALID_ARGUMENT", "MALFORMED_REQUEST")


async def test_a_beat_that_cannot_be_written_does_not_hide_other_workers(api: Api) -> None:
    async with api.line("good", "a"):
        for wrong in ({"sdk": "a\0b"}, {"host": "\0"}, {"slots": -1}, {"actions": ["a\0b"]}):
            bad = api.workers.Heartbeat()
            await bad.write(worker_pb2.HeartbeatRequest(worker_id="bad", actions=["a"]))
            await bad.read()
            await bad.write(worker_pb2.HeartbeatRequest(worker_id="bad", **{"actions": ["a"], **wrong}))
            error = await refusal(bad.read())
            assert error.code == "INVALID_ARGUMENT"
            assert next(iter(wrong)) in str(error.fields)
        await eventually(lambda: known(api, "good"), 6)


async def known(api: Api, worker: str) -> bool:
    answer = await call(api.admin.ListWorkers(admin_pb2.ListWorkersRequest()))
    return worker in [w.worker_id for w in answer.workers]


@pytest.mark.parametrize("count", [0, -1, 1_001, 1_000_000])
async def test_a_poll_for_no_or_too_many_tasks_is_refused(api: Api, count: int) -> None:
    error = await refusal(api.poll("a", max_tasks=count))
    assert error.code == "INVALID_ARGUMENT"
    assert error.fields == {"max_tasks": f"expected 1 to 1000, came {count}"}


async def test_a_poll_without_actions_or_worker_names_both(api: Api) -> None:
    error = await refusal(api.poll(worker=""))
    assert set(error.fields) == {"actions", "worker_id"}


@pytest.mark.parametrize("wait_s", [60.1, -1, 1e9])
async def test_a_wait_that_is_too_long_is_refused(api: Api, wait_s: float) -> None:
    assert "wait" in (await refusal(api.poll("a", wait_s=wait_s))).fields
    assert "wait" in (await refusal(api.start("one", {}, wait=duration(wait_s)))).fields


async def test_batches_of_nothing_or_too_much_are_refused(api: Api) -> None:
    for starts in (0, 1_001):
        request = run_pb2.StartRunsRequest(starts=[run_pb2.StartRunRequest(workflow="one")] * starts)
        error = await refusal(api.runs.StartRuns(request))
        assert error.fields == {"starts": f"expected 1 to 1000 items, came {starts}"}
    error = await refusal(api.finish())
    assert error.fields == {"results": "expected 1 to 1000 items, came 0"}


async def test_one_bad_start_of_a_batch_is_refused_alone(api: Api) -> None:
    await api.apply(ONE)
    good = run_pb2.StartRunRequest(workflow="one", input=payload(1))
    bad = [
        run_pb2.StartRunRequest(workflow="nope"),
        run_pb2.StartRunRequest(workflow="one", input=payload_pb2.Payload(json="{")),
        run_pb2.StartRunRequest(workflow="one", idempotency_key="a\0b"),
        run_pb2.StartRunRequest(workflow="one", timeout=duration(-1)),
    ]
    request = run_pb2.StartRunsRequest(starts=[good, *bad, good])
    results = (await call(api.runs.StartRuns(request))).results
    assert [r.refusal.reason for r in results[1:-1]] == ["WORKFLOW_NOT_FOUND", *["INVALID_ARGUMENT"] * 3]
    assert results[2].refusal.fields[0].field == "starts[2].input.json"
    assert [r.refusal.code for r in results[1:-1]] == [5, 3, 3, 3]
    assert len({results[0].run_id, results[-1].run_id} - {""}) == 2


FORGED = [b"", b"x", b"\0" * 28, b"\xff" * 40, b"\0" * 28 + b"first", b"\0" * 600, b"\0" * 28 + b"\xff\xfe"]


@pytest.mark.parametrize("token", FORGED, ids=range(len(FORGED)))
async def test_a_forged_token_opens_nothing(api: Api, token: bytes) -> None:
    await everything_is_refused(api, token)


@pytest.mark.parametrize("change", ["truncated", "one bit", "other step", "longer", "other attempt"])
async def test_a_real_token_that_was_changed_opens_nothing(api: Api, change: str) -> None:
    await api.apply(ONE)
    run_id = await api.start("one", {})
    task = await api.take("a")
    real = task.token
    changed = {
        "truncated": real[:-1],
        "one bit": real[:20] + bytes([real[20] ^ 1]) + real[21:],
        "other step": real[:-5] + b"other",
        "longer": real + b"x",
        "other attempt": real[:8] + (2).to_bytes(4, "big") + real[12:],
    }[change]
    if change != "other attempt":  # whoever extends or streams shows the secret, and that is right
        await everything_is_refused(api, changed)
    refused = (await api.finish(worker_pb2.TaskResult(token=changed, output=payload(1))))[0]
    assert refused is not None
    assert refused.reason == "LEASE_LOST"
    assert await api.complete(task, {"right": True}) is None
    assert json.loads((await api.wait(run_id)).output.json) == {"right": True}


async def everything_is_refused(api: Api, token: bytes) -> None:
    """Complete, fail, stream and heartbeat; to give back what one does not hold changes nothing."""
    outcomes: list[dict[str, Any]] = [{"output": payload(1)}, {"failure": payload_pb2.Failure(type="E")}]
    await api.finish(worker_pb2.TaskResult(token=token, release=worker_pb2.Release()))
    for outcome in outcomes:
        refused = (await api.finish(worker_pb2.TaskResult(token=token, **outcome)))[0]
        assert refused is not None
        assert (refused.reason, refused.code) == ("LEASE_LOST", grpc.StatusCode.FAILED_PRECONDITION.value[0])
    stream = api.workers.StreamResult()
    await stream.write(worker_pb2.StreamResultRequest(token=token, sequence=1, chunk=payload("x")))
    answer = await stream.read()
    assert (answer.token, answer.refusal.reason) == (token, "LEASE_LOST")
    stream.cancel()
    async with api.line("forger", "a") as line:
        await line.beat(token)
        heard = await line.hear()
        assert [(c.token, c.reason) for c in heard.cancelled] == [(token, "LEASE_LOST")]


async def test_a_stale_token_opens_nothing_once_the_task_is_out_again(api: Api) -> None:
    await api.apply("name: again\nsteps: [{id: s, action: a, retry: {initial: 10ms}}]")
    run_id = await api.start("again", {})
    stale = await api.take("a")
    assert await api.fail(stale) is None
    fresh = await api.take("a")
    assert fresh.attempt == 2
    await everything_is_refused_but_repeats(api, stale.token)
    assert await api.complete(fresh, "fresh") is None
    assert (await api.wait(run_id)).output.json == '"fresh"'


async def everything_is_refused_but_repeats(api: Api, token: bytes) -> None:
    refused = (await api.finish(worker_pb2.TaskResult(token=token, output=payload("stale"))))[0]
    assert refused is not None
    assert refused.reason == "LEASE_LOST"
    stream = api.workers.StreamResult()
    await stream.write(worker_pb2.StreamResultRequest(token=token, sequence=1, chunk=payload("x")))
    assert (await stream.read()).refusal.reason == "LEASE_LOST"
    stream.cancel()


async def test_completing_twice_is_once_and_another_outcome_is_refused(api: Api) -> None:
    await api.apply("name: two\nsteps: [{id: s, action: a}, {id: t, action: b}]")
    run_id = await api.start("two", {})
    task = await api.take("a")
    assert await api.complete(task, {"n": 1}) is None
    assert await api.complete(task, {"n": 1}) is None
    other = await api.complete(task, {"n": 2})
    assert other is not None
    assert other.reason == "LEASE_LOST"
    failed = await api.fail(task)
    assert failed is not None
    assert failed.reason == "LEASE_LOST"
    await api.complete(await api.take("b"), "end")
    await api.wait(run_id)
    assert await api.complete(task, {"n": 1}) is None
    succeeded_events = [e for e in await api.history(run_id) if e.type == "STEP_SUCCEEDED"]
    assert [e.step for e in succeeded_events] == ["s", "t"]


async def test_the_same_and_another_outcome_in_one_batch_record_the_first(api: Api) -> None:
    await api.apply(ONE)
    run_id = await api.start("one", {})
    task = await api.take("a")
    verdicts = await api.finish(succeeded(task, 1), succeeded(task, 1), succeeded(task, 2))
    assert verdicts[:2] == [None, None]
    assert verdicts[2] is not None
    assert verdicts[2].reason == "LEASE_LOST"
    assert (await api.wait(run_id)).output.json == "1"


async def test_a_result_without_an_outcome_is_refused(api: Api) -> None:
    await api.apply(ONE)
    await api.start("one", {})
    task = await api.take("a")
    refused = (await api.finish(worker_pb2.TaskResult(token=task.token)))[0]
    assert refused is not None
    assert refused.fields[0].field == "results[0].outcome"
    assert await api.complete(task) is None


async def test_a_task_that_has_streamed_is_not_given_back(api: Api) -> None:
    await api.apply("name: streams\nsteps: [{id: s, action: a}, {id: t, action: b, needs: []}]")
    run_id = await api.start("streams", {})
    task, unused = await api.take("a"), await api.take("b")
    stream = api.workers.StreamResult()
    await stream.write(worker_pb2.StreamResultRequest(token=task.token, sequence=1, chunk=payload("x")))
    assert (await stream.read()).sequence == 1
    stream.cancel()
    # The next one would hold the same attempt, whose first chunk is there.
    refused = await api.finish(released(task), released(unused))
    assert refused[0] is not None
    assert (refused[0].reason, refused[0].fields[0].field) == ("INVALID_ARGUMENT", "results[0].release")
    assert refused[1] is None
    # What comes with it for the same task is judged by itself.
    refused = await api.finish(released(task), succeeded(task, "done"))
    assert refused[0] is not None
    assert (refused[0].fields[0].field, refused[1]) == ("results[0].release", None)
    again = await api.take("b")
    assert again.attempt == 1
    assert [await api.complete(task, "done"), await api.complete(again, "done")] == [None, None]
    assert (await api.wait(run_id)).state == run_pb2.RUN_STATE_SUCCEEDED


async def test_a_failure_with_nul_and_long_texts_is_recorded(api: Api) -> None:
    await api.apply("name: once\nsteps: [{id: s, action: a, retry: {max_attempts: 1}}]")
    run_id = await api.start("once", {})
    task = await api.take("a")
    failure = payload_pb2.Failure(type="E\0", message="no\0 " + "x" * 100_000, stack="\0", details=payload("\0"))
    cause = failure
    for _ in range(30):
        cause = payload_pb2.Failure(type="C", message="\0", cause=cause)
    failure.cause.CopyFrom(cause)
    assert await api.finish(worker_pb2.TaskResult(token=task.token, failure=failure)) == [None]
    ended = await api.wait(run_id)
    assert ended.state == run_pb2.RUN_STATE_FAILED
    assert ended.failure.message.startswith("no")
    assert (await api.get(run_id)).steps[0].failure.type.startswith("E")


async def test_a_run_of_another_namespace_is_not_found(server: Server, api: Api) -> None:
    await api.apply(ONE)
    run_id = await api.start("one", {})
    async with Api(server.port, "other") as other:
        place = {"namespace": "other", "run_id": run_id}
        calls = [
            other.runs.GetRun(run_pb2.GetRunRequest(**place)),
            other.runs.GetHistory(run_pb2.GetHistoryRequest(**place)),
            other.runs.WaitRun(run_pb2.WaitRunRequest(**place)),
            other.runs.CancelRun(run_pb2.CancelRunRequest(**place)),
            other.runs.TerminateRun(run_pb2.TerminateRunRequest(**place)),
            other.runs.RetryRun(run_pb2.RetryRunRequest(**place)),
            other.runs.WatchRun(run_pb2.WatchRunRequest(**place)).read(),
        ]
        for asked in calls:
            error = await refusal(asked)
            assert (error.code, error.reason) == ("NOT_FOUND", "RUN_NOT_FOUND")
        stream = other.runs.AwaitRuns()
        for unknown in (run_id, "nonsense"):
            await stream.write(run_pb2.AwaitRunsRequest(namespace="other", run_ids=[unknown]))
            assert (await stream.read()).unknown == [unknown]
        stream.cancel()
        assert (await refusal(other.start("one", {}))).code == "NOT_FOUND"
        assert await other.poll("a", wait_s=0.2) == []
    assert (await api.get(run_id)).state in (run_pb2.RUN_STATE_PENDING, run_pb2.RUN_STATE_RUNNING)


@pytest.mark.parametrize("run_id", ["", "run_", "x", "run_zzzzzzzzzzzzz", "run_000000000000A", "dl_0000000000000"])
async def test_what_is_no_run_id_is_refused_with_an_example(api: Api, run_id: str) -> None:
    error = await refusal(api.get(run_id))
    assert error.code == "INVALID_ARGUMENT"
    assert "run_" in error.fields["run_id"]
    assert (await refusal(api.get("run_0000000000001"))).code == "NOT_FOUND"
