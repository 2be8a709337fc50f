"""Requests for every RPC: valid ones made from the descriptors, strange values in them, and bytes that are none."""

from __future__ import annotations

import random
from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

_DEPTH_MAX = 4
_INTEGERS = (0, 1, -1, 2, 7, 127, 255, 1_000, 1 << 20, (1 << 31) - 1, -(1 << 31), (1 << 32) - 1, 1 << 53)
_LARGE = ((1 << 63) - 1, -(1 << 63), 1 << 62, (1 << 64) - 1)
_FLOATS = (0.0, -0.0, 1.5, -1.0, 1e308, 1e-320, float("inf"), float("-inf"), float("nan"))
_TEXTS = (
    "", " ", "a", "x", "default", "edge", "quick", "a.b", "A B", "ä", "\U0001f600", "\0", "a\0b", "\n", "../../etc",
    "%s%n",
    "'; drop table runs; --", "$decision", "workflow:edge", "f[0]", "run_", "run_0000000000000", "run_vvvvvvvvvvvvv",
    "run_7vvvvvvvvvvvv", "dl_0000000000000", "RUNNING", "name: a\nsteps: [{id: a, action: x}]", "{", "${input.n}",
    "x" * 256, "x" * 70_000, "\ud7ff\ue000", "-", "1e999", "null", "0" * 40,
)  # fmt: skip
_BYTES = (
    b"", b"\0", b"null", b"1", b"[]", b'{"n":1}', b'{"n":1e999}', b'"\xff"', b"{", b"\xff\xfe", b"\0\0json",
    b"x" * 70_000,
    b"[" * 3_000, b"\0" * 40,
)  # fmt: skip


class Maker:
    """Makes requests; `known` are ids and tokens that exist, by the name of a field that may hold them."""

    def __init__(self, chance: random.Random, known: dict[str, list[Any]]) -> None:
        self._chance = chance
        self._known = known

    def message(self, descriptor: Descriptor, depth: int = 0) -> Message:
        """A message with about half of its fields set."""
        made: Any = GetMessageClass(descriptor)()
        for field in descriptor.fields:
            if self._chance.random() < (0.55 if depth < _DEPTH_MAX else 0.0):
                self._set(made, field, depth)
        return made  # type: ignore[no-any-return]  # made by name

    def _set(self, made: Any, field: FieldDescriptor, depth: int) -> None:
        nested = field.message_type
        if nested is not None and nested.GetOptions().map_entry:
            self._fill_map(getattr(made, field.name), nested, depth)
        elif field.is_repeated:
            for _ in range(self._chance.choice((1, 1, 2, 3, 20))):
                if nested is not None:
                    getattr(made, field.name).append(self.message(nested, depth + 1))
                else:
                    getattr(made, field.name).append(self._value(field))
        elif nested is not None:
            getattr(made, field.name).CopyFrom(self.message(nested, depth + 1))
        else:
            setattr(made, field.name, self._value(field))

    def _fill_map(self, entries: Any, entry: Descriptor, depth: int) -> None:
        key, value = entry.fields_by_name["key"], entry.fields_by_name["value"]
        name = self._value(key)
        if value.message_type is not None:
            entries[name].CopyFrom(self.message(value.message_type, depth + 1))
        else:
            entries[name] = self._value(value)

    def _value(self, field: FieldDescriptor) -> Any:
        known = self._known.get(field.name)
        if known and self._chance.random() < 0.7:
            return self._chance.choice(known)
        kind = field.cpp_type
        if kind == FieldDescriptor.CPPTYPE_STRING:
            return self._chance.choice(_BYTES if field.type == FieldDescriptor.TYPE_BYTES else _TEXTS)
        if kind == FieldDescriptor.CPPTYPE_BOOL:
            return self._chance.random() < 0.5
        if kind in (FieldDescriptor.CPPTYPE_DOUBLE, FieldDescriptor.CPPTYPE_FLOAT):
            return self._chance.choice(_FLOATS)
        if kind == FieldDescriptor.CPPTYPE_ENUM:
            return self._chance.choice((0, 1, 2, 3, 99, -1))
        return self._integer(kind)

    def _integer(self, kind: int) -> int:
        value = self._chance.choice(_INTEGERS + _LARGE)
        bits = 64 if kind in (FieldDescriptor.CPPTYPE_INT64, FieldDescriptor.CPPTYPE_UINT64) else 32
        signed = kind in (FieldDescriptor.CPPTYPE_INT64, FieldDescriptor.CPPTYPE_INT32)
        low, high = (-(1 << (bits - 1)), (1 << (bits - 1)) - 1) if signed else (0, (1 << bits) - 1)
        return min(max(value, low), high)

    def data(self, descriptor: Descriptor) -> bytes:
        """The bytes of a request: as made, torn, or nothing like one."""
        way = self._chance.random()
        if way < 0.1:
            return self._chance.randbytes(self._chance.choice((0, 1, 3, 20, 200, 5_000)))
        made = self.message(descriptor).SerializeToString()
        return self._torn(made) if way < 0.45 else made

    def _torn(self, data: bytes) -> bytes:
        torn = bytearray(data)
        for _ in range(self._chance.choice((1, 1, 2, 8))):
            place = self._chance.randrange(len(torn) + 1)
            way = self._chance.randrange(7)
            if way == 0:
                torn[place : place + 1] = self._chance.randbytes(1)
            elif way == 1:
                del torn[place : place + self._chance.choice((1, 2, 50))]
            elif way == 2:
                # A varint of more than 64 bits.
                torn[place:place] = b"\xff" * self._chance.choice((9, 10, 11, 40)) + b"\x01"
            elif way == 3:
                # The same field, of every wire type, and of a length that is not there.
                torn[place:place] = bytes([self._chance.randrange(1, 128), self._chance.randrange(256)])
            elif way == 4:
                torn += torn[place:] * self._chance.choice((1, 2, 30) if len(torn) < 1 << 20 else (1,))
            elif way == 5:
                # Groups, and messages inside each other, deeper than anybody reads.
                torn[place:place] = bytes([self._chance.choice((0x0B, 0x13, 0x0A))]) * self._chance.choice((101, 5_000))
            else:
                torn[place:place] = b"\x0a\x02\xc3\x28"
        return bytes(torn)
