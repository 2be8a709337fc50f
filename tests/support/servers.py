"""A Stellwerk server as a program of its own, `stellwerk serve`, and the command line against it.

Real Postgres and Valkey; what the server logged is shown with a test that fails."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from stellwerk_server.embedded import EmbeddedPostgres, EmbeddedValkey
from tests.support.databases import fresh_database

STELLWERK = (sys.executable, "-m", "stellwerk_server.cli")
PATIENCE_S = 60
LOG_LINES_SHOWN = 60

_numbers = itertools.count(1)


@dataclass(frozen=True)
class Answer:
    """What a command said and how it ended."""

    status: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """The one JSON document on stdout."""
        return json.loads(self.out)

    @property
    def documents(self) -> list[Any]:
        """Every JSON line on stdout."""
        return [json.loads(line) for line in self.out.splitlines()]


@dataclass(frozen=True)
class RunningServer:
    """A server (or the supervisor of several) that said it is ready."""

    process: subprocess.Popen[bytes]
    ready: dict[str, Any]
    log: Path
    environment: Mapping[str, str] = field(default_factory=dict)

    @property
    def address(self) -> str:
        """host:port."""
        return str(self.ready["address"])

    def cli(self, *arguments: str, stdin: str = "") -> Answer:
        """Run a command against this server."""
        return stellwerk(*arguments, stdin=stdin, STELLWERK_ADDRESS=self.address)

    def log_tail(self) -> str:
        """The end of what it logged."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-LOG_LINES_SHOWN:])


def stellwerk(*arguments: str, stdin: str = "", **environment: str) -> Answer:
    """Run a command to its end, with these variables on top of the environment's."""
    done = subprocess.run(
        [*STELLWERK, *arguments],
        input=stdin.encode(),
        capture_output=True,
        timeout=PATIENCE_S,
        check=False,
        env=clean_environment(environment),
    )
    return Answer(done.returncode, done.stdout.decode(), done.stderr.decode())


def clean_environment(extra: Mapping[str, str]) -> dict[str, str]:
    """Our environment without what would steer a command, and with `extra`."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("STELLWERK_", "PG"))}
    return {**kept, **extra}


@contextmanager
def running(arguments: Sequence[str], log: Path, **environment: str) -> Iterator[RunningServer]:
    """`stellwerk up` or `serve` until the end of the block; ended by SIGTERM."""
    with log.open("wb") as errors:
        process = subprocess.Popen(
            [*STELLWERK, *arguments, "--json"],
            stdout=subprocess.PIPE,
            stderr=errors,
            env=clean_environment(environment),
            start_new_session=True,
        )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line, f"stellwerk {' '.join(arguments)} did not start:\n{log.read_text(errors='replace')}"
        yield RunningServer(process, json.loads(line), log, environment)
    finally:
        process.terminate()
        try:
            process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        assert process.stdout is not None
        process.stdout.close()


@contextmanager
def serving(dsn: str, redis_url: str, folder: Path, *options: str, **environment: str) -> Iterator[RunningServer]:
    """`stellwerk serve` on a free port, with these variables on top of the environment's."""
    log = folder / f"serve-{next(_numbers)}.log"
    environment |= {"STELLWERK_DATABASE_URL": dsn, "STELLWERK_REDIS_URL": redis_url}
    with running(["serve", "--port", "0", *options], log, **environment) as server:
        yield server


@pytest.fixture(scope="session")
def stellwerk_server(
    postgres: EmbeddedPostgres, valkey: EmbeddedValkey, server_folder: Path
) -> Iterator[RunningServer]:
    """The session's server, on a database of its own."""
    with fresh_database(postgres) as dsn, serving(dsn, valkey.url, server_folder) as server:
        yield server
