"""`make all` and `make stop`: a server and the workers of all languages in the background, and their end.

Ends nothing but what it started itself: pids alone prove nothing, so each is kept with what it was.
"""

import asyncio
import json
import os
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from stellwerk import Client
from tools.examples.children import LOOK_S, Child, start, stop, wait_until
from tools.examples.programs import (
    CASES,
    DEFINED,
    EXAMPLES,
    LANGUAGES,
    ROOT,
    STELLWERK,
    ToolError,
    command,
    environment,
    require,
)

START_S = 90.0
DRAIN_S = 40.0
LOG_LINES_SHOWN = 20
SERVER = "server"

Tell = Callable[[str], None]


async def start_all(folder: Path, port: int, tell: Tell) -> None:
    """Start the server and every worker, and say how to go on. What was begun is stopped again when it fails."""
    for language in LANGUAGES:
        require(language)
    if any(child.alive for child in read(folder)):
        raise ToolError(f"it runs already, with its data in {folder}: `make stop` ends it")
    children: list[Child] = []
    try:
        address = _start_server(folder, port, children)
        tell(f"The server answers at {address}, its data are in {folder}.")
        await apply_workflows(address)
        await _start_workers(folder, address, children)
    except BaseException:
        _stop(children)
        write(folder, [])
        raise
    tell(f"{len(children) - 1} workers run, each example in {', '.join(LANGUAGES)}; their logs are there too.")
    tell("")
    tell(f"  export PATH={ROOT / '.venv' / 'bin'}:$PATH STELLWERK_ADDRESS={address}")
    tell("""  stellwerk run start polyglot --input '{"text": "to be or not to be"}' --wait""")
    tell("  stellwerk run list")
    tell("  stellwerk workers")
    tell("  make stop")


def stop_all(folder: Path, tell: Tell) -> None:
    """End what `start_all` has started, and nothing else."""
    children = read(folder)
    if not children:
        tell(f"nothing to stop: `make all` has started nothing with its data in {folder}")
        return
    gone = [child for child in children if not child.alive]
    for child in gone:
        tell(f"{child.name} (pid {child.pid}) had ended before")
    for child in _stop(children):
        tell(f"{child.name} (pid {child.pid}) did not end by itself and was killed")
    write(folder, [])
    tell(f"stopped {len(children) - len(gone)} programs; the data stay in {folder}")


async def apply_workflows(address: str) -> None:
    """Register the examples' workflows that are data; the same content stays the same version."""
    async with Client(address, retry_s=5) as client:
        for case in DEFINED:
            await client.apply_workflow(EXAMPLES / case / "workflow.yaml")


def _start_server(folder: Path, port: int, children: list[Child]) -> str:
    """Start the server and wait until it is ready; gives its address."""
    folder.mkdir(parents=True, exist_ok=True)
    up = [*STELLWERK, "up", "--folder", str(folder), "--port", str(port), "--json"]
    server = _keep(folder, children, start(SERVER, up, os.environ, folder, ROOT))
    said = folder / f"{SERVER}.out"
    wait_until(lambda: "\n" in said.read_text() or not server.alive, START_S)
    if "\n" not in said.read_text():
        raise ToolError(f"the server did not start:\n{log_tail(folder, SERVER)}")
    ready: dict[str, Any] = json.loads(said.read_text())
    return str(ready["address"])


async def _start_workers(folder: Path, address: str, children: list[Child]) -> None:
    """Start every worker and wait until the server knows them all."""
    workers = []
    for language in LANGUAGES:
        for case in CASES:
            child = start(f"{case}-{language}", command(case, language), environment(address), folder, ROOT)
            workers.append(_keep(folder, children, child))
    deadline_s = time.monotonic() + START_S
    async with Client(address) as client:
        while len(await client.workers()) < len(workers):
            for worker in workers:
                if not worker.alive or time.monotonic() > deadline_s:
                    raise ToolError(f"the worker {worker.name} did not start:\n{log_tail(folder, worker.name)}")
            await asyncio.sleep(LOOK_S)


def _keep(folder: Path, children: list[Child], child: Child) -> Child:
    """Write it down at once: whatever happens next, `make stop` can end it."""
    children.append(child)
    write(folder, children)
    return child


def _stop(children: list[Child]) -> list[Child]:
    """Workers first, so that they can still say how their tasks ended."""
    workers = [child for child in children if child.name != SERVER]
    servers = [child for child in children if child.name == SERVER]
    return stop(workers, DRAIN_S) + stop(servers, DRAIN_S)


def read(folder: Path) -> list[Child]:
    """What was started with its data in this folder and not stopped since."""
    try:
        return [Child(**each) for each in json.loads((folder / "all.json").read_text())]
    except FileNotFoundError:
        return []
    except (ValueError, TypeError) as error:
        raise ToolError(
            f"{folder / 'all.json'} is not what `make all` writes ({error}): end the programs by hand"
        ) from error


def write(folder: Path, children: list[Child]) -> None:
    """Note what runs; nothing takes the note away."""
    note = folder / "all.json"
    if not children:
        note.unlink(missing_ok=True)
        return
    draft = note.with_suffix(".new")
    draft.write_text(json.dumps([asdict(child) for child in children], indent=1))
    draft.replace(note)


def log_tail(folder: Path, name: str) -> str:
    """The end of what a program said."""
    return "\n".join((folder / f"{name}.log").read_text(errors="replace").splitlines()[-LOG_LINES_SHOWN:])
