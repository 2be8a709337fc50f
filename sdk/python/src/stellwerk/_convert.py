"""Annotations to converters: a JSON value in, what the annotation asks for out, or an InputError.

Annotations are read once, at registration; converting inspects none. Must not know payloads or handlers.
"""

from __future__ import annotations

import collections.abc
import dataclasses
import types
import typing
from collections.abc import Callable
from datetime import date, datetime, time
from decimal import Decimal
from enum import Enum
from typing import Any, Literal, NoReturn, Union, get_args, get_origin
from uuid import UUID

from stellwerk.errors import InputError

Converter = Callable[[Any, str], Any]
"""Takes a JSON value and its path; gives the converted value or raises InputError."""

_Memo = dict[Any, Converter]

_JSON_NAMES = {dict: "an object", list: "an array", str: "a string", bool: "a boolean", type(None): "null"}
_PARSED: dict[type, tuple[Callable[[str], Any], str]] = {
    datetime: (datetime.fromisoformat, "an ISO 8601 date and time"),
    date: (date.fromisoformat, "an ISO 8601 date"),
    time: (time.fromisoformat, "an ISO 8601 time"),
    UUID: (UUID, "a UUID"),
}
_LISTS: dict[Any, type] = {
    list: list,
    set: set,
    frozenset: frozenset,
    collections.abc.Sequence: list,
    collections.abc.Iterable: list,
    collections.abc.Collection: list,
}
_MAPPINGS = (dict, collections.abc.Mapping, collections.abc.MutableMapping)


def converter(annotation: Any) -> Converter | None:
    """Compile an annotation; None means the JSON value is passed as it is.

    Raises TypeError for an annotation no JSON value can be converted to.
    """
    found = _compile(annotation, {})
    return None if found is _as_is else found


def resolve(function: Callable[..., Any], annotation: Any) -> Any:
    """Evaluate an annotation that is still a string (`from __future__ import annotations`)."""
    if not isinstance(annotation, str):
        return annotation
    holder = types.SimpleNamespace(__annotations__={"value": annotation})
    cells = getattr(function, "__closure__", None) or ()
    names = getattr(getattr(function, "__code__", None), "co_freevars", ())
    nonlocals = {name: cell.cell_contents for name, cell in zip(names, cells, strict=False) if _is_filled(cell)}
    hints = typing.get_type_hints(holder, getattr(function, "__globals__", {}), nonlocals)
    return hints["value"]


def _is_filled(cell: types.CellType) -> bool:
    try:
        cell.cell_contents  # noqa: B018
    except ValueError:
        return False
    return True


def _as_is(value: Any, path: str) -> Any:
    return value


def _wrong(path: str, expected: str, value: Any) -> NoReturn:
    raise InputError(path, expected, describe(value))


def describe(value: Any) -> str:
    """Name a JSON value in an error message without showing all of it."""
    if isinstance(value, (str, int, float, bool)) or value is None:
        text = repr(value)
        return text if len(text) <= 60 else f"{text[:57]}..."
    return _JSON_NAMES.get(type(value), type(value).__name__)


def _compile(annotation: Any, memo: _Memo) -> Converter:
    if annotation in (Any, object) or isinstance(annotation, typing.TypeVar):
        return _as_is
    if annotation is None:
        return _null
    origin = get_origin(annotation)
    if origin is not None:
        return _compile_generic(annotation, origin, memo)
    if hasattr(annotation, "__supertype__"):
        return _compile(annotation.__supertype__, memo)
    if isinstance(annotation, type):
        return _compile_class(annotation, memo)
    raise TypeError(f"cannot read a JSON value as {annotation!r}")


def _compile_generic(annotation: Any, origin: Any, memo: _Memo) -> Converter:
    arguments = get_args(annotation)
    if origin in (typing.Annotated, typing.Required, typing.NotRequired):
        return _compile(arguments[0], memo)
    if origin in (Union, types.UnionType):
        return _union([_compile(argument, memo) for argument in arguments])
    if origin is Literal:
        return _literal(arguments)
    if origin is tuple:
        return _tuple(arguments, memo)
    if origin in _LISTS:
        return _list(_LISTS[origin], _compile(arguments[0], memo))
    if origin in _MAPPINGS:
        return _mapping(_compile(arguments[1], memo))
    return _compile(origin, memo)


def _compile_class(cls: type, memo: _Memo) -> Converter:
    if cls in memo:
        return memo[cls]
    if cls in _SCALARS:
        return _SCALARS[cls]
    if cls in _PARSED:
        return _parsed(*_PARSED[cls])
    if cls in _LISTS:
        return _list(_LISTS[cls], _as_is)
    if cls in _MAPPINGS:
        return _mapping(_as_is)
    if cls is tuple:
        return _list(tuple, _as_is)
    if hasattr(cls, "model_validate"):
        return _model(cls)
    if typing.is_typeddict(cls):
        return _typed_dict(cls, memo)
    if dataclasses.is_dataclass(cls):
        return _dataclass(cls, memo)
    if issubclass(cls, Enum):
        return _enum(cls)
    raise TypeError(f"cannot read a JSON value as {cls.__name__}: use a dataclass, TypedDict or JSON type")


def _null(value: Any, path: str) -> None:
    if value is not None:
        _wrong(path, "null", value)


def _bool(value: Any, path: str) -> bool:
    return value if isinstance(value, bool) else _wrong(path, "a boolean", value)


def _int(value: Any, path: str) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    _wrong(path, "an integer", value)


def _float(value: Any, path: str) -> float:
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return float(value)
    _wrong(path, "a number", value)


def _str(value: Any, path: str) -> str:
    return value if isinstance(value, str) else _wrong(path, "a string", value)


def _bytes(value: Any, path: str) -> bytes:
    return value if isinstance(value, bytes) else _wrong(path, "bytes", value)


def _decimal(value: Any, path: str) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        _wrong(path, "a decimal number", value)
    try:
        return Decimal(str(value))
    except ArithmeticError:
        _wrong(path, "a decimal number", value)


_SCALARS: dict[type, Converter] = {
    bool: _bool,
    int: _int,
    float: _float,
    str: _str,
    bytes: _bytes,
    Decimal: _decimal,
    type(None): _null,
}


def _parsed(parse: Callable[[str], Any], expected: str) -> Converter:
    def convert(value: Any, path: str) -> Any:
        if not isinstance(value, str):
            _wrong(path, expected, value)
        try:
            return parse(value)
        except ValueError:
            _wrong(path, expected, value)

    return convert


def _list(build: type, item: Converter) -> Converter:
    def convert(value: Any, path: str) -> Any:
        if not isinstance(value, list):
            _wrong(path, "an array", value)
        return build([item(child, f"{path}[{index}]") for index, child in enumerate(value)])

    return convert


def _tuple(arguments: tuple[Any, ...], memo: _Memo) -> Converter:
    if len(arguments) == 2 and arguments[1] is Ellipsis:
        return _list(tuple, _compile(arguments[0], memo))
    items = [_compile(argument, memo) for argument in arguments]

    def convert(value: Any, path: str) -> tuple[Any, ...]:
        if not isinstance(value, list) or len(value) != len(items):
            _wrong(path, f"an array of {len(items)}", value)
        return tuple(
            item(child, f"{path}[{index}]") for index, (item, child) in enumerate(zip(items, value, strict=True))
        )

    return convert


def _mapping(item: Converter) -> Converter:
    def convert(value: Any, path: str) -> dict[str, Any]:
        if not isinstance(value, dict):
            _wrong(path, "an object", value)
        return {key: item(child, f"{path}.{key}") for key, child in value.items()}

    return convert


def _union(options: list[Converter]) -> Converter:
    def convert(value: Any, path: str) -> Any:
        problems: list[InputError] = []
        for option in options:
            try:
                return option(value, path)
            except InputError as problem:
                problems.append(problem)
        deepest = max(problems, key=lambda problem: len(problem.field))
        if deepest.field != path:
            raise deepest
        expected = " or ".join(dict.fromkeys(problem.expected for problem in problems))
        _wrong(path, expected, value)

    return convert


def _literal(values: tuple[Any, ...]) -> Converter:
    def convert(value: Any, path: str) -> Any:
        for known in values:
            if value == known and type(value) is type(known):
                return value
        _wrong(path, "one of " + ", ".join(map(repr, values)), value)

    return convert


def _enum(cls: type[Enum]) -> Converter:
    def convert(value: Any, path: str) -> Enum:
        try:
            return cls(value)
        except ValueError:
            _wrong(path, "one of " + ", ".join(repr(member.value) for member in cls), value)

    return convert


def _model(cls: Any) -> Converter:
    """A pydantic model, should the user have pydantic: known by its method, never imported."""

    def convert(value: Any, path: str) -> Any:
        try:
            return cls.model_validate(value)
        except ValueError as error:
            problems = error.errors() if hasattr(error, "errors") else []
            if not problems:
                raise InputError(path, cls.__name__, str(error)) from error
            first = problems[0]
            place = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in first["loc"])
            raise InputError(path + place, first["msg"], describe(first.get("input"))) from error

    return convert


def _typed_dict(cls: Any, memo: _Memo) -> Converter:
    fields: dict[str, Converter] = {}
    hints = typing.get_type_hints(cls, include_extras=True)
    required = [name for name, hint in hints.items() if _is_required_key(cls, name, hint)]

    def convert(value: Any, path: str) -> dict[str, Any]:
        if not isinstance(value, dict):
            _wrong(path, f"an object ({cls.__name__})", value)
        for name in required:
            if name not in value:
                raise InputError(f"{path}.{name}", "a value", "nothing")
        known = fields.get
        return {name: known(name, _as_is)(child, f"{path}.{name}") for name, child in value.items()}

    memo[cls] = convert
    fields.update({name: _compile(hint, memo) for name, hint in hints.items()})
    return convert


def _is_required_key(cls: Any, name: str, hint: Any) -> bool:
    """`__required_keys__` misses the markers where annotations are strings, so they are looked at here."""
    marker = get_origin(hint)
    if marker in (typing.Required, typing.NotRequired):
        return marker is typing.Required
    return name in cls.__required_keys__


def _dataclass(cls: Any, memo: _Memo) -> Converter:
    """Keys the class does not have are ignored, so that inputs may grow."""
    fields: list[tuple[str, Converter, bool]] = []

    def convert(value: Any, path: str) -> Any:
        if not isinstance(value, dict):
            _wrong(path, f"an object ({cls.__name__})", value)
        arguments = {}
        for name, item, required in fields:
            if name in value:
                arguments[name] = item(value[name], f"{path}.{name}")
            elif required:
                raise InputError(f"{path}.{name}", "a value", "nothing")
        try:
            return cls(**arguments)
        except ValueError as error:
            raise InputError(path, f"a valid {cls.__name__}", str(error)) from error

    memo[cls] = convert
    hints = typing.get_type_hints(cls, include_extras=False)
    for field in dataclasses.fields(cls):
        if field.init:
            fields.append((field.name, _compile(hints[field.name], memo), _is_required(field)))
    return convert


def _is_required(field: dataclasses.Field[Any]) -> bool:
    return field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
