"""Texts of queries and JSON of bodies into the fields of request messages; every problem at once, each with its field.

Payloads are cut out of the body as the text they came as, so that their numbers keep every digit.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from json.decoder import scanstring  # type: ignore[attr-defined]  # the C scanner of the library's own decoder
from typing import Any

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from stellwerk.v1 import payload_pb2
from stellwerk_server.definition import durations
from stellwerk_server.model.errors import Problem
from stellwerk_server.rpc.fields import Fields, shown
from stellwerk_server.web.json_out import BYTES_KEY, short_names
from stellwerk_server.web.problems import Malformed

SPAN = "a time like 1.5s, 10m or 2h"
MOMENT = "a time like 2026-07-01T12:00:00Z"
_PAYLOAD = payload_pb2.Payload.DESCRIPTOR.full_name
_SPACE = re.compile(r"[ \t\n\r]*")
_WHOLE = re.compile(r"-?[0-9]{1,20}")
_BYTES_FIELDS = frozenset({BYTES_KEY, "content_type", "metadata"})
_BOOLS = {"true": True, "false": False}
_INTEGERS = (FieldDescriptor.CPPTYPE_INT32, FieldDescriptor.CPPTYPE_INT64)


class Member:
    """One member of a JSON object: its value, and the text it was written as."""

    __slots__ = ("text", "value")

    def __init__(self, value: Any, text: str) -> None:
        self.value = value
        self.text = text


def _refuse_constant(word: str) -> Any:
    raise ValueError(f"{word} is no JSON number")


# Numbers stay texts: nobody computes with them here, and a long one would be refused.
_decoder: Any = json.JSONDecoder(parse_constant=_refuse_constant, parse_int=str, parse_float=str)
_scan = _decoder.scan_once


def malformed_json(description: str) -> Malformed:
    """The refusal of a body that is no JSON."""
    return Malformed("MALFORMED_JSON", [Problem("body", description)])


def decode(body: bytes, reason: str = "MALFORMED_JSON") -> str:
    """The text of a body; raises Malformed when it is not UTF-8."""
    try:
        return body.decode().removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        expected = f"expected UTF-8, came the byte 0x{body[error.start]:02x} at {error.start}"
        raise Malformed(reason, [Problem("body", expected)]) from None


def read_object(text: str) -> dict[str, Member]:
    """The members of the one JSON object in `text`; raises Malformed."""
    try:
        members, end = _members(text, _SPACE.match(text).end())  # type: ignore[union-attr]  # it matches anything
    except json.JSONDecodeError as error:
        raise malformed_json(f"expected JSON: {error.msg} at line {error.lineno}, column {error.colno}") from None
    except StopIteration as error:
        at = json.JSONDecodeError("Expecting value", text, error.value)
        raise malformed_json(f"expected JSON: a value at line {at.lineno}, column {at.colno}") from None
    except (ValueError, RecursionError) as error:
        description = "a document less deep" if isinstance(error, RecursionError) else str(error)
        raise malformed_json(f"expected JSON: {description}") from None
    if _SPACE.match(text, end).end() != len(text):  # type: ignore[union-attr]
        at = json.JSONDecodeError("Extra data", text, end)
        raise malformed_json(f"expected one JSON object, came more at line {at.lineno}, column {at.colno}")
    return members


def _members(text: str, start: int) -> tuple[dict[str, Member], int]:
    skip = _SPACE.match
    if text[start : start + 1] != "{":
        raise malformed_json(f"expected a JSON object, came {shown(text[start : start + 40])}")
    members: dict[str, Member] = {}
    place = skip(text, start + 1).end()  # type: ignore[union-attr]
    if text[place : place + 1] == "}":
        return members, place + 1
    while True:
        if text[place : place + 1] != '"':
            raise json.JSONDecodeError("Expecting property name enclosed in double quotes", text, place)
        key, place = scanstring(text, place + 1, True)
        place = skip(text, place).end()  # type: ignore[union-attr]
        if text[place : place + 1] != ":":
            raise json.JSONDecodeError("Expecting ':' delimiter", text, place)
        place = skip(text, place + 1).end()  # type: ignore[union-attr]
        value, end = _scan(text, place)
        if key in members:
            raise malformed_json(f"expected each field once, came {shown(key)} twice")
        members[key] = Member(value, text[place:end])
        place = skip(text, end).end()  # type: ignore[union-attr]
        if text[place : place + 1] == "}":
            return members, place + 1
        if text[place : place + 1] != ",":
            raise json.JSONDecodeError("Expecting ',' delimiter", text, place)
        place = skip(text, place + 1).end()  # type: ignore[union-attr]


class Filling:
    """A request message being filled. What is wrong is noted, and raised at the end."""

    def __init__(self, message: Any) -> None:
        self.message = message
        self.fields = Fields()

    def text(self, path: str, name: str, texts: list[str]) -> None:
        """Set the field at `path` from the texts of the query, header or path called `name`."""
        message, field = _target(self.message, path)
        if len(texts) > 1 and not field.is_repeated:
            self.fields.refuse(name, "it once", f"{len(texts)} times")
            return
        values = [self._from_text(field, name, text) for text in texts if text]
        self._assign(message, field, name, [value for value in values if value is not None])

    def members(self, paths: Mapping[str, str], members: Mapping[str, Member]) -> None:
        """Set fields from the members of a body; `paths` says which there are, and what each one means."""
        for name, member in members.items():
            path = paths.get(name)
            if path is None:
                self.fields.refuse(name, f"one of {', '.join(paths)}" if paths else "no fields", name)
            else:
                self._member(*_target(self.message, path), name, member)

    def _member(self, message: Any, field: FieldDescriptor, name: str, member: Member) -> None:
        if field.message_type is not None and field.message_type.full_name == _PAYLOAD:
            self._payload(getattr(message, field.name), name, member)
        elif member.text == "null":
            return
        elif field.message_type is not None and field.message_type.full_name == "stellwerk.v1.Signal":
            self._object(getattr(message, field.name), name, member)
        else:
            value = self._from_json(field, name, member)
            self._assign(message, field, name, [] if value is None else [value])

    def _object(self, message: Any, name: str, member: Member) -> None:
        if not isinstance(member.value, dict):
            self.fields.refuse(name, "a JSON object", _plain(member))
            return
        known = message.DESCRIPTOR.fields_by_name
        message.SetInParent()
        for key, inner in read_object(member.text).items():
            if key in known:
                self._member(message, known[key], f"{name}.{key}", inner)
            else:
                self.fields.refuse(f"{name}.{key}", f"one of {', '.join(known)}", key)

    def _payload(self, payload: payload_pb2.Payload, name: str, member: Member) -> None:
        value = member.value
        if not isinstance(value, dict) or BYTES_KEY not in value or not set(value) <= _BYTES_FIELDS:
            payload.json = member.text
            return
        try:
            payload.data = base64.b64decode(value[BYTES_KEY], validate=True)
            payload.content_type = value.get("content_type", "")
            payload.metadata.update(value.get("metadata", {}))
        except (TypeError, ValueError, binascii.Error, AttributeError):
            expected = '{"$bytes": "<base64>", "content_type": "<type>"}'
            self.fields.refuse(name, expected, member.text)

    def _assign(self, message: Any, field: FieldDescriptor, name: str, values: list[Any]) -> None:
        if not values:
            return
        try:
            if field.is_repeated:
                getattr(message, field.name).extend(values)
            elif field.message_type is not None:
                getattr(message, field.name).CopyFrom(values[0])
            else:
                setattr(message, field.name, values[0])
        except ValueError:
            # Halves of characters, numbers beyond the field.
            expected = "whole characters" if field.type == FieldDescriptor.TYPE_STRING else "a smaller number"
            self.fields.refuse(name, expected, values[0])

    def _from_json(self, field: FieldDescriptor, name: str, member: Member) -> Any:
        is_text, came = member.text.startswith('"'), _plain(member)
        if field.cpp_type in _INTEGERS:
            if is_text or not _WHOLE.fullmatch(member.text):
                return self._refuse(name, "a whole number", came)
            return int(member.text)
        if field.type == FieldDescriptor.TYPE_BOOL:
            return came if isinstance(came, bool) else self._refuse(name, "true or false", came)
        number_of_seconds = _is(field, Duration) and not isinstance(came, bool | list | dict)
        if not is_text and not number_of_seconds:
            return self._refuse(name, SPAN if _is(field, Duration) else "a text", came)
        return self._from_text(field, name, str(member.value))

    def _from_text(self, field: FieldDescriptor, name: str, text: str) -> Any:
        if field.enum_type is not None:
            return self._enum(field, name, text)
        if _is(field, Duration):
            return self._span(name, text)
        if _is(field, Timestamp):
            return self._moment(name, text)
        if field.cpp_type in _INTEGERS:
            return int(text) if _WHOLE.fullmatch(text) else self._refuse(name, "a whole number", text)
        if field.type == FieldDescriptor.TYPE_BOOL:
            return _BOOLS[text] if text in _BOOLS else self._refuse(name, "true or false", text)
        return text

    def _refuse(self, name: str, expected: str, came: object) -> Any:
        self.fields.refuse(name, expected, came)
        return None

    def _enum(self, field: FieldDescriptor, name: str, text: str) -> int | None:
        names = short_names(field.enum_type)
        found = next((number for number, short in names.items() if short == text), None)
        return found or self._refuse(name, f"one of {', '.join(names.values())}", text)

    def _span(self, name: str, text: str) -> Any:
        seconds = durations.seconds(text)
        if seconds is None or seconds > durations.MAX_S * 2:
            return self._refuse(name, SPAN, text)
        whole, nanos = divmod(round(seconds * 1_000_000_000), 1_000_000_000)
        return Duration(seconds=whole, nanos=nanos)

    def _moment(self, name: str, text: str) -> Any:
        try:
            moment = datetime.fromisoformat(text)
            if moment.tzinfo is None or "T" not in text.upper():
                raise ValueError(text)
            since = moment.astimezone(UTC) - datetime.fromtimestamp(0, UTC)
        except (ValueError, OverflowError):
            return self._refuse(name, MOMENT, text)
        return Timestamp(seconds=since.days * 86_400 + since.seconds, nanos=since.microseconds * 1_000)


def _target(message: Any, path: str) -> tuple[Any, FieldDescriptor]:
    """The message that holds the field at a dotted path, and the field."""
    *outer, last = path.split(".")
    for name in outer:
        message = getattr(message, name)
        message.SetInParent()
    return message, message.DESCRIPTOR.fields_by_name[last]


def _is(field: FieldDescriptor, kind: type[Message]) -> bool:
    return field.message_type is not None and field.message_type.full_name == kind.DESCRIPTOR.full_name


def _plain(member: Member) -> Any:
    """What came, for an error to show; numbers were kept as their texts."""
    value = member.value
    if isinstance(value, str) and not member.text.startswith('"'):
        return int(value) if _WHOLE.fullmatch(value) else float(value)
    return value
