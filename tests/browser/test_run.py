"""A run's page, watched while real workers do it: what is committed is shown, unasked and at once."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from typing import Any

from playwright.async_api import Locator, Page, expect

from tests.browser.stage import Stage

STREAMED = ["The ", "signal ", "is ", "green."]


class Gate:
    """Handlers wait at it, each until it is let through."""

    def __init__(self) -> None:
        self._passes = asyncio.Semaphore(0)

    def open(self, times: int = 1) -> None:
        for _ in range(times):
            self._passes.release()

    async def __call__(self, value: Any = None) -> Any:
        await self._passes.acquire()
        return value


def node(page: Page, step: str) -> Locator:
    """A step's box in the graph; its name says how it stands."""
    return page.get_by_role("button", name=re.compile(rf"^{re.escape(step)}, "))


async def stands(page: Page, step: str, *words: str) -> None:
    """Wait until the box says all of this."""
    for word in words:
        await expect(node(page, step)).to_have_accessible_name(re.compile(rf", {re.escape(word)}(,|$)"))


async def is_over(page: Page, state: str) -> None:
    """Wait until the head of the page says so."""
    await expect(page.locator(".run-head .badge")).to_have_text(state)


def reasons(page: Page) -> Locator:
    """Why a run waits, in words."""
    return page.get_by_role("region", name=re.compile("^Why it is"))


async def unreloaded(page: Page) -> None:
    """From here on a reload of the page shows."""
    await page.evaluate("globalThis.isSamePage = true")


async def is_same_page(page: Page) -> bool:
    return bool(await page.evaluate("globalThis.isSamePage === true"))


LIVE = """
name: live
steps:
  - {id: fetch, action: fetch}
  - {id: think, action: think, needs: [fetch], input: "${steps.fetch.output}"}
  - {id: each, action: each, needs: [think], foreach: [1, 2, 3], input: "${item}"}
  - {id: close, action: close, needs: [each], input: {shown: "${steps.think.output}", count: 3}}
"""


async def test_a_run_is_watched_from_its_start_to_its_end(stage: Stage) -> None:
    fetch, words, each, close = Gate(), Gate(), Gate(), Gate()

    async def think(_: Any) -> AsyncIterator[str]:
        for word in STREAMED:
            await words()
            yield word

    await stage.define(LIVE)
    async with stage.working({"fetch": fetch, "think": think, "each": each, "close": close}):
        run = await stage.client.start("live", {"topic": "trains"})
        page = await stage.open_run(run)
        await unreloaded(page)
        await is_over(page, "Running")
        await stands(page, "fetch", "running")
        await stands(page, "close", "pending", "after each")
        fetch.open()
        await stands(page, "fetch", "succeeded")
        await stands(page, "think", "running")
        await node(page, "think").click()
        stream = page.get_by_role("complementary", name="Step think").get_by_role("log")
        for count in range(1, len(STREAMED) + 1):
            words.open()
            await expect(stream).to_have_text("".join(STREAMED[:count]), use_inner_text=False)
        await stands(page, "think", "succeeded")
        each.open(2)
        await stands(page, "each", "2 of 3 items finished")
        each.open()
        await stands(page, "each", "succeeded")
        close.open()
        await is_over(page, "Succeeded")
        await expect(page.locator("details").filter(has_text="Output")).to_contain_text('"count":3')
        assert await is_same_page(page)


RETRIED = """
name: retried
steps:
  - {id: first, action: first}
  - {id: shaky, action: shaky, needs: [first], retry: {max_attempts: 3, initial: 10ms}}
"""


async def test_a_failure_is_told_with_its_attempts_and_its_stack(stage: Stage) -> None:
    async def shaky(_: Any) -> None:
        raise ValueError("the points are frozen")

    await stage.define(RETRIED)
    async with stage.working({"first": lambda value: value, "shaky": shaky}):
        run = await stage.client.start("retried")
        page = await stage.open_run(run)
        await stands(page, "shaky", "dead", "attempt 3 of 3")
        await is_over(page, "Failed")
        await expect(page.get_by_role("heading", name="Failure")).to_be_visible()
        await node(page, "shaky").click()
        panel = page.get_by_role("complementary", name="Step shaky")
        await expect(panel.get_by_role("heading", name="Attempts (3)")).to_be_visible()
        await expect(panel.get_by_text("the points are frozen").first).to_be_visible()
        stack = panel.get_by_text("Stack", exact=True).first
        await stack.click()
        await expect(panel.locator("pre", has_text="Traceback").first).to_contain_text("shaky")


async def test_history_shows_each_event_once_and_goes_on_live(stage: Stage) -> None:
    gate = Gate()
    await stage.define("name: told\nsteps:\n  - {id: hold, action: hold}\n")
    async with stage.working({"hold": gate}):
        run = await stage.client.start("told")
        page = await stage.open_run(run, tab="history")
        rows = page.get_by_role("table", name="History").get_by_role("row")
        await expect(rows.filter(has_text="STEP_SCHEDULED")).to_have_count(1)
        gate.open()
        await expect(rows.filter(has_text="RUN_SUCCEEDED")).to_have_count(1)
        assert await sequences(page) == [event.sequence async for event in run.history()]
        await page.get_by_role("searchbox", name="Filter events").fill("scheduled")
        await expect(rows.filter(has_text="RUN_SUCCEEDED")).to_have_count(0)
        await rows.get_by_role("button", name="STEP_SCHEDULED").click()
        await expect(page.locator(".event-opened")).to_contain_text('"hold"')


async def sequences(page: Page) -> list[int]:
    """The numbers of the events shown, in their order."""
    cells = page.get_by_role("table", name="History").get_by_role("cell").and_(page.locator(".c-sequence"))
    return [int(text.replace(",", "")) for text in await cells.all_inner_texts()]


async def test_what_a_run_waits_for_stands_above_it(stage: Stage) -> None:
    await stage.define(
        "name: waits\nsteps:\n"
        "  - {id: nap, sleep: 1h, needs: []}\n"
        "  - {id: approve, signal: approval, needs: []}\n"
        "  - {id: print, action: nobody.prints, needs: []}\n"
    )
    run = await stage.client.start("waits")
    page = await stage.open_run(run)
    lines = reasons(page).get_by_role("listitem")
    await expect(lines.filter(has_text="nap")).to_contain_text("Sleeps for another")
    await expect(lines.filter(has_text="approve")).to_contain_text("approval")
    await expect(lines.filter(has_text="print")).to_contain_text("worker")


async def test_the_server_says_what_a_run_waits_for(stage: Stage) -> None:
    """Who serves an action, and what a child run waits for, the page cannot know by itself."""
    await stage.define("name: inner\nsteps: [{id: ask, signal: approval}]\n")
    await stage.define(
        "name: outer\nsteps:\n"
        "  - {id: sub, workflow: inner, needs: []}\n"
        "  - {id: print, action: nobody.prints, needs: []}\n"
    )
    run = await stage.client.start("outer")
    page = await stage.open_run(run)
    summary = reasons(page).locator(".summary")
    await expect(summary).to_contain_text("Step print waits: no worker serves action 'nobody.prints'")
    await expect(summary).to_contain_text("(and 1 other cause).")
    lines = reasons(page).get_by_role("listitem")
    await expect(lines.filter(has_text="sub")).to_contain_text("signal 'approval' has not come")
    async with stage.working({"nobody.prints": lambda value: value}):
        await expect(summary).to_contain_text(re.compile("^Step sub waits: its run run_"))
        child = (await run.get(include_steps=True)).steps[0].child_run_id
        await stage.client.handle(child).signal("approval")
        await is_over(page, "Succeeded")
    await expect(reasons(page)).to_have_count(0)


async def test_other_ways_to_look_at_the_steps(stage: Stage) -> None:
    await stage.define("name: looks\nsteps:\n  - {id: a, action: ok}\n  - {id: b, action: ok, needs: [a], input: 7}\n")
    async with stage.working({"ok": lambda value: value}):
        run = await stage.client.start("looks", 1)
        await run.result()
        page = await stage.open_run(run)
        await page.get_by_role("tab", name="Steps").click()
        rows = page.get_by_role("table", name="Steps").get_by_role("row")
        await expect(rows.filter(has_text="Succeeded")).to_have_count(2)
        await page.get_by_role("searchbox", name="Search steps").fill("b")
        await expect(rows.filter(has_text="Succeeded")).to_have_count(1)
        await page.get_by_role("tab", name="Timeline").click()
        await expect(page.get_by_role("tabpanel")).to_contain_text("b")


async def test_an_unknown_run_is_said_to_be_unknown(stage: Stage) -> None:
    stage.watch.allow("404")
    await stage.page.goto(stage.url("/runs/run_0000000000000"))
    await expect(stage.page.get_by_role("alert")).to_contain_text("RUN_NOT_FOUND")
