"""A real Valkey as a child process on a unix socket, its files in one folder.

It only ever holds hints that may be lost, so it dies without ceremony. Other users must not reach it."""

import hashlib
import os
import signal
import socket
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Self

from .binaries import find_valkey
from .child import Child, Command
from .errors import FolderRefusedError, SettingRefusedError, StartFailedError
from .folder import FolderLock, Log, private_folder
from .held import Held
from .identity import owner_of

SOCKET_PATH_BYTES_MAX = 100  # the kernel allows 107 on Linux and 103 on macOS
POLL_S = 0.005
STOP_SIGNALS = ((signal.SIGTERM, 10.0), (signal.SIGKILL, 5.0))
DEFAULT_SETTINGS: Mapping[str, str] = {"appendonly": "yes", "save": "", "loglevel": "notice"}
OWN_SETTINGS = frozenset({"port", "unixsocket", "unixsocketperm", "dir", "daemonize", "logfile", "tls-port"})


class EmbeddedValkey(Held):
    """A running Valkey. Made by `start` only; a context manager that stops it.

    >>> with EmbeddedValkey.start(Path("~/.stellwerk").expanduser()) as valkey:  # doctest: +SKIP
    ...     redis.Redis.from_url(valkey.url)
    """

    def __init__(self, socket_path: Path, pid: int, child: Child | None) -> None:
        self.url = f"unix://{socket_path}"
        super().__init__(pid, child, STOP_SIGNALS)

    @classmethod
    def start(cls, folder: Path, *, settings: Mapping[str, str] | None = None, patience_s: float = 30.0) -> Self:
        """Start the Valkey of a folder, or attach to the one already running there.

        Files go to `<folder>/valkey/`, the log to `<folder>/valkey.log`; `settings` go over DEFAULT_SETTINGS.
        Raises an EmbeddedError."""
        chosen = {**DEFAULT_SETTINGS, **(settings or {})}
        if refused := OWN_SETTINGS & chosen.keys():
            raise SettingRefusedError(f"settings: {sorted(refused)} cannot be set here; EmbeddedValkey.start does")
        home = private_folder(folder, "valkey")
        socket_path = _socket_path(home)
        deadline = time.monotonic() + patience_s
        while (lock := FolderLock.try_take(home)) is None:
            if pid := _answering_pid(socket_path):
                return cls(socket_path, pid, child=None)
            if time.monotonic() > deadline:
                raise StartFailedError(f"{home} is locked by another server, but nothing answers on {socket_path}")
            time.sleep(POLL_S)
        try:
            child = _launch(home, socket_path, chosen, lock, deadline)
            return cls(socket_path, child.pid, child)
        finally:
            lock.close()


def _launch(home: Path, socket_path: Path, settings: Mapping[str, str], lock: FolderLock, deadline: float) -> Child:
    log = Log.open(home.with_name("valkey.log"))
    owner = owner_of(home)
    owner.own_each(home / "lock", log.path, socket_path.parent)
    try:
        argv = [find_valkey(), *_arguments(home, socket_path, settings)]
        child = Child.spawn(Command(argv, signal.SIGKILL, lock.fd, owner.how), log.file)
        try:
            _wait_until_ready(child, socket_path, log, deadline)
        except BaseException:
            child.stop(STOP_SIGNALS)
            raise
        return child
    finally:
        log.close()


def _arguments(home: Path, socket_path: Path, settings: Mapping[str, str]) -> Iterator[str]:
    fixed = {"port": "0", "unixsocket": str(socket_path), "unixsocketperm": "600", "dir": str(home)}
    for name, value in {**settings, **fixed, "daemonize": "no", "logfile": ""}.items():
        yield from (f"--{name}", value)


def _wait_until_ready(child: Child, socket_path: Path, log: Log, deadline: float) -> None:
    while _answering_pid(socket_path) != child.pid:
        if not child.running:
            raise StartFailedError(f"Valkey ended while starting:{log.tail()}")
        if time.monotonic() > deadline:
            raise StartFailedError(f"Valkey was not ready in time:{log.tail()}")
        time.sleep(POLL_S)


def _answering_pid(socket_path: Path) -> int | None:
    """The pid of the server answering on the socket, None while there is none or it still loads."""
    try:
        with socket.socket(socket.AF_UNIX) as connection, connection.makefile("rwb") as stream:
            connection.settimeout(1.0)
            connection.connect(str(socket_path))
            stream.write(b"PING\r\nINFO server\r\n")
            stream.flush()
            if stream.readline() != b"+PONG\r\n":
                return None
            info = stream.read(int(stream.readline()[1:])).decode()
    except OSError:
        return None
    fields = dict(line.split(":", 1) for line in info.splitlines() if ":" in line)
    return int(fields["process_id"])


def _socket_path(home: Path) -> Path:
    """In the folder, or, when its path is too long for a socket, at a short one of its own."""
    wanted = home / "socket"
    if len(os.fsencode(wanted)) <= SOCKET_PATH_BYTES_MAX:
        return wanted
    digest = hashlib.sha256(os.fsencode(home)).hexdigest()[:12]
    owner = home.stat().st_uid
    short = Path(tempfile.gettempdir()) / f"stellwerk-{owner}-{digest}"
    short.mkdir(mode=0o700, exist_ok=True)
    found = short.lstat()
    if found.st_uid not in (owner, os.geteuid()) or found.st_mode & 0o077 or short.is_symlink():
        raise FolderRefusedError(f"{short} must be a folder open to uid {owner} only: remove it and start again")
    return short / "socket"
