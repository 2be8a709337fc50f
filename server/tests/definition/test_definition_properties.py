"""What holds for any text: parse refuses in one way, digests know content, plain paths agree with CEL."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from stellwerk_server import definition
from stellwerk_server.definition import cel, paths
from stellwerk_server.model.errors import InvalidArgument

TEXT = st.text(alphabet=st.characters(exclude_categories=[]), max_size=30)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | TEXT
JSON = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4))
CEL = st.lists(
    st.sampled_from(
        [
            "${",
            "}",
            "$${",
            "input",
            "steps",
            "item",
            ".a",
            ".output",
            "['a']",
            "[0]",
            "(",
            ")",
            "{",
            "'",
            '"',
            "//",
            " > 0",
            " + 1",
            ".map(x, x)",
            "has(",
            "\\",
            "\n",
            "1",
            " in ",
            "`",
            "'''",
            " ",
        ]
    ),
    max_size=8,
).map("".join)
IDS = st.sampled_from(["a", "b", "c", "a-b", "1", ""])
STEP_VALUES = {
    "id": IDS,
    "action": IDS,
    "sleep": st.sampled_from(["1s", "1h", 5, -1, "${input.x}"]),
    "needs": st.lists(IDS, max_size=3),
    "input": CEL,
    "when": CEL,
    "foreach": CEL,
    "stepIndex": st.integers(-1, 3),
    "timeout": st.sampled_from(["1s", {"total": 3}]),
    "retry": st.dictionaries(st.sampled_from(["max", "initial", "backoff", "jitter", "strategy"]), SCALARS, max_size=3),
    "priority": SCALARS,
    "on_failure": st.sampled_from(["fail", "x"]),
    "signal": SCALARS,
}
STEP = st.fixed_dictionaries({}, optional={k: v | JSON for k, v in STEP_VALUES.items()}) | IDS | JSON
SHAPED = st.fixed_dictionaries(
    {"name": IDS | JSON, "steps": st.lists(STEP, max_size=4) | JSON},
    optional={
        "id": IDS,
        "output": CEL | JSON,
        "timeout": SCALARS,
        "labels": JSON,
        "input_schema": JSON,
        "x": JSON,
    },
)


def parse_or_refuse(text: str) -> None:
    problems = []
    try:
        parsed = definition.parse(text)
    except InvalidArgument as error:
        # What is said must travel: a proto string takes no half characters.
        problems = [(p.field + p.description).encode() for p in error.problems]
    else:
        assert definition.compile(parsed.canonical) == parsed
        return
    assert problems


@given(TEXT | CEL | JSON.map(json.dumps))
@settings(max_examples=300, deadline=None)
def test_any_text_is_parsed_or_refused(text: str) -> None:
    parse_or_refuse(text)


@given(SHAPED)
@settings(max_examples=500, deadline=None)
def test_anything_shaped_like_a_definition_is_parsed_or_refused(value: Any) -> None:
    parse_or_refuse(json.dumps(value))
    with contextlib.suppress(yaml.YAMLError, UnicodeEncodeError):
        parse_or_refuse(yaml.safe_dump(value, allow_unicode=True))


def shuffled(value: Any, draw: Any) -> Any:
    if isinstance(value, list):
        return [shuffled(item, draw) for item in value]
    if not isinstance(value, dict):
        return value
    return {key: shuffled(value[key], draw) for key in draw(st.permutations(list(value)))}


KEY = st.from_regex("[a-z_][a-z0-9_]{0,5}", fullmatch=True)
PLAIN_TEXT = st.text(alphabet=st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="${"), max_size=9)
PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | PLAIN_TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEY, inner, max_size=4),
)


@given(st.data(), PLAIN)
@settings(max_examples=200, deadline=None)
def test_the_digest_knows_content_and_not_its_form(data: st.DataObject, value: Any) -> None:
    written = {
        "name": "n",
        "steps": [{"id": "a", "action": "x", "input": value, "retry": {"max_attempts": 2}}, "b"],
    }
    digests = {
        definition.digest(definition.parse(text))
        for text in (
            json.dumps(written),
            json.dumps(shuffled(written, data.draw), indent=2, ensure_ascii=False),
            # Quoted throughout, with JSON's numbers: YAML's own way of writing floats may differ.
            "# YAML\n" + json.dumps(shuffled(written, data.draw), ensure_ascii=False),
        )
    }
    assert len(digests) == 1


@given(st.data(), PLAIN)
@settings(max_examples=300, deadline=None)
def test_a_plain_path_gives_what_cel_gives(data: st.DataObject, value: Any) -> None:
    source, here = "input", value
    while here and isinstance(here, dict | list) and data.draw(st.booleans()):
        key = data.draw(st.sampled_from(sorted(here) if isinstance(here, dict) else range(len(here))))
        source += f"[{json.dumps(key)}]"
        here = here[key]
    path = paths.plain(source)
    assert path is not None
    walked = paths.walk(path, {"input": value})
    assert walked == cel.compile(source).evaluate({"input": value}) == here
