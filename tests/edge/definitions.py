"""Definitions as Hypothesis strategies: a grammar of ours with every field, values of the wrong kind, and torn text."""

from __future__ import annotations

import json
from typing import Any

import yaml
from hypothesis import strategies as st

_NAMES = st.sampled_from(["a", "b", "c", "é", "", "a b", "A" * 300, "$decision", "f[0]", "1", "null", "on", "\0"])
_ACTIONS = st.sampled_from(["x", "send.mail", "", "a b", "workflow:x", "x" * 300])
_DURATIONS: st.SearchStrategy[Any] = st.sampled_from(
    ["1s", "250ms", "1h30m", "0s", "-1s", "1e9h", "", "10y", "1.5.5s", 3, -1, None, [], {}]
)
_OPERANDS = st.sampled_from([
    "input.n", "input", "input['n']", "steps.a.output", "steps.b.output.x[0]", "steps.nobody", "item", "run.id", "1",
    "-1", "1.5", "1e309", "9223372036854775808", "'t'", "\"\\u0000\"", "true", "null", "[1,2]", "{'a': 1}", "b'\\xff'",
    "size(input)", "has(input.n)", "input.items.map(x, x * 2)", "timestamp('2026')", "r'\\d'", "string(1)", "(", "a.",
    "",
])  # fmt: skip
_OPERATORS = st.sampled_from(["+", "-", "*", "/", "%", "==", "!=", "<", "&&", "||", "in", "?", ":", ".", ","])
CEL = st.recursive(
    _OPERANDS,
    lambda inner: st.one_of(
        st.tuples(inner, _OPERATORS, inner).map(" ".join),
        inner.map(lambda text: f"({text})"),
        inner.map(lambda text: f"!{text}"),
        inner.map(lambda text: f"{text}.all(x, {text})"),
        inner.map(lambda text: f"[{text}][0]"),
    ),
    max_leaves=8,
)
TEMPLATES = st.one_of(
    CEL.map(lambda text: "${" + text + "}"),
    st.tuples(st.sampled_from(["", "a ", "$", "$$", "${", "}"]), CEL).map(lambda x: x[0] + "${" + x[1] + "} b"),
    st.sampled_from(["${", "${}", "${${1}}", "${'}'}", "$${x}", "\\${x}", "${" * 50, "}" * 50]),
)
_JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8), TEMPLATES),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=4), inner, max_size=3)),
    max_leaves=6,
)
_RETRY = st.fixed_dictionaries(
    {},
    optional={
        "max_attempts": st.sampled_from([1, 0, -1, 3, 1 << 40, "2", None, 1.5, float("nan")]),
        "initial": _DURATIONS,
        "max": _DURATIONS,
        "backoff": st.sampled_from([2, 0.5, -1, "2", float("inf"), float("nan")]),
        "jitter": st.sampled_from([0, 0.2, 2, -1, "x", float("nan")]),
        "non_retryable": st.one_of(st.lists(_NAMES, max_size=2), st.just("x")),
    },
)
_STEP = st.fixed_dictionaries(
    {"id": _NAMES},
    optional={
        "action": _ACTIONS,
        "sleep": st.one_of(_DURATIONS, TEMPLATES),
        "signal": _NAMES,
        "workflow": _NAMES,
        "queue": _NAMES,
        "needs": st.one_of(st.lists(_NAMES, max_size=3), _NAMES),
        "input": _JSON,
        "when": st.one_of(CEL, TEMPLATES, _JSON),
        "foreach": st.one_of(TEMPLATES, _JSON),
        "retry": st.one_of(_RETRY, _JSON),
        "timeout": st.one_of(
            _DURATIONS, st.dictionaries(st.sampled_from(["attempt", "total", "start", "no"]), _DURATIONS, max_size=3)
        ),
        "on_failure": st.sampled_from(["fail", "continue", "park", "explode", None, 1]),
        "parent_close": st.sampled_from(["cancel", "terminate", "abandon", "", 1]),
        "priority": st.sampled_from([0, 3, -32769, 1 << 70, "1", 1.5]),
        "unknown": _JSON,
    },
)
_SCHEMA = st.one_of(
    _JSON,
    st.fixed_dictionaries(
        {},
        optional={
            "type": st.sampled_from(["object", "array", "no", 1, ["string", "null"]]),
            "properties": st.dictionaries(_NAMES, _JSON, max_size=2),
            "required": st.one_of(st.lists(_NAMES, max_size=2), st.just(1)),
            "pattern": st.sampled_from(["(a+)+$", "[", "\\", "(?<=a*)b", "a" * 300]),
            "$ref": st.sampled_from(["#", "#/no", "http://localhost/x", "file:///etc/passwd"]),
            "items": _JSON,
            "minimum": st.floats(),
        },
    ),
)
_WORKFLOW = st.fixed_dictionaries(
    {"name": st.one_of(st.just("edge-made"), _NAMES), "steps": st.one_of(st.lists(_STEP, max_size=5), _JSON)},
    optional={"timeout": _DURATIONS, "output": _JSON, "input_schema": _SCHEMA, "version": _JSON, "no": _JSON},
)
_SNIPPETS = st.sampled_from([
    "&a", "*a", "<<: *a", "!!python/object:os.system", "!!binary =", "? ", "- ", ": ", "\t", "\n", "{", "]", "|", ">",
    "#",
    "%YAML 9.9", "---", "...", "'", '"', "\ufeff", "\u2028", "0x1F", "1_000", "2026-01-01", "~", "{{{{", "[[[[", "\0",
])  # fmt: skip


@st.composite
def texts(draw: Any) -> str:
    """The text of a definition: YAML or JSON, whole or torn."""
    value = draw(_WORKFLOW)
    if draw(st.booleans()):
        text = json.dumps(value, ensure_ascii=draw(st.booleans()))
    else:
        text = yaml.safe_dump(
            value, allow_unicode=draw(st.booleans()), default_flow_style=draw(st.sampled_from([None, True, False]))
        )
    for _ in range(draw(st.sampled_from([0, 0, 0, 1, 2, 5]))):
        place = draw(st.integers(0, len(text)))
        end = place + draw(st.sampled_from([0, 0, 1, 3, 20]))
        text = text[:place] + draw(_SNIPPETS) * draw(st.sampled_from([1, 1, 1, 40])) + text[end:]
    return str(text)
