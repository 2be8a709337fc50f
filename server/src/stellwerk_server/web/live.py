"""Live events as event streams (SSE): one task a client, which waits where the client is slow and holds a page at most.

docs/http.md says what is sent. Must not read the database itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import orjson
from starlette.routing import BaseRoute, Route, WebSocketRoute

from stellwerk_server.dispatch.following import Reader
from stellwerk_server.dispatch.frames import Frame
from stellwerk_server.rpc.fields import Fields
from stellwerk_server.web.bodies import Gone
from stellwerk_server.web.live_query import FeedQuery, Opening, RunQuery
from stellwerk_server.web.live_socket import LiveSocket
from stellwerk_server.web.problems import method_not_allowed
from stellwerk_server.web.query import read_query
from stellwerk_server.web.timing import Held, Reading

# A comment is sent when nothing was for so long.
PING_S = 15.0
# How long the database may take to say where a stream begins.
READY_S = 10.0
# How long a client may take for the end of a stream when the server stops.
_FAREWELL_S = 1.0
_HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    # For proxies that would wait for more.
    (b"x-accel-buffering", b"no"),
]
DRAINING = orjson.dumps({"reason": "DRAINING"})
_BOOLS = {"true": True, "false": False}

Opened = AbstractAsyncContextManager[Reader[Any]]


def live_routes(opening: Opening, socket: LiveSocket, reading: Reading) -> list[BaseRoute]:
    """The routes of live events; `reading` is told who reads."""
    return [
        Route("/api/events", Held(_Endpoint(_feed_query, opening.feed), "sse", reading)),
        Route("/api/runs/{run_id}/events", Held(_Endpoint(_run_query, opening.run), "sse", reading)),
        WebSocketRoute("/api/ws", Held(socket, "websocket", reading)),
    ]


class _Endpoint:
    """One path: a query becomes a stream."""

    def __init__(self, read: Callable[[Any, Fields], Any], open_stream: Callable[[Any], Any]) -> None:
        self._read = read
        self._open = open_stream

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["method"] != "GET":
            raise method_not_allowed(scope["method"], scope["path"], "GET")
        fields = Fields()
        query = self._read(scope, fields)
        fields.raise_if_any()
        async with await self._open(query) as reader:
            await _Stream(reader, receive, send).serve()


class _Stream:
    """One client."""

    def __init__(self, reader: Reader[Any], receive: Any, send: Any) -> None:
        self._reader = reader
        self._receive = receive
        self._send = send
        self._gone = False
        self._cut = False

    async def serve(self) -> None:
        """Send frames until the last one, or until the client is gone."""
        await self._reader.ready(READY_S)
        await self._send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
        watch = asyncio.create_task(self._watch(), name="client of live events")
        task = asyncio.current_task()
        assert task is not None
        self._reader.on_drain = lambda: self._hurry(task)
        try:
            await self._write([Frame("ready", self._reader.id)])
            while not self._gone and not await self._step():
                pass
        except asyncio.CancelledError:
            if not self._cut:
                raise
            task.uncancel()
            raise Gone from None
        finally:
            self._reader.on_drain = None
            watch.cancel()

    async def _step(self) -> bool:
        """Send what comes next; True when it was the last."""
        frames = await self._reader.next(PING_S)
        if self._gone:
            return True
        if frames:
            await self._write(frames)
            return await self._finish(frames[-1].event == "end")
        if self._reader.draining:
            await self._write([Frame("end", self._reader.id, DRAINING)])
            return await self._finish(True)
        # The id moves on also while a filter lets nothing through, so that it does not expire.
        await self._body(b": ping\nid: %b\n\n" % self._reader.id.encode())
        return False

    async def _write(self, frames: list[Frame]) -> None:
        await self._body(b"".join([frame.sse for frame in frames]))

    async def _finish(self, last: bool) -> bool:
        if last:
            await self._body(b"", more=False)
        return last

    async def _body(self, content: bytes, *, more: bool = True) -> None:
        """Hand a piece to the connection, which takes it when the client has taken what was before."""
        await self._send({"type": "http.response.body", "body": content, "more_body": more})

    def _hurry(self, task: asyncio.Task[Any]) -> None:
        """The server stops: who has not taken the end by then is not waited for."""

        def cut() -> None:
            self._cut = not task.done() and task.cancel()

        asyncio.get_running_loop().call_later(_FAREWELL_S, cut)

    async def _watch(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self._gone = True
        self._reader.wake()


class _Query:
    """The parameters of a query, each checked when it is taken."""

    def __init__(self, scope: Any, fields: Fields, known: tuple[str, ...]) -> None:
        self._fields = fields
        self._last_id = dict(scope["headers"]).get(b"last-event-id", b"").decode("latin-1")
        self._found = read_query(scope)
        for name in self._found.keys() - set(known):
            fields.refuse(name, f"one of {', '.join(known)}", "a query parameter that is not known")

    def texts(self, name: str) -> list[str]:
        """All values of a parameter that may be given again."""
        return [value for value in self._found.get(name, ()) if value]

    def text(self, name: str) -> str:
        """A parameter that is given once, empty without it."""
        found = self.texts(name)
        if len(found) > 1:
            self._fields.refuse(name, "it once", f"{len(found)} times")
        return found[0] if found else ""

    def flag(self, name: str) -> bool:
        """Whether something is asked for."""
        text = self.text(name)
        if text and text not in _BOOLS:
            self._fields.refuse(name, "true or false", text)
        return _BOOLS.get(text, False)

    def after(self) -> tuple[str, str]:
        """Where to go on, and what the client calls that; the header of a client that comes back wins."""
        after = self.text("after")
        return (self._last_id, "last-event-id") if self._last_id else (after, "after")


def _run_query(scope: Any, fields: Fields) -> RunQuery:
    query = _Query(scope, fields, ("namespace", "after", "chunks"))
    after, field = query.after()
    run_id = scope["path_params"]["run_id"]
    return RunQuery(query.text("namespace"), run_id, after, query.flag("chunks"), field)


def _feed_query(scope: Any, fields: Fields) -> FeedQuery:
    query = _Query(scope, fields, ("namespace", "after", "workflow", "type", "payloads"))
    after, field = query.after()
    return FeedQuery(
        query.text("namespace"), after, query.text("workflow"), query.texts("type"), query.flag("payloads"), field
    )
