"""The list of runs: live, filtered by its address, searched, and acted on many at a time."""

from __future__ import annotations

import re

from playwright.async_api import Locator, Page, expect

from stellwerk import RunState, TerminalError
from tests.browser.stage import Stage, table
from tests.browser.test_run import Gate
from tests.integration.api import eventually

HOLD = "name: hold\nsteps:\n  - {id: hold, action: hold}\n"
MADE = "name: made\nsteps:\n  - {id: make, action: make, retry: {max_attempts: 1}}\n"


def rows(page: Page) -> Locator:
    """The runs that are shown."""
    return (
        table(page, "Runs").get_by_role("row").filter(has=page.get_by_role("checkbox", name=re.compile("^Select run_")))
    )


def row_of(page: Page, run_id: str) -> Locator:
    return rows(page).filter(has_text=run_id)


async def test_runs_come_and_move_in_the_list_by_themselves(stage: Stage) -> None:
    gate = Gate()
    await stage.define(HOLD)
    async with stage.working({"hold": gate}):
        page = await stage.open("/runs")
        await expect(page.get_by_role("heading", name="No runs yet")).to_be_visible()
        first = await stage.client.start("hold")
        await expect(row_of(page, first.run_id)).to_contain_text("Running")
        second = await stage.client.start("hold")
        await expect(rows(page)).to_have_count(2)
        await expect(rows(page).first).to_contain_text(second.run_id)
        gate.open(2)
        await expect(row_of(page, first.run_id)).to_contain_text("Succeeded")
        await expect(row_of(page, second.run_id)).to_contain_text("Succeeded")


async def test_filters_stand_in_the_address_and_hold_for_what_comes(stage: Stage) -> None:
    def make(value: str) -> str:
        if value == "bad":
            raise TerminalError("no", type="Bad")
        return value

    await stage.define(HOLD)
    await stage.define(MADE)
    async with stage.working({"make": make}):
        held = await stage.client.start("hold")
        good = await stage.client.start("made", "good", idempotency_key="key-of-good")
        bad = await stage.client.start("made", "bad")
        page = await stage.open("/runs")
        await expect(rows(page)).to_have_count(3)
        await page.get_by_role("combobox", name="Workflow").select_option("made")
        await expect(rows(page)).to_have_count(2)
        states = page.get_by_role("group", name="States")
        await states.get_by_role("button", name="Failed").click()
        await expect(rows(page)).to_have_count(1)
        await expect(rows(page)).to_contain_text(bad.run_id)
        assert "workflow=made" in page.url
        assert "state=FAILED" in page.url
        later = await stage.client.start("made", "bad")
        await expect(rows(page)).to_have_count(2)
        await expect(rows(page).first).to_contain_text(later.run_id)
        await page.reload()
        await expect(rows(page)).to_have_count(2)
        await states.get_by_role("button", name="All", exact=True).click()
        search = page.get_by_role("textbox", name="Run id, workflow or key")
        await search.fill("key-of-good")
        await expect(rows(page)).to_have_count(1)
        await expect(rows(page)).to_contain_text(good.run_id)
        await search.fill(held.run_id)
        await expect(page.get_by_text("Found outside of this list")).to_contain_text(held.run_id)
        await search.fill("nothing is called so")
        await expect(page.get_by_role("heading", name="No run fits")).to_be_visible()


async def test_attributes_filter_and_a_filter_may_be_sent_to_somebody(stage: Stage) -> None:
    await stage.define(HOLD)
    await stage.client.start("hold")
    page = await stage.open("/runs", attributes="customer=acme")
    await expect(page.get_by_role("textbox", name="Attributes")).to_have_value("customer=acme")
    await expect(page.get_by_role("heading", name="No run fits")).to_be_visible()
    await page.get_by_role("link", name="Show all runs").click()
    await expect(rows(page)).to_have_count(1)


async def test_many_are_cancelled_at_once(stage: Stage) -> None:
    await stage.define(HOLD)
    handles = [await stage.client.start("hold") for _ in range(12)]
    page = await stage.open("/runs")
    await expect(rows(page)).to_have_count(12)
    await page.get_by_role("checkbox", name="Select all that are shown").check()
    await page.get_by_role("checkbox", name=f"Select {handles[0].run_id}").uncheck()
    await expect(page.get_by_role("button", name="11 selected")).to_be_visible()
    await page.get_by_role("button", name="Cancel", exact=True).click()
    dialog = page.get_by_role("dialog")
    await dialog.get_by_role("textbox", name=re.compile("^Reason")).fill("the track is closed")
    await dialog.get_by_role("button", name="Cancel 11 runs").click()
    await expect(dialog).to_have_count(0)
    await expect(rows(page).filter(has_text="Cancelled")).to_have_count(11)
    await expect(row_of(page, handles[0].run_id)).to_contain_text("Running")
    await expect(page.get_by_role("button", name="11 selected")).to_have_count(0)
    told = [event async for event in handles[5].history()]
    assert "the track is closed" in str(told[-1])
    assert str((await handles[0].get()).state) == RunState.RUNNING


async def test_many_are_retried_at_once_and_those_that_cannot_be_are_named(stage: Stage) -> None:
    is_mended = False

    def make(value: int) -> int:
        if not is_mended:
            raise TerminalError("not yet", type="Early")
        return value

    await stage.define(MADE)
    async with stage.working({"make": make}):
        handles = [await stage.client.start("made", number) for number in range(3)]
        page = await stage.open("/runs")
        await expect(rows(page).filter(has_text="Failed")).to_have_count(3)
        is_mended = True
        await stage.client.start("made", 3)
        await expect(rows(page).filter(has_text="Succeeded")).to_have_count(1)
        await page.get_by_role("checkbox", name="Select all that are shown").check()
        await page.get_by_role("button", name="Retry", exact=True).click()
        dialog = page.get_by_role("dialog")
        await expect(dialog).to_contain_text("1 other of the selection")
        await dialog.get_by_role("button", name="Retry 3 runs").click()
        await expect(rows(page).filter(has_text="Succeeded")).to_have_count(4)
        await expect(rows(page).filter(has_text="Failed")).to_have_count(3)

        async def forked() -> bool:
            return {run.forked_from async for run in stage.client.list_runs("made")} >= {h.run_id for h in handles}

        assert await eventually(forked)


async def test_a_bulk_action_that_is_refused_says_which_and_takes_its_state_back(stage: Stage) -> None:
    stage.watch.allow(r"409", r"status of 409")
    gate = Gate()
    await stage.define(HOLD)
    async with stage.working({"hold": gate}):
        run = await stage.client.start("hold")
        page = await stage.open("/runs")
        await page.get_by_role("checkbox", name=f"Select {run.run_id}").check()

        async def end_first(route: object) -> None:
            gate.open()
            await run.result()
            await route.continue_()  # type: ignore[attr-defined]

        await page.route(re.compile(r"/cancel"), end_first)
        await page.get_by_role("button", name="Cancel", exact=True).click()
        await page.get_by_role("dialog").get_by_role("button", name="Cancel 1 run").click()
        await expect(page.get_by_role("dialog")).to_contain_text(run.run_id)
        await expect(page.get_by_role("dialog")).to_contain_text("1 refused")
        await page.get_by_role("dialog").get_by_role("button", name="Close").click()
        await expect(row_of(page, run.run_id)).to_contain_text("Succeeded")


async def test_a_long_list_draws_what_is_in_view_and_reads_on(stage: Stage) -> None:
    await stage.define(HOLD)
    handles = [await stage.client.start("hold") for _ in range(250)]
    page = await stage.open("/runs")
    await expect(rows(page).first).to_contain_text(handles[-1].run_id)
    assert await rows(page).count() < 80
    scroller = table(page, "Runs").locator(".scroller")
    for _ in range(6):
        await scroller.evaluate("(element) => element.scrollTo(0, element.scrollHeight)")
        if await row_of(page, handles[0].run_id).count():
            break
        await page.wait_for_timeout(200)
    await expect(row_of(page, handles[0].run_id)).to_be_visible()
    await stage.client.start("hold")
    await page.get_by_role("button", name="1 new").click()
    await expect(table(page, "Runs")).to_contain_text("251 runs")
