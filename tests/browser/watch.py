"""What a page may not do unnoticed: log an error, throw, break its policy, lose a request, open a dialog.

It only listens; a test says with `allow` what it means to provoke."""

from __future__ import annotations

import re
from typing import Any

from playwright.async_api import BrowserContext, ConsoleMessage, Dialog, Error, Page, Request, Response

# Before anything of the page runs. `ran()` is what every payload of the XSS tests calls.
LISTEN = """
addEventListener('securitypolicyviolation', (event) => {
  stellwerkTold(`policy: ${event.effectiveDirective} refused ${event.blockedURI} ${event.sample}`);
});
globalThis.ran = (what) => stellwerkTold(`script: ${what} ran`);
"""
# A request that the page itself gave up, because it went on or was closed.
GIVEN_UP = ("net::ERR_ABORTED", "net::ERR_NETWORK_CHANGED")


class Watch:
    """Collects what went wrong in every page of a context."""

    def __init__(self) -> None:
        self._seen: list[str] = []
        self._allowed: list[re.Pattern[str]] = []

    async def over(self, context: BrowserContext) -> None:
        """Listen to all that happens in this context from now on."""
        await context.expose_binding("stellwerkTold", lambda _source, what: self._seen.append(str(what)))
        await context.add_init_script(LISTEN)
        context.on("page", self._page)
        context.on("console", self._console)
        context.on("requestfailed", self._failed)
        context.on("response", self._answered)
        context.on("weberror", lambda error: self._seen.append(f"thrown: {_text_of(error.error)}"))

    def allow(self, *patterns: str) -> None:
        """This is meant to happen: regular expressions over what `problems` would say."""
        self._allowed += [re.compile(pattern) for pattern in patterns]

    @property
    def problems(self) -> list[str]:
        """All that went wrong and was not allowed."""
        return [each for each in self._seen if not any(pattern.search(each) for pattern in self._allowed)]

    def _page(self, page: Page) -> None:
        page.on("dialog", self._dialog)
        page.on("crash", lambda _page: self._seen.append("the page crashed"))

    async def _dialog(self, dialog: Dialog) -> None:
        self._seen.append(f"dialog: {dialog.type} {dialog.message}")
        await dialog.dismiss()

    def _console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning", "assert"):
            self._seen.append(f"console {message.type}: {message.text} {message.location.get('url', '')}")

    def _failed(self, request: Request) -> None:
        failure = request.failure or ""
        if failure not in GIVEN_UP:
            self._seen.append(f"request: {request.method} {request.url} {failure}")

    def _answered(self, response: Response) -> None:
        if response.status >= 400:
            self._seen.append(f"answer: {response.status} {response.request.method} {response.url}")


def _text_of(error: Error | Any) -> str:
    return f"{error.message}\n{error.stack}" if isinstance(error, Error) else str(error)
