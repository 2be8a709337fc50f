"""YAML text into plain JSON values, event by event: bounded, without aliases, tags or guesses.

What two YAML readers would take differently (yes, 010, 12:30, dates) is refused with the advice to quote it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any

import yaml

_NULL = frozenset({"", "~", "null", "Null", "NULL"})
_BOOLS = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_INT = re.compile(r"[-+]?(?:0|[1-9][0-9]*)")
_HEX = re.compile(r"0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|(?:0|[1-9][0-9]*)(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_INFINITE = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")
_AMBIGUOUS = re.compile(
    r"(?i:yes|no|on|off)"
    r"|[-+]?0[0-9_]+|0[ob][0-7_]+|[-+]?[0-9][0-9_]*_[0-9_]*(?:\.[0-9_]*)?"
    r"|[-+]?[0-9]+(?::[0-5]?[0-9])+(?:\.[0-9]*)?"
)
_DATE = re.compile(r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}(?:(?:[Tt]|[ \t]+)[0-9:.]+.*)?", re.DOTALL)
# The tags that say no more than the form already does.
_HARMLESS_TAGS = frozenset({"!", "tag:yaml.org,2002:str", "tag:yaml.org,2002:map", "tag:yaml.org,2002:seq"})

_MakeObject = Callable[[list[tuple[str, Any]]], dict[str, Any]]


class YamlProblem(Exception):
    """What is wrong with the text, and where, for people."""


def load(text: str, max_depth: int, make_object: _MakeObject) -> Any:
    """The value of the only document in `text`; raises YamlProblem. `make_object` gets the pairs."""
    reader = _Reader(max_depth, make_object)
    try:
        for event in yaml.parse(text, Loader=yaml.CSafeLoader):
            reader.take(event)
    except yaml.MarkedYAMLError as error:
        raise YamlProblem(f"expected YAML: {error.problem or error.context}{_at(error.problem_mark)}") from None
    except yaml.YAMLError as error:
        raise YamlProblem(f"expected YAML: {str(error).splitlines()[0]}") from None
    return reader.result()


class _Reader:
    """Builds the value while the events come; its stack is as deep as the nesting, and bounded."""

    def __init__(self, max_depth: int, make_object: _MakeObject) -> None:
        self._max_depth = max_depth
        self._make_object = make_object
        self._stack: list[tuple[bool, list[Any]]] = []
        self._documents: list[Any] = []

    def result(self) -> Any:
        if not self._documents:
            raise YamlProblem("expected a workflow definition, came an empty text")
        return self._documents[0]

    def take(self, event: yaml.Event) -> None:
        if isinstance(event, yaml.ScalarEvent):
            self._put(self._scalar(event))
        elif isinstance(event, yaml.CollectionStartEvent):
            self._open(event)
        elif isinstance(event, yaml.CollectionEndEvent):
            self._close()
        elif isinstance(event, yaml.AliasEvent):
            raise YamlProblem(
                f"expected no alias, came *{_short(str(event.anchor))}; write it out{_at(event.start_mark)}"
            )
        elif isinstance(event, yaml.DocumentStartEvent) and self._documents:
            raise YamlProblem(f"expected one document, came another{_at(event.start_mark)}")

    def _open(self, event: yaml.CollectionStartEvent) -> None:
        _check_tag(event)
        mapping = isinstance(event, yaml.MappingStartEvent)
        if self._key_next():
            raise YamlProblem(f"expected a text as key, came an object or a list{_at(event.start_mark)}")
        if len(self._stack) >= self._max_depth:
            raise YamlProblem(f"expected at most {self._max_depth} levels of nesting, came more{_at(event.start_mark)}")
        self._stack.append((mapping, []))

    def _close(self) -> None:
        mapping, items = self._stack.pop()
        self._put(self._make_object(list(zip(items[::2], items[1::2], strict=True))) if mapping else items)

    def _put(self, value: Any) -> None:
        (self._stack[-1][1] if self._stack else self._documents).append(value)

    def _key_next(self) -> bool:
        return bool(self._stack) and self._stack[-1][0] and len(self._stack[-1][1]) % 2 == 0

    def _scalar(self, event: yaml.ScalarEvent) -> Any:
        _check_tag(event)
        text: str = event.value
        value = text if event.style or event.tag else _plain(text, event)
        if not self._key_next():
            return value
        if not isinstance(value, str) or text == "<<":
            raise YamlProblem(f"expected a text as key, came {_short(text)!r}; quote it{_at(event.start_mark)}")
        return value


def _plain(text: str, event: yaml.ScalarEvent) -> Any:
    """What an unquoted word means: the JSON-like reading, or a refusal where readers differ."""
    if text in _NULL:
        return None
    if text in _BOOLS:
        return _BOOLS[text]
    # Most words are told by their first character.
    if text[0] not in "0123456789+-.yYnNoO":
        return text
    if _INT.fullmatch(text):
        return _number(text, event)
    if _HEX.fullmatch(text):
        return int(text, 16)
    if _FLOAT.fullmatch(text):
        return float(text)
    if _DATE.fullmatch(text):
        raise YamlProblem(f"expected text or a number, came the date {_short(text)!r}; quote it{_at(event.start_mark)}")
    if _INFINITE.fullmatch(text):
        return -math.inf if text.startswith("-") else math.inf
    if _AMBIGUOUS.fullmatch(text):
        raise YamlProblem(
            f"{_short(text)!r} means different things to different YAML readers; quote it, "
            f"or write true, false or a plain number{_at(event.start_mark)}"
        )
    return text


def _number(text: str, event: yaml.ScalarEvent) -> int:
    try:
        return int(text)
    except ValueError:
        raise YamlProblem(f"expected a shorter number, came {len(text)} digits{_at(event.start_mark)}") from None


def _check_tag(event: yaml.ScalarEvent | yaml.CollectionStartEvent) -> None:
    if event.tag and event.tag not in _HARMLESS_TAGS:
        name = event.tag.replace("tag:yaml.org,2002:", "!!")
        raise YamlProblem(
            f"expected text, numbers, true, false, null, lists and objects, came the tag {_short(name)}"
            f"{_at(event.start_mark)}"
        )


def _at(mark: Any) -> str:
    return f" at line {mark.line + 1}, column {mark.column + 1}" if mark else ""


def _short(text: str) -> str:
    return text if len(text) <= 60 else text[:57] + "..."
