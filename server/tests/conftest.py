"""What the server's tests start from: a database with our tables, a pool for reads, and rows put there by hand."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any, ClassVar

import psycopg
import pytest
from psycopg import sql
from psycopg_pool import AsyncConnectionPool

from stellwerk_server.store.database import read_pool


class Seed:
    """Inserts rows of any table: columns by name, what a test does not care about filled in."""

    DEFAULTS: ClassVar[dict[str, dict[str, Any]]] = {
        "runs": {"namespace_id": 1, "state": 2, "seq": 1, "created_at": "2026-01-01T00:00:00Z"},
        "steps": {"position": 0, "state": 2, "attempt": 1},
        "events": {"type": 1, "at": "2026-01-01T00:00:00Z"},
        "chunks": {"attempt": 1, "at": "2026-01-01T00:00:00Z"},
        "ready": {"attempt": 1, "rank": 0, "at": "2026-01-01T00:00:00Z"},
        "leases": {
            "attempt": 1,
            "token": "00000000-0000-0000-0000-000000000001",
            "leased_at": "2026-01-01T00:00:00Z",
            "expires_at": "2026-01-01T00:01:00Z",
        },
        "workflows": {"namespace_id": 1, "version": 1, "digest": b"1", "definition": "{}"},
        "lanes": {"namespace_id": 1, "queue": "default"},
        "workers": {"namespace_id": 1, "queue": "default", "slots": 1},
        "dead_letters": {
            "namespace_id": 1,
            "attempt": 4,
            "queue": "default",
            "action": "a",
            "reason": "ATTEMPTS_EXHAUSTED",
            "failure": '{"type":"Error","message":"no","category":1}',
            "created_at": "2026-01-01T00:00:00Z",
        },
        "published": {},
        "attributes": {"namespace_id": 1},
        "namespaces": {},
    }

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self.connection = connection

    def __call__(self, table: str, **columns: Any) -> Any:
        """Insert a row and return its first column."""
        row = {**self.DEFAULTS[table], **columns}
        if table == "workers":
            row = {"first_seen_at": self.now(), "seen_at": self.now(), **row}
        statement = sql.SQL("insert into {} ({}) values ({}) returning {}.*").format(
            sql.Identifier(table),
            sql.SQL(", ").join(map(sql.Identifier, row)),
            sql.SQL(", ").join(sql.Placeholder() * len(row)),
            sql.Identifier(table),
        )
        inserted = self.connection.execute(statement, list(row.values())).fetchone()
        assert inserted is not None
        return inserted[0]

    def now(self) -> Any:
        """The database's time."""
        row = self.connection.execute("select clock_timestamp()").fetchone()
        assert row is not None
        return row[0]


@pytest.fixture
def seed(migrated: str) -> Iterator[Seed]:
    """Inserts rows into the migrated database."""
    with psycopg.connect(migrated, autocommit=True) as connection:
        yield Seed(connection)


@pytest.fixture
async def pool(migrated: str) -> AsyncIterator[AsyncConnectionPool[Any]]:
    """The server's own pool for reads."""
    async with read_pool(migrated, 4) as opened:
        yield opened
