"""The database's clock, for those who only want to show it."""

from __future__ import annotations

from typing import Any

from psycopg import AsyncConnection

from stellwerk_server.model.events import Instant
from stellwerk_server.store import rows, sql

_NOW = sql.load("read").database_now


async def database_now(connection: AsyncConnection[Any]) -> Instant:
    """What time it is there."""
    now: Instant = await rows.value(connection, _NOW, {})
    return now
