"""Large runs open quickly, and the pages themselves are small. What was measured is told at the end of the session.

Bounds are in seconds, because machines are busy; the aims (1 s to open, 1 s to the first paint) are for a quiet one."""

from __future__ import annotations

import asyncio
import gzip
import re
import time
from collections.abc import Callable
from typing import Any

import pytest
from playwright.async_api import Locator, Page, expect

from stellwerk import Worker, WorkflowContext
from stellwerk_server.web.pages import STATIC
from tests.browser.conftest import Measured, OpenStage
from tests.browser.stage import Stage, running, table
from tests.browser.test_run import node
from tests.integration.api import eventually

ITEMS = 10_000
AT_ONCE = 250
OPEN_S = 8.0
PAINT_S = 5.0
BUNDLE_BYTES = 150 * 1024


async def opened(stage: Stage, run_id: str, there: Callable[[Page], Locator]) -> float:
    """Seconds until a run's page shows its steps, with nothing cached of it but the program."""
    await stage.open("/workers")
    begin = time.monotonic()
    await stage.page.goto(stage.url(f"/runs/{run_id}"))
    await expect(there(stage.page)).to_be_visible()
    return time.monotonic() - begin


@pytest.mark.timeout(300)
async def test_a_fan_out_of_ten_thousand_is_one_node_and_opens_at_once(stage: Stage, measured: Measured) -> None:
    await stage.define('name: fan\nsteps:\n  - {id: each, action: each, foreach: "${input}", input: "${item}"}\n')
    async with stage.working({"each": lambda value: value}, slots=1_000):
        run = await stage.client.start("fan", list(range(ITEMS)))
        await run.result(240)
        took_s = await opened(stage, run.run_id, lambda page: node(page, "each"))
        measured("run of 10,000 items opens", took_s)
        assert took_s < OPEN_S
        page = stage.page
        await expect(node(page, "each")).to_have_accessible_name(re.compile("10000 of 10000 items finished"))
        await node(page, "each").click()
        items = table(page, "Items of each")
        await expect(items.get_by_role("row").nth(1)).to_contain_text("Succeeded")
        assert await items.get_by_role("row").count() < 100
        await items.locator(".scroller").evaluate("(element) => element.scrollTo(0, element.scrollHeight)")
        await expect(items.get_by_role("button", name="9,999")).to_be_visible()


async def many(ctx: WorkflowContext, count: int) -> int:
    """Code that asks for that many steps."""
    for begin in range(0, count, AT_ONCE):
        await asyncio.gather(*(ctx.step("each", number, name=f"s{number}") for number in range(begin, begin + AT_ONCE)))
    return count


@pytest.mark.timeout(400)
async def test_code_of_ten_thousand_steps_opens_at_once(stage: Stage, measured: Measured) -> None:
    worker = Worker(stage.client.address, namespace=stage.namespace, slots=1_000, drain_s=0)
    worker.register("each", lambda value: value)
    worker.register_workflow("many", many)
    async with running(worker):
        await eventually(stage.client.workers)
        run = await stage.client.start("many", ITEMS)
        await run.result(360)
        took_s = await opened(stage, run.run_id, lambda page: page.get_by_role("button", name=re.compile(r"^s0\b")))
        measured("run of 10,000 steps of code opens", took_s)
        assert took_s < OPEN_S
        page = stage.page
        await page.get_by_role("tab", name="Steps").click()
        await page.get_by_role("searchbox", name="Search steps").fill("s9999")
        await expect(table(page, "Steps").get_by_role("row").filter(has_text="Succeeded")).to_have_count(1)
        await page.get_by_role("tab", name="History").click()
        await expect(page.get_by_role("tabpanel").get_by_role("status")).to_contain_text(re.compile(r"^\d\d,\d{3} of"))


async def test_the_first_paint_comes_soon(open_stage: OpenStage, measured: Measured) -> None:
    async with open_stage() as stage:
        page = await stage.open("/")
        paint_ms: Any = await page.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime")
        measured("first paint of the overview", paint_ms / 1000)
        assert paint_ms / 1000 < PAINT_S


def test_the_pages_are_small(built: None, measured: Measured) -> None:
    files = [path for path in (STATIC / "assets").iterdir() if path.suffix in (".js", ".css")]
    size = sum(len(gzip.compress(path.read_bytes())) for path in files)
    measured("all pages, gzipped, KB", size / 1024)
    assert size <= BUNDLE_BYTES
