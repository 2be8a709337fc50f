"""The web components in a page of somebody else, of another origin: let in by --allow-origin, refused without."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import expect

from stellwerk_server.embedded import EmbeddedPostgres, EmbeddedValkey
from tests.browser.axe import WCAG, violations
from tests.browser.conftest import OpenStage
from tests.browser.stage import Stage
from tests.browser.test_outages import free_port
from tests.browser.test_run import Gate
from tests.support.databases import fresh_database
from tests.support.servers import clean_environment, serving

EXAMPLE = Path(__file__).parents[2] / "examples" / "embed" / "serve.py"
HOLD = "name: hold\nsteps:\n  - {id: hold, action: hold}\n"
STRANGER = """<!doctype html><html lang="en"><title>Elsewhere</title><link rel="icon" href="data:,">
<script type="module" src="%s/embed/stellwerk.js"></script><iframe></iframe></html>"""


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def elsewhere(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """Another origin, and the folder it serves."""
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder))) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}", folder
        server.shutdown()
        thread.join()


@contextmanager
def example(port: int, base: str) -> Iterator[None]:
    """The example's own page, under its own policy."""
    environment = clean_environment({"PORT": str(port), "STELLWERK_HTTP": base})
    with subprocess.Popen([sys.executable, EXAMPLE], stdout=subprocess.PIPE, env=environment) as program:
        try:
            assert program.stdout
            assert program.stdout.readline()
            yield
        finally:
            program.terminate()


async def test_the_example_shows_a_run_and_the_dashboard_live(
    postgres: EmbeddedPostgres, valkey: EmbeddedValkey, tmp_path: Path, open_stage: OpenStage
) -> None:
    gate = Gate()
    origin = f"http://127.0.0.1:{(port := free_port())}"
    with (
        fresh_database(postgres) as dsn,
        serving(dsn, valkey.url, tmp_path, "--allow-origin", origin) as server,
        example(port, str(server.ready["http"])),
    ):
        async with open_stage(server, "default") as stage, stage.working({"hold": gate}):
            stage.watch.allow("GET .*/favicon.ico")
            await stage.define(HOLD)
            run = await stage.client.start("hold", {"text": "<img src=x onerror=ran(1)>"})
            page = stage.page
            await page.goto(f"{origin}/index.html?server={stage.base}&run={run.run_id}")
            await expect(page.locator("stellwerk-run .run-head .badge")).to_have_text("Running")
            outside = await page.evaluate(LOOKS)
            gate.open()
            await expect(page.locator("stellwerk-run .run-head .badge")).to_have_text("Succeeded")
            await expect(page.locator("#state")).to_have_text(f"hold {run.run_id} is SUCCEEDED")
            other = await stage.client.start("hold")
            dashboard = page.locator("stellwerk-dashboard")
            # It has half of the window, and goes by that.
            await dashboard.get_by_role("button", name="Menu", exact=True).click()
            await dashboard.get_by_role("link", name="Runs", exact=True).click()
            await dashboard.get_by_role("link", name=other.run_id).click()
            await expect(page.locator("stellwerk-run .run-head .badge")).to_have_text("Running")
            assert await page.evaluate(LOOKS) == outside
            assert page.url.startswith(origin)
            found = await violations(page, WCAG)
            assert not found, "\n".join(found)


# How the page around the components looks: nothing of theirs may leak out.
LOOKS = """
() => ['body', 'h1', 'button', 'header'].map((name) => {
  const { font, color, display } = getComputedStyle(document.querySelector(name));
  return `${font} ${color} ${display}`;
})
"""


async def test_a_page_of_a_stranger_is_refused(stage: Stage, elsewhere: tuple[str, Path]) -> None:
    stage.watch.allow("403", "ERR_FAILED", "CORS policy", "WebSocket connection to")
    origin, folder = elsewhere
    (folder / "page.html").write_text(STRANGER % stage.base, encoding="utf-8")
    await stage.page.goto(f"{origin}/page.html")
    asked = await stage.page.evaluate(
        "(url) => fetch(url).then(() => 'answered', () => 'refused')", f"{stage.base}/api/runs"
    )
    assert asked == "refused"
    spoken = await stage.page.evaluate(SPEAK, stage.base.replace("http", "ws") + "/api/ws")
    assert spoken == "refused"
    assert await stage.page.evaluate("customElements.get('stellwerk-run') === undefined")


SPEAK = """
(url) => new Promise((done) => {
  const socket = new WebSocket(url);
  socket.onopen = () => done('answered');
  socket.onerror = () => done('refused');
})
"""


async def test_no_page_of_ours_can_be_framed(stage: Stage, elsewhere: tuple[str, Path]) -> None:
    stage.watch.allow("403", "ERR_", "CORS policy", "frame-ancestors", "X-Frame-Options", "Framing", "frame ")
    origin, folder = elsewhere
    (folder / "page.html").write_text(STRANGER % stage.base, encoding="utf-8")
    await stage.page.goto(f"{origin}/page.html")
    async with stage.page.expect_event("requestfailed", lambda request: request.is_navigation_request()):
        await stage.page.evaluate("(url) => { document.querySelector('iframe').src = url; }", stage.base)
