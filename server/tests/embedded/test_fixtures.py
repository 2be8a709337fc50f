"""The shared fixtures give each test a server that is its own to spoil."""

import psycopg
import redis

from stellwerk_server.embedded import EmbeddedPostgres
from tests.support.databases import fresh_database


def test_a_database_starts_empty_and_is_dropped_under_open_connections(postgres: EmbeddedPostgres) -> None:
    with fresh_database(postgres) as dsn, psycopg.connect(dsn) as connection:
        tables = connection.execute("SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace")
        assert tables.fetchone() == (0,)
        name = connection.info.dbname
        connection.close()
        left_open = psycopg.connect(dsn)
    left_open.close()
    with psycopg.connect(postgres.dsn) as connection:
        assert connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone() is None


def test_a_database_can_be_copied_from_a_prepared_one(postgres: EmbeddedPostgres, database: str) -> None:
    with psycopg.connect(database) as connection:
        connection.execute("CREATE TABLE prepared ()")
        name = connection.info.dbname
    with fresh_database(postgres, template=name) as copy, psycopg.connect(copy) as connection:
        assert connection.execute("SELECT count(*) FROM prepared").fetchone() == (0,)


def test_a_redis_url_is_spoilt(redis_url: str) -> None:
    with redis.Redis.from_url(redis_url) as client:
        assert client.dbsize() == 0
        client.set("left", "behind")


def test_a_redis_url_is_empty_again(redis_url: str) -> None:
    with redis.Redis.from_url(redis_url) as client:
        assert client.dbsize() == 0
