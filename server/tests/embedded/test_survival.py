"""Nothing an embedded server starts outlives the program that started it, whatever kills that."""

import os
import signal
import sys
import threading
from pathlib import Path

import psycopg
import pytest

from stellwerk_server.embedded import EmbeddedPostgres
from tests.support.programs import children_of, embedded_program, gone_within, living, wait_until

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the death signal is Linux's")
BUSY = "SELECT count(*) FROM generate_series(1, 1000000000000) AS n"


def run_a_query_without_end(dsn: str) -> threading.Thread:
    """Keep a backend busy; the thread ends when the connection is cut."""

    def query() -> None:
        with pytest.raises(psycopg.OperationalError), psycopg.connect(dsn) as connection:
            connection.execute(BUSY)

    thread = threading.Thread(target=query)
    thread.start()
    return thread


def busy_backends(dsn: str) -> list[int]:
    query = "SELECT pid FROM pg_stat_activity WHERE query = %s AND state = 'active'"
    with psycopg.connect(dsn) as connection:
        return [pid for (pid,) in connection.execute(query, [BUSY])]


def test_kill_9_of_the_program_leaves_no_server_and_no_backend(tmp_path: Path) -> None:
    with embedded_program(tmp_path) as program:
        thread = run_a_query_without_end(program.told["dsn"])
        assert wait_until(lambda: busy_backends(program.told["dsn"]) != [], patience_s=10)
        pids = [*busy_backends(program.told["dsn"]), *program.server_pids]
        assert {pids[0], program.told["postgres"], program.told["valkey"]} <= set(living(pids))
        program.process.kill()
        program.process.wait()
        assert gone_within(5, pids), f"still alive: {living(pids)}"
        thread.join()


def test_the_folder_is_usable_at_once_after_kill_9(tmp_path: Path) -> None:
    with embedded_program(tmp_path) as program:
        with psycopg.connect(program.told["dsn"]) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
        program.process.kill()
        with EmbeddedPostgres.start(tmp_path) as server, psycopg.connect(server.dsn) as connection:
            assert server.pid != program.told["postgres"]
            assert connection.execute("SELECT answer FROM kept").fetchone() == (42,)


def test_the_end_of_the_program_without_stop_leaves_nothing(tmp_path: Path) -> None:
    with embedded_program(tmp_path) as program:
        pids = program.server_pids
        program.process.send_signal(signal.SIGTERM)
        program.process.wait()
        assert gone_within(5, pids), f"still alive: {living(pids)}"


def test_stop_leaves_nothing(tmp_path: Path) -> None:
    with embedded_program(tmp_path) as program:
        pids = program.server_pids
    assert program.process.returncode == 0
    assert living(pids) == []


def test_interrupt_from_the_terminal_does_not_reach_the_servers(tmp_path: Path) -> None:
    with embedded_program(tmp_path) as program:
        ours = os.getpgid(program.process.pid)
        assert ours not in {os.getpgid(program.told[server]) for server in ("postgres", "valkey")}


def test_a_stopped_server_can_be_ended(tmp_path: Path) -> None:
    server = EmbeddedPostgres.start(tmp_path, settings={"fsync": "off"})
    pids = [server.pid, *children_of(server.pid)]
    os.kill(server.pid, signal.SIGSTOP)
    server.stop()
    assert living(pids) == []
