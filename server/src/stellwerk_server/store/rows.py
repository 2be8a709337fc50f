"""Runs a named statement and gives its rows as the dataclass of their table; instants as microseconds since 1970.

Knows no table and no statement, and takes any connection as it is.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from psycopg import AsyncConnection, AsyncCursor, pq
from psycopg.adapt import Buffer, Loader
from psycopg.rows import AsyncRowFactory, class_row, tuple_row

from stellwerk_server.store.arrays import EPOCH_2000

T = TypeVar("T")

# A page of rows ends when its payloads and failures take up this much: an answer stays well below the 16 MiB of
# a message, and no list can fill the server's memory.
PAGE_BYTES = 8 << 20
_TO_INT8 = struct.Struct(">q").unpack


class _InstantLoader(Loader):
    format = pq.Format.BINARY

    def load(self, data: Buffer) -> int:
        return int(_TO_INT8(data)[0]) + EPOCH_2000


def _cursor(connection: AsyncConnection[Any], factory: AsyncRowFactory[T]) -> AsyncCursor[T]:
    cursor = connection.cursor(binary=True, row_factory=factory)
    cursor.adapters.register_loader("timestamptz", _InstantLoader)
    return cursor


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Some rows in order, and whether there are more after them."""

    rows: Sequence[T]
    more: bool


async def many(
    connection: AsyncConnection[Any], kind: type[T], statement: bytes, parameters: Mapping[str, Any]
) -> list[T]:
    """All rows."""
    async with _cursor(connection, class_row(kind)) as cursor:
        await cursor.execute(statement, parameters)
        return await cursor.fetchall()


async def one(
    connection: AsyncConnection[Any], kind: type[T], statement: bytes, parameters: Mapping[str, Any]
) -> T | None:
    """The first row, or None."""
    async with _cursor(connection, class_row(kind)) as cursor:
        await cursor.execute(statement, parameters)
        return await cursor.fetchone()


async def value(connection: AsyncConnection[Any], statement: bytes, parameters: Mapping[str, Any]) -> Any:
    """The first column of the first row, None when there is none."""
    async with _cursor(connection, tuple_row) as cursor:
        await cursor.execute(statement, parameters)
        row = await cursor.fetchone()
        return row[0] if row else None


async def page(
    connection: AsyncConnection[Any],
    kind: type[T],
    statement: bytes,
    parameters: Mapping[str, Any],
    size: int,
    max_bytes: int | None = None,
) -> Page[T]:
    """One page of at most `size` rows and `max_bytes` (None: PAGE_BYTES).

    The statement takes `limit` and `max_bytes` and says in a last column, `found`, how many rows there were
    before it cut them at the bytes. Never prepared: with optional filters the plan of one caller is wrong for
    the next.
    """
    bounds = {"limit": size + 1, "max_bytes": PAGE_BYTES if max_bytes is None else max_bytes}
    async with _cursor(connection, tuple_row) as cursor:
        await cursor.execute(statement, {**parameters, **bounds}, prepare=False)
        rows = await cursor.fetchall()
        names = [column.name for column in cursor.description or ()][:-1]
    more = bool(rows) and rows[0][-1] > min(len(rows), size)
    return Page([kind(**dict(zip(names, row, strict=False))) for row in rows[:size]], more)
