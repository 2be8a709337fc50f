"""Programs that are broken on purpose: started again by a keeper whenever they end, killed, frozen, asked to stop.

Each dies with us, however we die. Must not know what the programs do.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import time
from asyncio.subprocess import DEVNULL, Process
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
# Before a program that fell over at once is started again.
BREATH_S = 0.3
STOP_S = 10.0


@dataclass(frozen=True)
class Command:
    """What one life of a program is started with."""

    argv: Sequence[str]
    environment: Mapping[str, str]


class Child:
    """A program under a name. `command` gives the command of its n-th life; `allowed` waits until one may begin."""

    def __init__(
        self,
        name: str,
        command: Callable[[int], Command],
        log: Path,
        *,
        allowed: Callable[[], Awaitable[None]],
        died: Callable[[Child, int], None],
    ) -> None:
        self.name = name
        self.life = 0
        # Killed by us, so that its end is no surprise.
        self.expected: set[int] = set()
        self._command, self._log, self._allowed, self._died = command, log, allowed, died
        self._process: Process | None = None
        self._keeper: asyncio.Task[None] | None = None
        self._stopping = False

    @property
    def pid(self) -> int | None:
        """The program's pid while it lives."""
        running = self._process is not None and self._process.returncode is None
        return self._process.pid if self._process is not None and running else None

    def start(self) -> None:
        """Keep it alive from now on."""
        self._keeper = asyncio.create_task(self._keep())

    def send(self, number: signal.Signals) -> int | None:
        """Send a signal to the life that lives; gives its pid, None when there is none."""
        pid = self.pid
        if pid is not None:
            if number in (signal.SIGKILL, signal.SIGTERM):
                self.expected.add(pid)
            os.kill(pid, number)
        return pid

    async def kill(self) -> int | None:
        """Kill -9, and wait until it is gone; the keeper starts the next life."""
        process = self._process
        pid = self.send(signal.SIGKILL)
        if pid is not None and process is not None:
            await process.wait()
        return pid

    async def stop(self) -> None:
        """End it for good."""
        self._stopping = True
        process = self._process
        if process is not None and process.returncode is None:
            process.terminate()
            with suppress(ProcessLookupError):
                process.send_signal(signal.SIGCONT)
            try:
                async with asyncio.timeout(STOP_S):
                    await process.wait()
            except TimeoutError:
                process.kill()
                await process.wait()
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.gather(self._keeper, return_exceptions=True)

    async def _keep(self) -> None:
        while not self._stopping:
            await self._allowed()
            begun = time.monotonic()
            self.life += 1
            process = self._process = await self._spawn(self._command(self.life))
            code = await process.wait()
            if self._stopping:
                return
            if process.pid not in self.expected:
                self._died(self, code)
            self.expected.discard(process.pid)
            if time.monotonic() - begun < BREATH_S * 2:
                await asyncio.sleep(BREATH_S)

    async def _spawn(self, command: Command) -> Process:
        with self._log.open("ab") as log:
            return await asyncio.create_subprocess_exec(
                *dies_with_us(),
                *command.argv,
                stdin=DEVNULL,
                stdout=log,
                stderr=log,
                env=dict(command.environment),
                cwd=ROOT,
                start_new_session=True,
            )


def dies_with_us() -> list[str]:
    """Has the kernel kill a program when we die, where the system can do that."""
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", "KILL", "--"] if setpriv else []
