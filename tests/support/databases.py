"""A real Postgres and a real Valkey for the tests: started once a session, an empty database for each test.

Without fsync, so never a place to measure anything."""

import itertools
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
import redis
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from stellwerk_server.embedded import EmbeddedPostgres, EmbeddedValkey
from stellwerk_server.store.migrate import migrate

FAST_AND_FORGETFUL = {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off"}

_numbers = itertools.count(1)


@contextmanager
def fresh_database(server: EmbeddedPostgres, template: str = "template1") -> Iterator[str]:
    """The DSN of a new database, a copy of `template`; dropped at the end, open connections or not."""
    name = f"test_{next(_numbers)}"
    with psycopg.connect(server.dsn_of("postgres"), autocommit=True) as admin:
        copy = sql.SQL("CREATE DATABASE {} TEMPLATE {}")
        admin.execute(copy.format(sql.Identifier(name), sql.Identifier(template)))
    try:
        yield server.dsn_of(name)
    finally:
        with psycopg.connect(server.dsn_of("postgres"), autocommit=True) as admin:
            admin.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.fixture(scope="session")
def server_folder() -> Iterator[Path]:
    """A folder for the session's servers, removed with all in it."""
    with tempfile.TemporaryDirectory(prefix="stellwerk-tests-") as folder:
        yield Path(folder)


@pytest.fixture(scope="session")
def postgres(server_folder: Path) -> Iterator[EmbeddedPostgres]:
    """The session's Postgres."""
    with EmbeddedPostgres.start(server_folder, settings=FAST_AND_FORGETFUL) as server:
        yield server


@pytest.fixture
def database(postgres: EmbeddedPostgres) -> Iterator[str]:
    """The DSN of an empty database of this test's own."""
    with fresh_database(postgres) as dsn:
        yield dsn


@pytest.fixture(scope="session")
def migrated_template(postgres: EmbeddedPostgres) -> Iterator[str]:
    """The name of a database that was migrated once, for copying; nothing may connect to it."""
    with fresh_database(postgres) as dsn:
        migrate(dsn)
        yield str(conninfo_to_dict(dsn)["dbname"])


@pytest.fixture
def migrated(postgres: EmbeddedPostgres, migrated_template: str) -> Iterator[str]:
    """The DSN of a database of this test's own that has our tables."""
    with fresh_database(postgres, migrated_template) as dsn:
        yield dsn


@pytest.fixture(scope="session")
def valkey(server_folder: Path) -> Iterator[EmbeddedValkey]:
    """The session's Valkey."""
    with EmbeddedValkey.start(server_folder, settings={"appendonly": "no"}) as server:
        yield server


@pytest.fixture
def redis_url(valkey: EmbeddedValkey) -> str:
    """The URL of the session's Valkey, emptied for this test."""
    with redis.Redis.from_url(valkey.url) as client:
        client.flushall()
    return valkey.url
