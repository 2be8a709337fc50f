"""Columns as binary array parameters: how a whole batch reaches Postgres in one statement.

psycopg dumps lists item by item in Python; these join a column's bytes at once, several times cheaper. Instants are
microseconds since 1970 on both sides.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence

from psycopg import adapt, pq
from psycopg.adapt import AdaptersMap, Buffer

EPOCH_2000 = 946_684_800_000_000
_TID_OID = 27
_NULL = b"\xff\xff\xff\xff"
_HEAD = struct.Struct(">iiIii").pack
_INT8 = struct.Struct(">iq").pack
_INT4 = struct.Struct(">ii").pack
_INT2 = struct.Struct(">ih").pack
_FLOAT8 = struct.Struct(">id").pack
_LENGTH = struct.Struct(">i").pack
_UNPACK_INT8 = struct.Struct(">q").unpack


class Column:
    """One column of a batch, encoded; subclasses say of what type."""

    __slots__ = ("data", "size")
    element_oid = 0
    array_oid = 0

    def __init__(self, parts: Sequence[bytes]) -> None:
        self.size = len(parts)
        self.data = b"".join(parts)


class Int8s(Column):
    """bigint[]"""

    element_oid, array_oid = 20, 1016

    def __init__(self, values: Iterable[int | None]) -> None:
        super().__init__([_NULL if v is None else _INT8(8, v) for v in values])


class Int4s(Column):
    """integer[]"""

    element_oid, array_oid = 23, 1007

    def __init__(self, values: Iterable[int | None]) -> None:
        super().__init__([_NULL if v is None else _INT4(4, v) for v in values])


class Int2s(Column):
    """smallint[]"""

    element_oid, array_oid = 21, 1005

    def __init__(self, values: Iterable[int]) -> None:
        super().__init__([_INT2(2, v) for v in values])


class Float8s(Column):
    """double precision[]"""

    element_oid, array_oid = 701, 1022

    def __init__(self, values: Iterable[float | None]) -> None:
        super().__init__([_NULL if v is None else _FLOAT8(8, v) for v in values])


class Instants(Column):
    """timestamptz[] from microseconds since 1970"""

    element_oid, array_oid = 1184, 1185

    def __init__(self, values: Iterable[int | None]) -> None:
        super().__init__([_NULL if v is None else _INT8(8, v - EPOCH_2000) for v in values])


class Uuids(Column):
    """uuid[] from 16 bytes each"""

    element_oid, array_oid = 2950, 2951

    def __init__(self, values: Iterable[bytes | None]) -> None:
        super().__init__([_NULL if v is None else b"\0\0\0\x10" + v for v in values])


class Places(Column):
    """tid[] from the 6 bytes each that Postgres gave"""

    element_oid, array_oid = 27, 1010

    def __init__(self, values: Iterable[bytes]) -> None:
        super().__init__([b"\0\0\0\x06" + v for v in values])


class Byteas(Column):
    """bytea[]"""

    element_oid, array_oid = 17, 1001

    def __init__(self, values: Iterable[bytes | None]) -> None:
        super().__init__([_NULL if v is None else _LENGTH(len(v)) + v for v in values])


class Texts(Column):
    """text[]"""

    element_oid, array_oid = 25, 1009

    def __init__(self, values: Iterable[str | None]) -> None:
        encoded = [None if v is None else v.encode() for v in values]
        super().__init__([_NULL if v is None else _LENGTH(len(v)) + v for v in encoded])


class Instant(int):
    """One timestamptz parameter from microseconds since 1970."""


class _ColumnDumper(adapt.Dumper):
    format = pq.Format.BINARY

    def dump(self, obj: Column) -> Buffer:
        if not obj.size:
            return _HEAD(0, 0, obj.element_oid, 0, 1)[:12]
        return _HEAD(1, 1, obj.element_oid, obj.size, 1) + obj.data


class _InstantDumper(adapt.Dumper):
    format = pq.Format.BINARY
    oid = 1184

    def dump(self, obj: Instant) -> Buffer:
        return (obj - EPOCH_2000).to_bytes(8, "big", signed=True)


class _InstantLoader(adapt.Loader):
    format = pq.Format.BINARY

    def load(self, data: Buffer) -> int:
        return int(_UNPACK_INT8(data)[0]) + EPOCH_2000


class _BytesLoader(adapt.Loader):
    format = pq.Format.BINARY

    def load(self, data: Buffer) -> bytes:
        return bytes(data)


def register(adapters: AdaptersMap) -> None:
    """Teach a connection the columns, instants as microseconds since 1970, and uuids as their 16 bytes."""
    for column in (Int8s, Int4s, Int2s, Float8s, Instants, Uuids, Places, Byteas, Texts):
        dumper = type(f"_{column.__name__}Dumper", (_ColumnDumper,), {"oid": column.array_oid})
        adapters.register_dumper(column, dumper)
    adapters.register_dumper(Instant, _InstantDumper)
    adapters.register_loader("timestamptz", _InstantLoader)
    adapters.register_loader("uuid", _BytesLoader)
    adapters.register_loader(_TID_OID, _BytesLoader)
