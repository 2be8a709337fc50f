"""What happened in a run, line by line: its digest tells whether two runs were the same, its end what went wrong."""

from __future__ import annotations

import hashlib
from collections import deque
from pathlib import Path

from tests.simulation.loop import HOST, VirtualLoop


class Trace:
    """The lines of one run; only the last ones are kept, unless a file takes them all."""

    def __init__(self, loop: VirtualLoop, path: Path | None = None) -> None:
        self._loop = loop
        self._digest = hashlib.blake2b(digest_size=16)
        self._last: deque[str] = deque(maxlen=60)
        self._file = None if path is None else path.open("w")
        self.lines = 0
        # What must never happen, and did.
        self.problems: list[str] = []

    def note(self, what: str) -> None:
        """Something has happened, on the host that runs."""
        host = HOST.get()
        line = f"{self._loop.time():11.6f} {'-' if host is None else host.name:10} {what}"
        self._digest.update(line.encode())
        self._last.append(line)
        self.lines += 1
        if self._file is not None:
            self._file.write(line + "\n")

    def problem(self, what: str) -> None:
        """Something must never happen, and did; whoever watches the run ends it."""
        self.note(f"PROBLEM {what}")
        self.problems.append(what)

    @property
    def digest(self) -> str:
        """The same for the same lines."""
        return self._digest.hexdigest()

    def tail(self) -> str:
        """The last lines."""
        return "\n".join(self._last)

    def close(self) -> None:
        """Nothing happens any more."""
        if self._file is not None:
            self._file.close()
