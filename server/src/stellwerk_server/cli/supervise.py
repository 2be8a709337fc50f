"""`stellwerk serve --processes N`: N servers on one port as children, each started again when it dies.

Must never make a gRPC object: the children are programs of their own, not forks.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
import sys
import tempfile
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import Mapping

from stellwerk_server.cli.life import Announcement, stop_on_signals
from stellwerk_server.config import Config

logger = logging.getLogger(__name__)
# A child that lived this long was well: the next one may come at once.
_HEALTHY_S = 30.0
_BACKOFF_S, _BACKOFF_MAX_S = 0.2, 10.0
# What a child may take over its drain time before it is killed.
_GRACE_S = 10.0


def run(config: Config, count: int, options: Mapping[str, str], announcement: Announcement) -> int:
    """Keep `count` servers alive until a signal comes, then drain them all; gives the exit status.

    `options` are handed to each beside the configuration.
    """
    with (
        _reserved(config.host, config.port) as grpc,
        _reserved(config.host, config.http_port_wanted) as http,
        tempfile.TemporaryDirectory(prefix="stellwerk-") as folder,
    ):
        ports = grpc.getsockname()[1], http.getsockname()[1]
        return asyncio.run(_Supervisor(config, ports, count, options, folder).run(announcement))


def _reserved(host: str, port: int) -> socket.socket:
    """A socket that is bound and never listened on: it holds the port, also one we were free to choose."""
    reserved = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    try:
        reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        reserved.bind((host, port))
    except OSError:
        reserved.close()
        raise
    return reserved


class _Supervisor:
    """The children, by place."""

    def __init__(
        self, config: Config, ports: tuple[int, int], count: int, options: Mapping[str, str], folder: str
    ) -> None:
        self._config = config
        # Where the children meet, to answer for each other.
        self._folder = folder
        self._port, self._http_port = ports
        self._count = count
        self._options = options
        self._children: dict[int, Process] = {}
        self._ready = [asyncio.Event() for _ in range(count)]

    async def run(self, announcement: Announcement) -> int:
        stopping = stop_on_signals()
        keepers = [asyncio.create_task(self._keep(place, stopping)) for place in range(self._count)]
        stopped = asyncio.create_task(stopping.wait())
        all_ready = asyncio.create_task(self._all_ready())
        await asyncio.wait([stopped, all_ready], return_when=asyncio.FIRST_COMPLETED)
        if all_ready.done():
            announcement.ready(self._config.host, self._port, self._http_port, f", {self._count} servers")
        await stopped
        all_ready.cancel()
        for child in self._children.values():
            _signal(child, signal.SIGTERM)
        _, late = await asyncio.wait(keepers, timeout=self._config.drain_s + _GRACE_S)
        for child in self._children.values() if late else ():
            _signal(child, signal.SIGKILL)
        await asyncio.gather(*keepers)
        return 1 if late else 0

    async def _all_ready(self) -> bool:
        return all([await ready.wait() for ready in self._ready])

    async def _keep(self, place: int, stopping: asyncio.Event) -> None:
        delay_s = _BACKOFF_S
        while not stopping.is_set():
            started = time.monotonic()
            child = self._children[place] = await self._start(place)
            await self._watch(child, place)
            if stopping.is_set():
                return
            if time.monotonic() - started > _HEALTHY_S:
                delay_s = _BACKOFF_S
            logger.error("server %s (pid %s) ended: %s; again in %.1f s", place + 1, child.pid, _how(child), delay_s)
            await _wait(stopping, delay_s)
            delay_s = min(delay_s * 2, _BACKOFF_MAX_S)

    async def _start(self, place: int) -> Process:
        config = self._config
        options = {
            "--host": config.host,
            "--port": self._port,
            "--http-port": self._http_port,
            "--feed-retention": config.feed_retention_s,
            "--drain": config.drain_s,
            "--lease": config.lease_s,
            "--sibling": f"{self._folder}/{place + 1}",
            **self._options,
        }
        flags = ["--reuse-port", "--supervised", "--no-migrate", "--json", *(["--insecure"] if config.insecure else [])]
        arguments = [str(part) for pair in options.items() for part in pair]
        arguments += [part for name in config.allowed_hosts for part in ("--allow-host", name)]
        arguments += [part for name in config.allowed_origins for part in ("--allow-origin", name)]
        # The DSN travels in the environment: everybody can read a command line.
        environment = {**os.environ, "STELLWERK_DATABASE_URL": config.database_url}
        environment["STELLWERK_REDIS_URL"] = config.redis_url or ""
        command = (sys.executable, "-m", "stellwerk_server.cli", "serve", *arguments, *flags)
        # A session of its own: Ctrl-C in our terminal is ours, and we pass it on in good order.
        return await asyncio.create_subprocess_exec(
            *command, stdin=PIPE, stdout=PIPE, env=environment, start_new_session=True
        )

    async def _watch(self, child: Process, place: int) -> None:
        assert child.stdout is not None
        async for _ready_line in child.stdout:
            logger.info("server %s ready (pid %s)", place + 1, child.pid)
            self._ready[place].set()
        await child.wait()


def _signal(child: Process, number: signal.Signals) -> None:
    if child.returncode is None:
        child.send_signal(number)


def _how(child: Process) -> str:
    status = child.returncode or 0
    return f"killed by {signal.Signals(-status).name}" if status < 0 else f"exit status {status}"


async def _wait(stopping: asyncio.Event, delay_s: float) -> None:
    try:
        async with asyncio.timeout(delay_s):
            await stopping.wait()
    except TimeoutError:
        return
