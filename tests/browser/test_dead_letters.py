"""Dead letters: grouped by what went wrong, and tried again or given up one by one or as a group."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.async_api import Locator, Page, expect

from stellwerk import RunFailed, TerminalError
from tests.browser.stage import Stage
from tests.browser.test_actions import confirm
from tests.browser.test_run import is_over
from tests.integration.api import eventually

PARKED = "name: parked\nsteps:\n  - {id: shaky, action: shaky, retry: {max_attempts: 1}, on_failure: park}\n"
OTHER = "name: other\nsteps:\n  - {id: else, action: else, retry: {max_attempts: 1}}\n"


class Trouble:
    """Fails each in its own words until it is mended."""

    def __init__(self) -> None:
        self.is_mended = False

    def frozen(self, number: int) -> int:
        if not self.is_mended:
            raise TerminalError(f"the points at kilometre {number} are frozen", type="Frozen")
        return number

    def other(self, _: Any) -> None:
        raise TerminalError("no crew", type="NoCrew")


def group(page: Page, kind: str) -> Locator:
    """The letters of one kind of trouble."""
    return page.get_by_role("region", name=re.compile(kind))


def letters(page: Page) -> Locator:
    return page.get_by_role("row").filter(has=page.get_by_role("checkbox", name=re.compile("^Select")))


async def troubled(stage: Stage, trouble: Trouble, count: int) -> list[Any]:
    """Runs that are blocked on a letter each, and one of another kind."""
    await stage.define(PARKED)
    await stage.define(OTHER)
    handles = [await stage.client.start("parked", number) for number in range(count)]
    await stage.client.start("other")

    async def all_there() -> bool:
        return len([letter async for letter in stage.client.dead_letters()]) == count + 1

    assert await eventually(all_there)
    return handles


async def test_one_letter_is_requeued_and_leaves_the_list(stage: Stage) -> None:
    trouble = Trouble()
    async with stage.working({"shaky": trouble.frozen, "else": trouble.other}):
        handles = await troubled(stage, trouble, 3)
        page = await stage.open("/dead-letters")
        await expect(group(page, "Frozen")).to_contain_text("3")
        await expect(group(page, "NoCrew")).to_contain_text("no crew")
        trouble.is_mended = True
        await group(page, "Frozen").get_by_role("button", expanded=False).click()
        await expect(letters(page)).to_have_count(3)
        await letters(page).filter(has_text=handles[1].run_id).get_by_role("button").click()
        await confirm(page, "Requeue")
        await confirm(page, "Requeue")
        await expect(letters(page)).to_have_count(2)
        assert await handles[1].result() == 1
        await expect(page.get_by_text("3 open letters")).to_be_visible()
        await letters(page).filter(has_text=handles[0].run_id).get_by_role("link").click()
        await is_over(page, "Blocked")


async def test_a_whole_group_is_requeued_and_each_run_goes_on(stage: Stage) -> None:
    trouble = Trouble()
    async with stage.working({"shaky": trouble.frozen, "else": trouble.other}):
        handles = await troubled(stage, trouble, 12)
        page = await stage.open("/dead-letters")
        trouble.is_mended = True
        await group(page, "Frozen").get_by_role("button", name="Requeue all").click()
        await expect(page.get_by_role("dialog", name="Requeue 12 dead letters?")).to_be_visible()
        await confirm(page, "Requeue")
        await expect(group(page, "Frozen")).to_have_count(0)
        await expect(group(page, "NoCrew")).to_be_visible()
        assert [await handle.result() for handle in handles] == list(range(12))


async def test_letters_are_discarded_with_a_reason(stage: Stage) -> None:
    trouble = Trouble()
    async with stage.working({"shaky": trouble.frozen, "else": trouble.other}):
        handles = await troubled(stage, trouble, 2)
        page = await stage.open("/dead-letters")
        await group(page, "Frozen").get_by_role("button", name="Discard all").click()
        await confirm(page, "Discard", "the line is closed")
        await expect(group(page, "Frozen")).to_have_count(0)
        for handle in handles:
            with pytest.raises(RunFailed):
                await handle.result(20)


async def test_new_letters_come_by_themselves_and_a_letter_decided_elsewhere_goes(stage: Stage) -> None:
    trouble = Trouble()
    async with stage.working({"shaky": trouble.frozen, "else": trouble.other}):
        page = await stage.open("/dead-letters")
        await expect(page.get_by_role("heading", name="No dead letters")).to_be_visible()
        await troubled(stage, trouble, 1)
        await expect(group(page, "Frozen")).to_be_visible()
        await expect(group(page, "NoCrew")).to_be_visible()
        trouble.is_mended = True
        async for letter in stage.client.dead_letters(workflow="parked"):
            await stage.client.requeue(letter.dead_letter_id)
        await expect(group(page, "Frozen")).to_have_count(0)


async def test_a_refused_requeue_brings_the_letter_back(stage: Stage) -> None:
    stage.watch.allow("409", "503", "500")
    trouble = Trouble()
    async with stage.working({"shaky": trouble.frozen, "else": trouble.other}):
        handles = await troubled(stage, trouble, 1)
        page = await stage.open("/dead-letters")

        async def terminate_first(route: Any) -> None:
            await handles[0].terminate("meanwhile")
            async for letter in stage.client.dead_letters(workflow="parked"):
                await stage.client.discard(letter.dead_letter_id)
            await route.continue_()

        await page.route(re.compile("/requeue"), terminate_first)
        await group(page, "Frozen").get_by_role("button", name="Requeue", exact=False).click()
        await confirm(page, "Requeue")
        await expect(page.get_by_role("dialog")).to_contain_text("1 refused")
