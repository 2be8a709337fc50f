"""A database whose clock stands still until the test moves it: a schema of ours shadows `clock_timestamp()`."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import psycopg
from psycopg import sql

from stellwerk_server.dispatch import duplicates
from stellwerk_server.model.events import SECOND, Instant
from tests.support.folds import plain

START: Instant = 1_767_225_600 * SECOND
_TABLES = (
    "runs, steps, events, ready, leases, timers, children, dead_letters, idempotency_keys, chunks, workers,"
    " published, attributes, parked, moves, feed"
)
_PREPARE = """
create schema virtual;
create table virtual.clock (now timestamptz not null);
insert into virtual.clock values (to_timestamp(0));
create function virtual.clock_timestamp() returns timestamptz language sql volatile as 'select now from virtual.clock';
"""


def prepare(dsn: str) -> None:
    """Let every connection made from now on see the virtual clock."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(_PREPARE.encode())
        path = sql.SQL("alter database {} set search_path = virtual, pg_catalog, public")
        connection.execute(path.format(sql.Identifier(connection.info.dbname)))


class Database:
    """A look at the tables from outside, and the hand on the clock."""

    def __init__(self, dsn: str) -> None:
        # What waits longer waits for a transaction that somebody has left open.
        self.connection = psycopg.connect(dsn, autocommit=True, options="-c lock_timeout=30s")
        self.now = START
        self.set_clock(START)

    def close(self) -> None:
        """Hang up."""
        self.connection.close()

    def clear(self) -> None:
        """Empty every table but what names things: definitions, namespaces and lanes stay as they are."""
        self.connection.execute(f"truncate {_TABLES}".encode())
        self.set_clock(START)

    def set_clock(self, now: Instant) -> None:
        """It is `now` for the whole database."""
        self.now = now
        self.connection.execute("update virtual.clock set now = to_timestamp(0) + %s * interval '1 us'", [now])

    def rows(self, statement: str, *parameters: Any) -> list[dict[str, Any]]:
        """The rows by column; instants are microseconds since 1970."""
        return _by_column(self.connection.execute(statement.encode(), parameters))

    def many(self, statements: Sequence[str]) -> list[list[dict[str, Any]]]:
        """The rows of each, in one round trip."""
        with self.connection.pipeline():
            cursors = [self.connection.execute(statement.encode()) for statement in statements]
        return [_by_column(cursor) for cursor in cursors]

    def all(self, table: str) -> list[dict[str, Any]]:
        """The whole table."""
        return self.rows("table " + table)


@contextmanager
def clock_of_redis_entries(database: Database) -> Iterator[None]:
    """Let the cache of idempotency keys see that clock too: the expiry of its entries is the database's."""
    module: Any = duplicates
    real = module.time
    seen = SimpleNamespace(time=lambda: database.now / SECOND, monotonic=time.monotonic)
    module.time = seen
    try:
        yield
    finally:
        module.time = real


def _by_column(cursor: psycopg.Cursor[Any]) -> list[dict[str, Any]]:
    assert cursor.description is not None
    names = [column.name for column in cursor.description]
    return [dict(zip(names, map(plain, row), strict=True)) for row in cursor.fetchall()]
