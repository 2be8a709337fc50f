"""A real Postgres as a child process, its files in one folder: for `stellwerk up` and for tests.

Must not know anything of our schema: it ends with an empty database `stellwerk` and a DSN."""

import re
import secrets
import shutil
import signal
import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

import psycopg
from psycopg import sql

from .binaries import PostgresBinaries, find_postgres
from .child import Child, Command, run_to_end
from .errors import PortInUseError, SettingRefusedError, StartFailedError
from .folder import FolderLock, Log, private_folder, write_private
from .held import Held
from .identity import Identity, ordinary_identity_for
from .pidfile import PidFile

HOST = "127.0.0.1"
NAME = "stellwerk"  # of the superuser and of the database
POLL_S = 0.005
PORT_ATTEMPTS = 3
# SIGINT is Postgres's fast shutdown, SIGQUIT its immediate one (recovers at the next start)
STOP_SIGNALS = ((signal.SIGINT, 30.0), (signal.SIGQUIT, 8.0), (signal.SIGKILL, 5.0))

DEFAULT_SETTINGS: Mapping[str, str] = {
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "shared_buffers": "128MB",
    "max_connections": "200",
    "max_wal_size": "2GB",
    "checkpoint_timeout": "15min",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    # the hot tables turn over completely: vacuum them early, often and without long naps
    "autovacuum_naptime": "10s",
    "autovacuum_vacuum_scale_factor": "0.05",
    "autovacuum_vacuum_cost_limit": "2000",
}
OWN_SETTINGS = frozenset({"port", "listen_addresses", "unix_socket_directories", "data_directory", "hba_file"})


@dataclass(frozen=True, slots=True)
class Home:
    """Where the files of one Postgres are: `<folder>/postgres/` and `<folder>/postgres.log`."""

    root: Path
    log_path: Path

    @classmethod
    def at(cls, folder: Path) -> "Home":
        """The home inside the folder a caller named; made when missing."""
        return cls(private_folder(folder, "postgres"), folder.resolve() / "postgres.log")

    @property
    def data(self) -> Path:
        """Postgres's own data folder."""
        return self.root / "data"

    def data_major(self) -> int | None:
        """The major version that made the data, None for a new folder."""
        version = self.data / "PG_VERSION"
        return int(version.read_text().split(".")[0]) if version.exists() else None

    def password(self) -> str:
        """The superuser's password, made up at the first start: all users of a machine share loopback."""
        path = self.root / "password"
        if not path.exists():
            write_private(path, secrets.token_urlsafe(24))
        return path.read_text()

    def last_port(self) -> int | None:
        """The port of the last start, so a DSN stays good over restarts where possible."""
        path = self.root / "port"
        return int(path.read_text()) if path.exists() else None

    def dsn(self, port: int) -> str:
        """The URL of our database on a port."""
        return f"postgresql://{NAME}:{self.password()}@{HOST}:{port}/{NAME}?sslmode=disable"


class EmbeddedPostgres(Held):
    """A running Postgres. Made by `start` only; a context manager that stops it.

    >>> with EmbeddedPostgres.start(Path("~/.stellwerk").expanduser()) as postgres:  # doctest: +SKIP
    ...     psycopg.connect(postgres.dsn)
    """

    def __init__(self, dsn: str, port: int, pid: int, child: Child | None) -> None:
        self.dsn = dsn
        self.port = port
        super().__init__(pid, child, STOP_SIGNALS)

    @classmethod
    def start(
        cls,
        folder: Path,
        *,
        settings: Mapping[str, str] | None = None,
        port: int | None = None,
        patience_s: float = 120.0,
    ) -> Self:
        """Start the Postgres of a folder, or attach to the one already running there.

        A new folder gets the newest bundled version, an existing one keeps its own. `settings` go over
        DEFAULT_SETTINGS. Without `port` the last one is used when free, else any. Neither reaches an instance
        that is only attached to. `patience_s` bounds the wait for recovery. Raises an EmbeddedError."""
        chosen = {**DEFAULT_SETTINGS, **(settings or {})}
        if refused := OWN_SETTINGS & chosen.keys():
            raise SettingRefusedError(f"settings: {sorted(refused)} cannot be set here; EmbeddedPostgres.start does")
        home = Home.at(folder)
        deadline = time.monotonic() + patience_s
        found = _lock_or_running_server(home, deadline)
        if isinstance(found, PidFile):
            return cls._attach(home, found)
        try:
            return cls._launch(_Launch(home, chosen, found, deadline), port)
        finally:
            found.close()

    @classmethod
    def _attach(cls, home: Home, running: PidFile) -> Self:
        dsn = home.dsn(running.port)
        _ensure_database(dsn)
        return cls(dsn, running.port, running.pid, child=None)

    @classmethod
    def _launch(cls, launch: "_Launch", port: int | None) -> Self:
        if port is not None and not _is_free(port):
            raise PortInUseError(f"port: {port} on {HOST} is in use; choose another, or leave it out for a free one")
        launch.prepare()
        ports = [port] if port is not None else list(_candidate_ports(launch.home.last_port()))
        for candidate in ports:
            if child := launch.try_port(candidate):
                launch.remember(candidate)
                return cls(launch.home.dsn(candidate), candidate, child.pid, child)
        raise PortInUseError(f"port: none of {ports} on {HOST} could be bound; see {launch.home.log_path}")

    def dsn_of(self, database: str) -> str:
        """The URL of another database on this server, for instance of `postgres` or a test's own."""
        return urlsplit(self.dsn)._replace(path=f"/{database}").geturl()


class _Launch:
    """One start of a server in a folder whose lock we hold."""

    def __init__(self, home: Home, settings: Mapping[str, str], lock: FolderLock, deadline: float) -> None:
        self.home = home
        self._settings = settings
        self._lock = lock
        self._deadline = deadline
        self._binaries: PostgresBinaries = find_postgres(home.data_major())
        self._identity: Identity = ordinary_identity_for(home.root)

    def prepare(self) -> None:
        """Make the data folder where there is none, and see that the server may reach it."""
        self._identity.require_way_to(self.home.root)
        self._identity.require_way_to(self._binaries.folder)
        if self.home.data_major() is None:
            self._initialise()
        PidFile.remove(self.home.data)
        self._identity.own(self.home.root)

    def try_port(self, port: int) -> Child | None:
        """Start on a port; None when somebody took it in the meantime."""
        log = Log.open(self.home.log_path)
        try:
            child = Child.spawn(self._command(self._binaries.postgres, *self._server_arguments(port)), log.file)
            try:
                ready = self._wait_until_ready(child, log)
                if ready:
                    _ensure_database(self.home.dsn(port))
                    return child
            except BaseException:
                child.stop(STOP_SIGNALS)
                raise
            return None
        finally:
            log.close()

    def remember(self, port: int) -> None:
        """Note the port for the next start, and leave every file with its owner."""
        write_private(self.home.root / "port", str(port))
        self._identity.own(self.home.root)
        self._identity.own_each(self.home.log_path)

    def _initialise(self) -> None:
        """Run initdb beside the final place, then rename: an interrupted start leaves no half folder."""
        draft, password = self.home.root / "data.new", self.home.root / "password"
        shutil.rmtree(draft, ignore_errors=True)
        self.home.password()
        self._identity.own(self.home.root)
        arguments = [
            f"--pgdata={draft}",
            f"--username={NAME}",
            f"--pwfile={password}",
            "--auth=scram-sha-256",
        ]
        arguments += ["--encoding=UTF8", "--no-locale", "--no-instructions"]
        if self._settings["fsync"] == "off":
            arguments.append("--no-sync")
        done = run_to_end(self._command(self._binaries.initdb, *arguments, death_signal=signal.SIGKILL))
        if done.returncode != 0:
            shutil.rmtree(draft, ignore_errors=True)
            raise StartFailedError(f"initdb ({self._binaries.folder}) could not make {self.home.data}:\n{done.stdout}")
        draft.rename(self.home.data)

    def _command(self, *argv: str, death_signal: signal.Signals = signal.SIGINT) -> Command:
        return Command(argv, death_signal, self._lock.fd, self._identity.how)

    def _server_arguments(self, port: int) -> Iterator[str]:
        fixed = {"listen_addresses": HOST, "port": str(port), "unix_socket_directories": ""}
        compression = {"wal_compression": "lz4"} if self._binaries.has_lz4 else {}
        yield from ("-D", str(self.home.data))
        for name, value in {**compression, **self._settings, **fixed}.items():
            yield from ("-c", f"{name}={value}")

    def _wait_until_ready(self, child: Child, log: Log) -> bool:
        """Wait for the server to accept connections; False when its port was taken."""
        while True:
            state = PidFile.read(self.home.data)
            if state and state.pid == child.pid and state.ready:
                return True
            if not child.running:
                if re.search("could not bind|could not create any TCP", log.text()):
                    return False
                raise StartFailedError(f"Postgres in {self.home.data} ended while starting:{log.tail()}")
            if time.monotonic() > self._deadline:
                raise StartFailedError(f"Postgres in {self.home.data} was not ready in time:{log.tail()}")
            time.sleep(POLL_S)


def _lock_or_running_server(home: Home, deadline: float) -> FolderLock | PidFile:
    """The folder's lock, or the server that lives there; waits while one starts up or shuts down."""
    while True:
        lock = FolderLock.try_take(home.root)
        state = PidFile.read(home.data)
        # a server we started holds the lock; with the lock in hand only one started by hand can be alive
        alive = state is not None and state.ready and (lock is None or state.names_a_server_of(home.data))
        if state and alive and _answers(home.dsn(state.port)):
            if lock:
                lock.close()
            return state
        if lock:
            return lock
        if time.monotonic() > deadline:
            raise StartFailedError(
                f"{home.root} is locked by another server or start, and no Postgres answers there in time; "
                f"see {home.log_path}, or end what holds {home.root / 'lock'}"
            )
        time.sleep(POLL_S)


def _answers(dsn: str) -> bool:
    try:
        psycopg.connect(dsn, dbname="postgres", connect_timeout=5).close()
    except psycopg.OperationalError:
        return False
    return True


def _ensure_database(dsn: str) -> None:
    """Create our database at the first start; a connection to it is also proof that the server is ready."""
    try:
        psycopg.connect(dsn, connect_timeout=30).close()
    except psycopg.OperationalError as error:
        if f'database "{NAME}" does not exist' not in str(error):
            raise StartFailedError(f"the server is up but refuses us: {error}") from error
        already_there = (psycopg.errors.DuplicateDatabase, psycopg.errors.UniqueViolation)
        with (
            suppress(*already_there),  # somebody who attached was quicker
            psycopg.connect(dsn, dbname="postgres", autocommit=True) as connection,
        ):
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(NAME)))


def _candidate_ports(last: int | None) -> Iterator[int]:
    if last is not None and _is_free(last):
        yield last
    for _ in range(PORT_ATTEMPTS):
        yield _free_port()


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as Postgres does: TIME_WAIT is not in use
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])
