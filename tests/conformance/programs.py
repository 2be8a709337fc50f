"""The programs a case runs against: interpreter workers of every language, and servers that may be stopped.

Each is ended by its pid, at the latest by the kernel when the tests are killed. Must not know what a case checks.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.servers import clean_environment

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
STOP_S = 15
LOG_LINES_SHOWN = 40
LINE_SHOWN = 400
JAVA_MAIN = "io.stellwerk.conformance.Interpreter"


class NotBuilt(Exception):
    """An SDK or its interpreter is not built; the message says what builds it."""


def _python() -> list[str]:
    return [sys.executable, str(HERE / "python" / "interpreter.py")]


def _node() -> list[str]:
    return ["node", _built("sdk/node/dist", "tests/conformance/node/interpreter.mjs")]


def _java() -> list[str]:
    _built("sdk/java/target/classes", "tests/conformance/java/target/classes")
    places = ("sdk/java/target/classes", "sdk/java/target/lib/*", "tests/conformance/java/target/classes")
    return ["java", "-XX:TieredStopAtLevel=1", "-Xmx512m", "-cp", ":".join(str(ROOT / p) for p in places), JAVA_MAIN]


def _built(*paths: str) -> str:
    """The last of the paths; raises NotBuilt when one is missing."""
    for path in paths:
        if not (ROOT / path).exists():
            raise NotBuilt(f"{path} is missing: `make sdks` builds it")
    return str(ROOT / paths[-1])


COMMANDS: dict[str, Callable[[], list[str]]] = {"python": _python, "node": _node, "java": _java}


@dataclass
class Program:
    """A child of ours, with a log; it may be started again after its end."""

    command: Sequence[str]
    environment: Mapping[str, str]
    log: Path
    says_port: bool = False
    port: int = 0
    _child: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    def start(self) -> None:
        """Begin; a server says its port in a line."""
        with self.log.open("ab") as log:
            self._child = subprocess.Popen(
                [*_dies_with_us(), *self.command],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE if self.says_port else log,
                stderr=log,
                env=clean_environment(self.environment),
                cwd=ROOT,
                start_new_session=True,
            )
        if self.says_port:
            assert self._child.stdout is not None
            line = self._child.stdout.readline()
            assert line, f"the server did not start:\n{self.tail()}"
            self.port = int(line)

    @property
    def exit_code(self) -> int | None:
        """None while it lives (or was never started); a signal is negative."""
        return None if self._child is None else self._child.poll()

    def send(self, name: str) -> None:
        """Send a signal: TERM, KILL, STOP, CONT or INT."""
        assert self._child is not None, "it was never started"
        os.kill(self._child.pid, signal.Signals[f"SIG{name}"])

    def end(self, *, kill: bool = False) -> None:
        """End it, gently first, and wait."""
        child = self._child
        if child is None:
            return
        if child.poll() is None:
            child.kill() if kill else child.terminate()
        with suppress(ProcessLookupError):
            os.kill(child.pid, signal.SIGCONT)
        try:
            child.wait(STOP_S)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
        if child.stdout is not None:
            child.stdout.close()

    @property
    def log_size(self) -> int:
        """How many bytes it has logged."""
        return self.log.stat().st_size if self.log.exists() else 0

    def tail(self, begin: int = 0) -> str:
        """The end of what it logged, from this byte on."""
        if not self.log.exists():
            return ""
        lines = self.log.read_bytes()[begin:].decode(errors="replace").splitlines()
        return "\n".join(line[:LINE_SHOWN] for line in lines[-LOG_LINES_SHOWN:])


def worker(language: str, environment: Mapping[str, str], log: Path) -> Program:
    """An interpreter, not started yet. Raises NotBuilt."""
    return Program(COMMANDS[language](), environment, log)


def server(database_url: str, redis_url: str, log: Path) -> Program:
    """A server with leases of 2 s, not started yet; after an end it starts on the same port again."""
    program = ROOT / "tests" / "integration" / "server_program.py"
    return Server([sys.executable, str(program), database_url, redis_url], {}, log, says_port=True)


class Server(Program):
    """A server program: its port is the last word of its command."""

    def start(self) -> None:
        """Begin, on the port it had before."""
        words = self.command[:4]
        self.command = [*words, str(self.port)]
        super().start()


def _dies_with_us() -> list[str]:
    """Ends the child when the tests are killed, where the system can do that."""
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", "KILL"] if setpriv else []
