"""What strangers write is text wherever it is shown: no script runs, no element comes of it, nothing of it is lost.

The content policy would stop most of it; the tests want that it never gets so far: a policy report is a failure too."""

from __future__ import annotations

import re
from contextlib import suppress
from typing import Any

import pytest
from playwright.async_api import Page, expect

from stellwerk import StepFailed, TaskContext, TerminalError, Worker, WorkflowContext
from tests.browser.conftest import OpenStage
from tests.browser.stage import Stage, running
from tests.integration.api import eventually

# Each would leave an element of the class "xss", a dialog or a call of ran() of watch.py, were it more than text.
# Without double quotes, because JSON would write those in another way.
CORPUS = {
    "script": "<script class=xss>ran('script')</script>",
    "module": "</script></style></textarea><script class=xss type=module>ran('module')</script>",
    "handler": "<img class=xss src=x onerror=ran('handler')>",
    "svg": "<svg class=xss onload=ran('svg')><animate onbegin=ran('animate') attributeName=x dur=1s></svg>",
    "frame": "<iframe class=xss srcdoc='<script>parent.ran(1)</script>'></iframe>",
    "attribute": "' autofocus onfocus=ran('attribute') class=xss x='",
    "link": "javascript:ran('link')",
    "data": "data:text/html,<script class=xss>ran('data')</script>",
    "template": "{{constructor.constructor('ran(1)')()}} ${ran('template')} <%= 6*7 %> #{6*7} {{6*7}}",
    "entities": "&lt;b class=xss&gt;&#60;b&#62; &amp;amp; &nbsp;",
    "style": "<style class=xss>*{display:none}</style><link class=xss rel=stylesheet href=//example.invalid/x.css>",
    "base": "<base class=xss href=//example.invalid/><meta class=xss http-equiv=refresh content=0>",
    "prototype": "__proto__",
    "constructor": "constructor",
    "rtl": "user\u202egnp.exe\u202c \u2066isolated\u2069 \u200fmark",
    "invisible": "zero\u200bwidth\u200d\ufeff\u2060joined\u00adsoft",
    "controls": "bell\x07 escape\x1b[31m delete\x7f next\x85 line\u2028paragraph\u2029",
    "long": "W" * 100_000,
}
CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
SHOWN_CHARS = 40
# Chunks and outputs are shown by one component: these are enough of it.
STREAMED = ("handler", "template", "rtl", "controls", "long")
# All a name of ours may hold, used against those who make links of names.
NAMES = ("javascript:ran", "../../docs", "//example.invalid/x", "constructor", "__proto__", "a/b:c.d")


async def unharmed(page: Page) -> None:
    """Nothing of the corpus has become more than text."""
    assert await page.locator(".xss").count() == 0
    assert await page.locator("[onerror], [onload], [onfocus], iframe, object, embed, base").count() == 0
    hrefs = await page.locator("a").evaluate_all("(links) => links.map((link) => link.href)")
    assert [href for href in hrefs if not href.startswith("http://127.0.0.1")] == []
    assert await page.title()


async def says(page: Page, text: str) -> None:
    """Wait until the beginning of this is on the page, letter for letter."""
    wanted = CONTROLS.split(text)[0][:SHOWN_CHARS]
    await page.wait_for_function("(text) => document.body.textContent.includes(text)", arg=wanted)


def step_of(text: str) -> str:
    """The text as the name of a step, as far as one may be called so."""
    return text.replace("#", "")[:190]


async def hostile(ctx: WorkflowContext, value: Any) -> Any:
    """Code that has every text told in every place that code has."""
    for name, text in CORPUS.items():
        with suppress(StepFailed):
            await ctx.step("hostile.fail", text, name=step_of(text))
        ctx.set_attributes({f"attribute-{name}": text[:900]})
        ctx.publish(f"published.{name}", {text: text})
        await ctx.step("hostile.stream", text, name=f"stream-{name}")
    await ctx.wait_signal("hostile")
    return {text: [text] for text in CORPUS.values()}


def fails(text: str) -> None:
    raise TerminalError(text[:30_000], type=text[:200], details={text: text})


async def streams(text: str, ctx: TaskContext) -> Any:
    ctx.heartbeat({text: text})
    yield text
    yield text


def hostile_worker(stage: Stage) -> Worker:
    worker = Worker(stage.client.address, namespace=stage.namespace, worker_id="<img/class=xss/src=x/onerror=ran(1)>")
    worker.register_workflow("hostile", hostile)
    worker.register("hostile.fail", fails)
    worker.register("hostile.stream", streams)
    for name in NAMES:
        worker.register(name, lambda value: value)
    return worker


async def test_a_run_of_hostile_texts_is_shown_as_text(stage: Stage) -> None:
    async with running(hostile_worker(stage)):
        await eventually(stage.client.workers)
        run = await stage.client.start("hostile", CORPUS, idempotency_key=CORPUS["handler"])
        await eventually(lambda: waits(stage, run.run_id), 90)
        page = await stage.open_run(run)
        await unharmed(page)
        await says(page, CORPUS["handler"])
        for tab in ("Timeline", "Steps", "History", "Sequence"):
            await page.get_by_role("tab", name=tab).click()
            await expect(page.get_by_role("tab", name=tab)).to_have_attribute("aria-selected", "true")
            await unharmed(page)
        for folded in await page.locator("details > summary").all():
            await folded.click()
        await unharmed(page)
        for name, text in CORPUS.items():
            await failed_step_is_text(stage, run.run_id, step_of(text))
            if name in STREAMED:
                await streamed_step_is_text(stage, run.run_id, f"stream-{name}", text)
        await run.signal("hostile", CORPUS, signal_id=CORPUS["script"])
        assert await run.result() == {text: [text] for text in CORPUS.values()}
        await stage.open_run(run)
        await expect(page.locator(".run-head .badge")).to_have_text("Succeeded")
        await page.locator("details > summary").filter(has_text="Output").click()
        await says(page, CORPUS["script"])
        await unharmed(page)


async def waits(stage: Stage, run_id: str) -> bool:
    """Whether the code has come to its end but for the signal."""
    steps = (await stage.client.handle(run_id).get(include_steps=True)).steps
    return any(str(step.state) == "WAITING" for step in steps)


async def failed_step_is_text(stage: Stage, run_id: str, step: str) -> None:
    page = await stage.open_run(run_id, step=step)
    await expect(page.locator(".step-panel .failure").first).to_be_visible()
    await says(page, step)
    stack = page.locator(".step-panel .stack-box > summary").first
    if await stack.count():
        await stack.click()
    await unharmed(page)


async def streamed_step_is_text(stage: Stage, run_id: str, step: str, text: str) -> None:
    page = await stage.open_run(run_id, step=step)
    await expect(page.get_by_role("complementary").get_by_text("Succeeded").first).to_be_visible()
    await expect(page.get_by_role("region", name="Output of the step")).to_be_visible()
    await says(page, text)
    await unharmed(page)


FAILS = "name: {name}\nsteps:\n  - {{id: a, action: hostile.fail, retry: {{max_attempts: 1}}}}\n"
LANE = "  - {{id: q{number}, action: '{name}', queue: '{name}', needs: []}}\n"


async def test_lists_of_hostile_texts_are_text(stage: Stage) -> None:
    async with running(hostile_worker(stage)):
        await eventually(stage.client.workers)
        for name in NAMES:
            await stage.define(FAILS.format(name=name))
        lanes = (LANE.format(number=number, name=name) for number, name in enumerate(NAMES))
        await stage.define("name: queued\nsteps:\n" + "".join(lanes))
        await stage.define("name: naps\nsteps:\n  - {id: nap, sleep: 1h}\n")
        await stage.client.start("queued")
        cancelled = []
        for number, text in enumerate(CORPUS.values()):
            await stage.client.start(NAMES[number % len(NAMES)], text, idempotency_key=text[:500])
            cancelled.append(await stage.client.start("naps", text))
            await cancelled[-1].cancel(text[:500])
        await eventually(lambda: all_failed(stage))
        for path in ("/", "/runs", "/dead-letters", "/workers", "/queues", "/timers", "/workflows"):
            page = await stage.open(path)
            await expect(page.get_by_text(re.compile("Loading"))).to_have_count(0)
            await page.wait_for_load_state("networkidle")
            await unharmed(page)
        await stage.open("/dead-letters")
        await says(stage.page, CORPUS["handler"])
        for handle, text in zip(cancelled, CORPUS.values(), strict=True):
            await stage.open_run(handle, tab="history")
            await says(stage.page, text)
            await unharmed(stage.page)
        await stage.open("/workers")
        await says(stage.page, "<img/class=xss/src=x/onerror=ran(1)>")


async def all_failed(stage: Stage) -> bool:
    """Whether every text is a dead letter."""
    return len([letter async for letter in stage.client.dead_letters()]) == len(CORPUS)


@pytest.mark.parametrize("name", NAMES)
async def test_a_name_that_looks_like_a_link_leads_where_it_says(name: str, open_stage: OpenStage) -> None:
    async with open_stage() as stage:
        await stage.define(f"name: {name}\nsteps:\n  - {{id: wait, sleep: 1h}}\n")
        run = await stage.client.start(name)
        page = await stage.open_run(run)
        await page.get_by_role("heading", level=1).get_by_role("link", name=name, exact=True).click()
        await expect(page.get_by_role("heading", level=1)).to_contain_text(name)
        assert page.url.startswith(f"{stage.base}/workflows/")
        await unharmed(page)
        await page.reload()
        await expect(page.get_by_role("heading", level=1)).to_contain_text(name)


async def test_an_address_made_by_a_stranger_does_nothing(stage: Stage) -> None:
    stage.watch.allow("400", "404")
    for text in CORPUS.values():
        query = {"q": text[:1000], "attributes": f"a={text[:1000]}", "workflow": text[:200], "state": text[:200]}
        await stage.page.goto(stage.url("/runs", **query))
        await expect(stage.page.get_by_role("heading", level=1)).to_be_visible()
        await unharmed(stage.page)
