"""The database with the virtual clock, and the Redis beside it, that all machines of this folder play on."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from stellwerk_server.embedded import EmbeddedPostgres, EmbeddedValkey
from stellwerk_server.store.migrate import migrate
from tests.model import virtual
from tests.model.servers import Servers
from tests.model.virtual import Database
from tests.support.databases import fresh_database


@pytest.fixture(scope="session")
def virtual_database(postgres: EmbeddedPostgres, valkey: EmbeddedValkey) -> Iterator[Database]:
    with fresh_database(postgres) as dsn:
        migrate(dsn)
        virtual.prepare(dsn)
        database = Database(dsn)
        Servers.database, Servers.dsn, Servers.redis_url = database, dsn, valkey.url
        with virtual.clock_of_redis_entries(database):
            yield database
        database.close()
