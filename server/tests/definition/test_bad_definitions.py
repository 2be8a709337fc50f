"""What is wrong with a definition is said at once, with the path, what was expected and what came."""

from __future__ import annotations

import json
import time

import pytest

from stellwerk_server import definition
from stellwerk_server.model.errors import InvalidArgument


def problems_of(text: str) -> list[tuple[str, str]]:
    with pytest.raises(InvalidArgument) as caught:
        definition.parse(text)
    return [(p.field, p.description) for p in caught.value.problems]


def steps(*written: str) -> str:
    return "name: bad\nsteps:\n" + "".join(f"  - {{{step}}}\n" for step in written)


A = "id: a, action: x"
BAD_TEXTS = {
    "empty": ("", "came an empty text"),
    "blank": ("  \n", "came an empty text"),
    "a list": ("- a", "expected an object with name and steps, came a list"),
    "a word": ("hello", "came 'hello'"),
    "broken JSON": ('{"name": }', "line 1, column 10"),
    "broken YAML": ("name: [", "line 2, column 1"),
    "NUL": ("name: a\0b", "expected no NUL character at character 8"),
    "half a character": ("name: \ud800", "half a surrogate pair"),
    "alias": ("a: &x [1]\nb: *x", "expected no alias, came *x"),
    "alias bomb": ("a: &a [x]\n" + "".join(f"b{i}: [*a,*a,*a]\n" for i in range(9)), "expected no alias"),
    "tag": ("a: !!python/object:os.system x", "came the tag !!python/object:os.system"),
    "set": ("a: !!set {x}", "came the tag !!set"),
    "binary": ("a: !!binary aGk=", "came the tag !!binary"),
    "date": ("a: 2020-01-01", "came the date '2020-01-01'; quote it"),
    "yes": ("a: yes", "'yes' means different things"),
    "on as key": ("on: 1", "'on' means different things"),
    "octal": ("a: 010", "'010' means different things"),
    "sexagesimal": ("a: 12:30", "'12:30' means different things"),
    "number as key": ("1: a", "expected a text as key, came '1'"),
    "merge key": ("<<: {a: b}", "expected a text as key, came '<<'"),
    "list as key": ("? [a]\n: b", "expected a text as key, came an object or a list"),
    "two documents": ("a: 1\n---\nb: 1", "expected one document"),
    "NaN": ('{"a": NaN}', "NaN is no JSON number"),
    "long number": ('{"a": ' + "1" * 5000 + "}", "4300 digits"),
    "too long": ("#" * (1024 * 1024 + 1), "expected at most 1048576 bytes"),
    "too long in bytes": ("#" + "ä" * (1024 * 512), "expected at most 1048576 bytes"),
}


@pytest.mark.parametrize(("text", "expected"), BAD_TEXTS.values(), ids=BAD_TEXTS)
def test_text_that_is_no_definition_is_refused_as_a_whole(text: str, expected: str) -> None:
    [(field, description)] = problems_of(text)
    assert field == "definition"
    assert expected in description


@pytest.mark.parametrize("text", ["[" * 100_000, '{"a":' * 100_000, '{"a":' + "[" * 100_000, "- " * 100_000])
def test_nesting_of_100_000_is_refused_at_once(text: str) -> None:
    began = time.perf_counter()
    assert "at most 64 levels" in problems_of(text)[0][1]
    assert time.perf_counter() - began < 1


BAD_FIELDS = {
    "no name": ("steps: [a]", "name", "expected the name of the workflow"),
    "bad name": ("name: a b\nsteps: [a]", "name", "came 'a b'"),
    "two names": ("id: x\nname: y\nsteps: [a]", "id", "came both: 'y' and 'x'"),
    "no steps": ("name: a", "steps", "expected a list of at least one step, came nothing"),
    "empty steps": ("name: a\nsteps: []", "steps", "at least one step"),
    "number as step": ("name: a\nsteps: [5]", "steps[0]", "came 5"),
    "too many steps": (json.dumps({"name": "a", "steps": ["x"] * 10_001}), "steps", "at most 10000 steps"),
    "unknown top key": ("name: a\nsteps: [a]\nstepz: 1", "stepz", 'did you mean "steps"?'),
    "unknown step key": (steps("id: a, action: x, depends_on: [b]"), "steps[0].depends_on", 'mean "needs"?'),
    "camel case": (steps(A + ", retry: {maxAttempts: 3}"), "steps[0].retry.maxAttempts", '"max_attempts"'),
    "repeated key": ('{"name":"a","name":"b","steps":["x"]}', "name", "more than once"),
    "repeated YAML key": (steps("id: a, id: b, action: x"), "steps[0].id", "more than once"),
    "NUL escaped": ('{"name":"a","steps":[{"action":"x\\u0000"}]}', "steps[0].action", "no NUL"),
    "surrogate": ('{"name":"a","steps":[{"action":"\\ud800"}]}', "steps[0].action", "half a surrogate"),
    "infinite": ("name: a\nsteps: [{action: x, input: .inf}]", "steps[0].input", "JSON can say"),
    "bad id": (steps("id: 1a, action: x"), "steps[0].id", "came '1a'"),
    "bracket id": (steps("id: 'a[1]', action: x"), "steps[0].id", "came 'a[1]'"),
    "long id": (steps(f"id: {'a' * 101}, action: x"), "steps[0].id", "1 to 100 characters"),
    "duplicate id": (steps(A, A), "steps[1].id", "'a' is already the id of steps[0]"),
    "unknown need": (steps(A, "id: b, action: x, needs: [aa]"), "steps[1].needs[0]", 'did you mean "a"?'),
    "self-need": (steps("id: a, action: x, needs: [a]"), "steps[0].needs[0]", "cannot need itself"),
    "duplicate need": (steps(A, "id: b, action: x, needs: [a, a]"), "steps[1].needs[1]", "already among"),
    "needs no list": (steps("id: a, action: x, needs: b"), "steps[0].needs", "expected a list of step ids"),
    "neither": (steps("id: a"), "steps[0]", "expected one of action, sleep, signal, workflow, came none"),
    "both": (steps("id: a, action: x, sleep: 1s"), "steps[0]", "came action and sleep"),
    "workflow's name": (steps("id: a, workflow: a b"), "steps[0].workflow", "expected a name of 1 to 200 characters"),
    "workflow's queue": (
        steps("id: a, workflow: s, queue: q"),
        "steps[0].queue",
        "starts a workflow has no such field",
    ),
    "parent_close": (
        steps("id: a, workflow: s, parent_close: drop"),
        "steps[0].parent_close",
        "expected one of cancel",
    ),
    "action's close": (steps("id: a, action: s, parent_close: cancel"), "steps[0].parent_close", "only a step that"),
    "signal's name": (steps("id: a, signal: a b"), "steps[0].signal", "expected a name of 1 to 200 characters"),
    "signal's retry": (steps("id: a, signal: s, retry: {max_attempts: 2}"), "steps[0].retry", "waits for a signal"),
    "signal's timeout": (steps("id: a, signal: s, timeout: {attempt: 1s}"), "steps[0].timeout.attempt", "no such"),
    "signal's park": (steps("id: a, signal: s, on_failure: park"), "steps[0].on_failure", "expected fail or continue"),
    "foreach sleep": (steps("id: a, sleep: 1s, foreach: [1]"), "steps[0].foreach", "no such field"),
    "foreach text": (steps("id: a, action: x, foreach: abc"), "steps[0].foreach", "expected a list or one"),
    "bad sleep": (steps("id: a, sleep: soon"), "steps[0].sleep", "such as 1s or 5m, came 'soon'"),
    "negative": (steps("id: a, sleep: -1"), "steps[0].sleep", "came -1"),
    "bad duration": (steps(A + ", retry: {max: abc}"), "steps[0].retry.max", "such as 1s or 5m, came 'abc'"),
    "zero": (steps(A + ", timeout: 0s"), "steps[0].timeout", "longer than 0, came '0s'"),
    "unit twice": (steps(A + ", timeout: 1s1s"), "steps[0].timeout", "came '1s1s'"),
    "11 years": (steps(A + ", timeout: {total: 4000d}"), "steps[0].timeout.total", "at most 10 years"),
    "run deadline": ("name: a\nsteps: [x]\ntimeout: never", "timeout", "came 'never'"),
    "attempts 0": (steps(A + ", retry: {max_attempts: 0}"), "steps[0].retry.max_attempts", "from 1 to 1000"),
    "attempts true": (steps(A + ", retry: {max_attempts: true}"), "steps[0].retry.max_attempts", "came true"),
    "backoff": (steps(A + ", retry: {backoff: 0.5}"), "steps[0].retry.backoff", "from 1 to 1000, came 0.5"),
    "jitter": (steps(A + ", retry: {jitter: 2}"), "steps[0].retry.jitter", "from 0 to 1, came 2"),
    "fixed": (steps(A + ", retry: {strategy: fixed, backoff: 2}"), "steps[0].retry.backoff", "is fixed"),
    "max below": (steps(A + ", retry: {initial: 5s, max: 1s}"), "steps[0].retry.max", "initial delay (5 s)"),
    "types": (steps(A + ", retry: {non_retryable: X}"), "steps[0].retry.non_retryable", "list of texts"),
    "retry word": (steps(A + ", retry: fixed"), "steps[0].retry", "expected an object, came 'fixed'"),
    "priority": (steps(A + ", priority: 101"), "steps[0].priority", "from -100 to 100, came 101"),
    "queue": (steps(A + ", queue: ''"), "steps[0].queue", "came ''"),
    "on_failure": (steps(A + ", on_failure: stop"), "steps[0].on_failure", "one of fail, continue, park"),
    "bad CEL": (steps(A + ", when: '1 +'"), "steps[0].when", "bad CEL at column 4: the expression ends"),
    "bad CEL in a hole": (steps(A + ", input: {k: '${1 + }'}"), "steps[0].input.k", "bad CEL at column"),
    "unknown name": (steps(A + ", when: 'inputs.a'"), "steps[0].when", "undeclared reference to 'inputs.a'"),
    "long CEL": (steps(A + f", when: '{'1+' * 3000}1'"), "steps[0].when", "at most 4096 bytes"),
    "deep CEL": (steps(A + f", when: '{'(' * 99}1{')' * 99}'"), "steps[0].when", "at most 32 levels"),
    "deep macros": (
        steps(A + ", when: '" + "[1].all(x," * 4 + "true))))'"),
        "steps[0].when",
        "at most 3 deep",
    ),
    "when true": (steps(A + ", when: true"), "steps[0].when", "expected an expression"),
    "unclosed hole": (steps(A + ", input: 'a ${input.x'"), "steps[0].input", "opens at character 3 is never"),
    "hole in key": (steps(A + ", input: {'${x}': 1}"), 'steps[0].input["${x}"]', "plain key"),
    "item alone": (
        steps(A + ", input: '${item}'"),
        "steps[0].input",
        "only in the input of a step with foreach",
    ),
    "reads itself": (steps(A + ", input: '${steps.a.output}'"), "steps[0].input", "not among the needs"),
    "reads later": (
        steps(A + ", when: steps.b.output > 1", "id: b, action: x"),
        "steps[0].when",
        "steps.b.output: 'b' is not among the needs of this step",
    ),
    "reads unknown": (steps(A + ", input: '${steps.z.output}'"), "steps[0].input", "no step 'z'"),
    "reads dashed": (
        steps("id: a-b, action: x", "id: b, action: x, input: '${steps.a.output}'"),
        "steps[1].input",
        'write steps["a-b"]',
    ),
    "forgets output": (
        steps(A, "id: b, action: x, input: '${steps.a.total}'"),
        "steps[1].input",
        "a step has output and state, no 'total'",
    ),
    "output unknown": ("name: a\nsteps: [x]\noutput: '${steps.y.output}'", "output", "no step 'y'"),
    "bad schema": ("name: a\nsteps: [x]\ninput_schema: {type: objekt}", "input_schema.type", "objekt"),
    "no schema": ("name: a\nsteps: [x]\ninput_schema: text", "input_schema", "expected a JSON Schema"),
    "remote schema": (
        "name: a\nsteps: [x]\ninput_schema: {$ref: 'http://127.0.0.1:1/x'}",
        "input_schema",
        "came 'http://127.0.0.1:1/x'; nothing is fetched",
    ),
    "file schema": ("name: a\nsteps: [x]\ninput_schema: {$ref: 'file:///etc/x'}", "input_schema", "fetched"),
    "index on one": (
        '{"id":"a","steps":[{"action":"x","stepIndex":0},{"action":"y"}]}',
        "steps[1].stepIndex",
        "came nothing",
    ),
    "index twice": (
        '{"id":"a","steps":[{"action":"x","stepIndex":0},{"action":"y","stepIndex":0}]}',
        "steps[1].stepIndex",
        "already the stepIndex of steps[0]",
    ),
    "labels": ("name: a\nsteps: [x]\nlabels: {a: [1]}", "labels.a", "expected a text or a number"),
}


@pytest.mark.parametrize(("text", "field", "expected"), BAD_FIELDS.values(), ids=BAD_FIELDS)
def test_a_wrong_field_is_named_with_what_was_expected(text: str, field: str, expected: str) -> None:
    [(found, description)] = problems_of(text)
    assert found == field
    assert expected in description


@pytest.mark.parametrize(
    ("needs", "shown"),
    [
        ({"a": ["b"], "b": ["a"]}, "a -> b -> a"),
        ({"a": [], "b": ["a", "d"], "c": ["b"], "d": ["c"], "e": ["d"]}, "b -> c -> d -> b"),
    ],
)
def test_a_cycle_is_named_with_its_path(needs: dict[str, list[str]], shown: str) -> None:
    written = [{"id": i, "action": "x", "needs": n} for i, n in needs.items()]
    [(field, description)] = problems_of(json.dumps({"name": "c", "steps": written}))
    assert description == f"expected no cycle, came {shown}"
    assert field.endswith(".needs")


def test_a_long_cycle_is_shown_short_and_found_without_recursion() -> None:
    written = [{"id": f"s{i}", "action": "x", "needs": [f"s{(i - 1) % 5000}"]} for i in range(5000)]
    [(_, description)] = problems_of(json.dumps({"name": "c", "steps": written}))
    assert "s0 -> s1 -> " in description
    assert len(description) < 300


def test_every_problem_is_named_at_once() -> None:
    text = steps("id: a, action: 'x y', priority: 1000", "id: a, sleep: never", "id: c, needs: [z]") + "foo: 1"
    fields = {field for field, _ in problems_of(text)}
    assert fields == {
        "foo",
        "steps[0].action",
        "steps[0].priority",
        "steps[1].id",
        "steps[1].sleep",
        "steps[2]",
        "steps[2].needs[0]",
    }


def test_a_flood_of_problems_is_counted_not_listed() -> None:
    text = json.dumps({"name": "a", "steps": ["x"], **{f"k{i}": 1 for i in range(50_000)}})
    found = problems_of(text)
    assert found[-1] == ("definition", "49800 more problems")
    assert len(found) == 201


def test_a_schema_whose_references_multiply_is_refused() -> None:
    levels = {f"a{i}": {"allOf": [{"$ref": f"#/$defs/a{i + 1}"}] * 2} for i in range(40)}
    schema = {"$defs": {**levels, "a40": {}}, "$ref": "#/$defs/a0"}
    [(field, description)] = problems_of(json.dumps({"name": "a", "steps": ["x"], "input_schema": schema}))
    assert field == "input_schema"
    assert "multiply" in description


def test_problems_of_sorted_steps_name_the_place_where_they_were_written() -> None:
    text = '{"id":"a","steps":[{"action":"x y","stepIndex":1},{"action":"y","stepIndex":0}]}'
    assert [field for field, _ in problems_of(text)] == ["steps[0].action"]
