"""Messages as JSON: what is shown, what is left out, and what keeps every digit."""

from __future__ import annotations

import json
from typing import Any

import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from stellwerk.v1 import admin_pb2, payload_pb2, run_pb2, workflow_pb2
from stellwerk_server.web.json_out import encode


def shown(message: Message) -> Any:
    return json.loads(encode(message))


def test_numbers_booleans_and_lists_are_always_there() -> None:
    assert shown(run_pb2.WaitRunResponse()) == {"ended": False}
    assert shown(run_pb2.ListRunsResponse()) == {"runs": []}
    assert shown(admin_pb2.Queue(queue="q")) == {"queue": "q", "ready": 0, "leased": 0, "workers": 0}


def test_what_is_empty_is_absent() -> None:
    run = shown(run_pb2.Run(run_id="r"))
    assert run == {"run_id": "r", "version": 0, "sequence": 0, "steps": []}


def test_an_event_about_no_step_has_no_attempt() -> None:
    assert shown(run_pb2.Event(sequence=1, type="RUN_STARTED")) == {"sequence": 1, "type": "RUN_STARTED"}
    assert shown(run_pb2.Event(sequence=2, step="a", attempt=1))["attempt"] == 1


@pytest.mark.parametrize(
    ("seconds", "nanos", "text"),
    [
        (0, 0, "1970-01-01T00:00:00.000000Z"),
        (1_782_907_200, 123_456_789, "2026-07-01T12:00:00.123456Z"),
        (-1, 500_000_000, "1969-12-31T23:59:59.500000Z"),
        (253_402_300_799, 999_999_999, "9999-12-31T23:59:59.999999Z"),
    ],
)
def test_times_have_microseconds(seconds: int, nanos: int, text: str) -> None:
    time = Timestamp(seconds=seconds, nanos=nanos)
    assert shown(run_pb2.Event(time=time))["time"] == text


@pytest.mark.parametrize(
    ("seconds", "nanos", "text"), [(1, 500_000_000, "1.5s"), (600, 0, "600s"), (0, 0, "0s"), (0, 1_000, "0.000001s")]
)
def test_spans_are_as_in_definitions(seconds: int, nanos: int, text: str) -> None:
    failure = payload_pb2.Failure(retry_after=Duration(seconds=seconds, nanos=nanos))
    assert shown(failure)["retry_after"] == text


def test_enums_have_their_short_names() -> None:
    run = run_pb2.Run(state=run_pb2.RUN_STATE_TIMED_OUT)
    step = run_pb2.Step(state=run_pb2.STEP_STATE_DEAD)
    failure = payload_pb2.Failure(category=payload_pb2.FAILURE_CATEGORY_WORKER_LOST)
    assert shown(run)["state"] == "TIMED_OUT"
    assert shown(step)["state"] == "DEAD"
    assert shown(failure)["category"] == "WORKER_LOST"
    assert shown(run_pb2.Run(state=99))["state"] == "99"  # type: ignore[arg-type]  # of a newer server


def test_a_payload_is_its_own_text() -> None:
    text = '{"n": 123456789012345678901234567890, "f": 1.10, "s": "\\ud83d", "n": 1}'
    assert text in encode(run_pb2.Run(input=payload_pb2.Payload(json=text))).decode()
    assert shown(run_pb2.Run(input=payload_pb2.Payload(json="null")))["input"] is None
    assert shown(run_pb2.Run(input=payload_pb2.Payload()))["input"] is None
    assert "input" not in shown(run_pb2.Run())


def test_what_is_not_json_is_base64() -> None:
    payload = payload_pb2.Payload(data=b"\0\xff", content_type="image/png", metadata={"codec": "x"})
    expected = {"$bytes": "AP8=", "content_type": "image/png", "metadata": {"codec": "x"}}
    assert shown(run_pb2.Chunk(payload=payload))["payload"] == expected


def test_json_that_looks_like_bytes_is_told_apart() -> None:
    looks_alike = '{"$bytes": "aGk="}'
    chunk = shown(run_pb2.Chunk(payload=payload_pb2.Payload(json=looks_alike)))
    assert chunk["payload"]["content_type"] == "application/json"
    inner = '{"inner": {"$bytes": 1}}'
    assert shown(run_pb2.Chunk(payload=payload_pb2.Payload(json=inner)))["payload"] == json.loads(inner)


def test_texts_that_are_json_are_values() -> None:
    assert shown(run_pb2.Run(attributes='{"a": 1}'))["attributes"] == {"a": 1}
    assert shown(run_pb2.Event(attributes='{"b": [2]}'))["attributes"] == {"b": [2]}
    assert shown(workflow_pb2.Workflow(definition='{"name": "x"}'))["definition"] == {"name": "x"}


def test_maps_and_causes() -> None:
    run = run_pb2.Run(published={"k": payload_pb2.Payload(json="[1]")})
    assert shown(run)["published"] == {"k": [1]}
    assert shown(run_pb2.Step(item_states={"RUNNING": 3}))["item_states"] == {"RUNNING": 3}
    failure = payload_pb2.Failure(type="A", cause=payload_pb2.Failure(type="B", cause=payload_pb2.Failure(type="C")))
    assert shown(failure)["cause"]["cause"] == {"type": "C", "terminal": False}
