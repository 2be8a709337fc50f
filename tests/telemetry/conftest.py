"""A collector of this session's own, and traced programs around it: a server, workers, clients."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from stellwerk_server.embedded import EmbeddedPostgres, EmbeddedValkey
from tests.conformance import programs
from tests.conformance.programs import Program
from tests.support.databases import fresh_database
from tests.support.otlp import Receiver
from tests.support.servers import Answer, stellwerk


@dataclass
class Scene:
    """Programs on one database; they send their spans to `receiver` unless told otherwise."""

    folder: Path
    receiver: Receiver
    database_url: str
    redis_url: str
    server: Program = field(init=False)
    begun: list[Program] = field(default_factory=list)

    def serve(self, environment: dict[str, str]) -> Program:
        """Start the server; after its end it starts on its port again."""
        self.server = programs.server(self.database_url, self.redis_url, self.folder / "server.log")
        self.server.environment = environment
        return self.run(self.server)

    def work(self, environment: dict[str, str], address: str = "", name: str = "worker") -> Program:
        """Start a worker of queue "traced"."""
        program = Path(__file__).with_name("worker_program.py")
        where = {"STELLWERK_ADDRESS": address or self.address, "OTEL_SERVICE_NAME": name}
        return self.run(Program([sys.executable, str(program)], {**where, **environment}, self.folder / f"{name}.log"))

    def run(self, program: Program) -> Program:
        """Start it, and end it with the scene."""
        self.begun.append(program)
        program.start()
        return program

    @property
    def address(self) -> str:
        """Of the server."""
        return f"127.0.0.1:{self.server.port}"

    def cli(self, *words: str, environment: dict[str, str], stdin: str = "") -> Answer:
        """A client: one command."""
        return stellwerk(*words, stdin=stdin, STELLWERK_ADDRESS=self.address, **environment)

    def apply(self, name: str, steps: list[dict[str, Any]]) -> None:
        """Register a workflow; steps are of queue "traced" unless they say otherwise."""
        steps = [{"queue": "traced", **step} if "action" in step else step for step in steps]
        done = self.cli("workflow", "apply", "-", environment={}, stdin=json.dumps({"name": name, "steps": steps}))
        assert done.status == 0, done.err

    def end(self) -> None:
        """End what was started, last first."""
        for program in reversed(self.begun):
            program.end()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """An empty collector."""
    with Receiver().listening() as receiver:
        yield receiver


@contextmanager
def staged(
    postgres: EmbeddedPostgres, redis_url: str, template: str, receiver: Receiver, folder: Path
) -> Iterator[Scene]:
    """A scene on a database of its own; nothing runs yet."""
    with fresh_database(postgres, template) as dsn:
        scene = Scene(folder, receiver, dsn, redis_url)
        try:
            yield scene
        finally:
            scene.end()


@pytest.fixture
def scene(
    postgres: EmbeddedPostgres, valkey: EmbeddedValkey, migrated_template: str, receiver: Receiver, tmp_path: Path
) -> Iterator[Scene]:
    """A scene of the test's own."""
    with staged(postgres, valkey.url, migrated_template, receiver, tmp_path) as scene:
        yield scene


@pytest.fixture(scope="session")
def traced(
    postgres: EmbeddedPostgres, valkey: EmbeddedValkey, migrated_template: str, server_folder: Path
) -> Iterator[Scene]:
    """The session's server and worker, both traced; each test has workflows of its own."""
    folder = server_folder / "telemetry"
    folder.mkdir()
    with Receiver().listening() as receiver, staged(postgres, valkey.url, migrated_template, receiver, folder) as scene:
        scene.serve(receiver.environment())
        scene.work(receiver.environment())
        yield scene
