"""Signals over the wire: by run or by key, with a start, once per id, and what is refused."""

from __future__ import annotations

import asyncio

import pytest

from stellwerk.v1 import run_pb2
from tests.integration.api import Api, Refused, call, payload, refusal

APPROVAL = "name: approval\nsteps: [{id: approve, signal: approval}, {id: a, action: act}]"


def signal(name: str = "approval", value: object = None, id: str = "") -> run_pb2.Signal:
    return run_pb2.Signal(name=name, payload=payload(value), signal_id=id)


async def tell(api: Api, **fields: object) -> run_pb2.SignalRunResponse:
    return await call(api.runs.SignalRun(run_pb2.SignalRunRequest(namespace=api.namespace, **fields)))  # type: ignore[arg-type]


async def test_a_signal_moves_the_run_on(api: Api) -> None:
    await api.apply(APPROVAL)
    run_id = await api.start("approval")
    step = await api.step(run_id, "approve")
    assert (step.state, step.waiting_for) == (run_pb2.STEP_STATE_WAITING, "signal 'approval' has not come")
    told = await tell(api, run_id=run_id, signal=signal(value={"ok": True}))
    assert (told.run_id, told.deduplicated) == (run_id, False)
    task = await api.take("act")
    assert task.input.json == '{"ok": true}'
    events = [event.type for event in await api.history(run_id)]
    assert events == ["RUN_STARTED", "STEP_AWAITING", "RUN_SIGNALLED", "STEP_SUCCEEDED", "STEP_SCHEDULED"]


async def test_a_run_is_told_by_its_key_and_the_same_id_counts_once(api: Api) -> None:
    await api.apply("name: many\nsteps: [{id: a, signal: s}, {id: b, signal: s}]")
    run_id = await api.start("many", idempotency_key="k-1")
    where = {"workflow": "many", "idempotency_key": "k-1"}
    answers = [await tell(api, **where, signal=signal("s", n, "s-1")) for n in range(3)]
    assert [answer.deduplicated for answer in answers] == [False, True, True]
    assert {answer.run_id for answer in answers} == {run_id}
    await tell(api, **where, signal=signal("s", "last"), request_id="r-1")
    result = await api.wait(run_id)
    assert result.output.json == '"last"'
    again = await tell(api, **where, signal=signal("s", "last"), request_id="r-1")
    assert again.deduplicated


async def test_a_start_with_a_signal_starts_or_tells(api: Api) -> None:
    await api.apply("name: w\nsteps: [{id: a, signal: s}, {id: b, signal: s}]")
    first = await api.start_response("w", idempotency_key="k", signal=signal("s", 1, "one"))
    repeated = await api.start_response("w", idempotency_key="k", signal=signal("s", 1, "one"))
    assert (await api.step(first.run_id, "b")).state == run_pb2.STEP_STATE_WAITING
    second = await api.start_response("w", idempotency_key="k", signal=signal("s", 2, "two"))
    assert (repeated.deduplicated, second.deduplicated) == (True, True)
    assert {first.run_id} == {repeated.run_id, second.run_id}
    assert (await api.wait(first.run_id)).output.json == "2"
    refused = await refusal(api.start_response("w", idempotency_key="k", signal=signal("s", 3, "three")))
    assert (refused.code, refused.reason) == ("FAILED_PRECONDITION", "RUN_TERMINAL")


async def test_many_signals_at_once_are_all_taken(api: Api) -> None:
    steps = ", ".join(f"{{id: s{n}, signal: s, needs: []}}" for n in range(50))
    await api.apply(f"name: fifty\nsteps: [{steps}]")
    run_id = await api.start("fifty")
    await asyncio.gather(*(tell(api, run_id=run_id, signal=signal("s", n, f"id-{n % 50}")) for n in range(100)))
    result = await api.wait(run_id)
    taken = {event.payload.json for event in await api.history(run_id) if event.type == "STEP_SUCCEEDED"}
    assert (result.state, len(taken)) == (run_pb2.RUN_STATE_SUCCEEDED, 50)


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"run_id": "run_0000000000001", "signal": signal("")}, "signal.name"),
        ({"run_id": "run_0000000000001", "signal": signal("a b")}, "signal.name"),
        ({"run_id": "run_0000000000001", "signal": signal(id="x" * 201)}, "signal.signal_id"),
        ({"run_id": "nonsense", "signal": signal()}, "run_id"),
        ({"signal": signal()}, "run_id"),
        ({"workflow": "w", "signal": signal()}, "idempotency_key"),
        ({"run_id": "run_0000000000001", "workflow": "w", "signal": signal()}, "run_id"),
    ],
)
async def test_bad_signals_name_their_field(api: Api, fields: dict[str, object], problem: str) -> None:
    refused: Refused = await refusal(tell(api, **fields))
    assert refused.code == "INVALID_ARGUMENT"
    assert list(refused.fields) == [problem]


async def test_nobody_there_is_not_found(api: Api) -> None:
    for where in ({"run_id": "run_0000000000001"}, {"workflow": "w", "idempotency_key": "no"}):
        refused = await refusal(tell(api, **where, signal=signal()))
        assert (refused.code, refused.reason) == ("NOT_FOUND", "RUN_NOT_FOUND")
