"""The dashboard as people see it: a real Chromium, a real server, Postgres, Valkey and workers; nothing is played.

One browser for the session, a fresh context and a namespace of its own for each test. Everything runs in the session's
event loop, because the browser does. A test fails when a page of its did anything that `Watch` knows."""

from __future__ import annotations

import itertools
import os
import shutil
import subprocess
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, async_playwright, expect

from stellwerk import Client
from stellwerk_server.embedded import EmbeddedPostgres, EmbeddedValkey
from stellwerk_server.web.pages import STATIC
from tests.browser.stage import Stage
from tests.browser.watch import Watch
from tests.support.databases import fresh_database
from tests.support.servers import RunningServer, serving

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent
INSTALL_S = 900
PATIENCE_MS = 30_000
TEST_S = 240
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
DESKTOP = {"width": 1280, "height": 800}
PHONE = {"width": 360, "height": 740}

_numbers = itertools.count(1)
OpenStage = Callable[..., AbstractAsyncContextManager[Stage]]
Measured = Callable[[str, float], None]
_MEASURED = pytest.StashKey[list[str]]()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The browser lives in the session's loop, and so must who talks to it."""
    for item in items:
        if HERE in item.path.parents and pytest_asyncio.is_async_test(item):
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)
            item.add_marker(pytest.mark.timeout(TEST_S))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """What was measured, and where the pictures are."""
    for line in config.stash.get(_MEASURED, []):
        terminalreporter.write_line(f"browser: {line}")


@pytest.fixture(scope="session")
def measured(pytestconfig: pytest.Config) -> Measured:
    """Notes a figure for the end of the session."""
    lines = pytestconfig.stash.setdefault(_MEASURED, [])
    return lambda what, value: lines.append(f"{what}: {value:.2f}")


@pytest.fixture(scope="session")
def chromium() -> str:
    """Debian's Chromium, installed when it may be; only a machine that is not CI's may do without."""
    done = subprocess.run(
        ["sh", "tools/need_chromium.sh"], cwd=ROOT, capture_output=True, text=True, timeout=INSTALL_S, check=False
    )
    if done.returncode and os.environ.get("CI") != "true":
        pytest.skip(done.stderr.strip().splitlines()[-1])
    found = shutil.which("chromium")
    assert found, done.stderr
    return found


@pytest.fixture(scope="session")
def built() -> None:
    """The pages a server shows."""
    if not (STATIC / "index.html").exists():
        reason = "the dashboard is not built: run `make dashboard`"
        assert os.environ.get("CI") != "true", reason
        pytest.skip(reason)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser(chromium: str, built: None) -> AsyncIterator[Browser]:
    """The session's Chromium, on a profile folder that was empty."""
    expect.set_options(timeout=PATIENCE_MS)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium, headless=True, args=FLAGS)
        yield browser
        await browser.close()


@pytest.fixture(scope="session")
def server(postgres: EmbeddedPostgres, valkey: EmbeddedValkey, server_folder: Path) -> Iterator[RunningServer]:
    """The session's server, in a program of its own."""
    with fresh_database(postgres) as dsn, serving(dsn, valkey.url, server_folder) as server:
        yield server


@pytest.fixture(scope="session")
def pictures(pytestconfig: pytest.Config) -> Path:
    """Where screenshots are kept; not committed."""
    folder = ROOT / ".make" / "screenshots"
    folder.mkdir(parents=True, exist_ok=True)
    pytestconfig.stash.setdefault(_MEASURED, []).append(f"screenshots in {folder}")
    return folder


@asynccontextmanager
async def stage_on(
    browser: Browser, server: RunningServer, namespace: str = "", **options: Any
) -> AsyncIterator[Stage]:
    """A page on a server, watched; `options` are those of a browser context."""
    name = namespace or f"n{next(_numbers)}"
    watch = Watch()
    settings = {"viewport": DESKTOP, "color_scheme": "dark", "reduced_motion": "reduce", "locale": "en-GB", **options}
    context = await browser.new_context(**settings)
    context.set_default_timeout(PATIENCE_MS)
    await watch.over(context)
    try:
        async with Client(server.address, namespace=name) as client:
            yield Stage(str(server.ready["http"]), client, context, await context.new_page(), watch)
        problems = watch.problems
    finally:
        await context.close()
    assert not problems, "\n".join(problems)


@pytest.fixture
def open_stage(browser: Browser, server: RunningServer) -> OpenStage:
    """Opens stages: on the session's server unless `server` says otherwise."""

    def open(on: RunningServer = server, namespace: str = "", **options: Any) -> AbstractAsyncContextManager[Stage]:
        return stage_on(browser, on, namespace, **options)

    return open


@pytest_asyncio.fixture(loop_scope="session")
async def stage(open_stage: OpenStage) -> AsyncIterator[Stage]:
    """A namespace of the test's own on the session's server."""
    async with open_stage() as stage:
        yield stage
