"""A server's private folder and the lock that says whether a server lives in it.

The lock is a flock whose descriptor the server inherits: it is held as long as the server or any child lives,
whatever pid files say, over pid reuse and container borders. Must not start or stop anything."""

import fcntl
import os
from pathlib import Path

from .errors import FolderRefusedError

LOG_BYTES_MAX = 10 * 1024 * 1024


class FolderLock:
    """An exclusive lock on a folder, shared with the child that inherits `fd`."""

    def __init__(self, fd: int) -> None:
        self.fd = fd

    @classmethod
    def try_take(cls, folder: Path) -> "FolderLock | None":
        """Take the lock of a folder, or None while a server (or another start) holds it."""
        fd = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(fd)
            return None
        return cls(fd)

    def close(self) -> None:
        """Let go of our share; a child that inherited the lock keeps it held."""
        os.close(self.fd)


def private_folder(parent: Path, name: str) -> Path:
    """Make (or check) the subfolder for one server's files, closed to other users."""
    folder = parent.resolve() / name
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if os.geteuid() in (0, folder.stat().st_uid):
            folder.chmod(0o700)
    except OSError as error:
        raise FolderRefusedError(f"{folder} cannot be made: {error.strerror}; choose a folder you own") from error
    if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
        owner = folder.stat().st_uid
        raise FolderRefusedError(
            f"{folder} belongs to uid {owner}, this is uid {os.geteuid()}: start as that user, or choose another folder"
        )
    return folder


def write_private(path: Path, text: str) -> None:
    """Write a small file, readable by its owner only, whole or not at all."""
    draft = path.with_name(path.name + ".new")
    draft.unlink(missing_ok=True)
    fd = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(fd, "w", encoding="ascii") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)


class Log:
    """A server's log file; remembers where this start began, so errors quote only what belongs to it."""

    def __init__(self, path: Path, fd: int) -> None:
        self.path = path
        self.file = os.fdopen(fd, "wb", buffering=0)
        self._begin = os.fstat(fd).st_size

    @classmethod
    def open(cls, path: Path) -> "Log":
        """Open for appending; one grown too large makes room first."""
        if path.exists() and path.stat().st_size > LOG_BYTES_MAX:
            path.replace(path.with_name(path.name + ".old"))
        try:
            fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, 0o600)
        except OSError as error:
            raise FolderRefusedError(f"{path} cannot be written: {error.strerror}; choose a folder you own") from error
        return cls(path, fd)

    def text(self) -> str:
        """What was logged since this start."""
        with self.path.open("rb") as file:
            file.seek(self._begin)
            return file.read().decode(errors="replace")

    def tail(self) -> str:
        """The last lines since this start, for an error message."""
        return "\n".join(["", *self.text().splitlines()[-8:], f"(log: {self.path})"])

    def close(self) -> None:
        """Close our side; the server keeps writing."""
        self.file.close()
