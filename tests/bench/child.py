"""A part of a measurement as a process of its own: settings as JSON in, JSON lines out, stopped by end of input.

The upper half is for the parent, the lower one for the child. Must not know what is measured.
"""

import json
import os
import queue
import signal
import subprocess
import sys
import threading
from pathlib import Path
from types import TracebackType
from typing import Any, Self

ROOT = Path(__file__).parents[2]
STOP_S = 15.0


class ChildFailed(Exception):
    """A part ended or stayed silent; the message ends with what it wrote on stderr."""


class Child:
    """A running part. A context manager that stops it: first its input ends, then it is killed.

    One that is `deaf` does not watch its input and gets a SIGTERM instead.
    """

    def __init__(
        self, command: list[str], log: Path, *, environment: dict[str, str] | None = None, deaf: bool = False
    ) -> None:
        self._command = command
        self._deaf = deaf
        self._log = log
        with log.open("wb") as errors:
            self._popen = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                cwd=ROOT,
                env=environment,
                start_new_session=True,
            )
        self.pid = self._popen.pid
        self._lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        threading.Thread(target=self._read, daemon=True).start()

    @classmethod
    def part(cls, module: str, folder: Path, **settings: Any) -> Self:
        """Run `tests.bench.<module>` with these settings."""
        name = f"{module}-{threading.get_native_id()}-{len(list(folder.iterdir()))}.log"
        return cls([sys.executable, "-m", f"tests.bench.{module}", json.dumps(settings)], folder / name)

    def line(self, within_s: float) -> str:
        """The next line it says."""
        try:
            line = self._lines.get(timeout=within_s)
        except queue.Empty:
            line = None
        if line is None:
            errors = self._log.read_text(errors="replace")[-3000:]
            raise ChildFailed(f"{self._command[1:3]}: expected a line within {within_s} s, came none\n{errors}")
        return line

    def hear(self, key: str, within_s: float) -> Any:
        """The value of `key` in the next message, which must have it."""
        message = json.loads(self.line(within_s))
        if key not in message:
            raise ChildFailed(f"{self._command[1:3]}: expected {key!r}, came {message}")
        return message[key]

    def stop(self) -> None:
        """End its input and wait for it; kill it when that takes too long."""
        if self._popen.stdin:
            self._popen.stdin.close()
        if self._deaf:
            self._popen.terminate()
        try:
            self._popen.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self._popen.kill()
            self._popen.wait()

    def _read(self) -> None:
        assert self._popen.stdout
        for line in self._popen.stdout:
            self._lines.put(line.rstrip("\n"))
        self._lines.put(None)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def settings() -> dict[str, Any]:
    """What the parent passed; from now on the end of our input is a SIGTERM, so that no part outlives its parent."""
    threading.Thread(target=_terminate_at_end_of_input, daemon=True).start()
    given: dict[str, Any] = json.loads(sys.argv[1])
    return given


def say(**message: Any) -> None:
    """One message to the parent."""
    print(json.dumps(message), flush=True)


def _terminate_at_end_of_input() -> None:
    while os.read(0, 4096):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
