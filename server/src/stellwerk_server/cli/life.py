"""The life of a server command: logging, signals, the ready line, the wait for the end, the drain.

Everything heavy is imported late: `stellwerk run list` must not pay for it.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import resource
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol

from stellwerk_server.cli.output import Output, plain
from stellwerk_server.cli.problems import MISUSED, CliError, refuse
from stellwerk_server.telemetry import logs

if TYPE_CHECKING:
    from stellwerk_server.config import Config
    from stellwerk_server.embedded import EmbeddedPostgres, EmbeddedValkey

logger = logging.getLogger(__name__)
STOPPING = (signal.SIGTERM, signal.SIGINT)
_LOOK_S = 1.0
_MAX_FILES = 16_384


class Embedded(Protocol):
    """What the two embedded servers have in common."""

    @property
    def running(self) -> bool:
        """Whether it lives."""

    @property
    def attached(self) -> bool:
        """Whether it was there before us."""


class Databases:
    """The embedded Postgres and Valkey of a folder, for the length of a with block."""

    def __init__(self, folder: Path) -> None:
        from stellwerk_server.embedded import EmbeddedPostgres, EmbeddedValkey

        self._folder = folder
        self._kinds = (EmbeddedPostgres, EmbeddedValkey)
        self._stack = ExitStack()

    def __enter__(self) -> tuple[EmbeddedPostgres, EmbeddedValkey]:
        with ExitStack() as stack:
            postgres = stack.enter_context(self._kinds[0].start(self._folder))
            valkey = stack.enter_context(self._kinds[1].start(self._folder))
            self._stack = stack.pop_all()
        return postgres, valkey

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()


class Announcement:
    """The line that says a server is ready, and what else is worth knowing then."""

    def __init__(self, out: Output, facts: dict[str, Any]) -> None:
        self._out = out
        self._facts = facts

    def ready(self, host: str, port: int, http_port: int, note: str = "") -> None:
        """Say it."""
        name = f"[{host}]" if ":" in host else host
        address, http = f"{name}:{port}", f"http://{name}:{http_port}"
        document = {"event": "ready", "address": address, "port": port, "http": http, "pid": os.getpid()}
        if self._out.as_json:
            self._out.document({**document, **self._facts})
        else:
            self._out.line(f"  server    {address}  pid {os.getpid()}{note}")
            self._out.line(f"  dashboard {http}  (docs at {http}/docs)")
            self._out.line("ready; Ctrl-C stops it")
            sys.stdout.flush()


def set_up_logging(level: str, kind: str) -> None:
    """Log to stderr as text or JSON, times in UTC; a record about a run names it."""
    number = logging.getLevelNamesMapping().get(level.upper())
    if number is None:
        refuse(f"--log-level: expected debug, info, warning or error, came {level!r}")
    if kind not in logs.FORMATS:
        refuse(f"--log-format: expected {' or '.join(logs.FORMATS)}, came {kind!r}")
    handler = logging.StreamHandler()
    handler.addFilter(logs.AboutRuns())
    handler.setFormatter(logs.formatter(kind))
    logging.root.handlers = [handler]
    logging.root.setLevel(number)
    # Alembic tells every step it takes.
    logging.getLogger("alembic").setLevel(max(number, logging.WARNING))


def require_ports_free(config: Config) -> None:
    """Raise CliError when a port is taken; asked early, before anything is started for it."""
    _require_free(config.host, config.port, "--port")
    _require_free(config.host, config.http_port_wanted, "--http-port")


def _require_free(host: str, port: int, option: str) -> None:
    if port == 0:
        return
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        # As a server sets it, so that connections which are just being closed do not count.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise CliError(f"cannot listen on {host}:{port}: {error.strerror} ({option} names another one)") from None


def warn_of_risks(dsn: str) -> None:
    """Say loudly when the database may forget what was acknowledged."""
    from stellwerk_server.cli import database

    if found := database.risks(dsn):
        text = f"WARNING: {', '.join(found)}: after a crash of the database acknowledged runs and results can be lost"
        print("\n".join(("!" * 80, text, "!" * 80)), file=sys.stderr, flush=True)


@contextmanager
def interruptible() -> Iterator[None]:
    """Let SIGTERM end what comes before the event loop as Ctrl-C does: in good order."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def explained(body: Callable[[], int | None]) -> int | None:
    """Run the body, with the errors of databases and settings as CliErrors."""
    from stellwerk_server.config import ConfigError
    from stellwerk_server.embedded.errors import EmbeddedError

    try:
        return body()
    except ConfigError as error:
        raise CliError(str(error), MISUSED) from None
    except EmbeddedError as error:
        raise CliError(plain(" ".join(str(error).split()))) from None


def serve(
    config: Config,
    announcement: Announcement,
    *,
    supervised: bool = False,
    failed: Callable[[], str | None] | None = None,
) -> None:
    """Run one server until a signal comes, then drain it. Raises CliError.

    `supervised` ends it with its standard input too; `failed` says why it cannot go on, once it cannot.
    """
    import uvloop

    _allow_connections()
    uvloop.run(_serve(config, announcement, supervised, failed or (lambda: None)))


def _allow_connections() -> None:
    """Let this program have as many open files as it may: every connection is one, and the usual limit is 1,024."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _MAX_FILES if most == resource.RLIM_INFINITY else min(most, _MAX_FILES)
    if resource.getrlimit(resource.RLIMIT_NOFILE)[0] < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, most))


def _spare_the_collector() -> None:
    """Leave all there is by now out of every collection of garbage: going through it holds up all calls for 50 ms."""
    gc.collect()
    gc.freeze()


async def _serve(
    config: Config, announcement: Announcement, supervised: bool, failed: Callable[[], str | None]
) -> None:
    import psycopg

    from stellwerk_server.cli import database
    from stellwerk_server.server import PortInUse, Server

    stopping = stop_on_signals()
    if supervised:
        asyncio.get_running_loop().add_reader(sys.stdin.fileno(), _end_of_input, stopping)
    try:
        server = await Server.start(config)
    except PortInUse as error:
        raise CliError(str(error)) from None
    except psycopg.Error as error:
        raise database.unreachable(config.database_url, error) from None
    announcement.ready(config.host, server.port, server.http_port)
    _spare_the_collector()
    reason = await _until(stopping, failed)
    logger.info("draining")
    await server.stop()
    if reason:
        raise CliError(reason)


def stop_on_signals() -> asyncio.Event:
    """An event that the first SIGTERM or Ctrl-C sets; the second ends everything at once."""
    stopping = asyncio.Event()

    def on_signal() -> None:
        if stopping.is_set():
            os._exit(1)
        stopping.set()

    for number in STOPPING:
        asyncio.get_running_loop().add_signal_handler(number, on_signal)
    return stopping


async def _until(stopping: asyncio.Event, failed: Callable[[], str | None]) -> str | None:
    while not (reason := failed()):
        try:
            async with asyncio.timeout(_LOOK_S):
                await stopping.wait()
        except TimeoutError:
            continue
        return None
    return reason


def _end_of_input(stopping: asyncio.Event) -> None:
    if not os.read(sys.stdin.fileno(), 4096):
        asyncio.get_running_loop().remove_reader(sys.stdin.fileno())
        stopping.set()
