"""What a measurement runs on: one durable Postgres and Valkey for all, a database and a server for each.

Must not know any workload. Everything it starts ends with its context.
"""

import asyncio
import itertools
import json
import signal
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from stellwerk import Client
from stellwerk_server.embedded import EmbeddedPostgres, EmbeddedValkey
from tests.bench.child import Child
from tests.bench.languages import LANGUAGES, worker_command
from tests.bench.meter import Meter

# Loaded, but off: only a database that asks for it pays for the statistics.
SETTINGS = {"shared_preload_libraries": "pg_stat_statements", "pg_stat_statements.track": "none"}
START_S = 30.0

_numbers = itertools.count(1)


@dataclass(frozen=True)
class Options:
    """How worker and client are set up: the same for every workload."""

    worker_slots: int = 1000
    worker_polls: int = 2
    uvloop: bool = False
    server_processes: int = 1
    worker_language: str = "python"


@dataclass(frozen=True)
class Machine:
    """The databases of a measurement and the folder of its logs."""

    folder: Path
    postgres: EmbeddedPostgres
    valkey: EmbeddedValkey
    options: Options

    @property
    def warmup_s(self) -> float:
        """How long a load runs before it is measured."""
        return LANGUAGES[self.options.worker_language].warmup_s

    @contextmanager
    def database(self, *, statements: bool = False) -> Iterator[str]:
        """The DSN of an empty database; with `statements` Postgres counts what is executed there."""
        name = f"bench_{next(_numbers)}"
        with psycopg.connect(self.postgres.dsn_of("postgres"), autocommit=True) as admin:
            admin.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
            if statements:
                track = sql.SQL("ALTER DATABASE {} SET pg_stat_statements.track = 'top'")
                admin.execute(track.format(sql.Identifier(name)))
            # The leftovers of the last measurement are not this one's to write.
            admin.execute("CHECKPOINT")
            try:
                yield self.postgres.dsn_of(name)
            finally:
                admin.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))

    @contextmanager
    def installation(self, *, statements: bool = False) -> Iterator["Installation"]:
        """A running server with the workloads' definitions on a database of its own."""
        with self.database(statements=statements) as dsn:
            if statements:
                with psycopg.connect(dsn, autocommit=True) as admin:
                    admin.execute("CREATE EXTENSION pg_stat_statements")
            databases = ["--database-url", dsn, "--redis-url", self.valkey.url]
            processes = ["--processes", str(self.options.server_processes), "--log-level", "warning"]
            with self.stellwerk("serve", *databases, *processes) as server:
                ready = json.loads(server.line(START_S))
                yield Installation(self, dsn, ready["address"], server, ready.get("http", ""))

    def stellwerk(self, command: str, *arguments: str) -> Child:
        """A server as its users start it, on a free port; its first line says the address."""
        fixed = ["--port", "0", "--json", "--supervised"]
        return Child(
            [sys.executable, "-m", "stellwerk_server.cli", command, *arguments, *fixed],
            self.folder / f"{command}-{next(_numbers)}.log",
        )


@dataclass(frozen=True)
class Installation:
    """A server that is up, and the ways to give it something to do."""

    machine: Machine
    dsn: str
    address: str
    server: Child
    # Where it speaks HTTP; empty for several servers.
    http: str = ""

    def apply(self, *definitions: str) -> None:
        """Register workflows."""

        async def apply_all() -> None:
            async with Client(self.address) as client:
                for definition in definitions:
                    await client.apply_workflow(definition)

        asyncio.run(apply_all())

    def wait_for(self, workflow: str) -> None:
        """Return once a worker has registered the workflow."""

        async def look() -> None:
            async with asyncio.timeout(START_S), Client(self.address) as client:
                while not [w async for w in client.list_workflows(workflow)]:  # noqa: ASYNC110 - the server has no call for it
                    await asyncio.sleep(0.02)

        asyncio.run(look())

    @contextmanager
    def worker(self, *, tell_every: int = 0) -> Iterator[Child]:
        """A worker, once it has begun to work."""
        options = self.machine.options
        settings = {
            "address": self.address,
            "slots": options.worker_slots,
            "polls": options.worker_polls,
            "uvloop": options.uvloop,
            "tell_every": tell_every,
        }
        command = [*worker_command(options.worker_language), json.dumps(settings)]
        log = self.machine.folder / f"worker-{next(_numbers)}.log"
        with Child(command, log) as worker:
            worker.hear("worker_id", START_S)
            yield worker

    def client(self, **load: Any) -> Child:
        """A client that begins with this load at once."""
        return Child.part(
            "client", self.machine.folder, address=self.address, uvloop=self.machine.options.uvloop, **load
        )

    def meter(self, **others: Child) -> Meter:
        """The meter over server, Postgres and other parts."""
        pids = {"server": self.server.pid, "postgres": self.machine.postgres.pid}
        return Meter({**pids, **{part: child.pid for part, child in others.items()}})


@contextmanager
def machine(options: Options) -> Iterator[Machine]:
    """Postgres with durable defaults and Valkey, in a temporary folder."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that all of it ends in good order
    with tempfile.TemporaryDirectory(prefix="stellwerk-bench-") as name:
        folder = Path(name)
        with EmbeddedPostgres.start(folder, settings=SETTINGS) as postgres, EmbeddedValkey.start(folder) as valkey:
            logs = folder / "logs"
            logs.mkdir()
            yield Machine(logs, postgres, valkey, options)
