"""`stellwerk up`, `serve` and `migrate` as programs: they say when they are ready, and end with all they started."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from stellwerk_server.embedded import EmbeddedPostgres, EmbeddedValkey
from tests.support.databases import fresh_database
from tests.support.programs import children_of, gone_within, living, wait_until
from tests.support.servers import PATIENCE_S, STELLWERK, clean_environment, running, serving, stellwerk


@pytest.fixture
def short_folder() -> Iterator[Path]:
    """A folder with a path short enough for a socket in it."""
    with tempfile.TemporaryDirectory(prefix="stellwerk-e2e-") as folder:
        yield Path(folder)


def test_up_starts_everything_and_stops_everything(short_folder: Path) -> None:
    arguments = ("up", "--folder", str(short_folder / "data"), "--port", "0")
    with running(arguments, short_folder / "up.log") as up:
        pids = [up.ready["pid"], up.ready["postgres"]["pid"], up.ready["valkey"]["pid"]]
        assert living(pids) == pids
        assert "***" in up.ready["postgres"]["url"]
        applied = up.cli("workflow", "apply", "-", stdin="name: kept\nsteps:\n  - {id: a, action: x}\n")
        assert applied.status == 0, applied.err
    assert up.process.returncode == 0, up.log_tail()
    assert gone_within(5, pids)
    began = time.monotonic()
    with running(arguments, short_folder / "up.log") as again:
        assert time.monotonic() - began < 10
        assert [w["name"] for w in again.cli("workflow", "list", "--json").documents] == ["kept"]


def test_up_tells_people_what_runs_where(short_folder: Path) -> None:
    command = [*STELLWERK, "up", "--folder", str(short_folder / "data"), "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=clean_environment({})) as process:
        assert process.stdout is not None
        lines = []
        while not (lines and lines[-1].startswith("ready")):
            lines.append(process.stdout.readline())
            assert lines[-1], lines
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE_S) == 0
    said = "".join(lines)
    assert "postgresql://stellwerk:***@127.0.0.1:" in said
    assert "valkey" in said
    assert "server    127.0.0.1:" in said


def test_up_ends_when_its_postgres_does(short_folder: Path) -> None:
    arguments = ("up", "--folder", str(short_folder / "data"), "--port", "0")
    with running(arguments, short_folder / "up.log") as up:
        os.kill(up.ready["postgres"]["pid"], signal.SIGKILL)
        assert up.process.wait(PATIENCE_S) == 1
        assert gone_within(5, [up.ready["valkey"]["pid"]])
    assert "Postgres has ended" in up.log_tail()


def test_several_servers_share_a_port_and_a_dead_one_is_replaced(
    postgres: EmbeddedPostgres, valkey: EmbeddedValkey, server_folder: Path
) -> None:
    with fresh_database(postgres) as dsn, serving(dsn, valkey.url, server_folder, "--processes", "2") as servers:
        supervisor = servers.process.pid
        first, second = children_of(supervisor)
        assert servers.cli("bench", "--runs", "5").status == 0
        os.kill(first, signal.SIGKILL)
        assert wait_until(lambda: len(living(children_of(supervisor))) == 2 and first not in living([first]), 15)
        assert wait_until(lambda: servers.log.read_text().count("ready (pid") == 3, 15), servers.log_tail()
        assert servers.cli("bench", "--runs", "5").status == 0
        children = children_of(supervisor)
        assert second in children
        servers.process.send_signal(signal.SIGTERM)
        assert servers.process.wait(PATIENCE_S) == 0, servers.log_tail()
        assert gone_within(5, children)


def test_children_end_when_their_supervisor_is_killed(
    postgres: EmbeddedPostgres, valkey: EmbeddedValkey, server_folder: Path
) -> None:
    with fresh_database(postgres) as dsn, serving(dsn, valkey.url, server_folder, "--processes", "2") as servers:
        children = children_of(servers.process.pid)
        servers.process.kill()
        assert gone_within(30, children)


def test_serve_warns_of_a_forgetful_database(
    postgres: EmbeddedPostgres, valkey: EmbeddedValkey, server_folder: Path
) -> None:
    with fresh_database(postgres) as dsn, serving(dsn, valkey.url, server_folder) as server:
        assert "WARNING: fsync=off, synchronous_commit=off" in server.log_tail()


def test_migrate_brings_a_database_up_to_date_once(database: str) -> None:
    first = stellwerk("migrate", "--json", STELLWERK_DATABASE_URL=database)
    assert first.status == 0, first.err
    assert first.document["applied"]
    second = stellwerk("migrate", STELLWERK_DATABASE_URL=database)
    assert second.out.endswith("is up to date\n")


def test_a_database_of_a_too_new_version_is_refused(database: str) -> None:
    assert stellwerk("migrate", STELLWERK_DATABASE_URL=database).status == 0
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("ALTER TABLE alembic_version ALTER version_num TYPE text")
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
        connection.execute("UPDATE settings SET value = '9998' WHERE key = 'oldest_revision'")
    for command in (("migrate",), ("serve", "--port", "0")):
        answer = stellwerk(*command, STELLWERK_DATABASE_URL=database)
        assert answer.status == 1
        assert "newer version" in answer.err
        assert "9999" in answer.err
