"""Commits get their place in the feed once, in an order that never changes below what a reader has seen."""

from __future__ import annotations

import asyncio
from typing import Any

import psycopg
from psycopg_pool import AsyncConnectionPool

from stellwerk_server.store import feed

MOVE = "insert into moves (at, runs, namespaces, firsts, lasts) values (now(), array[%s], '{1}', '{1}', '{2}')"
Pool = AsyncConnectionPool[Any]


async def runs_in_order(pool: Pool) -> list[int]:
    """The runs of all rows, by position."""
    async with pool.connection() as connection:
        return [row.runs[0] for row in await feed.page(connection, 0, feed.MAX_POSITION, 100_000)]


async def put_in_order(pool: Pool) -> None:
    async with pool.connection() as connection:
        await feed.order(connection)


async def test_several_at_once_give_each_commit_one_place(pool: Pool, migrated: str) -> None:
    with psycopg.connect(migrated, autocommit=True) as writer:
        writer.execute(
            "insert into moves (at, runs, namespaces, firsts, lasts)"
            " select now(), array[n], '{1}', '{1}', '{2}' from generate_series(1, 7000) n order by n"
        )
    await asyncio.gather(*(put_in_order(pool) for _ in range(4)))
    assert await runs_in_order(pool) == list(range(1, 7_001))


async def test_a_commit_that_shows_late_comes_after_what_was_seen(pool: Pool, migrated: str) -> None:
    with psycopg.connect(migrated) as slow, psycopg.connect(migrated, autocommit=True) as quick:
        slow.execute(MOVE, [1])
        quick.execute(MOVE, [2])
        await put_in_order(pool)
        assert await runs_in_order(pool) == [2]
        slow.commit()
        quick.execute(MOVE, [3])
        await put_in_order(pool)
        assert await runs_in_order(pool) == [2, 1, 3]


async def test_a_quiet_feed_gets_one_mark(pool: Pool) -> None:
    async with pool.connection() as connection:
        assert await feed.bounds(connection, 1) == (None, None, False)
        for _ in range(2):
            await feed.mark(connection, 60.0)
        assert await feed.bounds(connection, 1) == (1, 1, True)
        assert [row.runs for row in await feed.page(connection, 0, feed.MAX_POSITION, 10)] == [[]]
        await feed.mark(connection, 0.0)
        assert (await feed.bounds(connection, 3)).found is False
        assert (await feed.bounds(connection, 2)).found is True
