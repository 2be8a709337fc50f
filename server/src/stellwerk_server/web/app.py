"""Puts the HTTP half together: the table's routes, what others mount beside them, the dashboard's files, the guard."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import orjson
from starlette.routing import BaseRoute, Route, Router

from stellwerk_server.config import Config
from stellwerk_server.model.errors import Unavailable, draining
from stellwerk_server.rpc.edge import Method
from stellwerk_server.web.calls import Call, Resource, answer
from stellwerk_server.web.guard import Guard
from stellwerk_server.web.openapi import describe
from stellwerk_server.web.pages import Pages
from stellwerk_server.web.problems import method_not_allowed, no_such_route
from stellwerk_server.web.routes import ROUTES
from stellwerk_server.web.timing import Requested, Timed

_READS = ("GET", "HEAD")


class Status(Protocol):
    """What a probe wants to know of the server."""

    @property
    def draining(self) -> bool:
        """True once it takes no new work."""

    @property
    def database_up(self) -> bool:
        """Whether the last look at the database was answered."""


def make_app(
    config: Config,
    methods: Mapping[str, Method],
    status: Status,
    mounted: Sequence[BaseRoute] = (),
    requested: Requested = lambda route, verb, status, took_s: None,
) -> Any:
    """The ASGI app; `mounted` are routes beside those of the table (live events, metrics), looked at before them."""
    table = [Route(path, Resource(calls)) for path, calls in _calls(methods).items()]
    health = _Health(status)
    documents = {"/openapi.json": describe(ROUTES, methods), "/health/live": {"status": "ALIVE"}}
    own = [Route("/health", health), Route("/api/health", health)]
    own += [Route(path, _Document(orjson.dumps(document))) for path, document in documents.items()]
    router = Router([*table[:1], *mounted, *table[1:], *own], redirect_slashes=False, default=_Rest(Pages()))
    guard = Guard(router, config.host, config.allowed_hosts, config.allowed_origins)
    return Timed(guard, router.routes, requested)


def _calls(methods: Mapping[str, Method]) -> dict[str, list[Call]]:
    found: dict[str, list[Call]] = {}
    for route in ROUTES:
        found.setdefault(route.path, []).append(Call(route, methods))
    return found


class _Health:
    """Whether this server can serve."""

    def __init__(self, status: Status) -> None:
        self._status = status

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        _only_read(scope)
        if self._status.draining:
            raise draining()
        if not self._status.database_up:
            raise Unavailable("DATABASE_DOWN", "the database does not answer")
        await answer(send, 200, orjson.dumps({"status": "SERVING"}))


class _Document:
    """One JSON document that does not change while the server runs."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        _only_read(scope)
        await answer(send, 200, self._content)


def _only_read(scope: Any) -> None:
    if scope["method"] not in _READS:
        raise method_not_allowed(scope["method"], scope["path"], ", ".join(_READS))


class _Rest:
    """What no route is for: the dashboard's pages, and nothing under /api."""

    def __init__(self, pages: Pages) -> None:
        self._pages = pages

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        path = scope["path"]
        if scope["type"] != "http" or path == "/api" or path.startswith("/api/"):
            raise no_such_route(path)
        _only_read(scope)
        await self._pages(scope, receive, send)
