"""Workflows: their graph, their versions, and the form that starts a run of them."""

from __future__ import annotations

import re

from playwright.async_api import expect

from tests.browser.stage import Stage, table
from tests.browser.test_run import is_over
from tests.integration.api import eventually

ORDER = """
name: order
input_schema:
  type: object
  required: [customer, total]
  additionalProperties: false
  properties:
    customer: {type: string, title: Customer, pattern: "^[A-Z]"}
    total: {type: number, minimum: 1, title: Total}
    express: {type: boolean, title: Express}
    speed: {enum: [slow, fast], title: Speed}
    parcels: {type: array, title: Parcels, items: {type: string}, maxItems: 3}
    address: {type: object, title: Address, required: [city], properties: {city: {type: string, title: City}}}
steps:
  - {id: wait, sleep: 1h}
"""


async def test_a_run_is_started_with_the_form_of_its_schema(stage: Stage) -> None:
    await stage.define(ORDER)
    page = await stage.open("/workflows")
    await table(page, "Workflows").get_by_role("link", name="order", exact=True).click()
    await page.get_by_role("tab", name="Start").click()
    await page.get_by_role("textbox", name=re.compile("^Customer")).fill("Ada")
    await page.get_by_role("textbox", name=re.compile("^Total")).fill("12.50")
    await page.get_by_role("combobox", name=re.compile("^Express")).select_option("true")
    await page.get_by_role("combobox", name=re.compile("^Speed")).select_option("fast")
    await page.get_by_role("button", name="Add to parcels").click()
    await page.get_by_role("group", name=re.compile("^Parcels")).get_by_role("textbox").fill("books")
    await page.get_by_role("group", name=re.compile("^Address")).get_by_role("textbox").fill("Basel")
    await page.get_by_role("textbox", name=re.compile("^Idempotency key")).fill("o-17")
    await page.get_by_role("button", name="Start", exact=True).click()
    await page.wait_for_url(re.compile("/runs/run_"))
    await is_over(page, "Running")
    run = await eventually(lambda: first_run(stage))
    assert run.idempotency_key == "o-17"
    whole = await stage.client.handle(run.run_id).get()
    assert whole.input == {
        "customer": "Ada",
        "total": 12.5,
        "express": True,
        "speed": "fast",
        "parcels": ["books"],
        "address": {"city": "Basel"},
    }


async def first_run(stage: Stage):  # type: ignore[no-untyped-def]
    return next(iter([run async for run in stage.client.list_runs(limit=1)]), None)


async def test_what_is_wrong_with_an_input_stands_at_its_field(stage: Stage) -> None:
    stage.watch.allow("400")
    await stage.define(ORDER)
    page = await stage.open("/workflows/order", tab="start")
    customer = page.get_by_role("textbox", name=re.compile("^Customer"))
    total = page.get_by_role("textbox", name=re.compile("^Total"))
    await page.get_by_role("button", name="Start", exact=True).click()
    await expect(customer).to_have_accessible_description(re.compile("expected"))
    await customer.fill("ada")  # the pattern wants a capital
    await total.fill("0.5")
    await page.get_by_role("group", name=re.compile("^Address")).get_by_role("textbox").fill("Basel")
    await page.get_by_role("button", name="Start", exact=True).click()
    await expect(customer).to_have_attribute("aria-invalid", "true")
    await expect(customer).to_have_accessible_description(re.compile(r"\^\[A-Z\]"))
    await expect(total).to_have_accessible_description(re.compile("1"))
    assert await first_run(stage) is None
    await customer.fill("Ada")
    await total.fill("1")
    await page.get_by_role("button", name="Start", exact=True).click()
    await page.wait_for_url(re.compile("/runs/run_"))


async def test_an_input_can_be_written_as_json_and_the_same_key_gives_the_same_run(stage: Stage) -> None:
    await stage.define("name: plain\nsteps:\n  - {id: wait, sleep: 1h}\n")
    first = await stage.client.start("plain", {"a": 1}, idempotency_key="k")
    page = await stage.open("/workflows/plain", tab="start")
    box = page.get_by_role("textbox", name=re.compile("^Input"))
    await box.fill("{")
    await page.get_by_role("button", name="Start", exact=True).click()
    await expect(box).to_have_attribute("aria-invalid", "true")
    await box.fill('{"a": 1}')
    await page.get_by_role("textbox", name=re.compile("^Idempotency key")).fill("k")
    await page.get_by_role("button", name="Start", exact=True).click()
    await page.wait_for_url(re.compile(first.run_id))


async def test_versions_are_told_apart_and_older_ones_are_shown(stage: Stage) -> None:
    await stage.define("name: grown\nsteps:\n  - {id: one, action: a}\n")
    await stage.define("name: grown\nsteps:\n  - {id: one, action: b}\n  - {id: two, action: c, needs: [one]}\n")
    page = await stage.open("/workflows/grown")
    await expect(node_of(page, "two")).to_be_visible()
    await page.get_by_role("combobox", name="Version").select_option("1")
    await expect(node_of(page, "two")).to_have_count(0)
    await page.get_by_role("tab", name="Versions").click()
    changes = page.get_by_role("list", name="Changes").get_by_role("listitem")
    await expect(changes.filter(has_text="two")).to_contain_text("added")
    await expect(changes.filter(has_text="changed")).to_contain_text("one")
    await page.get_by_role("tab", name="Definition").click()
    await expect(page.get_by_role("region", name="Definition")).to_contain_text('"one"')


def node_of(page, step: str):  # type: ignore[no-untyped-def]
    return page.get_by_role("button", name=re.compile(rf"^{step}(,|$)"))


async def test_the_last_runs_of_a_workflow_are_live(stage: Stage) -> None:
    await stage.define("name: plain\nsteps:\n  - {id: wait, sleep: 1h}\n")
    page = await stage.open("/workflows/plain")
    await expect(page.get_by_text("It has not run yet")).to_be_visible()
    run = await stage.client.start("plain")
    entry = page.get_by_role("listitem").filter(has_text=run.run_id)
    await expect(entry).to_contain_text("Running")
    await run.cancel()
    await expect(entry).to_contain_text("Cancelled")


async def test_a_workflow_that_does_not_exist_is_said_not_to(stage: Stage) -> None:
    page = await stage.open("/workflows/nobody")
    await expect(page.get_by_role("heading", name="There is no workflow called nobody")).to_be_visible()
