"""The simulation's own connections: each belongs to one of its servers at a time."""

from __future__ import annotations

import asyncio

import pytest

from stellwerk_server.embedded import EmbeddedPostgres
from stellwerk_server.store.migrate import migrate
from tests.simulation.connections import SimConnection
from tests.simulation.postgres import Postgres, prepare
from tests.simulation.world import World
from tests.support.databases import fresh_database

LOCK = "select 1 from auditor for update"


@pytest.mark.timeout(60)
def test_a_run_that_ends_while_somebody_waits_for_a_lock_gives_each_connection_back_once(
    postgres: EmbeddedPostgres,
) -> None:
    with fresh_database(postgres) as dsn:
        migrate(dsn)
        prepare(dsn)
        database = Postgres(dsn)
        try:
            world = World(database, 1)
            world.loop.run_until_complete(_somebody_waits(world))
            world._clear()
            free = database._free["hot"]
            assert len(free) == len(set(free)) == 2
        finally:
            database.close()


async def _somebody_waits(world: World) -> None:
    one, other = (SimConnection(world.network, world.network.open("hot", None)) for _ in range(2))
    await one.link.step("begin", one.link.begin)
    await one.execute(LOCK)
    waiting = asyncio.get_running_loop().create_task(other.execute(LOCK))
    while not world.postgres._parked:  # noqa: ASYNC110 - it has no event
        await asyncio.sleep(0.01)
    assert not waiting.done()
