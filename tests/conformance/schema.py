"""Cases as data: YAML read into the message Case, so that what the schema does not know is refused.

Must not run anything.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from google.protobuf import json_format, struct_pb2

from tests.conformance import case_pb2

HERE = Path(__file__).parent
LANGUAGES = ("python", "node", "java")
ALL = "all"
EXACT_MAX = 2**53

_PLACEHOLDER = re.compile(r"\$\{(?:x\*(\d+)|(name|language|queue|address|closed_address))\}")


class BadCase(Exception):
    """A case file does not fit the schema; the message says which and where."""


@dataclass(frozen=True)
class Raw:
    """A case as its file has it, with the placeholders still in it."""

    file: str
    fields: dict[str, Any]

    @property
    def name(self) -> str:
        """The case's name."""
        return str(self.fields.get("name", ""))

    @property
    def message(self) -> case_pb2.Case:
        """The case, placeholders and all."""
        return parsed(self.fields, f"{self.file}: {self.name}")

    def filled(self, names: Mapping[str, str]) -> case_pb2.Case:
        """The case for one language."""
        return parsed(_filled(self.fields, names), f"{self.file}: {self.name}")


def cases(folder: Path = HERE / "cases") -> list[Raw]:
    """Every case of every file. Raises BadCase."""
    found = [Raw(path.name, fields) for path in sorted(folder.glob("*.yaml")) for fields in _of_file(path)]
    names = [case.name for case in found]
    if twice := {name for name in names if names.count(name) > 1}:
        raise BadCase(f"name: expected one case of each, came a second {sorted(twice)}")
    for case in found:
        _refuse_rounded(case)
        _ = case.message
    return found


def parsed(fields: dict[str, Any], where: str) -> case_pb2.Case:
    """The message of these fields. Raises BadCase."""
    try:
        return json_format.ParseDict(fields, case_pb2.Case())
    except json_format.ParseError as error:
        raise BadCase(f"{where}: {error}") from error


def _of_file(path: Path) -> list[dict[str, Any]]:
    document = yaml.safe_load(path.read_text(encoding="utf-8"))
    if not isinstance(document, dict) or list(document) != ["cases"]:
        raise BadCase(f"{path.name}: expected a list `cases` and nothing else")
    return list(document["cases"])


def _refuse_rounded(case: Raw) -> None:
    """A Value is a double: it would be the test that rounds the number, not the SDK."""
    for number in _numbers(case.fields):
        if abs(number) > EXACT_MAX:
            raise BadCase(f"{case.file}: {case.name}: {number} does not fit a double; write it in a field *_json")


def _numbers(value: Any) -> Iterator[int]:
    if isinstance(value, int):
        yield value
    for child in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _numbers(child)


def _filled(value: Any, names: Mapping[str, str]) -> Any:
    if isinstance(value, dict):
        return {_filled(key, names): _filled(child, names) for key, child in value.items()}
    if isinstance(value, list):
        return [_filled(child, names) for child in value]
    if isinstance(value, str):
        return _PLACEHOLDER.sub(lambda m: "x" * int(m[1]) if m[1] else names[m[2]], value)
    return value


def plain(value: struct_pb2.Value) -> Any:
    """The JSON value of a Value; whole numbers are integers again."""
    kind = value.WhichOneof("kind")
    if kind == "struct_value":
        return plain_struct(value.struct_value)
    if kind == "list_value":
        return [plain(child) for child in value.list_value.values]
    if kind == "number_value":
        return int(value.number_value) if value.number_value.is_integer() else value.number_value
    return None if kind in (None, "null_value") else getattr(value, kind)


def plain_struct(struct: struct_pb2.Struct) -> dict[str, Any]:
    """The JSON object of a Struct."""
    return {key: plain(child) for key, child in struct.fields.items()}


def definition(case: case_pb2.Case, name: str, queue: str) -> dict[str, Any]:
    """The workflow the case's runs are of."""
    if case.HasField("workflow"):
        return {"name": name, **plain_struct(case.workflow)}
    return {"name": name, "steps": [step(plain_struct(case.step), queue)]}


def step(changes: dict[str, Any], queue: str) -> dict[str, Any]:
    """The default step with these fields over it; short delays, so that a retry costs nothing."""
    retry = {"initial": "10ms", "max": "50ms", **changes.get("retry", {})}
    return {"id": "s", "action": "perform", "queue": queue, **changes, "retry": retry}


def program_text(case: case_pb2.Case) -> str:
    """The run's input as JSON text."""
    return case.program_json or json.dumps(plain(case.program))
