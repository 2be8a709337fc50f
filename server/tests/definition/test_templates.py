"""Holes and conditions: what they render, what they refuse, and in which words."""

from __future__ import annotations

import json
from typing import Any

import pytest

from stellwerk_server import definition
from stellwerk_server.definition import cel, paths
from stellwerk_server.model.errors import ExpressionError

SCOPE: dict[str, Any] = {
    "input": {"a": 1, "b": 12.5, "n": None, "list": [1, {"x": "y"}], "text": "hé", "big": 2**70, "t": True},
    "steps": {
        "quote": {"output": {"total": 12.5}, "state": "SUCCEEDED"},
        "none": {"output": None, "state": "SKIPPED"},
    },
    "item": {"z": 3},
    "index": 7,
    "run": {"id": "run_1"},
}


def render(template: Any) -> Any:
    step = {"id": "x", "action": "x", "needs": ["quote", "none"], "foreach": [1], "input": template}
    text = json.dumps({"name": "t", "steps": [{"id": "quote", "action": "q"}, {"id": "none", "action": "q"}, step]})
    source = definition.parse(text).steps[2].input
    assert source is not None
    return source.render(SCOPE)


def decide(source: str) -> Any:
    step = {"id": "x", "action": "x", "needs": ["quote", "none"], "when": source}
    text = json.dumps({"name": "t", "steps": [{"id": "quote", "action": "q"}, {"id": "none", "action": "q"}, step]})
    when = definition.parse(text).steps[2].when
    assert when is not None
    return when.evaluate(SCOPE)


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("${input.a}", 1),
        ("${ input.big }", 2**70),
        ("${input}", SCOPE["input"]),
        ('${steps["quote"].output.total}', 12.5),
        ("${input.list[1].x}", "y"),
        ("${input.list[1]['x']}", "y"),
        ("${item.z}", 3),
        ("${index}", 7),
        ("${run.id}", "run_1"),
        ("${input.a + 1}", 2),
        ("${input.b * 2.0}", 25.0),
        ("${{'k': [input.a, null]}}", {"k": [1, None]}),
        ("a ${input.text} b", "a hé b"),
        ("${input.a}${input.t}${input.n}${input.list}", '1truenull[1,{"x":"y"}]'),
        ("$${input.a} ${'}'}", "${input.a} }"),
        ("$${", "${"),
        ("100 $ {}", "100 $ {}"),
        (
            {"k": ["${input.a}", 5, {"deep": "${input.n}"}], "plain": True},
            {"k": [1, 5, {"deep": None}], "plain": True},
        ),
        ("${input.list.map(item, string(index))}", ["7", "7"]),
        ("${steps.none.output == null ? 'no' : 'yes'}", "no"),
        ("${[1, 2, 3].filter(item, item > 1)}", [2, 3]),
    ],
)
def test_templates_render(template: Any, expected: Any) -> None:
    assert render(template) == expected
    assert type(render(template)) is type(expected)


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ("${input.total}", "input.total: no such field; there are: a, b, big, list, n, t, text"),
        ("${input.a.b}", "input.a.b: no such field; input.a is 1"),
        (
            "${steps.none.output.x}",
            r"steps.none.output.x: no such field; steps.none.output is nothing \(null\)",
        ),
        ("${input.list[2]}", r"input.list\[2\]: no such item; input.list has 2"),
        ("${input.text[0]}", "no such field; input.text is 'hé'"),
        ("${input.total + 1}", "cannot evaluate 'input.total .*': input.total: no such field"),
        ("${input.b * 2}", r"cannot compute \* of double, int; write numbers as 2.0"),
        ("${input.big + 1}", "1180591620717411303424 does not fit into 64 bits"),
        ("${9223372036854775807 + input.a}", "integer overflow"),
        ("${1 / (input.a - 1)}", "divide by zero"),
        ("${0.0 / 0.0}", "a number that JSON can say, came nan"),
        ("${{1: 2}}", "expected texts as keys, came 1"),
        ("${timestamp('2020-01-01T00:00:00Z')}", "expected a JSON value, came datetime"),
        ("${b'x'}", "expected a JSON value, came bytearray"),
    ],
)
def test_what_cannot_be_rendered_says_why(template: str, message: str) -> None:
    with pytest.raises(ExpressionError, match=message):
        render(template)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("steps.quote.output.total > 0", True),
        ("${steps.quote.output.total > 0}", True),
        ("steps.quote.output.total == 12.5 && input.a == 1.0", True),
        ("input.a < input.b", True),
        ("has(input.zz)", False),
        ("has(input.zz) && input.zz.y > 1", False),
        ("input.t", True),
        ("'x' in input.list[1]", True),
        ("steps.none.state == 'SKIPPED'", True),
    ],
)
def test_conditions(source: str, expected: bool) -> None:
    assert decide(source) is expected


@pytest.mark.parametrize(("source", "came"), [("input.a", "1"), ("input.n", "nothing"), ("input.text + ''", "'hé'")])
def test_a_condition_must_be_true_or_false(source: str, came: str) -> None:
    with pytest.raises(ExpressionError, match=f"expected true or false, came {came}"):
        decide(source)


def evaluate(source: str, value: Any) -> Any:
    return cel.compile(source).evaluate({"input": value})


def test_what_an_expression_does_not_read_cannot_harm_it() -> None:
    assert evaluate("input.a + 1", {"a": 1, "big": 2**80, "half": "\ud800", "deep": nested(5000)}) == 2


def nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("source", "value", "message"),
    [
        ("input == 1", nested(20_000), "at most 64 levels of nesting"),
        ("[input]", nested(64), "at most 64 levels of nesting"),
        ("input + input", "x" * 1_500_000, "the result has 3000002 bytes; at most 2097152"),
        ("input.map(i, i)", list(range(2001)), "map and filter take at most 2000 items, came 2001"),
        ("input.all(i, input.all(j, true))", list(range(200)), "it loops too often"),
        ("input == ''", "\ud800", "not valid Unicode"),
    ],
)
def test_evaluation_is_bounded(source: str, value: Any, message: str) -> None:
    with pytest.raises(ExpressionError, match=message):
        evaluate(source, value)


@pytest.mark.parametrize("template", ["${input.t}" * 20, ["${input.t}"] * 20])
def test_a_large_value_shown_many_times_is_refused(template: Any) -> None:
    step = {"action": "x", "input": template}
    source = definition.parse(json.dumps({"name": "t", "steps": [step]})).steps[0].input
    assert source is not None
    with pytest.raises(ExpressionError, match=r"larger than|longer than"):
        source.render({"input": {"t": "x" * 200_000}})


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("steps.a.output.x > 1", {("steps", "a", "output", "x")}),
        ("steps['a-b'].output", {("steps", "a-b", "output")}),
        ("steps[input.x]", {("steps",), ("input", "x")}),
        ("size(steps)", {("steps",)}),
        ("input.list.map(x, x.input)", {("input", "list")}),
        (".input.a", {("input", "a")}),
        ("'steps.a' + \"input\" + r'run' // item\n", set()),
        ("1 in .input.a", {("input", "a")}),
        ("input.`a-b`", {("input",)}),
        ("steps.a.output[0].x", {("steps", "a", "output")}),
        ("'''input''' + string(index)", {("index",)}),
    ],
)
def test_paths_are_found_in_expressions(source: str, expected: set[paths.Path]) -> None:
    assert paths.read_by(source) == expected
