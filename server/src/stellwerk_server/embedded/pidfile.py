"""Reads Postgres's postmaster.pid, and judges whether it still speaks of a living server.

Must not signal anything."""

import sys
from dataclasses import dataclass
from pathlib import Path

from .errors import FolderRefusedError

FILE_NAME = "postmaster.pid"


@dataclass(frozen=True, slots=True)
class PidFile:
    """The lines of postmaster.pid that matter."""

    pid: int
    port: int
    ready: bool

    @classmethod
    def read(cls, data: Path) -> "PidFile | None":
        """Read it; None when missing or still being written."""
        try:
            lines = (data / FILE_NAME).read_text().splitlines()
        except FileNotFoundError:
            return None
        if len(lines) < 8:
            return None
        return cls(pid=int(lines[0]), port=int(lines[3]), ready=lines[7].strip() == "ready")

    @classmethod
    def remove(cls, data: Path) -> None:
        """Remove a stale file. Only for the holder of the folder's lock.

        Postgres itself would refuse to start when the pid belongs to anything else of the same user, which is
        the rule rather than the exception after a container's restart. Without /proc it has the last word."""
        path = data / FILE_NAME
        if sys.platform != "linux" or not path.exists():
            return
        first_line = path.read_text().partition("\n")[0].strip()
        if first_line.isdigit() and _lives_in(int(first_line), data):
            raise FolderRefusedError(
                f"a Postgres (pid {first_line}) started by hand lives in {data} and does not answer to the "
                "password in our folder, or not yet: wait for it, or stop it"
            )
        path.unlink()

    def names_a_server_of(self, data: Path) -> bool:
        """Whether the pid is a server of this folder and not a stranger that got the number later."""
        return _lives_in(self.pid, data)


def _lives_in(pid: int, data: Path) -> bool:
    """A postmaster's working folder is its data folder."""
    if sys.platform != "linux":
        return True  # its answer to our password has to do
    try:
        return Path(f"/proc/{pid}/cwd").readlink() == data.resolve()
    except OSError:
        return False
