"""Every page shows what is really there: in dark and light, wide and on a phone, and for who does not see it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Page, expect

from tests.browser.axe import violations
from tests.browser.conftest import PHONE, OpenStage
from tests.browser.stage import Stage
from tests.browser.world import World, world_on
from tests.support.servers import RunningServer

# The path (a run of the world in braces), and words that must be there.
PAGES: dict[str, tuple[str, list[str]]] = {
    "overview": ("/", ["Open runs", "Needs attention", "order"]),
    "runs": ("/runs", ["order", "Failed", "Blocked", "census"]),
    "run": ("/runs/{succeeded}", ["Succeeded", "order-1815", "RR-000"]),
    "run-failed": ("/runs/{failed}?step=charge", ["CardDeclined", "the card was declined", "Stack"]),
    "run-blocked": ("/runs/{blocked}", ["Blocked", "book", "Requeue"]),
    "run-streaming": ("/runs/{streaming}?step=think", ["Running", "The 14:05 to Basel waits"]),
    "run-fan": ("/runs/{fan}?step=count", ["200 of 200 finished", "dead 5"]),
    "run-timeline": ("/runs/{succeeded}?tab=timeline", ["charge", "ship"]),
    "run-steps": ("/runs/{succeeded}?tab=steps", ["billing.charge", "parcel.pack"]),
    "run-history": ("/runs/{succeeded}?tab=history", ["RUN_STARTED", "STEP_SCHEDULED"]),
    "run-code": ("/runs/{code}", ["survey", "part-0", "sum", "north"]),
    "workflows": ("/workflows", ["order", "invoice", "survey"]),
    "workflow": ("/workflows/order", ["charge", "parcel.pack", "Last runs"]),
    "workflow-start": ("/workflows/order?tab=start", ["Customer", "Total in euros", "Idempotency key"]),
    "workers": ("/workers", ["yard-1", "python", "billing.charge"]),
    "queues": ("/queues", ["gpu", "model.train", "default"]),
    "timers": ("/timers", ["reminder", "wait"]),
    "dead-letters": ("/dead-letters", ["CardDeclined", "RuntimeError", "the ledger did not answer"]),
}


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def world(server: RunningServer) -> AsyncIterator[World]:
    async with world_on(server.address) as world:
        yield world


async def shown(stage: Stage, name: str, world: World) -> Page:
    """A page of the list, once all its words are there."""
    path, words = PAGES[name]
    path, _, query = path.format(**world.runs).partition("?")
    page = await stage.open(path, **dict(pair.split("=") for pair in query.split("&") if pair))
    for word in words:
        await expect(page.get_by_text(word).or_(page.get_by_label(word)).locator("visible=true").first).to_be_visible()
    return page


@pytest.mark.parametrize("theme", ["dark", "light"])
@pytest.mark.parametrize("name", PAGES)
async def test_a_page_shows_what_is_there(
    name: str, theme: str, world: World, open_stage: OpenStage, pictures: Path
) -> None:
    async with open_stage(namespace="default", color_scheme=theme) as stage:
        page = await shown(stage, name, world)
        await page.screenshot(path=pictures / f"{name}-{theme}.png")
        problems = [*await violations(page), *await sideways(page)]
        await page.set_viewport_size(PHONE)
        await expect(page.get_by_role("heading", level=1)).to_be_visible()
        await page.screenshot(path=pictures / f"{name}-{theme}-phone.png")
        problems += [f"on a phone: {each}" for each in (*await violations(page), *await sideways(page))]
        assert not problems, "\n".join(problems)


SIDEWAYS = """
() => {
  const width = document.documentElement.clientWidth;
  if (document.documentElement.scrollWidth <= width) return [];
  const all = [...document.querySelectorAll('body *')];
  const wide = all.filter((each) => each.getBoundingClientRect().right > width + 1);
  return [`wider than its window: ${wide.slice(0, 5).map((each) => each.cloneNode(false).outerHTML)}`];
}
"""


async def sideways(page: Page) -> list[str]:
    """What makes the page wider than its window; empty when it fits."""
    found: list[str] = await page.evaluate(SIDEWAYS)
    return found


async def test_the_figures_are_those_of_the_server(world: World, open_stage: OpenStage) -> None:
    async with open_stage(namespace="default") as stage:
        page = await stage.open("/")
        overview = await (await page.request.get(f"{stage.base}/api/overview")).json()
        figures = page.get_by_role("region", name="Figures")
        is_open = sum(overview["runs_open"].values())
        for name, value in {
            "Open runs": is_open,
            "Dead letters": overview["dead_letters_open"],
            "Workers": overview["workers"],
            "Timers": overview["timers"],
        }.items():
            await expect(figures.get_by_role("link", name=name).locator(".value")).to_have_text(f"{value:,}")
        assert is_open >= 5
        assert overview["dead_letters_open"] >= 4


async def test_a_theme_that_was_chosen_stays(world: World, open_stage: OpenStage) -> None:
    async with open_stage(namespace="default", color_scheme="dark") as stage:
        page = await stage.open("/")
        dark = await background(page)
        await page.get_by_role("button", name="Theme: system").click()
        light = await background(page)
        assert light != dark
        await page.reload()
        await expect(page.get_by_role("button", name="Theme: light")).to_be_visible()
        assert await background(page) == light


async def background(page: Page) -> str:
    """The colour behind everything."""
    return str(await page.evaluate("getComputedStyle(document.body).backgroundColor"))


async def test_an_address_without_a_page_says_so(open_stage: OpenStage) -> None:
    async with open_stage() as stage:
        page = await stage.open("/no/such/page")
        await expect(page.get_by_role("heading", name="No such page")).to_be_visible()
        await page.get_by_role("link", name="To the overview").click()
        await expect(page.get_by_role("heading", level=1, name="Overview")).to_be_visible()
