"""Reads the fields of one object of a definition: known keys, kinds, bounds. Each miss is a problem."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Any

from stellwerk_server.definition import durations
from stellwerk_server.definition.problems import Problems, child, show, suggest

NAME = re.compile(r"[A-Za-z0-9_.:/-]{1,200}")
STEP_ID = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,99}")


class Fields:
    """One object; a getter answers the default for what is absent or wrong, having noted the problem."""

    def __init__(self, value: dict[str, Any], path: str, problems: Problems) -> None:
        self.value = value
        self.path = path
        self.problems = problems

    def at(self, key: str) -> str:
        """The path of a field."""
        return child(self.path, key)

    def wrong(self, key: str, expected: str) -> None:
        """Note that a field is not what was expected."""
        self.problems.add(self.at(key), f"{expected}, came {show(self.value.get(key))}")

    def only(self, known: Collection[str]) -> None:
        """Note every key that is not known."""
        for key in self.value:
            if key not in known:
                hint = "" if self.problems.full else suggest(key, known)
                self.problems.add(self.at(key), f"no such field{hint}")

    def refuse(self, keys: Collection[str], reason: str) -> None:
        """Note those of the keys that are there."""
        for key in keys:
            if key in self.value:
                self.problems.add(self.at(key), reason)

    def name(self, key: str, default: str) -> str:
        """A name of a workflow, an action or a queue."""
        value = self.value.get(key, default)
        if isinstance(value, str) and NAME.fullmatch(value):
            return value
        self.wrong(key, "expected a name of 1 to 200 characters out of A-Z a-z 0-9 _ . : / -")
        return default

    def number(self, key: str, default: float, low: float, high: float) -> float:
        """A number between the bounds, which belong to it."""
        value = self.value.get(key, default)
        if not isinstance(value, bool) and isinstance(value, int | float) and low <= value <= high:
            return float(value)
        self.wrong(key, f"expected a number from {low:g} to {high:g}")
        return default

    def integer(self, key: str, default: int, low: int, high: int) -> int:
        """A whole number between the bounds, which belong to it."""
        value = self.value.get(key, default)
        if not isinstance(value, bool) and isinstance(value, int) and low <= value <= high:
            return value
        self.wrong(key, f"expected a whole number from {low} to {high}")
        return default

    def duration(self, key: str) -> float | None:
        """A duration in seconds, None when absent or wrong."""
        if key not in self.value:
            return None
        if expected := durations.problem(self.value[key]):
            self.wrong(key, expected)
            return None
        return durations.seconds(self.value[key])

    def choice(self, key: str, default: str, choices: Collection[str]) -> str:
        """One of some words."""
        value = self.value.get(key, default)
        if isinstance(value, str) and value in choices:
            return value
        self.wrong(key, f"expected one of {', '.join(choices)}")
        return default

    def texts(self, key: str) -> list[str]:
        """A list of texts."""
        value = self.value.get(key, [])
        if isinstance(value, list) and all(isinstance(item, str) for item in value):
            return value
        self.wrong(key, "expected a list of texts")
        return []

    def object(self, key: str) -> Fields | None:
        """The fields of an object within, None when absent or no object."""
        if key not in self.value:
            return None
        if isinstance(self.value[key], dict):
            return Fields(self.value[key], self.at(key), self.problems)
        self.wrong(key, "expected an object")
        return None

    def notes(self) -> None:
        """Check what is kept for people only: description and labels."""
        if not isinstance(self.value.get("description", ""), str):
            self.wrong("description", "expected a text")
        labels = self.object("labels")
        for key in labels.value if labels else ():
            if labels and not isinstance(labels.value[key], str | int | float):
                labels.wrong(key, "expected a text or a number")
