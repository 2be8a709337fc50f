"""Messages as JSON: the descriptor of a message type is walked once, and what was found is kept.

The rules are those of docs/http.md, "JSON". Payloads travel as the text they are stored as.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cache
from typing import Any

import orjson
from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from stellwerk.v1 import payload_pb2

BYTES_KEY = "$bytes"
JSON_TYPE = "application/json"
# Texts of a message that are JSON themselves.
JSON_TEXTS = frozenset(
    {"stellwerk.v1.Run.attributes", "stellwerk.v1.Event.attributes", "stellwerk.v1.Workflow.definition"}
)
# Numbers that say nothing when they are 0: of an event that is not about a step, of a failure outside of one.
OPTIONAL_NUMBERS = frozenset({"stellwerk.v1.Event.attempt", "stellwerk.v1.Failure.attempt"})
_NUMBERS = frozenset(
    {
        FieldDescriptor.CPPTYPE_INT32,
        FieldDescriptor.CPPTYPE_INT64,
        FieldDescriptor.CPPTYPE_UINT32,
        FieldDescriptor.CPPTYPE_UINT64,
        FieldDescriptor.CPPTYPE_DOUBLE,
        FieldDescriptor.CPPTYPE_FLOAT,
        FieldDescriptor.CPPTYPE_BOOL,
    }
)
_EPOCH = datetime.fromtimestamp(0, UTC).replace(tzinfo=None)

Convert = Callable[[Any], Any]


def encode(message: Message) -> bytes:
    """The message as JSON bytes."""
    return orjson.dumps(to_value(message))


def to_value(message: Message) -> dict[str, Any]:
    """The message as a value for `orjson.dumps`; payloads in it are fragments of JSON text."""
    return _encoder(message.DESCRIPTOR)(message)


def payload_value(payload: payload_pb2.Payload) -> Any:
    """A payload as its own JSON value, or as an object with its bytes."""
    kind = payload.WhichOneof("content")
    if kind is None:
        return None
    if kind == "json":
        # An object that looks like our form of bytes would be read back as bytes.
        if BYTES_KEY not in payload.json or not _has_bytes_key(payload.json):
            return orjson.Fragment(payload.json)
        return _bytes_value(payload.json.encode(), JSON_TYPE, payload)
    return _bytes_value(payload.data, payload.content_type, payload)


def time_text(message: Timestamp) -> str:
    """RFC 3339 in UTC, with microseconds."""
    moment = _EPOCH + timedelta(seconds=message.seconds, microseconds=message.nanos // 1_000)
    return moment.isoformat(timespec="microseconds") + "Z"


def span_text(message: Duration) -> str:
    """A span in seconds, as definitions write it: 1.5s."""
    seconds = Decimal(message.seconds) + Decimal(message.nanos) / 1_000_000_000
    return f"{seconds.normalize():f}s"


@cache
def short_names(descriptor: EnumDescriptor) -> dict[int, str]:
    """The names of an enum's values without what they all begin with; the unspecified one is left out."""
    unspecified = descriptor.values_by_number[0].name
    prefix = unspecified.removesuffix("UNSPECIFIED")
    return {value.number: value.name.removeprefix(prefix) for value in descriptor.values if value.number}


def is_always_there(field: FieldDescriptor) -> bool:
    """Whether a field is shown when it is empty too: numbers that count, booleans and lists."""
    if field.is_repeated:
        return not is_map(field)
    return field.cpp_type in _NUMBERS and field.full_name not in OPTIONAL_NUMBERS


def is_map(field: FieldDescriptor) -> bool:
    """Whether a repeated field is a map."""
    return field.message_type is not None and field.message_type.GetOptions().map_entry


def _has_bytes_key(text: str) -> bool:
    value = json.loads(text)
    return isinstance(value, dict) and BYTES_KEY in value


def _bytes_value(data: bytes, content_type: str, payload: payload_pb2.Payload) -> dict[str, Any]:
    value: dict[str, Any] = {BYTES_KEY: base64.b64encode(data).decode()}
    if content_type:
        value["content_type"] = content_type
    if payload.metadata:
        value["metadata"] = dict(payload.metadata)
    return value


@cache
def _encoder(descriptor: Descriptor) -> Callable[[Any], dict[str, Any]]:
    fields = [(f.name, _converter(f), is_always_there(f), _has_presence(f)) for f in descriptor.fields]

    def encode_fields(message: Any) -> dict[str, Any]:
        has = message.HasField
        out = {}
        for name, convert, always, presence in fields:
            if presence and not has(name):
                continue
            value = getattr(message, name)
            if value or always or presence:
                out[name] = value if convert is None else convert(value)
        return out

    return encode_fields


def _has_presence(field: FieldDescriptor) -> bool:
    return not field.is_repeated and field.has_presence


def _converter(field: FieldDescriptor) -> Convert | None:
    if field.message_type is not None and is_map(field):
        return _of_map(_single(field.message_type.fields_by_name["value"]))
    convert = _single(field)
    if not field.is_repeated:
        return convert
    return list if convert is None else lambda items: [convert(item) for item in items]


def _of_map(convert: Convert | None) -> Convert:
    return dict if convert is None else lambda items: {key: convert(items[key]) for key in items}


def _single(field: FieldDescriptor) -> Convert | None:
    if field.full_name in JSON_TEXTS:
        return orjson.Fragment
    if field.enum_type is not None:
        names = short_names(field.enum_type)
        return lambda number: names.get(number, str(number))
    if field.message_type is not None:
        return _of_message(field.message_type)
    if field.type == FieldDescriptor.TYPE_BYTES:
        return lambda data: base64.b64encode(data).decode()
    return None


def _of_message(descriptor: Descriptor) -> Convert:
    known: dict[str, Convert] = {
        payload_pb2.Payload.DESCRIPTOR.full_name: payload_value,
        Timestamp.DESCRIPTOR.full_name: time_text,
        Duration.DESCRIPTOR.full_name: span_text,
    }
    # A failure holds its cause, another failure: the encoder is looked up when it is needed.
    return known.get(descriptor.full_name) or (lambda message: _encoder(message.DESCRIPTOR)(message))
