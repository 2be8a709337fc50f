"""What the cases share: two servers, one worker a language, and the choice of languages.

CONFORMANCE_LANGUAGES=python,node limits the languages while somebody works on one of them."""

from __future__ import annotations

import asyncio
import itertools
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, ExitStack
from functools import cache
from pathlib import Path
from threading import Lock

import pytest

from stellwerk_server.embedded import EmbeddedPostgres, EmbeddedValkey
from tests.conformance import case_pb2, programs
from tests.conformance.perform import languages_of, of_all
from tests.conformance.programs import Program
from tests.conformance.schema import ALL, LANGUAGES, Raw, cases
from tests.conformance.stage import FORGETFUL, World
from tests.support.databases import fresh_database
from tests.support.servers import RunningServer, stellwerk_server

__all__ = ["stellwerk_server"]

SHARED_SLOTS = 100
# Cases of the background at the same time: they wait more than they work, but there are two cores.
BACKGROUND_MAX = 5
FORGETS = {"CONFORMANCE_CACHED_RUNS": "0", "CONFORMANCE_ACTIONS": "idle"}


@cache
def known_cases() -> list[Raw]:
    """Every case, read once."""
    return cases()


def chosen_languages() -> list[str]:
    """Those of the environment, all without."""
    named = os.environ.get("CONFORMANCE_LANGUAGES", "")
    return [language for language in LANGUAGES if not named or language in named.split(",")]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Every case in every language; one that mixes them runs once, when all are chosen."""
    if not {"raw", "language"} <= set(metafunc.fixturenames):
        return
    chosen = chosen_languages()
    every = [ALL] if chosen == list(LANGUAGES) else []
    # What began with the session has gone furthest when it is looked at last.
    ordered = sorted(known_cases(), key=lambda raw: raw.message.background)
    pairs = [(raw, language) for raw in ordered for language in (every if raw.message.once else chosen)]
    marks = [[pytest.mark.timeout(max(120, 3 * raw.message.patience_s))] for raw, _ in pairs]
    metafunc.parametrize(
        ("raw", "language"),
        [
            pytest.param(*pair, id=f"{pair[0].name}[{pair[1]}]", marks=mark)
            for pair, mark in zip(pairs, marks, strict=True)
        ],
    )


@pytest.fixture(scope="session")
def conformance_folder(server_folder: Path) -> Path:
    """Where latches, notes and logs are."""
    folder = server_folder / "conformance"
    folder.mkdir()
    return folder


@pytest.fixture(scope="session")
def own_server(
    postgres: EmbeddedPostgres, valkey: EmbeddedValkey, migrated_template: str, conformance_folder: Path
) -> Callable[[ExitStack | AsyncExitStack], Program]:
    """Starts a server with leases of 2 s on a database of its own, until the stack is closed."""
    numbers = itertools.count()

    def start(stack: ExitStack | AsyncExitStack) -> Program:
        dsn = stack.enter_context(fresh_database(postgres, migrated_template))
        server = programs.server(dsn, valkey.url, conformance_folder / f"server-{next(numbers)}.log")
        stack.callback(server.end)
        server.start()
        return server

    return start


@pytest.fixture(scope="session")
def world(
    stellwerk_server: RunningServer,
    own_server: Callable[[ExitStack | AsyncExitStack], Program],
    conformance_folder: Path,
    request: pytest.FixtureRequest,
) -> Iterator[World]:
    """Servers and workers of the session; each is started when a case first needs it."""
    with ExitStack() as session:

        @cache
        def brisk() -> Program:
            return own_server(session)

        def server_of(kind: int, stack: AsyncExitStack) -> tuple[int, Program | None]:
            if kind == case_pb2.OWN:
                server = own_server(stack)
                return server.port, server
            return (brisk().port if kind == case_pb2.BRISK else int(stellwerk_server.address.rpartition(":")[2])), None

        @cache
        def shared_worker(kind: str, language: str) -> Program:
            environment = {
                "STELLWERK_ADDRESS": stellwerk_server.address,
                "CONFORMANCE_FOLDER": str(conformance_folder),
                "CONFORMANCE_QUEUE": f"conformance-{language}",
                "CONFORMANCE_SLOTS": str(SHARED_SLOTS),
                "CONFORMANCE_WORKER_ID": f"{kind}-{language}",
                "CONFORMANCE_WORKFLOWS": f"{kind}-{language}",
                **(FORGETS if kind == FORGETFUL else {}),
            }
            worker = programs.worker(language, environment, conformance_folder / f"{kind}-{language}.log")
            session.callback(worker.end, kill=True)
            worker.start()
            return worker

        def one_at_a_time(kind: str, language: str) -> Program:
            with starting:
                return shared_worker(kind, language)

        starting = Lock()
        world = World(conformance_folder, server_of, one_at_a_time)
        threads = session.enter_context(ThreadPoolExecutor(BACKGROUND_MAX))
        for raw in sorted(known_cases(), key=lambda raw: -raw.message.patience_s):
            languages = languages_of(raw, request.session.items)
            if raw.message.background and languages:
                world.background[raw.name] = threads.submit(asyncio.run, of_all(raw, languages, world))
        yield world
