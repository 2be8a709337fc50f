"""What rows of workers say: when a worker was last heard of, and never that it was there after it was."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from stellwerk_server.dispatch.sessions import Session, Sessions
from stellwerk_server.loops.workers import Touch
from stellwerk_server.store import sql
from stellwerk_server.store.database import Pool, read_pool

SQL = sql.load("dispatch")
LONG_AGO_S, A_MOMENT_S = 3.0, 1.2


async def seen_lately(pool: Pool, worker: str) -> bool:
    async with pool.connection() as connection:
        cursor = await connection.execute(SQL.workers_seen, {"ids": [worker], "within_s": A_MOMENT_S})
        return await cursor.fetchone() is not None


async def test_a_poll_is_a_sign_of_life_of_when_it_came(migrated: str) -> None:
    """Else a worker that died meanwhile, with its line to another instance, would be taken for one that is back."""
    sessions = Sessions()
    async with read_pool(migrated, 2) as pool:
        touch = Touch(pool, sessions)
        sessions.polled(1, "w", "default", ["x"], 1)
        session = sessions.seen[1, "w"]
        session.heard_at_s -= LONG_AGO_S
        await touch.run_once()
        assert not await seen_lately(pool, "w")

        sessions.polled(1, "w", "default", ["x"], 1)
        await touch.run_once()
        assert await seen_lately(pool, "w")

        sessions.seen[1, "w"] = session
        await touch.run_once()
        assert await seen_lately(pool, "w")


async def test_a_line_that_is_open_is_a_sign_of_life_now(migrated: str) -> None:
    sessions = Sessions()
    async with read_pool(migrated, 2) as pool:
        sessions.polled(1, "w", "default", ["x"], 1)
        session = sessions.seen[1, "w"]
        session.heard_at_s -= LONG_AGO_S
        sessions.opened(session)
        await Touch(pool, sessions).run_once()
        assert await seen_lately(pool, "w")


class Interrupted:
    """A pool that has something happen before it gives a connection."""

    def __init__(self, pool: Pool, happens: Any) -> None:
        self._pool = pool
        self._happens = happens

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Any]:
        self._happens()
        async with self._pool.connection() as connection:
            yield connection


async def test_who_leaves_before_its_row_is_written_is_forgotten_again(migrated: str) -> None:
    """Else it would pass for a worker that is there, until its row is old."""
    sessions = Sessions()
    session = Session(1, "w")
    sessions.opened(session)

    def leaves() -> None:
        session.leaving = True
        sessions.closed(session)
        assert sessions.lost.get_nowait() is session

    async with read_pool(migrated, 2) as pool:
        await Touch(Interrupted(pool, leaves), sessions).run_once()  # type: ignore[arg-type]
    assert sessions.lost.get_nowait() is session
