"""Workflows as code end to end: a worker in a program of its own that dies and goes on, against a real server."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from sdk.python.tests import code_worker
from stellwerk import Client, Event, RunFailed, RunState
from stellwerk.testing import replay
from tests.support.servers import RunningServer, clean_environment, stellwerk_server

__all__ = ["stellwerk_server"]


# Of all tests: a workflow that is code is decided on the queue it was registered with.
QUEUE = "python_code"


class Workers:
    """The worker's program, begun again when it has died."""

    def __init__(self, server: RunningServer, folder: Path) -> None:
        self._server = server
        self._folder = folder
        self._program: subprocess.Popen[bytes] | None = None
        self.deaths = 0

    def run(self, build: str = "b1") -> None:
        """Begin it, unless it runs."""
        if self._program is None or self._program.poll() is not None:
            self.deaths += self._program is not None
            arguments = [sys.executable, code_worker.__file__, QUEUE, str(self._folder), build]
            environment = clean_environment({"STELLWERK_ADDRESS": self._server.address})
            self._program = subprocess.Popen(arguments, env=environment)

    def stop(self) -> None:
        if self._program is not None:
            self._program.terminate()
            self._program.wait(30)
            self._program = None

    async def until(self, done: Callable[[], Any], build: str = "b1") -> Any:
        """Wait until the coroutine that `done` makes gives something, whatever becomes of the worker."""
        async with asyncio.timeout(60):
            while not (found := await done()):
                self.run(build)
                await asyncio.sleep(0.05)
        return found


@pytest.fixture
async def workers(stellwerk_server: RunningServer, tmp_path: Path) -> AsyncIterator[Workers]:
    made = Workers(stellwerk_server, tmp_path)
    made.run()
    yield made
    made.stop()


@pytest.fixture
async def client(stellwerk_server: RunningServer, workers: Workers) -> AsyncIterator[Client]:
    async with Client(stellwerk_server.address) as client:

        async def served() -> bool:
            return bool([workflow async for workflow in client.list_workflows("python_everything")])

        await workers.until(served)
        yield client


async def test_a_run_goes_on_wherever_its_worker_dies(client: Client, workers: Workers) -> None:
    for at in range(9):
        handle = await client.start("python_everything", at)
        await handle.signal("go", "went")

        async def ended(handle: Any = handle) -> bool:
            run = await handle.get()
            return run.state.terminal

        await workers.until(ended)
        assert await handle.result() == [1, 2, 3, 4, 5, "Declined", "late", "went"]
    assert workers.deaths == 8
    found = [run.run_id async for run in client.list_runs("python_everything", attributes={"at": 8})]
    assert found == [handle.run_id]
    assert (await handle.get()).published == {"found": [1, 2, 3, 4, 5, "Declined", "late"]}


async def test_a_servers_history_replays(client: Client, workers: Workers, stellwerk_server: RunningServer) -> None:
    handle = await client.start("python_everything", 0)
    await handle.signal("go", "went")
    await handle.result(timeout=30)
    document = stellwerk_server.cli("run", "history", handle.run_id, "--json").document
    assert replay(document, code_worker.everything) is RunState.SUCCEEDED
    for cut in range(1, len(document["events"])):
        shorter = {**document, "events": document["events"][:cut]}
        assert replay(shorter, code_worker.everything) is RunState.RUNNING


async def test_a_cancelled_run_undoes(client: Client, workers: Workers) -> None:
    handle = await client.start("python_undoes")

    async def waits() -> bool:
        return any([event.type == "STEP_AWAITING" async for event in handle.history()])

    await workers.until(waits)
    assert await handle.cancel("enough") is RunState.RUNNING
    with pytest.raises(RunFailed):
        await handle.result(timeout=30)
    events: list[Event] = [event async for event in handle.history()]
    assert [event.type for event in events][-4:] == [
        "STEP_CANCELLED",
        "STEP_SCHEDULED",
        "STEP_SUCCEEDED",
        "RUN_CANCELLED",
    ]


async def test_a_run_that_goes_on_as_new_ones_is_found(client: Client, workers: Workers) -> None:
    handle = await client.start("python_counts", 3)

    async def continued() -> bool:
        return (await handle.get()).state is RunState.CONTINUED

    await workers.until(continued)
    assert (await handle.get()).continued_as
    await handle.signal("word", "heard")
    assert await handle.result(timeout=30) == "heard"


async def test_a_difference_parks_the_run_until_a_build_comes_that_fits(client: Client, workers: Workers) -> None:
    handle = await client.start("python_builds")

    async def waits() -> bool:
        return any([event.type == "STEP_AWAITING" async for event in handle.history()])

    await workers.until(waits)
    workers.stop()
    workers.run("b2")
    await handle.signal("go")

    async def blocked() -> str:
        return (await handle.get()).block_reason

    difference = 'step 1: recorded echo("b1"), now echo("b2")'
    assert await workers.until(blocked, "b2") == f"NON_DETERMINISM: {difference}"
    workers.stop()
    workers.run("b3")
    assert await handle.result(timeout=30) == "b3"
