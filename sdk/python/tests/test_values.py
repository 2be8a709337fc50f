"""Values, annotations and handlers: what travels, what is refused, and how the refusal reads."""

from __future__ import annotations

import enum
import functools
import json
import pickle
import typing
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, Literal, NotRequired, TypedDict
from uuid import UUID

import pydantic
import pytest
from hypothesis import given
from hypothesis import strategies as st

import stellwerk
from stellwerk import EncodeError, InputError, RetryableError, TaskContext, errors
from stellwerk._convert import converter
from stellwerk.handler import HandlerKind, plan
from stellwerk.payload import decode, encode, encode_json
from stellwerk.v1.payload_pb2 import Payload


class Color(enum.Enum):
    RED = "red"


@dataclass
class Item:
    name: str
    count: int = 1


@dataclass
class Order:
    items: list[Item]
    due: datetime | None = None
    tags: dict[str, float] = field(default_factory=dict)


@dataclass
class Tree:
    value: int
    children: list[Tree] = field(default_factory=list)


class Person(TypedDict):
    name: str
    age: NotRequired[int]


class Model(pydantic.BaseModel):
    amount: int


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(JSON)
def test_every_json_value_comes_back_as_it_went(value: Any) -> None:
    assert decode(Payload.FromString(encode(value).SerializeToString())) == value


def test_bytes_none_and_nothing() -> None:
    assert decode(encode(b"")) == b""
    assert decode(encode(None)) is None
    assert decode(Payload()) is None


def test_rich_values_are_written_as_json() -> None:
    value = {
        "order": Order([Item("a")], due=datetime(2026, 1, 2, tzinfo=UTC)),
        "model": Model(amount=3),
        "id": UUID(int=1),
        "sum": Decimal("1.10"),
        "color": Color.RED,
        "day": date(2026, 1, 2),
    }
    assert json.loads(encode_json(value)) == {
        "order": {"items": [{"name": "a", "count": 1}], "due": "2026-01-02T00:00:00+00:00", "tags": {}},
        "model": {"amount": 3},
        "id": "00000000-0000-0000-0000-000000000001",
        "sum": "1.10",
        "color": "red",
        "day": "2026-01-02",
    }


def _deep(levels: int) -> Any:
    value: Any = []
    for _ in range(levels):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (float("inf"), "value cannot be written"),
        ({"a": [Order([Item("x", object())])]}, r"value\.a\[0\]\.items\[0\]\.count"),  # type: ignore[arg-type]
        ({"a": b"x"}, "bytes travel only as the whole value"),
        (_deep(100_000), "nested too deep"),
        (Item, "a class has no JSON form"),
    ],
)
def test_what_has_no_json_form_is_refused_with_its_place(value: Any, message: str) -> None:
    with pytest.raises(EncodeError, match=message):
        encode(value)


def _circular() -> Any:
    value: dict[str, Any] = {"a": [1]}
    value["a"].append({"back": value})
    return value


@pytest.mark.parametrize(
    ("value", "place", "why"),
    [
        ({"n": float("nan")}, "value.n", "NaN is not JSON"),
        ([1, float("-inf")], "value[1]", "-Infinity is not JSON"),
        (_circular(), "value.a[1].back", "it contains itself"),
        ({"f": len}, "value.f", "a builtin_function_or_method has no JSON form"),
        ({(1, 2): 3}, "value", "a tuple has no JSON form"),
        ([["ok", "\ud800"]], "value[0][1]", "its text is not valid Unicode"),
        ({"\ud800": 1}, "value", "its text is not valid Unicode"),
        (Order([Item("x", b"1")]), "value.items[0].count", "bytes travel only as the whole value, not inside JSON"),  # type: ignore[arg-type]
        (_deep(100_000), "value", "it is nested too deep"),
        ([_deep(1_500), float("nan")], "value", "it is nested too deep"),
    ],
)
def test_the_words_of_an_encode_error_are_those_of_every_language(value: Any, place: str, why: str) -> None:
    with pytest.raises(EncodeError) as raised:
        encode(value)
    assert str(raised.value) == f"{place} cannot be written as JSON: {why}"


def test_a_value_that_stands_twice_in_another_does_not_contain_itself() -> None:
    shared = [1]
    assert encode([shared, shared]).json == "[[1],[1]]"


@pytest.mark.parametrize("text", ["{", "NaN", "[" * 100_000, "1" * 5_000])
def test_what_is_no_json_is_an_input_error(text: str) -> None:
    with pytest.raises(InputError, match="expected JSON"):
        decode(Payload(json=text))


@pytest.mark.parametrize(
    ("annotation", "value", "expected"),
    [
        (Any, {"a": 1}, {"a": 1}),
        (int, 2**70, 2**70),
        (float, 1, 1.0),
        (str | None, None, None),
        (list[int], [1], [1]),
        (tuple[int, str], [1, "a"], (1, "a")),
        (tuple[int, ...], [1, 2], (1, 2)),
        (set[str], ["a", "a"], {"a"}),
        (dict[str, Item], {"x": {"name": "n"}}, {"x": Item("n")}),
        (Literal["a", 1], 1, 1),
        (Color, "red", Color.RED),
        (datetime, "2026-01-02T03:04:05Z", datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)),
        (Decimal, "1.10", Decimal("1.10")),
        (UUID, "00000000-0000-0000-0000-000000000001", UUID(int=1)),
        (Order, {"items": [{"name": "a", "new": 1}], "tags": {"x": 1}}, Order([Item("a")], tags={"x": 1.0})),
        (Tree, {"value": 1, "children": [{"value": 2}]}, Tree(1, [Tree(2)])),
        (Person, {"name": "a", "more": 1}, {"name": "a", "more": 1}),
        (Model, {"amount": 3}, Model(amount=3)),
        (Item | int, 3, 3),
        (bytes, b"x", b"x"),
    ],
)
def test_a_value_becomes_what_the_annotation_says(annotation: Any, value: Any, expected: Any) -> None:
    convert = converter(annotation)
    assert (convert(value, "input") if convert else value) == expected


@pytest.mark.parametrize(
    ("annotation", "value", "message"),
    [
        (int, True, "input: expected an integer, came True"),
        (str, None, "input: expected a string, came None"),
        (list[int], {"a": 1}, "input: expected an array, came an object"),
        (Order, {"items": [{"name": 1}]}, "input.items[0].name: expected a string, came 1"),
        (Order, {}, "input.items: expected a value, came nothing"),
        (Order, {"items": [], "due": "soon"}, "input.due: expected an ISO 8601 date and time or null, came 'soon'"),
        (Person, {}, "input.name: expected a value, came nothing"),
        (Person, {"name": "a", "age": "x"}, "input.age: expected an integer, came 'x'"),
        (Color, "blue", "input: expected one of 'red', came 'blue'"),
        (Literal["a"], "b", "input: expected one of 'a', came 'b'"),
        (tuple[int, int], [1], "input: expected an array of 2, came an array"),
        (int | str, [], "input: expected an integer or a string, came an array"),
        (bytes, "x", "input: expected bytes, came 'x'"),
    ],
)
def test_what_does_not_fit_names_field_expectation_and_value(annotation: Any, value: Any, message: str) -> None:
    convert = converter(annotation)
    assert convert is not None
    with pytest.raises(InputError) as caught:
        convert(value, "input")
    assert str(caught.value) == message
    assert str(pickle.loads(pickle.dumps(caught.value))) == message  # noqa: S301 - our own bytes


def test_a_pydantic_problem_names_the_field() -> None:
    convert = converter(Model)
    assert convert is not None
    with pytest.raises(InputError, match=r"input\.amount: expected .*integer.*, came 'x'"):
        convert({"amount": "x"}, "input")


async def _one(value: Order) -> None: ...
async def _two(value: Any, ctx: TaskContext) -> None: ...
async def _stream(value: Any, retries: int = 3) -> typing.AsyncIterator[int]:
    yield retries


class _Callable:
    async def __call__(self, value: Any, ctx: TaskContext) -> None: ...


def test_plans_know_kind_context_and_input() -> None:
    assert plan("a", _one).convert is not None
    assert not plan("a", _one).takes_context
    assert plan("a", _two).takes_context
    assert plan("a", _stream).kind is HandlerKind.ASYNC_GENERATOR
    assert not plan("a", _stream).takes_context
    assert plan("a", _Callable()).kind is HandlerKind.ASYNC
    assert plan("a", _Callable()).takes_context
    assert plan("a", lambda value, factor=2: value * factor).kind is HandlerKind.SYNC
    assert plan("a", str.upper).threaded
    assert plan("a", functools.partial(_two)).kind is HandlerKind.ASYNC
    assert plan("a", functools.partial(_one)).convert is not None


@pytest.mark.parametrize(
    ("handler", "message"),
    [
        (lambda: 1, r"expected \(input\) or \(input, ctx\), came \(\)"),
        (lambda a, b, c: 1, r"came \(a, b, c\)"),
        (3, "expected a function, came int"),
    ],
)
def test_what_cannot_be_a_handler_is_refused(handler: Any, message: str) -> None:
    with pytest.raises(TypeError, match=message):
        plan("a", handler)


def test_an_annotation_that_cannot_be_read_is_refused_at_registration() -> None:
    def local(value: Missing) -> None: ...  # type: ignore[name-defined]  # noqa: F821

    def odd(value: object | timedelta) -> None: ...

    with pytest.raises(TypeError, match="'value' cannot be resolved"):
        plan("a", local)
    with pytest.raises(TypeError, match="cannot read a JSON value as timedelta"):
        plan("a", odd)


def test_a_second_handler_of_an_action_is_refused() -> None:
    worker = stellwerk.Worker("127.0.0.1:1")
    worker.register("a", len)
    with pytest.raises(ValueError, match="expected one, came a second"):
        worker.register("a", len)


def test_everything_public_is_listed_documented_and_ours() -> None:
    for name in stellwerk.__all__:
        member = getattr(stellwerk, name)
        assert member.__doc__, name
        assert member.__module__.startswith("stellwerk"), name
    public = {
        name for name, value in vars(errors).items() if isinstance(value, type) and value.__module__ == errors.__name__
    }
    assert public <= set(stellwerk.__all__)
    assert public == set(str(errors.__doc__).split()) & set(stellwerk.__all__)


@pytest.mark.parametrize("delay", [-1, float("inf"), float("nan")])
def test_a_delay_that_is_none_is_refused(delay: float) -> None:
    with pytest.raises(ValueError, match="retry_after"):
        RetryableError("x", retry_after=delay)
    assert RetryableError("x", retry_after=timedelta(minutes=1)).retry_after_s == 60
