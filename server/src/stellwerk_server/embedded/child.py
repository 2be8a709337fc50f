"""Child processes that cannot outlive us: started through launch.py, watched and reaped by a keeper thread.

Knows nothing of Postgres or Valkey. Must not run Python code between fork and exec."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from . import launch

LAUNCHER = Path(launch.__file__)


@dataclass(frozen=True, slots=True)
class Command:
    """What to run, as whom (as launch.py takes it), the signal for when we die, the lock to inherit."""

    argv: Sequence[str]
    death_signal: signal.Signals
    lock_fd: int | None = None
    identity: str = "self"

    @property
    def inherited(self) -> list[int]:
        """The descriptors that stay open in the command."""
        return [] if self.lock_fd is None else [self.lock_fd]

    def launcher_argv(self) -> list[str]:
        """The command line of launch.py that becomes this command."""
        fixed = [sys.executable, "-I", "-S", str(LAUNCHER)]
        return [*fixed, str(os.getpid()), str(int(self.death_signal)), self.identity, "--", *self.argv]


def run_to_end(command: Command) -> subprocess.CompletedProcess[str]:
    """Run a command and wait for it; its output, errors included, is in `stdout`."""
    return subprocess.run(
        command.launcher_argv(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
        start_new_session=True,
        pass_fds=command.inherited,
        env=clean_environment(os.environ),
    )


def clean_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """Our environment without PG*: a PGDATA or PGPORT meant for another server must not reach ours."""
    kept = {name: value for name, value in environment.items() if not name.startswith("PG")}
    return {**kept, "LC_ALL": "C"}


class Child:
    """A running server process.

    The kernel sends the death signal when the *thread* that forked ends, so each child gets a keeper thread
    of its own that forks it and then waits: `spawn` may be called from any thread, however short-lived."""

    def __init__(self, process: subprocess.Popen[bytes], keeper: threading.Thread) -> None:
        self._process = process
        self._keeper = keeper
        self.pid = process.pid

    @classmethod
    def spawn(cls, command: Command, log: IO[bytes]) -> "Child":
        """Start a command in a session of its own (Ctrl-C in our terminal is ours alone), output to `log`."""
        started: Future[subprocess.Popen[bytes]] = Future()
        keeper = threading.Thread(target=_keep, args=(command, log, started), name="embedded-keeper", daemon=True)
        keeper.start()
        return cls(started.result(), keeper)

    @property
    def running(self) -> bool:
        """Whether the process still lives."""
        return self._keeper.is_alive()

    def stop(self, signals: Sequence[tuple[signal.Signals, float]]) -> None:
        """Send each signal in turn and wait its number of seconds, until the process is gone."""
        for number, patience_s in signals:
            if not self.running:
                return
            self._process.send_signal(number)
            self._process.send_signal(signal.SIGCONT)  # a stopped process would never see the first signal
            self._keeper.join(patience_s)


def _keep(command: Command, log: IO[bytes], started: "Future[subprocess.Popen[bytes]]") -> None:
    try:
        process = subprocess.Popen(
            command.launcher_argv(),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            pass_fds=command.inherited,
            env=clean_environment(os.environ),
        )
    except BaseException as error:
        started.set_exception(error)
        return
    started.set_result(process)
    process.wait()
