"""Payloads and failures survive the way in and out, and what is none is refused with its field."""

import json

import pytest
from google.protobuf.duration_pb2 import Duration
from hypothesis import given
from hypothesis import strategies as st

from stellwerk.v1.payload_pb2 import Failure as FailureMessage
from stellwerk.v1.payload_pb2 import Payload as PayloadMessage
from stellwerk_server.model import failure as failures
from stellwerk_server.model import payload
from stellwerk_server.model.errors import InvalidArgument
from stellwerk_server.model.failure import Category
from stellwerk_server.rpc import convert

LIMIT = 1_000_000


def read(message: PayloadMessage, limit: int = LIMIT) -> bytes:
    return convert.read_payload(message, "input", limit)


def nested(depth: int) -> str:
    return "[" * depth + "]" * depth


@pytest.mark.parametrize(
    ("message", "stored"),
    [
        (PayloadMessage(), b"null"),
        (PayloadMessage(content_type="text/plain"), b"null"),
        (PayloadMessage(json='{"a": 1}'), b'{"a": 1}'),
        (PayloadMessage(json="1", content_type="application/json"), b"1"),
        (PayloadMessage(data=b'"x"', content_type="application/json"), b'"x"'),
        (PayloadMessage(json='"\\u0000"'), b'"\\u0000"'),
        (PayloadMessage(json=nested(200)), nested(200).encode()),
    ],
)
def test_json_is_kept_as_it_came(message: PayloadMessage, stored: bytes) -> None:
    assert read(message) == stored


@given(
    st.builds(
        PayloadMessage,
        data=st.binary(),
        content_type=st.sampled_from(["application/octet-stream", "image/png", "x/ä"]),
        metadata=st.dictionaries(st.text(), st.text(), max_size=3),
    )
)
def test_other_content_comes_back_as_it_was(message: PayloadMessage) -> None:
    assert convert.payload_message(payload.Payload(read(message))) == message


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(), lambda x: st.lists(x) | st.dictionaries(st.text(), x)
    )
)
def test_json_with_metadata_comes_back_as_json(value: object) -> None:
    message = PayloadMessage(json=json.dumps(value), metadata={"codec": "none"})
    back = convert.payload_message(payload.Payload(read(message)))
    assert back == PayloadMessage(json=json.dumps(value), metadata={"codec": "none"}, content_type="application/json")


@pytest.mark.parametrize(
    ("message", "field", "came"),
    [
        (PayloadMessage(json=""), "input.json", "came nothing"),
        (PayloadMessage(json="{"), "input.json", "came b'{'"),
        (PayloadMessage(json="NaN"), "input.json", "NaN"),
        (PayloadMessage(json='"\0"'), "input.json", "control character"),
        (PayloadMessage(json='"\\ud800"'), "input.json", "surrogate"),
        (PayloadMessage(json=nested(201)), "input.json", "a deeper one"),
        (PayloadMessage(json="[" + ",".join([nested(201)] * 3) + "]"), "input.json", "a deeper one"),
        (PayloadMessage(json=nested(100_000)), "input.json", "levels deep"),
        (PayloadMessage(data=b'"\xff"', content_type="application/json"), "input.data", "utf-8"),
        (PayloadMessage(data=b"{", content_type="application/x+json"), "input.data", "came b'{'"),
        (PayloadMessage(json="1", content_type="text/plain"), "input.content_type", "came 'text/plain'"),
        (PayloadMessage(data=b"1", content_type="x" * 201), "input.content_type", "at most 200 characters"),
    ],
)
def test_what_is_no_payload_is_refused_with_its_field(message: PayloadMessage, field: str, came: str) -> None:
    with pytest.raises(InvalidArgument) as refused:
        read(message)
    assert [problem.field for problem in refused.value.problems] == [field]
    assert came.lower() in refused.value.problems[0].description.lower()
    assert len(refused.value.message) < 500


def test_brackets_in_strings_and_breadth_are_not_depth() -> None:
    assert read(PayloadMessage(json=json.dumps("[" * 1_000)))
    assert read(PayloadMessage(json=json.dumps([[]] * 10_000)))


@pytest.mark.parametrize(
    "message",
    [
        PayloadMessage(json='"xxxxxxxx"'),
        PayloadMessage(data=b"x" * 11),
        PayloadMessage(json="1", metadata={"key": "value!"}),
    ],
)
def test_too_large_names_size_and_limit(message: PayloadMessage) -> None:
    with pytest.raises(InvalidArgument) as refused:
        read(message, 9)
    assert refused.value.reason == "PAYLOAD_TOO_LARGE"
    assert refused.value.metadata["limit"] == "9"
    assert refused.value.metadata["field"] == "input"
    assert int(refused.value.metadata["size"]) > 9


@pytest.mark.parametrize("message", [PayloadMessage(json="1" * 9), PayloadMessage(data=b"x" * 9)])
def test_exactly_the_limit_is_taken(message: PayloadMessage) -> None:
    back = convert.payload_message(convert.read_payload(message, "input", 9))
    assert back is not None
    assert (back.json, back.data) == (message.json, message.data)


def test_a_payload_of_exactly_the_limit_is_fine() -> None:
    assert read(PayloadMessage(json='"xxxxxxx"'), 9) == b'"xxxxxxx"'


def test_a_failure_survives_storage() -> None:
    message = FailureMessage(
        type="CardDeclined",
        message="no",
        stack="at x",
        category=4,
        terminal=True,
        retry_after=Duration(seconds=1, nanos=500_000_000),
        details=PayloadMessage(data=b"\xff\0", content_type="x/y"),
        cause=FailureMessage(type="Root", message="NUL \0", category=1),
    )
    stored = failures.to_json(convert.read_failure(message, "failure", LIMIT))
    assert "\0" not in stored
    assert convert.stored_failure_message(stored) == message


def test_a_worker_cannot_say_where_a_failure_happened_nor_leave_it_nameless() -> None:
    read_back = convert.read_failure(
        FailureMessage(step="forged", attempt=9, worker_id="w", category=99),
        "failure",
        LIMIT,  # type: ignore[arg-type]
    )
    assert (read_back.step, read_back.attempt, read_back.worker) == ("", 0, "")
    assert (read_back.type, read_back.category) == ("Error", Category.USER)


def test_endless_failures_are_cut_not_refused() -> None:
    message = FailureMessage(type="T", message="m" * 1_000_000, stack="s" * 1_000_000)
    for _ in range(50):
        message = FailureMessage(type="T", cause=message)
    short = convert.read_failure(message, "failure", LIMIT)
    depth = 0
    cause = short.cause
    while cause is not None:
        depth, cause = depth + 1, cause.cause
    assert depth == 10
    whole = convert.read_failure(FailureMessage(message="m" * 1_000_000, stack="s" * 1_000_000), "failure", LIMIT)
    assert len(whole.message) + len(whole.stack) < 100_000


@pytest.mark.parametrize("span", [Duration(seconds=-1), Duration(seconds=10**11)])
def test_a_retry_after_that_is_no_span_is_refused(span: Duration) -> None:
    with pytest.raises(InvalidArgument, match=r"failure\.retry_after: expected 0 to \d+ seconds"):
        convert.read_failure(FailureMessage(retry_after=span), "failure", LIMIT)


def test_instants_keep_their_microseconds_before_1970_too() -> None:
    for instant in (0, 1, -1, 1_767_225_600_000_001):
        message = convert.timestamp(instant)
        assert message is not None
        assert message.seconds * 1_000_000 + message.nanos // 1_000 == instant
        assert 0 <= message.nanos < 1_000_000_000
