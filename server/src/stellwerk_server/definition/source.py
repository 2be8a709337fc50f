"""Text into plain JSON values, within bounds: size, nesting, no NUL, no half characters, no repeated keys.

Knows nothing of workflows.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any

from stellwerk_server.definition import yaml_text
from stellwerk_server.definition.problems import Problems, child, show

MAX_BYTES = 1024 * 1024
MAX_DEPTH = 64
ROOT = "definition"

# Possessive, so that even an unclosed string is passed over once: the scan is linear.
_JSON_MARK = re.compile(r'"(?:[^"\\]++|\\.)*+"?|[\[{]|[\]}]', re.DOTALL)
_BAD_CHARACTER = re.compile("[\0\ud800-\udfff]")


class Repeated(dict[str, Any]):
    """An object some of whose keys were written twice."""

    keys_twice: list[str]


def read(text: str, problems: Problems) -> Any:
    """The value written in `text`; what is wrong goes to `problems`, and then the value means nothing."""
    # No character takes less than one byte: this spares encoding what is far too long.
    if len(text) > MAX_BYTES or len(text.encode("utf-8", "surrogatepass")) > MAX_BYTES:
        return problems.add(ROOT, f"expected at most {MAX_BYTES} bytes (1 MiB), came more")
    if bad := _BAD_CHARACTER.search(text):
        return problems.add(ROOT, f"{_bad_word(bad[0])} at character {bad.start() + 1}")
    text = text.removeprefix("\ufeff")
    before = len(problems)
    value = _from_json(text, problems) if text.lstrip().startswith("{") else _from_yaml(text, problems)
    if len(problems) == before:
        _check_values(value, problems)
    return value


def _from_json(text: str, problems: Problems) -> Any:
    if _too_deep(text):
        return problems.add(ROOT, f"expected at most {MAX_DEPTH} levels of nesting, came more")
    try:
        return json.loads(text, object_pairs_hook=_object, parse_constant=_refuse_constant)
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        return problems.add(ROOT, f"expected JSON, as the text starts with a brace: {error.msg} at {where}")
    except ValueError as error:
        return problems.add(ROOT, f"expected JSON: {error}")


def _too_deep(text: str) -> bool:
    depth = 0
    for mark in _JSON_MARK.finditer(text):
        character = text[mark.start()]
        if character in "[{":
            depth += 1
            if depth > MAX_DEPTH:
                return True
        elif character in "]}":
            depth -= 1
    return False


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    plain = dict(pairs)
    if len(plain) == len(pairs):
        return plain
    seen: set[str] = set()
    repeated = Repeated(plain)
    repeated.keys_twice = sorted({key for key, _ in pairs if key in seen or seen.add(key)})  # type: ignore[func-returns-value]
    return repeated


def _refuse_constant(word: str) -> Any:
    raise ValueError(f"{word} is no JSON number")


def _from_yaml(text: str, problems: Problems) -> Any:
    try:
        return yaml_text.load(text, MAX_DEPTH, _object)
    except yaml_text.YamlProblem as error:
        return problems.add(ROOT, str(error))


def _check_values(root: Any, problems: Problems) -> None:
    """Name each repeated key, bad character and unusable number with its path."""
    waiting: list[tuple[str, Any]] = [("", root)]
    while waiting and not problems.full:
        path, value = waiting.pop()
        if isinstance(value, dict):
            _check_keys(path, value, problems)
            waiting.extend((child(path, key), item) for key, item in reversed(value.items()))
        elif isinstance(value, list):
            waiting.extend((child(path, i), value[i]) for i in reversed(range(len(value))))
        elif isinstance(value, str):
            if bad := _BAD_CHARACTER.search(value):
                problems.add(path or ROOT, f"{_bad_word(bad[0])} in the text")
        elif isinstance(value, float) and not math.isfinite(value):
            problems.add(path or ROOT, f"expected a number that JSON can say, came {show(value)}")


def _check_keys(path: str, value: dict[str, Any], problems: Problems) -> None:
    for key in value.keys_twice if isinstance(value, Repeated) else ():
        problems.add(child(path, key), "this key is written more than once")
    for key in value:
        if bad := _BAD_CHARACTER.search(key):
            problems.add(child(path, key), f"{_bad_word(bad[0])} in the key")


def _bad_word(character: str) -> str:
    return "expected no NUL character" if character == "\0" else "expected whole characters, came half a surrogate pair"
