"""Bodies and queries into request messages: exact, and every problem with its field."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stellwerk.v1 import run_pb2
from stellwerk_server.model.errors import InvalidArgument
from stellwerk_server.web.json_in import Filling, read_object
from stellwerk_server.web.json_out import encode
from stellwerk_server.web.problems import Malformed

BODY = {name: name for name in ("input", "timeout", "version", "signal", "request_id")}
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


def start(body: str) -> run_pb2.StartRunRequest:
    """The request of a trigger's body; raises InvalidArgument."""
    filling = Filling(run_pb2.StartRunRequest())
    filling.members(BODY, read_object(body))
    filling.fields.raise_if_any()
    request: run_pb2.StartRunRequest = filling.message
    return request


def runs(**texts: list[str]) -> run_pb2.ListRunsRequest:
    """The request of a query."""
    filling = Filling(run_pb2.ListRunsRequest())
    for name, values in texts.items():
        filling.text(name, name, values)
    filling.fields.raise_if_any()
    request: run_pb2.ListRunsRequest = filling.message
    return request


@settings(deadline=None)
@given(VALUES, st.booleans())
def test_any_value_travels_as_the_text_it_was(value: Any, ascii_only: bool) -> None:
    text = json.dumps(value, ensure_ascii=ascii_only)
    request = start(f' {{ "input" : {text} , "version":1}} ')
    if isinstance(value, dict) and "$bytes" in value:
        return
    assert request.input.json == text
    assert json.loads(encode(run_pb2.Run(input=request.input)))["input"] == value


@settings(deadline=None)
@given(st.dictionaries(st.text(), VALUES, max_size=5), st.sampled_from([None, 1]))
def test_an_object_is_read_as_the_library_reads_it(value: dict[str, Any], indent: int | None) -> None:
    members = read_object(json.dumps(value, indent=indent))
    assert {name: json.loads(member.text) for name, member in members.items()} == value


@settings(deadline=None)
@given(st.text(alphabet='{}[]",:0123456789-+.eE\\ \nntrufalsx"\ud800', max_size=40))
def test_what_is_no_object_is_refused_as_the_library_refuses_it(text: str) -> None:
    try:
        pairs = json.loads(text, object_pairs_hook=list, parse_constant=lambda _: 1 / 0)
        good = isinstance(pairs, list) and text.strip().startswith("{")
        good = good and len({name for name, _ in pairs}) == len(pairs)
    except (ValueError, ZeroDivisionError):
        good = False
    if good:
        assert len(read_object(text)) == len(pairs)
    else:
        with pytest.raises(Malformed) as caught:
            read_object(text)
        assert caught.value.reason == "MALFORMED_JSON"


def test_spans_and_numbers() -> None:
    request = start('{"timeout": "1.5s", "version": 3, "request_id": "r"}')
    assert (request.timeout.seconds, request.timeout.nanos) == (1, 500_000_000)
    assert (request.version, request.request_id) == (3, "r")
    assert start('{"timeout": 90}').timeout.seconds == 90
    assert not start('{"timeout": null}').HasField("timeout")


def test_a_signal_keeps_its_payload() -> None:
    signal = start('{"signal": {"name": "go", "payload": [1.50], "signal_id": "s"}}').signal
    assert (signal.name, signal.payload.json, signal.signal_id) == ("go", "[1.50]", "s")
    assert not start('{"signal": null}').HasField("signal")


def test_bytes_come_as_base64() -> None:
    payload = start('{"input": {"$bytes": "AP8=", "content_type": "image/png", "metadata": {"a": "b"}}}').input
    assert (payload.data, payload.content_type, payload.metadata["a"]) == (b"\0\xff", "image/png", "b")
    more = '{"$bytes": "AP8=", "other": 1}'
    assert start(f'{{"input": {more}}}').input.json == more
    for bad in ('{"$bytes": 5}', '{"$bytes": "?"}', '{"$bytes": "AP8=", "content_type": [1]}'):
        with pytest.raises(InvalidArgument) as caught:
            start(f'{{"input": {bad}}}')
        assert [problem.field for problem in caught.value.problems] == ["input"]


def test_a_query() -> None:
    request = runs(states=["RUNNING", "FAILED"], created_after=["2026-07-01T14:00:00.5+02:00"], page_size=["7"])
    assert list(request.states) == [run_pb2.RUN_STATE_RUNNING, run_pb2.RUN_STATE_FAILED]
    assert (request.created_after.seconds, request.created_after.nanos) == (1_782_907_200, 500_000_000)
    assert request.page_size == 7
    assert runs(workflow=[""], page_size=[""], states=[""]) == run_pb2.ListRunsRequest()


def test_every_problem_is_said_at_once() -> None:
    with pytest.raises(InvalidArgument) as caught:
        start('{"timeout": "soon", "version": "1", "imput": 1, "request_id": []}')
    assert [problem.field for problem in caught.value.problems] == ["timeout", "version", "imput", "request_id"]
    assert "expected a time like 1.5s, 10m or 2h" in caught.value.message
