"""The dashboard without a mouse: open a run, filter, act, and close what was opened."""

from __future__ import annotations

import re

from playwright.async_api import Page, expect

from tests.browser.stage import Stage
from tests.browser.test_run import is_over
from tests.browser.test_runs import row_of, rows

HOLD = "name: hold\nsteps:\n  - {id: first, sleep: 1h}\n  - {id: second, action: hold, needs: [first]}\n"


async def tab_to(page: Page, name: str, most: int = 60) -> None:
    """Press Tab until what has the focus is called this."""
    wanted = page.locator(":focus").and_(page.get_by_label(name, exact=True).or_(page.get_by_text(name, exact=True)))
    for _ in range(most):
        await page.keyboard.press("Tab")
        if await wanted.count():
            return
    raise AssertionError(f"Tab does not lead to {name!r} in {most} steps")


async def test_a_run_is_found_opened_and_ended_with_keys_alone(stage: Stage) -> None:
    await stage.define(HOLD)
    handles = [await stage.client.start("hold") for _ in range(3)]
    page = await stage.open("/runs")
    await expect(rows(page)).to_have_count(3)
    await page.keyboard.press("/")
    await expect(page.get_by_role("textbox", name="Run id, workflow or key")).to_be_focused()
    await page.keyboard.type(handles[1].run_id)
    await expect(rows(page)).to_have_count(1)
    await tab_to(page, handles[1].run_id)
    await page.keyboard.press("Enter")
    await page.wait_for_url(re.compile(f"/runs/{handles[1].run_id}"))
    await is_over(page, "Running")
    await tab_to(page, "Cancel")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("dialog")).to_be_visible()
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("dialog")).to_have_count(0)
    await expect(page.get_by_role("button", name="Cancel", exact=True)).to_be_focused()
    await page.keyboard.press("Enter")
    await tab_to(page, "Cancel the run")
    await page.keyboard.press("Enter")
    await is_over(page, "Cancelled")


async def test_rows_are_walked_selected_and_acted_on_with_keys(stage: Stage) -> None:
    await stage.define(HOLD)
    handles = [await stage.client.start("hold") for _ in range(3)]
    page = await stage.open("/runs")
    await expect(rows(page)).to_have_count(3)
    for key in ("j", "x", "j", "x", "k", "j"):
        await page.keyboard.press(key)
    await expect(page.get_by_role("button", name="2 selected")).to_be_visible()
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("button", name="2 selected")).to_have_count(0)
    await page.keyboard.press("?")
    await expect(page.get_by_role("dialog", name="Keyboard")).to_be_visible()
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("dialog")).to_have_count(0)
    await page.keyboard.press("Enter")
    await page.wait_for_url(re.compile(f"/runs/{handles[1].run_id}"))


async def test_the_graph_is_walked_with_arrows(stage: Stage) -> None:
    await stage.define(HOLD)
    run = await stage.client.start("hold")
    page = await stage.open_run(run)
    first = page.get_by_role("button", name=re.compile("^first, "))
    await first.focus()
    await page.keyboard.press("ArrowDown")
    await expect(page.get_by_role("button", name=re.compile("^second, "))).to_be_focused()
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("complementary", name="Step second")).to_be_visible()
    tab = page.get_by_role("tab", name="Graph")
    await tab.focus()
    await page.keyboard.press("ArrowRight")
    await expect(page.get_by_role("tab", name="Timeline")).to_be_focused()
    await expect(page.get_by_role("tab", name="Timeline")).to_have_attribute("aria-selected", "true")


async def test_the_first_tab_skips_the_navigation_and_focus_can_be_seen(stage: Stage) -> None:
    await stage.define(HOLD)
    run = await stage.client.start("hold")
    page = await stage.open("/runs")
    await page.keyboard.press("Tab")
    await expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("main")).to_be_focused()
    await expect(row_of(page, run.run_id)).to_be_visible()
    unseen = []
    for _ in range(30):
        await page.keyboard.press("Tab")
        unseen += await page.evaluate(UNSEEN)
    assert unseen == []


UNSEEN = """
() => {
  const element = document.activeElement;
  if (!element || element === document.body) return [];
  const style = getComputedStyle(element);
  const isSeen = (style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) > 0) || style.boxShadow !== 'none';
  return isSeen ? [] : [element.cloneNode(false).outerHTML];
}
"""
