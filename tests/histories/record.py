"""Records histories: python -m tests.histories.record LANGUAGE …, against a server of its own.

Writes those that are missing in the folder of the SDK's version, and must not touch one that is there.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from stellwerk import Client, NotFound, RunHandle, Signal
from tests.conformance.programs import ROOT
from tests.histories import programs
from tests.histories.programs import COMMANDS, HERE
from tests.support.servers import RunningServer, running

LOOK_S = 0.02
PATIENCE_S = 30
EARLY = Signal("early", {"from": "the start"})


async def _nothing(_: RunHandle) -> None:
    """Most runs end by themselves."""


async def _approve(handle: RunHandle) -> None:
    await until(lambda: _stage(handle, "waiting"))
    await handle.signal("approval", {"by": "ada"})


async def _cancel(handle: RunHandle) -> None:
    await until(lambda: _stage(handle, "waiting 1"))
    await handle.cancel("no more")


async def _stage(handle: RunHandle, stage: str) -> bool:
    return (await handle.get()).published.get("stage") == stage


@dataclass(frozen=True)
class Scenario:
    """A run: what it starts with, and what it is told meanwhile."""

    input: Any
    tell: Callable[[RunHandle], Awaitable[None]] = field(default=_nothing)
    signal: Signal | None = None


# By the name of the workflow, which is that of the file too; those that go on as new runs give two files.
SCENARIOS = {
    "order": Scenario({"card": "flaky", "items": ["ink", "paper", "pens"]}),
    "waiting": Scenario("ada", _approve, EARLY),
    "local": Scenario(5),
    "family": Scenario(8),
    "half": Scenario(9),
    "broken": Scenario(3),
    "trip": Scenario("Venice", _cancel),
    "relay": Scenario(1, signal=EARLY),
    "unpatched": Scenario(1, signal=EARLY),
}


async def until(look: Callable[[], Awaitable[bool]]) -> None:
    """Wait until it is true."""
    async with asyncio.timeout(PATIENCE_S):
        while not await look():  # noqa: ASYNC110 - what is looked at has no event
            await asyncio.sleep(LOOK_S)


def record(language: str, scratch: Path) -> None:
    """The histories of a language's SDK as it is here."""
    log = scratch / "worker.log"
    options = ("up", "--folder", str(scratch / "data"), "--port", "0")
    with running(options, scratch / "server.log") as server:
        worker = programs.worker(language, server.address, log)
        worker.start()
        try:
            asyncio.run(_record(language, server))
        except TimeoutError:
            sys.stderr.write(f"{worker.tail()}\n")
            raise
        finally:
            worker.end()


async def _record(language: str, server: RunningServer) -> None:
    async with Client(server.address) as client:
        await until(lambda: _is_known(client))
        [worker] = await client.workers()
        folder = HERE / f"{language}-{version_of(worker.sdk)}"
        folder.mkdir(exist_ok=True)
        for name, scenario in SCENARIOS.items():
            if not [*folder.glob(f"{name}.json"), *folder.glob(f"{name}-*.json")]:
                await _record_run(client, server, name, scenario, folder)


async def _record_run(client: Client, server: RunningServer, name: str, scenario: Scenario, folder: Path) -> None:
    handle = await client.start(name, scenario.input, signal=scenario.signal)
    await scenario.tell(handle)
    await until(lambda: _has_ended(handle))
    run_ids = [handle.run_id]
    while next_id := (await client.handle(run_ids[-1]).get()).continued_as:
        run_ids.append(next_id)
        await until(lambda: _has_ended(client.handle(run_ids[-1])))
    for number, run_id in enumerate(run_ids, 1):
        file = folder / (f"{name}-{number}.json" if len(run_ids) > 1 else f"{name}.json")
        file.write_text(written(await asyncio.to_thread(_history, server, run_id)), encoding="utf-8")
        sys.stdout.write(f"{file.relative_to(HERE)}\n")


def _history(server: RunningServer, run_id: str) -> Any:
    answer = server.cli("run", "history", run_id, "--json")
    assert answer.status == 0, answer.err
    return answer.document


def written(history: dict[str, Any]) -> str:
    """The document, an event a line; stacks name files from the root of the checkout."""
    head = {name: value for name, value in history.items() if name != "events"}
    events = ",\n".join(json.dumps(event, ensure_ascii=False) for event in history["events"])
    return f'{json.dumps(head)[:-1]}, "events": [\n{events}\n]}}\n'.replace(f"{ROOT}/", "")


def version_of(sdk: str) -> str:
    """The version in what an SDK says of itself: "stellwerk-python/0.1.0"."""
    return sdk.split("/")[-1].split()[-1]


async def _is_known(client: Client) -> bool:
    """Whether the server has heard of the worker's workflows."""
    try:
        for name in SCENARIOS:
            await client.get_workflow(name)
    except NotFound:
        return False
    return True


async def _has_ended(handle: RunHandle) -> bool:
    run = await handle.get()
    assert run.state != "BLOCKED", run
    return run.end_time is not None


def main() -> None:
    """Record those languages."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("languages", nargs="+", choices=list(COMMANDS), metavar="LANGUAGE")
    for language in parser.parse_args().languages:
        with tempfile.TemporaryDirectory(prefix="stellwerk-histories-") as scratch:
            record(language, Path(scratch))


if __name__ == "__main__":
    main()
