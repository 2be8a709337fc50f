"""The short form into the long one, so that one content has one canonical text. Judges little."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from stellwerk_server.definition.problems import Problems, child, show

_NOT_OF_AN_ID = re.compile(r"[^A-Za-z0-9_-]")
_MAX_ID = 100


@dataclass(frozen=True, slots=True)
class Document:
    """A definition in its long form, and where each of its steps was written."""

    value: Any
    places: list[int]


def normalise(raw: Any, problems: Problems) -> Document:
    """`id` becomes `name`, a bare text a step, steps follow `stepIndex`, and each step has an id."""
    if not isinstance(raw, dict):
        return Document(raw, [])
    value = dict(raw)
    if "id" in value:
        _name_from_id(value, problems)
    steps = value.get("steps")
    if not isinstance(steps, list):
        return Document(value, [])
    steps = [{"action": step} if isinstance(step, str) else step for step in steps]
    places = _order(steps, problems)
    value["steps"] = _with_ids([_without_index(steps[place]) for place in places])
    return Document(value, places)


def _name_from_id(value: dict[str, Any], problems: Problems) -> None:
    name = value.pop("id")
    if value.setdefault("name", name) != name:
        problems.add("id", f"expected either name or id, came both: {show(value['name'])} and {show(name)}")


def _order(steps: list[Any], problems: Problems) -> list[int]:
    """The places of the steps in the order of their `stepIndex`; as written when there is none."""
    places = list(range(len(steps)))
    having = {i for i in places if isinstance(steps[i], dict) and "stepIndex" in steps[i]}
    if not having:
        return places
    seen: dict[int, int] = {}
    for place in places:
        path = child(child("steps", place), "stepIndex")
        if place not in having:
            problems.add(path, "expected a number, as other steps have one; came nothing")
            continue
        number = steps[place]["stepIndex"]
        if isinstance(number, bool) or not isinstance(number, int) or not 0 <= number <= 1_000_000:
            problems.add(path, f"expected a number from 0 to 1000000, came {show(number)}")
        elif number in seen:
            problems.add(path, f"{number} is already the stepIndex of steps[{seen[number]}]")
        else:
            seen[number] = place
    return [seen[number] for number in sorted(seen)] if len(seen) == len(steps) else places


def _without_index(step: Any) -> Any:
    return {key: item for key, item in step.items() if key != "stepIndex"} if isinstance(step, dict) else step


def _with_ids(steps: list[Any]) -> list[Any]:
    """Each step that has no id gets one from its action, made unique with -2, -3, …"""
    taken = {s["id"] for s in steps if isinstance(s, dict) and isinstance(s.get("id"), str)}
    counts: dict[str, int] = {}
    return [_with_id(step, taken, counts) if isinstance(step, dict) and "id" not in step else step for step in steps]


def _with_id(step: dict[str, Any], taken: set[str], counts: dict[str, int]) -> dict[str, Any]:
    named = next((key for key in ("action", "signal", "workflow") if key in step), "")
    base = _id_of(step.get(named, "sleep" if "sleep" in step else "step"))
    candidate, count = base, counts.get(base, 1)
    while candidate in taken:
        count += 1
        suffix = f"-{count}"
        candidate = base[: _MAX_ID - len(suffix)] + suffix
    counts[base] = count
    taken.add(candidate)
    return {"id": candidate, **step}


def _id_of(action: Any) -> str:
    text = _NOT_OF_AN_ID.sub("_", action[:_MAX_ID]) if isinstance(action, str) and action else "step"
    return text if text[0].isalpha() or text[0] == "_" else ("_" + text)[:_MAX_ID]
