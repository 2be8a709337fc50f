"""The crew of the session's Postgres, and how many schedules were explored, said at the end."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Iterator

import psycopg
import pytest
from psycopg import AsyncConnection

from stellwerk_server.commit.workflows import Workflows
from stellwerk_server.embedded import EmbeddedPostgres
from stellwerk_server.model.ids import IdSource
from stellwerk_server.store.database import read_pool
from stellwerk_server.store.migrate import migrate
from tests.interleave.crew import Crew
from tests.interleave.plays import Stage
from tests.interleave.sides import Side, World, step_lines
from tests.model import virtual
from tests.model.virtual import Database
from tests.support.databases import fresh_database

_COUNTS: Counter[str] = Counter()


@pytest.fixture
def counts() -> Counter[str]:
    """What was explored, by kind."""
    return _COUNTS


@pytest.fixture(scope="package")
def virtual_dsn(postgres: EmbeddedPostgres) -> Iterator[str]:
    """A database whose clock is in the test's hand, and which notices deadlocks soon."""
    with fresh_database(postgres) as dsn:
        migrate(dsn)
        virtual.prepare(dsn)
        with psycopg.connect(dsn, autocommit=True) as connection:
            connection.execute(f"alter database {connection.info.dbname} set deadlock_timeout = '20ms'".encode())
        yield dsn


@pytest.fixture
async def crew(virtual_dsn: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Crew]:
    """Three servers that stop before each statement."""
    pool = read_pool(virtual_dsn, 2)
    await pool.open()
    world = World(virtual_dsn, Workflows(pool), pool, IdSource(1))
    sides = [Side(name, world) for name in "ABC"]
    step_lines(monkeypatch, virtual_dsn, sides)
    database = Database(virtual_dsn)
    async with await AsyncConnection.connect(virtual_dsn, autocommit=True) as observer:
        yield Crew(world, database, sides, Stage(sides, observer))
        for side in sides:
            await side.stop()
    database.close()
    await pool.close()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say how much was explored."""
    if _COUNTS:
        terminalreporter.write_line("interleave: " + ", ".join(f"{n} {kind}" for kind, n in _COUNTS.items()))
