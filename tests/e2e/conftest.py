"""The session's server, a worker for it, and the server's log with every test that fails."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Generator, Iterator
from typing import Any, TypeVar

import pytest

from stellwerk import Client, TaskContext, TerminalError, Worker
from tests.support.programs import wait_until
from tests.support.servers import RunningServer, stellwerk_server

__all__ = ["stellwerk_server"]

Define = Callable[..., str]
T = TypeVar("T")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    server = getattr(item, "funcargs", {}).get("stellwerk_server")
    if report.failed and isinstance(server, RunningServer):
        report.sections.append((f"log of {server.address}", server.log_tail()))
    return report


@pytest.fixture(scope="session")
def worker(stellwerk_server: RunningServer) -> Iterator[Worker]:
    """A worker with a handler for everything the tests ask for, in a thread of its own."""
    worker = Worker(stellwerk_server.address)
    worker.register("test.echo", lambda value: value)
    worker.register("test.fail", fail)
    worker.register("test.stream", stream)
    worker.register("test.hold", hold)
    thread = threading.Thread(target=lambda: asyncio.run(worker.run()), name="e2e-worker")
    thread.start()
    try:
        assert wait_until(lambda: knows(stellwerk_server, worker), 15), "the worker did not connect"
        yield worker
    finally:
        worker.stop()
        thread.join()


def fail(value: Any) -> None:
    raise TerminalError(f"refused {value!r}\x1b[2J", type="Refused")


def stream(words: list[str]) -> Iterator[str]:
    yield from words


async def hold(_: Any, ctx: TaskContext) -> None:
    ctx.heartbeat({"stage": "holding"})
    await ctx.cancelled


def knows(server: RunningServer, worker: Worker) -> bool:
    """Whether the server lists the worker."""
    known = ask(server, lambda client: client.workers())
    return worker.worker_id in [each.worker_id for each in known]


def ask(server: RunningServer, question: Callable[[Client], Awaitable[T]]) -> T:
    """One call of the SDK: quicker than a command, for what a test does not try."""

    async def connected() -> T:
        async with Client(server.address) as client:
            return await question(client)

    return asyncio.run(connected())


@pytest.fixture
def define(stellwerk_server: RunningServer, request: pytest.FixtureRequest) -> Define:
    """Registers a workflow named after the test with these steps (YAML, one a line); gives its name."""
    name = request.node.name.replace("[", "-").replace("]", "")[:60]

    def apply(*steps: str) -> str:
        text = "\n".join([f"name: {name}", "steps:", *(f"  - {step}" for step in steps)])
        return ask(stellwerk_server, lambda client: client.apply_workflow(text)).name

    return apply
