"""Migrations run once, whoever asks, and databases we cannot serve are refused in words."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from stellwerk_server.store import migrate as m


def test_migrating_twice_does_nothing_the_second_time(database: str) -> None:
    assert m.current(database) is None
    assert m.migrate(database) == list(m.revisions())
    assert m.migrate(database) == []
    assert m.current(database) == m.revisions()[-1]


def test_a_current_database_costs_no_import_of_alembic_or_sqlalchemy(migrated: str) -> None:
    code = (
        "import sys\nfrom stellwerk_server.store.migrate import migrate\n"
        "assert migrate(sys.argv[1]) == []\nprint('alembic' in sys.modules, 'sqlalchemy' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code, migrated], capture_output=True, text=True, check=True)
    assert done.stdout == "False False\n"


def test_two_servers_starting_together_migrate_once(database: str) -> None:
    with ThreadPoolExecutor(4) as threads:
        applied = list(threads.map(m.migrate, [database] * 4))
    assert sorted(applied, key=len) == [[], [], [], list(m.revisions())]


def newer(dsn: str, oldest: str | None) -> None:
    with psycopg.connect(dsn) as connection:
        connection.execute("update alembic_version set version_num = '9999'")
        connection.execute("delete from settings where key = 'oldest_revision'")
        if oldest is not None:
            connection.execute("insert into settings values ('oldest_revision', %s)", [oldest])


@pytest.mark.parametrize("oldest", ["9998", None])
def test_data_of_a_newer_version_is_refused_and_left_alone(migrated: str, oldest: str | None) -> None:
    newer(migrated, oldest)
    for ask in (m.migrate, m.served):
        with pytest.raises(m.DatabaseUnsuitable, match=r"data of a newer version.*came 9999"):
            ask(migrated)
    assert m.current(migrated) == "9999"


def test_a_newer_schema_that_takes_nothing_away_is_served(migrated: str) -> None:
    newer(migrated, m.revisions()[-1])
    assert m.served(migrated)
    assert m.migrate(migrated) == []
    assert m.current(migrated) == "9999"


def test_an_old_postgres_is_refused(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(m, "MIN_SERVER_VERSION", 99)
    with pytest.raises(m.DatabaseUnsuitable, match="expected PostgreSQL 99 or newer, came PostgreSQL"):
        m.migrate(database)
    assert m.current(database) is None


def test_a_failed_migration_leaves_nothing(database: str) -> None:
    with psycopg.connect(database) as connection:
        connection.execute("create view timers as select 1")
    with pytest.raises(Exception, match="timers"):
        m.migrate(database)
    with psycopg.connect(database) as connection:
        assert connection.execute("select to_regclass('runs'), to_regclass('alembic_version')").fetchone() == (
            None,
            None,
        )


def test_each_database_has_a_secret_and_an_identity_of_its_own(database: str, migrated: str) -> None:
    m.migrate(database)
    kept = []
    for dsn in (database, migrated):
        with psycopg.connect(dsn) as connection:
            kept.append(dict(connection.execute("select key, value from settings").fetchall()))
    assert kept[0].keys() == kept[1].keys() == {"cluster_id", "oldest_revision", "secret"}
    assert kept[0]["cluster_id"] != kept[1]["cluster_id"]
    assert len(kept[0]["secret"]) == 64
    assert kept[0]["secret"] != kept[1]["secret"]
