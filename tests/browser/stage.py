"""One test's corner of a server: a namespace, its client, its real workers, and the dashboard open on it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlencode

from playwright.async_api import BrowserContext, Locator, Page, expect

from stellwerk import Client, RunHandle, Worker
from tests.browser.watch import Watch
from tests.integration.api import eventually

Handlers = Mapping[str, Callable[..., Any]]


class Stage:
    """What a test acts with. `page` is on nothing until `open`."""

    def __init__(self, base: str, client: Client, context: BrowserContext, page: Page, watch: Watch) -> None:
        self.base, self.client, self.context, self.page, self.watch = base, client, context, page, watch

    @property
    def namespace(self) -> str:
        """The test's own."""
        return self.client.namespace or "default"

    def url(self, path: str, **query: str) -> str:
        """The address of a page of the dashboard."""
        named = {} if self.namespace == "default" else {"namespace": self.namespace}
        asked = urlencode({**named, **query})
        return f"{self.base}{path}{'?' if asked else ''}{asked}"

    async def open(self, path: str, **query: str) -> Page:
        """The page at this path, once its heading is there and it is live."""
        await self.page.goto(self.url(path, **query))
        await expect(self.page.get_by_role("heading", level=1)).to_be_visible()
        await self.is_live()
        return self.page

    async def is_live(self) -> None:
        """Wait until the page says that it hears what happens."""
        await expect(self.page.locator(".live", has_text="Live").first).to_have_count(1)

    async def open_run(self, handle: RunHandle | str, **query: str) -> Page:
        """The page of a run."""
        return await self.open(f"/runs/{handle if isinstance(handle, str) else handle.run_id}", **query)

    async def define(self, text: str) -> str:
        """Register a workflow; gives its name."""
        return (await self.client.apply_workflow(text)).name

    @asynccontextmanager
    async def working(self, handlers: Handlers, **options: Any) -> AsyncIterator[Worker]:
        """A real worker with these handlers for the block, known to the server."""
        worker = Worker(self.client.address, namespace=self.namespace, drain_s=0, **options)
        for action, handler in handlers.items():
            worker.register(action, handler)
        async with running(worker):
            await eventually(lambda: self._knows(worker))
            yield worker

    async def _knows(self, worker: Worker) -> bool:
        return worker.worker_id in [each.worker_id for each in await self.client.workers()]


@asynccontextmanager
async def running(worker: Worker) -> AsyncIterator[None]:
    """The worker works during the block."""
    task = asyncio.create_task(worker.run())
    try:
        yield
    finally:
        worker.stop()
        await asyncio.wait([task], timeout=5)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def table(page: Page, label: str) -> Locator:
    """A table by its name."""
    return page.get_by_role("table", name=label)


def row(page: Page, text: str) -> Locator:
    """The rows of any table that show this text."""
    return page.get_by_role("row").filter(has_text=text)
