"""/docs: every route described and to be tried, from this server alone, under its content policy."""

from __future__ import annotations

from playwright.async_api import expect

from tests.browser.stage import Stage


async def test_the_docs_work_without_a_network_and_try_a_route(stage: Stage) -> None:
    asked: list[str] = []
    stage.page.on("request", lambda request: asked.append(request.url))
    await stage.page.goto(f"{stage.base}/docs")
    page = stage.page
    described = (await (await page.request.get(f"{stage.base}/openapi.json")).json())["paths"]
    operations = page.locator(".opblock")
    await expect(operations).to_have_count(sum(len(verbs) for verbs in described.values()))
    await operations.filter(has_text="/api/server").first.get_by_role("button").first.click()
    await page.get_by_role("button", name="Execute").click()
    await expect(page.locator(".responses-table.live-responses-table .response").first).to_contain_text("200")
    assert [url for url in asked if not url.startswith((stage.base, "data:", "blob:"))] == []
