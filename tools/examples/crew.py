"""The workers of a case while it is checked, and what they need beside a server; some checks kill them on purpose.

Ends only what it has started.
"""

import asyncio
import subprocess
import sys
from collections.abc import Collection, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from examples.census.demo import program
from stellwerk import Client
from tools.examples.programs import EXAMPLES, ROOT, command, environment

LOOK_S = 0.05
SIGNUP_WAIT_S = 1


class Crew:
    """Workers of one case, one a language, that are started, killed and started again. `folder` is scratch."""

    def __init__(self, commands: list[list[str]], folder: Path, stack: ExitStack, how: dict[str, Any]) -> None:
        self.folder = folder
        self._commands = commands
        self._stack = stack
        self._how = how
        self._workers: list[subprocess.Popen[bytes]] = []

    @property
    def ended(self) -> bool:
        """Whether a worker has ended by itself."""
        return any(worker.poll() is not None for worker in self._workers)

    def start(self) -> None:
        """Start the workers."""
        self._workers = [self._stack.enter_context(program(each, **self._how)) for each in self._commands]

    def replace(self) -> None:
        """Kill the workers (kill -9) and start others of the same kind."""
        for worker in self._workers:
            worker.kill()
            worker.wait()
        self.start()

    async def wait_until_known(self, client: Client) -> None:
        """Wait until the server knows the workers and a workflow: code is registered by the worker that brings it."""
        while True:
            workflows = [workflow.name async for workflow in client.list_workflows()]
            if workflows and len(await client.workers()) >= len(self._workers):
                return
            await asyncio.sleep(LOOK_S)


@contextmanager
def crew(case: str, languages: Collection[str], address: str, namespace: str, folder: Path) -> Iterator[Crew]:
    """The workers of a case for the length of the block; what they say is in `folder`/worker.log."""
    with ExitStack() as stack, (folder / "worker.log").open("wb") as output:
        needed = stack.enter_context(_needs(case))
        how = {"env": {**environment(address, namespace), **needed}, "cwd": ROOT, "stdout": output, "stderr": output}
        workers = Crew([command(case, language) for language in languages], folder, stack, how)
        workers.start()
        yield workers


@contextmanager
def _needs(case: str) -> Iterator[dict[str, str]]:
    """What the workers of a case are told beside the server's address."""
    if case != "agent":
        yield {"STELLWERK_EXAMPLE_WAIT_S": str(SIGNUP_WAIT_S)}
        return
    with program(
        [sys.executable, str(EXAMPLES / "agent" / "endpoint.py"), "--port", "0"], stdout=subprocess.PIPE
    ) as endpoint:
        assert endpoint.stdout is not None
        yield {"OPENAI_BASE_URL": endpoint.stdout.readline().decode().strip()}
