"""Collects what is wrong with a definition and words it: field, what was expected, what came."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterable
from typing import Any

from stellwerk_server.model.errors import InvalidArgument, Problem

MAX_PROBLEMS = 200
_PLAIN_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,99}")
# What people coming from elsewhere write, and what it is called here.
_SYNONYMS = {
    "depends_on": "needs",
    "dependsOn": "needs",
    "dependencies": "needs",
    "if": "when",
    "condition": "when",
    "uses": "action",
    "handler": "action",
    "run": "action",
    "with": "input",
    "args": "input",
    "retries": "retry",
    "maxAttempts": "max_attempts",
    "attempts": "max_attempts",
    "delay": "initial",
    "for_each": "foreach",
}


class Problems:
    """The problems found so far; past 200 they are only counted, so that a hostile text costs little."""

    def __init__(self) -> None:
        self._found: list[Problem] = []
        self._more = 0

    def __len__(self) -> int:
        return len(self._found) + self._more

    @property
    def full(self) -> bool:
        """True when a further problem would only be counted."""
        return len(self._found) >= MAX_PROBLEMS

    def add(self, field: str, description: str) -> None:
        """Note one problem."""
        if self.full:
            self._more += 1
        else:
            self._found.append(Problem(field, description))

    def raise_if_any(self) -> None:
        """Raise InvalidArgument with all of them, when there are any."""
        if not self._found:
            return
        rest = [Problem("definition", f"{self._more} more problems")] if self._more else []
        raise InvalidArgument(self._found + rest)


def show(value: Any) -> str:
    """A value as an error message names it: short, and always printable."""
    if value is None:
        return "nothing (null)"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list):
        return "a list"
    if isinstance(value, str):
        return repr(value if len(value) <= 60 else value[:57] + "...")
    # Python refuses to print integers of thousands of digits.
    return "a very long number" if isinstance(value, int) and value.bit_length() > 256 else repr(value)


def child(path: str, key: str | int) -> str:
    """The path of an element: `steps[2]`, `retry.max`, `input["a b"]`."""
    if isinstance(key, int):
        return f"{path}[{key}]"
    if _PLAIN_KEY.fullmatch(key):
        return f"{path}.{key}" if path else key
    return f"{path}[{json.dumps(key if len(key) <= 60 else key[:57] + '...')}]"


def suggest(name: str, known: Iterable[str]) -> str:
    """`; did you mean "retry"?` when something known is near, else what there is, when that is short."""
    names = sorted(known)
    near = _SYNONYMS.get(name) if _SYNONYMS.get(name) in names else _nearest(name, names)
    if near:
        return f'; did you mean "{near}"?'
    return f"; there are: {', '.join(names)}" if 0 < len(names) <= 30 else ""


def _nearest(name: str, names: list[str]) -> str | None:
    if len(name) > 100 or len(names) > 500:
        return None
    return next(iter(difflib.get_close_matches(name, names, n=1)), None)
