"""Programs that outlive the command that starts them: told apart by more than a pid, ended in good order.

Needs nothing but the standard library, and must never signal a program that it cannot recognise.
"""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

LOOK_S = 0.05


@dataclass(frozen=True)
class Child:
    """A program by name, pid and what tells it from a later one with the same pid."""

    name: str
    pid: int
    identity: str

    @property
    def alive(self) -> bool:
        """Whether this very program still runs."""
        return identity(self.pid) == self.identity


def start(name: str, command: Sequence[str], environment: Mapping[str, str], folder: Path, cwd: Path) -> Child:
    """Start a program in the background, what it says in `folder`/`name`.out and .log."""
    with (folder / f"{name}.out").open("wb") as out, (folder / f"{name}.log").open("ab") as log:
        # A session of its own: Ctrl-C in this terminal is not for it.
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=out, stderr=log, env=environment, cwd=cwd, start_new_session=True
        )
    return Child(name, process.pid, identity(process.pid))


def stop(children: Iterable[Child], patience_s: float) -> list[Child]:
    """End the programs that are still the ones we know: ask, wait, then kill. Gives those it had to kill."""
    living = [child for child in children if child.alive]
    for child in living:
        os.kill(child.pid, signal.SIGTERM)
    wait_until(lambda: not any(child.alive for child in living), patience_s)
    stubborn = [child for child in living if child.alive]
    for child in stubborn:
        os.kill(child.pid, signal.SIGKILL)
    wait_until(lambda: not any(child.alive for child in stubborn), patience_s)
    return stubborn


def identity(pid: int) -> str:
    """Which boot and which moment a program was started in; empty when there is none (or it waits to be noticed)."""
    if not _BOOT.exists():
        return _identity_by_ps(pid)
    try:
        facts = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ""
    # The command line would tell more, but it is still empty for a moment after the start.
    return "" if facts[_STATE] == "Z" else f"{_BOOT.read_text().strip()} {facts[_START_TIME]}"


_BOOT = Path("/proc/sys/kernel/random/boot_id")
# What comes after the name in /proc/PID/stat, see proc(5).
_STATE, _START_TIME = 0, 19


def _identity_by_ps(pid: int) -> str:
    """The same where there is no /proc."""
    ask = ["ps", "-o", "stat=,lstart=", "-p", str(pid)]
    state, _, start = subprocess.run(ask, capture_output=True, text=True, check=False).stdout.strip().partition(" ")
    return "" if state.startswith("Z") else start.strip()


def wait_until(condition: Callable[[], bool], patience_s: float) -> bool:
    """Whether a condition came true in time."""
    deadline_s = time.monotonic() + patience_s
    while not condition():
        if time.monotonic() > deadline_s:
            return False
        time.sleep(LOOK_S)
    return True
