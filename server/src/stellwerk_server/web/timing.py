"""How long each HTTP request took, and how many live streams are open. Changes nothing of what passes through."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Any

from starlette.routing import BaseRoute

# Told of every request that is over: its route, verb, status and how many seconds it took.
Requested = Callable[[str, str, int, float], None]
_VERBS = frozenset(("GET", "HEAD", "POST", "OPTIONS", "PUT", "PATCH", "DELETE"))
_OTHER = "other"
# As proxies write it in their logs: the client did not wait for an answer.
_NO_ANSWER = 499


# Told of a live stream of a kind: 1 when it opens, -1 when it is gone.
Reading = Callable[[str, int], None]


class Held:
    """Wraps what serves one kind of live stream for as long as the client stays."""

    def __init__(self, app: Any, kind: str, reading: Reading) -> None:
        self._app = app
        self._kind = kind
        self._reading = reading

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Serve one client."""
        self._reading(self._kind, 1)
        try:
            await self._app(scope, receive, send)
        finally:
            self._reading(self._kind, -1)


class Timed:
    """Wraps the whole app, so that what is refused before any route is counted too."""

    def __init__(self, app: Any, routes: Iterable[BaseRoute], requested: Requested) -> None:
        self._app = app
        self._patterns = {getattr(route, "endpoint", None): getattr(route, "path", _OTHER) for route in routes}
        self._requested = requested

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Let it through, and look at the clock before and after."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began_s, status = time.perf_counter(), _NO_ANSWER

        async def noted(message: Any) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, noted)
        finally:
            verb = scope["method"] if scope["method"] in _VERBS else _OTHER
            route = self._patterns.get(scope.get("endpoint"), _OTHER)
            self._requested(route, verb, status, time.perf_counter() - began_s)
