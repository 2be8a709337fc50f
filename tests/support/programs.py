"""Starts the embedded servers in a program of their own, as some user, and watches processes come and go.

Linux only: it reads /proc."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Program:
    """A running embedded_child.py and what it told of its servers."""

    process: subprocess.Popen[str]
    told: dict[str, Any]

    @property
    def server_pids(self) -> list[int]:
        """The servers and all their children."""
        return [self.told["valkey"], self.told["postgres"], *children_of(self.told["postgres"])]


@contextmanager
def embedded_program(
    folder: Path, *, python: str = sys.executable, wrapper: Sequence[str] = (), **how: Any
) -> Iterator[Program]:
    """Run embedded_child.py until the end of the block, then end it in good order."""
    command = [*wrapper, python, str(HERE / "embedded_child.py"), str(folder)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment, cwd="/", **how
    ) as process:
        assert process.stdout
        line = process.stdout.readline()
        yield Program(process, json.loads(line))


def children_of(pid: int) -> list[int]:
    """The pids of a process's children, now."""
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def uid_of(pid: int) -> int:
    """As whom a process runs, seen from here."""
    return Path(f"/proc/{pid}").stat().st_uid


def living(pids: Sequence[int]) -> list[int]:
    """Those of the processes that are not gone (a zombie is gone: it only waits to be noticed)."""
    return [pid for pid in pids if _state(pid) not in ("gone", "Z")]


def gone_within(patience_s: float, pids: Sequence[int]) -> bool:
    """Whether all the processes end in time."""
    return wait_until(lambda: living(pids) == [], patience_s)


def wait_until(condition: Callable[[], bool], patience_s: float) -> bool:
    """Wait for a condition; False when it did not come true in time."""
    deadline = time.monotonic() + patience_s
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def _state(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return "gone"
