"""`make python`, `make node`, `make java`: the workers of one language against a running server, in the foreground."""

import asyncio
import os
import signal
from asyncio.subprocess import Process
from collections.abc import Callable

from stellwerk import Unavailable
from tools.examples.programs import CASES, ROOT, ToolError, command, environment, require
from tools.examples.stack import apply_workflows

DRAIN_S = 40.0


async def work(language: str, tell: Callable[[str], None]) -> None:
    """Serve every example until Ctrl-C or SIGTERM, then let the workers drain."""
    require(language)
    address = os.environ.get("STELLWERK_ADDRESS", "127.0.0.1:7400")
    try:
        await apply_workflows(address)
    except Unavailable as error:
        raise ToolError(f"{error.message}; start one with `stellwerk up`, or everything with `make all`") from error
    workers = {case: await _start(case, language, address) for case in CASES}
    tell(f"{', '.join(CASES)} in {language} serve {address}; Ctrl-C stops them")
    try:
        await _until_stopped(workers)
    finally:
        await _drain(list(workers.values()))
    tell("stopped")


async def _start(case: str, language: str, address: str) -> Process:
    # A session of its own: Ctrl-C comes to us, and we pass it on once.
    return await asyncio.create_subprocess_exec(
        *command(case, language), env=environment(address), cwd=ROOT, start_new_session=True
    )


async def _until_stopped(workers: dict[str, Process]) -> None:
    stopping = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    ends = {asyncio.create_task(worker.wait()): case for case, worker in workers.items()}
    stopped = asyncio.create_task(stopping.wait())
    done, _ = await asyncio.wait([stopped, *ends], return_when=asyncio.FIRST_COMPLETED)
    if stopped in done:
        return
    stopped.cancel()
    raise ToolError(f"the {ends[done.pop()]} worker has ended; it said why above")


async def _drain(workers: list[Process]) -> None:
    """Ask once and wait; a second Ctrl-C asks again, which ends the drain."""
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, _ask, workers)
    _ask(workers)
    _, late = await asyncio.wait([asyncio.create_task(worker.wait()) for worker in workers], timeout=DRAIN_S)
    if late:
        for worker in workers:
            if worker.returncode is None:
                worker.kill()
        await asyncio.wait(late)


def _ask(workers: list[Process]) -> None:
    for worker in workers:
        if worker.returncode is None:
            worker.terminate()
