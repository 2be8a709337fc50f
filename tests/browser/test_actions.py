"""What people do to a run: shown at once as asked for, confirmed by the event, taken back when it is refused.

A request may be held on its way, so that what is shown in between can be seen; it always reaches the real server."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from playwright.async_api import Locator, Page, Route, expect

from stellwerk import TerminalError
from tests.browser.stage import Stage
from tests.browser.test_run import Gate, is_over, node, reasons, stands

HOLD = "name: hold\nsteps:\n  - {id: hold, action: hold}\n"
PARKED = """
name: parked
steps:
  - {id: before, action: ok}
  - {id: shaky, action: shaky, needs: [before], retry: {max_attempts: 1}, on_failure: park}
  - {id: after, action: ok, needs: [shaky]}
"""
MENDABLE = """
name: mendable
steps:
  - {id: before, action: ok}
  - {id: shaky, action: shaky, needs: [before], retry: {max_attempts: 1}}
  - {id: after, action: ok, needs: [shaky]}
"""
ASKED_FOR = "Asked for, not confirmed yet"


@asynccontextmanager
async def held(page: Page, path: str, meanwhile: Callable[[], Awaitable[Any]]) -> AsyncIterator[None]:
    """Requests to this path wait until `meanwhile` is done."""

    async def hold(route: Route) -> None:
        await meanwhile()
        await route.continue_()

    pattern = re.compile(path)
    await page.route(pattern, hold)
    yield
    await page.unroute(pattern, hold)


def toast(page: Page, text: str) -> Locator:
    return page.locator(".toast").filter(has_text=text)


async def confirm(page: Page, verb: str, reason: str = "") -> None:
    """Answer the dialog that asks."""
    dialog = page.get_by_role("dialog")
    if reason:
        await dialog.get_by_role("textbox", name=re.compile("^Reason")).fill(reason)
    await dialog.get_by_role("button", name=verb).click()


class Mended:
    """A handler that fails until it is mended."""

    def __init__(self) -> None:
        self.is_mended = False

    def __call__(self, value: Any) -> Any:
        if not self.is_mended:
            raise TerminalError("the points are frozen", type="Frozen")
        return value


async def test_a_cancel_shows_at_once_and_is_confirmed_by_its_event(stage: Stage) -> None:
    seen, go_on = asyncio.Event(), asyncio.Event()

    async def meanwhile() -> None:
        seen.set()
        await go_on.wait()

    await stage.define(HOLD)
    run = await stage.client.start("hold")
    page = await stage.open_run(run)
    async with held(page, "/cancel", meanwhile):
        await page.get_by_role("button", name="Cancel", exact=True).click()
        await confirm(page, "Cancel the run", "not needed any more")
        await asyncio.wait_for(seen.wait(), 30)
        badge = page.locator(".run-head .badge")
        await expect(badge).to_have_text("Cancelled")
        await expect(badge).to_have_attribute("title", ASKED_FOR)
        assert (await run.get()).state == "RUNNING"
        go_on.set()
        await expect(badge).not_to_have_attribute("title", ASKED_FOR)
        await is_over(page, "Cancelled")
    await page.get_by_role("tab", name="History").click()
    await expect(page.get_by_role("table", name="History")).to_contain_text("not needed any more")


async def test_a_cancel_that_comes_too_late_is_taken_back(stage: Stage) -> None:
    stage.watch.allow("409")
    gate = Gate()
    await stage.define(HOLD)
    async with stage.working({"hold": gate}):
        run = await stage.client.start("hold", 5)

        async def end() -> None:
            gate.open()
            await run.result()

        page = await stage.open_run(run)
        async with held(page, "/cancel", end):
            await page.get_by_role("button", name="Cancel", exact=True).click()
            await confirm(page, "Cancel the run")
            await expect(toast(page, "The run was not cancelled")).to_contain_text("SUCCEEDED")
            await is_over(page, "Succeeded")


async def test_a_signal_is_sent_from_where_it_is_waited_for(stage: Stage) -> None:
    await stage.define("name: asks\nsteps:\n  - {id: approve, signal: approval}\n")
    run = await stage.client.start("asks")
    page = await stage.open_run(run)
    await reasons(page).get_by_role("button", name="Send signal").click()
    dialog = page.get_by_role("dialog", name="Send a signal")
    await expect(dialog.get_by_role("textbox", name="Name")).to_have_value("approval")
    payload = dialog.get_by_role("textbox", name=re.compile("^Payload"))
    await payload.fill('{"approved": tru')
    await expect(dialog.get_by_role("status")).to_contain_text("No JSON")
    await expect(dialog.get_by_role("button", name="Send")).to_be_disabled()
    await payload.fill('{"approved": true, "by": "Ada"}')
    await dialog.get_by_role("button", name="Send").click()
    await expect(dialog).to_have_count(0)
    await is_over(page, "Succeeded")
    assert await run.result() == {"approved": True, "by": "Ada"}


async def test_a_signal_that_is_refused_stays_to_be_corrected(stage: Stage) -> None:
    stage.watch.allow("409")
    await stage.define("name: asks\nsteps:\n  - {id: approve, signal: approval}\n")
    run = await stage.client.start("asks")
    page = await stage.open_run(run)
    await page.get_by_role("button", name="Signal", exact=True).click()
    async with held(page, "/signal", run.terminate):
        await page.get_by_role("dialog").get_by_role("button", name="Send").click()
        await expect(page.get_by_role("dialog").get_by_role("alert")).to_contain_text("RUN_TERMINAL")
    await page.keyboard.press("Escape")
    await is_over(page, "Terminated")


async def test_a_dead_step_is_requeued_and_its_run_goes_on(stage: Stage) -> None:
    shaky = Mended()
    await stage.define(PARKED)
    async with stage.working({"ok": lambda value: value, "shaky": shaky}):
        run = await stage.client.start("parked")
        page = await stage.open_run(run)
        await is_over(page, "Blocked")
        shaky.is_mended = True
        await reasons(page).get_by_role("button", name="Requeue").click()
        await is_over(page, "Succeeded")
        await stands(page, "shaky", "succeeded")
        await expect(toast(page, "tried again")).to_be_visible()


async def test_a_requeue_that_is_refused_is_taken_back(stage: Stage) -> None:
    stage.watch.allow("409")
    await stage.define(PARKED)
    async with stage.working({"ok": lambda value: value, "shaky": Mended()}):
        run = await stage.client.start("parked")
        page = await stage.open_run(run)
        await is_over(page, "Blocked")

        async def discard() -> None:
            async for letter in stage.client.dead_letters(run_id=run.run_id):
                await stage.client.discard(letter.dead_letter_id, "given up")

        async with held(page, "/requeue", discard):
            await reasons(page).get_by_role("button", name="Requeue").click()
            await expect(toast(page, "The step was not requeued")).to_be_visible()
            await is_over(page, "Failed")
            await expect(node(page, "shaky")).not_to_have_accessible_name(re.compile("ready"))


async def test_a_failed_run_is_retried_from_a_step_and_the_new_run_is_shown(stage: Stage) -> None:
    shaky = Mended()
    await stage.define(MENDABLE)
    async with stage.working({"ok": lambda value: value, "shaky": shaky}):
        run = await stage.client.start("mendable", {"n": 1})
        page = await stage.open_run(run)
        await is_over(page, "Failed")
        shaky.is_mended = True
        await node(page, "shaky").click()
        panel = page.get_by_role("complementary", name="Step shaky")
        await panel.get_by_role("button", name="Retry from here").click()
        await confirm(page, "Start the new run")
        await page.wait_for_url(re.compile(rf"/runs/(?!{run.run_id})run_"))
        await is_over(page, "Succeeded")
        await expect(page.get_by_role("link", name=re.compile(run.run_id))).to_be_visible()
        await page.go_back()
        await is_over(page, "Failed")


async def test_a_failed_run_is_retried_as_a_whole(stage: Stage) -> None:
    shaky = Mended()
    await stage.define(MENDABLE)
    async with stage.working({"ok": lambda value: value, "shaky": shaky}):
        run = await stage.client.start("mendable")
        page = await stage.open_run(run)
        await is_over(page, "Failed")
        shaky.is_mended = True
        await page.get_by_role("button", name="Retry", exact=True).click()
        await confirm(page, "Start the new run")
        await page.wait_for_url(re.compile(rf"/runs/(?!{run.run_id})run_"))
        await is_over(page, "Succeeded")


async def test_what_was_asked_can_be_thought_over(stage: Stage) -> None:
    await stage.define(HOLD)
    run = await stage.client.start("hold")
    page = await stage.open_run(run)
    for leave in (
        lambda: page.keyboard.press("Escape"),
        lambda: page.get_by_role("dialog").get_by_role("button", name="Keep as it is").click(),
    ):
        await page.get_by_role("button", name="Terminate", exact=True).click()
        await expect(page.get_by_role("dialog", name="Terminate this run?")).to_be_visible()
        await leave()
        await expect(page.get_by_role("dialog")).to_have_count(0)
    assert (await run.get()).state == "RUNNING"
