"""`python -m tests.edge`: what a bystander feels of each assault, as one JSON line each. A figure, no test.

The assailant is a program of its own, and takes only what processor time the server, its database and the bystander
leave: it stands for one on another machine.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import resource
import sys
import tempfile
from collections.abc import Awaitable, Callable, Iterable
from contextlib import AsyncExitStack
from pathlib import Path

import psutil

from stellwerk_server.embedded import EmbeddedPostgres
from tests.edge import assaults
from tests.edge.bystander import Bystander, bystanding
from tests.integration.api import Api
from tests.support.servers import RunningServer, serving

_FILES = 16_384


def _give_way() -> None:
    """Lowest priority, also against programs of other sessions where the kernel shares processor time by session."""
    os.nice(19)
    if _by_session():
        os.setsid()
        Path("/proc/self/autogroup").write_text("19")


def _by_session() -> bool:
    """Whether the kernel shares processor time by session first: then it holds back the backends of Postgres, each of
    which is one, whoever is busy and at whatever priority."""
    try:
        return Path("/proc/sys/kernel/sched_autogroup_enabled").read_text().strip() == "1"
    except OSError:
        return False


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


async def _idle(port: int, count: int) -> None:
    async with assaults.idle_connections(port, count):
        _say("there")
        await asyncio.Event().wait()


async def _half(port: int, count: int) -> None:
    async with assaults.half_prefaces(port, count):
        _say("there")
        await asyncio.Event().wait()


async def _slow(port: int, count: int) -> None:
    async with Api(port) as api:
        run = await assaults.large_run(api)
    async with assaults.slow_readers(port, run, count, 20):
        _say("there")
        await asyncio.Event().wait()


def _again(assault: Callable[[int], Awaitable[None]]) -> Callable[[int, int], Awaitable[None]]:
    async def repeat(port: int, count: int) -> None:
        _say("there")
        while True:
            await assault(port)

    return repeat


# What is done, and with how many connections, where that is to choose.
ASSAULTS: dict[str, tuple[Callable[[int, int], Awaitable[None]], int]] = {
    "idle connections": (_idle, 5_000),
    "half a hello": (_half, 500),
    "watchers who never read": (_slow, 4),
    "rapid reset": (_again(assaults.rapid_reset), 0),
    "stream flood": (_again(assaults.stream_flood), 0),
    "bad frames": (_again(assaults.bad_frames), 0),
}


async def _p99_ms(bystander: Bystander, seconds: float) -> float:
    bystander.took_s.clear()
    await asyncio.sleep(seconds)
    return bystander.p99_ms


async def measure(server: RunningServer, seconds: float, names: Iterable[str]) -> None:
    """The bystander alone, and beside each of these assaults."""
    port = int(server.address.rpartition(":")[2])
    process = psutil.Process(server.ready["pid"])
    for name in names:
        async with AsyncExitStack() as stack:
            bystander = await stack.enter_async_context(bystanding(port))
            quiet_ms, before = await _p99_ms(bystander, seconds), process.memory_info().rss
            assailant = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "tests.edge", "--assault", name, "--port", str(port)),
                stdout=asyncio.subprocess.PIPE,
            )
            stack.push_async_callback(_ended, assailant)
            assert assailant.stdout is not None
            await assailant.stdout.readline()
            loud_ms = await _p99_ms(bystander, seconds)
            figures = {"quiet_p99_ms": quiet_ms, "p99_ms": loud_ms, "ratio": loud_ms / quiet_ms}
            grown_mb = (process.memory_info().rss - before) / 1e6
            shown = {key: round(value, 2) for key, value in {**figures, "grown_mb": grown_mb}.items()}
            _say(json.dumps({"assault": name, "runs": len(bystander.took_s), **shown, "by_session": _by_session()}))


async def _ended(assailant: asyncio.subprocess.Process) -> None:
    if assailant.returncode is None:
        assailant.kill()
    await assailant.wait()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.edge", description=__doc__)
    parser.add_argument("--seconds", type=float, default=10.0, help="how long each is measured")
    parser.add_argument("--only", choices=ASSAULTS, help="this assault alone")
    parser.add_argument("--assault", choices=ASSAULTS, help=argparse.SUPPRESS)
    parser.add_argument("--port", type=int, help=argparse.SUPPRESS)
    given = parser.parse_args()
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (_FILES if most == resource.RLIM_INFINITY else min(most, _FILES), most))
    if given.assault:
        _give_way()
        assault, count = ASSAULTS[given.assault]
        asyncio.run(assault(given.port, count))
        return
    with tempfile.TemporaryDirectory(prefix="stellwerk-edge-") as name:
        folder = Path(name)
        with EmbeddedPostgres.start(folder) as postgres, serving(postgres.dsn, "", folder) as server:
            asyncio.run(measure(server, given.seconds, [given.only] if given.only else ASSAULTS))


if __name__ == "__main__":
    main()
