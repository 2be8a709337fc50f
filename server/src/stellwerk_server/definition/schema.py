"""JSON Schema for the input of a workflow: checks the schema itself, then inputs. Fetches nothing."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import jsonschema_rs

from stellwerk_server.definition.problems import Problems, child, show

MAX_PROBLEMS = 20
# Nested references may multiply: how many places of the schema one value may be held against.
_MAX_PLACES = 100_000

CheckInput = Callable[[Any], list[tuple[str, str]]]


def checker(schema: Any, path: str, problems: Problems) -> CheckInput | None:
    """The function that checks inputs against `schema` (draft 2020-12 by default); None when it is bad."""
    if not isinstance(schema, dict | bool):
        problems.add(path, f"expected a JSON Schema (an object), came {show(schema)}")
        return None
    if _places(schema) > _MAX_PLACES:
        problems.add(path, "expected a simpler schema: its references multiply to more than 100,000 places")
        return None
    try:
        validator = jsonschema_rs.validator_for(schema, offline=True)
    except jsonschema_rs.ValidationError as error:
        problems.add(_path(path, error.instance_path), _bad_schema(error.message))
        return None
    except Exception as error:
        problems.add(path, f"bad JSON Schema: {_clean(str(error))}")
        return None
    return lambda value: _check(validator, value)


def _check(validator: jsonschema_rs.Validator, value: Any) -> list[tuple[str, str]]:
    try:
        found = []
        for error in validator.iter_errors(value):
            found.append((_path("input", error.instance_path), _expected(error)))
            if len(found) == MAX_PROBLEMS:
                break
        return found
    except Exception as error:  # what the library cannot take as an instance, such as text that is not Unicode
        return [("input", f"cannot be checked against the schema: {_clean(str(error))}")]


def _expected(error: jsonschema_rs.ValidationError) -> str:
    """Expected and came, in the words of this project where the library says the kind."""
    kind, details = error.kind.name, error.kind.as_dict()
    came = show(error.instance)
    if kind == "required":
        return f"expected the field {show(details['property'])}, came an object without it"
    if kind == "type":
        return f"expected {' or '.join(details['types'])}, came {came}"
    if kind == "enum":
        return f"expected one of {', '.join(map(show, details['options'][:20]))}, came {came}"
    if kind == "additionalProperties":
        return f"expected no other fields, came {', '.join(map(show, details['unexpected'][:10]))}"
    return f"expected what the schema says ({kind}): {_clean(error.message)}"


def _bad_schema(message: str) -> str:
    if "Retrieval is disabled" in message or "is not present in a registry" in message:
        target = re.search(r"Resource '([^']*)'", message)
        came = show(target[1] if target else "")
        return f"expected a $ref within the schema (#/…), came {came}; nothing is fetched"
    return f"bad JSON Schema: {_clean(message)}"


def _path(root: str, steps: list[str | int]) -> str:
    for step in steps:
        root = child(root, step)
    return root


def _clean(text: str) -> str:
    """Short, and never half a character."""
    text = text.encode("utf-8", "backslashreplace").decode()
    return text if len(text) <= 200 else text[:197] + "..."


def _places(schema: Any) -> int:
    """How many places one value may be held against, references followed; each cycle counts once."""
    known: dict[int, int] = {}
    open_now: set[int] = set()

    def count(node: Any) -> int:
        if not isinstance(node, dict | list) or id(node) in open_now:
            return 1
        if id(node) in known:
            return known[id(node)]
        open_now.add(id(node))
        items = (
            node if isinstance(node, list) else [v for key, v in node.items() if key not in ("$defs", "definitions")]
        )
        total = 1 + sum(map(count, items))
        if isinstance(node, dict) and isinstance(node.get("$ref"), str):
            total += count(_target(schema, node["$ref"]))
        open_now.discard(id(node))
        known[id(node)] = min(total, _MAX_PLACES + 1)
        return known[id(node)]

    try:
        return count(schema)
    except RecursionError:
        return _MAX_PLACES + 1


def _target(schema: Any, reference: str) -> Any:
    """What a local reference points at; None when that cannot be told here."""
    if not reference.startswith("#"):
        return None
    node = schema
    for step in reference[1:].split("/")[1:]:
        step = step.replace("~1", "/").replace("~0", "~")
        if isinstance(node, dict):
            node = node.get(step)
        else:
            node = node[int(step)] if isinstance(node, list) and step.isdigit() and int(step) < len(node) else None
    return node
