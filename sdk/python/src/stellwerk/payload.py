"""Python values to Payload messages and back: exact JSON text, or bytes as they are.

Must not know annotations (`_convert` does) nor gRPC. Integers keep every digit; NaN and Infinity are refused.
"""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Iterable, Mapping
from datetime import date, datetime, time
from decimal import Decimal
from enum import Enum
from typing import Any, NoReturn
from uuid import UUID

from stellwerk.errors import EncodeError, InputError
from stellwerk.v1.payload_pb2 import Payload

# Above this a message would meet the transport's limit of 16 MiB; servers refuse payloads far earlier.
PAYLOAD_BYTES_MAX = 15 * 1024 * 1024

_BYTES = (bytes, bytearray, memoryview)
_NOT_FINITE = {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}


class JsonText(str):
    """JSON text that is written already and travels as it is."""

    __slots__ = ()


def encode(value: Any) -> Payload:
    """Write a value as a payload: bytes as `data`, anything else as JSON.

    Beside plain JSON values it takes dataclasses, pydantic models, enums, datetimes (ISO 8601), UUIDs and
    Decimals (as strings). Raises EncodeError naming the place of what cannot be written.
    """
    payload = Payload()
    fill(payload, value)
    return payload


def fill(payload: Payload, value: Any) -> None:
    """Write a value into an empty payload message; as `encode`, without making one."""
    if isinstance(value, _BYTES):
        payload.data = bytes(value)
        return
    text = value if type(value) is JsonText else encode_json(value)
    try:
        payload.json = text
    except ValueError as error:
        raise EncodeError(_explain(value, error)) from error


def decode(payload: Payload) -> Any:
    """Read a payload: the JSON value, the bytes, or None when it is empty. Raises InputError."""
    text = payload.json
    if text:
        return decode_json(text)
    return payload.data if payload.WhichOneof("content") == "data" else None


def encode_json(value: Any) -> str:
    """Write a value as JSON text. Raises EncodeError naming the place of what cannot be written."""
    try:
        return _encoder(value)
    except (TypeError, ValueError, RecursionError) as error:
        raise EncodeError(_explain(value, error)) from error


def decode_json(text: str) -> Any:
    """Read JSON text. Raises InputError when it is no JSON, nested too deep, or holds NaN."""
    try:
        return _decoder(text)
    except (ValueError, RecursionError) as error:
        raise InputError("input", "JSON", f"{text[:40]!r} ({error})") from error


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _to_plain(value: Any) -> Any:
    """Turn what the json module does not know into what it does; called for such values only."""
    if isinstance(value, type):
        raise TypeError("a class has no JSON form")
    if dataclasses.is_dataclass(value):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    if hasattr(value, "model_dump"):
        return value.model_dump(mode="json")
    if isinstance(value, (datetime, date, time)):
        return value.isoformat()
    if isinstance(value, (UUID, Decimal)):
        return str(value)
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, _BYTES):
        raise TypeError("bytes travel only as the whole value, not inside JSON")
    raise TypeError(f"a {type(value).__name__} has no JSON form")


_encoder = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=_to_plain).encode
_decoder = json.JSONDecoder(parse_constant=_refuse_constant).decode


def _explain(value: Any, error: Exception) -> str:
    """Say where in the value the offending part is, and what is wrong with it; slow, for errors only."""
    try:
        place, why = _offence(value, "value", ()) or ("value", str(error))
    except RecursionError:
        place, why = "value", "it is nested too deep"
    return f"{place} cannot be written as JSON: {why}"


def _offence(value: Any, path: str, around: tuple[int, ...]) -> tuple[str, str] | None:
    """The first place in the value that cannot be written, and why. `around` are the ids of what it is in."""
    if isinstance(value, float) and not math.isfinite(value):
        return path, f"{_NOT_FINITE[str(float(value))]} is not JSON"
    if isinstance(value, str):
        return None if _is_unicode(value) else (path, "its text is not valid Unicode")
    if value is None or isinstance(value, (int, float)):
        return None
    if id(value) in around:
        return path, "it contains itself"
    inside = (*around, id(value))
    if isinstance(value, dict):
        return _first(_offence_of_item(item, path, inside) for item in value.items())
    if isinstance(value, (list, tuple)):
        return _first(_offence(child, f"{path}[{index}]", inside) for index, child in enumerate(value))
    try:
        return _offence(_to_plain(value), path, inside)
    except TypeError as error:
        return path, str(error)


def _offence_of_item(item: tuple[Any, Any], path: str, inside: tuple[int, ...]) -> tuple[str, str] | None:
    key, child = item
    if key is not None and not isinstance(key, (str, int, float)):
        return path, f"a {type(key).__name__} has no JSON form"
    return _offence(key, path, ()) or _offence(child, f"{path}.{key}", inside)


def _first(offences: Iterable[tuple[str, str] | None]) -> tuple[str, str] | None:
    return next((offence for offence in offences if offence is not None), None)


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
