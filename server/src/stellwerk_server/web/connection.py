"""One connection of a browser or a script: uvicorn's protocol within the bounds of docs/http.md.

Bounds heads, idle times, unread answers and how many connections there are; bodies are bounded where they are read.
"""

from __future__ import annotations

import asyncio
from typing import Any

import uvicorn
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol
from uvicorn.server import ServerState

from stellwerk_server.model.errors import StellwerkError, Unavailable
from stellwerk_server.web import problems
from stellwerk_server.web.problems import CLOSE, HttpError, too_slow

MAX_CONNECTIONS = 2_000
MAX_HEAD_BYTES = 64 * 1024
HEAD_S = 10.0
IDLE_S = 60
# How long an answer may lie unread without getting any shorter.
UNREAD_S = 30.0
# How long what a refused client still sends is thrown away, so that it gets to read why.
_LINGER_S = 1.0
_MAX_LINGERING = 100


class Connections(ServerState):
    """All connections of one listener."""

    def __init__(self) -> None:
        super().__init__()
        # Those without a request under way, the longest idle first.
        self.idle: dict[Connection, None] = {}
        self.lingering: set[Connection] = set()

    def make_room(self) -> bool:
        """Whether one more connection may stay; the longest idle one goes for it when there are too many."""
        if len(self.connections) <= MAX_CONNECTIONS:
            return True
        oldest = next((idle for idle in self.idle if not idle.transport.is_closing()), None)
        if oldest is None:
            return False
        oldest.transport.close()
        return True


class Connection(HttpToolsProtocol):
    """Its requests one after the other, each head, pause and answer in its time."""

    def __init__(self, config: uvicorn.Config, state: Connections, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(config, state, {}, loop)
        self._state = state
        self._reading_head = False
        self._head_bytes = 0
        self._head_timer: asyncio.TimerHandle | None = None
        self._unread_timer: asyncio.TimerHandle | None = None
        self._over = False

    def connection_made(self, transport: Any) -> None:
        """A new one: it is idle until its first byte."""
        super().connection_made(transport)
        if self._state.make_room():
            self._be_idle()
        else:
            self._refuse(Unavailable("TOO_MANY_CONNECTIONS", f"this server holds {MAX_CONNECTIONS} connections"), 1.0)

    def connection_lost(self, exc: Exception | None) -> None:
        """It is gone."""
        self._over = True
        self._state.idle.pop(self, None)
        self._state.lingering.discard(self)
        self._cancel_timers()
        self._unset_keepalive_if_required()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Bytes of heads or bodies."""
        if self._over:
            return
        self._state.idle.pop(self, None)
        super().data_received(data)
        if not self._over_now() and not self._under_way:
            self._bound_head(len(data))

    def on_message_begin(self) -> None:
        """A request begins."""
        super().on_message_begin()
        self._reading_head, self._head_bytes = True, 0

    def on_headers_complete(self) -> None:
        """A head is there: it is answered, unless it is too large."""
        self._reading_head = False
        self._cancel_head_timer()
        if sum(len(name) + len(value) + 4 for name, value in self.headers) + len(self.url) > MAX_HEAD_BYTES:
            self._refuse_head()
        else:
            super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """A part of a body."""
        if not self._over:
            super().on_body(body)

    def on_message_complete(self) -> None:
        """A request is there as a whole."""
        if self._over:
            return
        super().on_message_complete()
        if not self._under_way:
            # It was answered before it was all here.
            self._cancel_head_timer()
            self._be_idle()

    def on_response_complete(self) -> None:
        """An answer is out; the connection is idle, if there is nothing more to do."""
        super().on_response_complete()
        if self.timeout_keep_alive_task is not None:
            self._state.idle[self] = None

    def handle_websocket_upgrade(self) -> None:
        """From here on the connection is a WebSocket, with bounds of its own."""
        self._over = True
        self._cancel_timers()
        super().handle_websocket_upgrade()

    def send_400_response(self, msg: str) -> None:
        """What came is not HTTP."""
        self._refuse(HttpError(400, "MALFORMED_REQUEST", f"expected an HTTP/1.1 request: {msg}"))

    def pause_writing(self) -> None:
        """The client does not read as fast as it is answered."""
        super().pause_writing()
        self._watch_reader(self.transport.get_write_buffer_size())

    def resume_writing(self) -> None:
        """It has read on."""
        super().resume_writing()
        if self._unread_timer is not None:
            self._unread_timer.cancel()
            self._unread_timer = None

    @property
    def _under_way(self) -> bool:
        cycle: Any = self.cycle
        return cycle is not None and not cycle.response_complete

    def _over_now(self) -> bool:
        return self._over or self.transport.is_closing()

    def _bound_head(self, more_bytes: int) -> None:
        # A head that has only begun, or the rest of a body whose request was answered already.
        self._head_bytes += more_bytes
        if self._reading_head and self._head_bytes > MAX_HEAD_BYTES:
            self._refuse_head()
        elif self._head_timer is None and self.timeout_keep_alive_task is None:
            self._head_timer = self.loop.call_later(HEAD_S, self._head_is_late)

    def _be_idle(self) -> None:
        self._unset_keepalive_if_required()
        self._state.idle[self] = None
        self.timeout_keep_alive_task = self.loop.call_later(self.timeout_keep_alive, self.timeout_keep_alive_handler)

    def _head_is_late(self) -> None:
        self._head_timer = None
        if self._reading_head:
            self._refuse(too_slow("head", HEAD_S))
        else:
            self.transport.close()

    def _refuse_head(self) -> None:
        message = f"head: expected at most {MAX_HEAD_BYTES} bytes, came more"
        self._refuse(HttpError(431, "HEAD_TOO_LARGE", message))

    def _refuse(self, error: StellwerkError, patience_s: float = _LINGER_S) -> None:
        """Answer without the app, and hang up once the client has had a chance to read it."""
        self._over = True
        self._cancel_timers()
        self._unset_keepalive_if_required()
        self.connections.discard(self)
        if self.transport.is_closing() or len(self._state.lingering) >= _MAX_LINGERING:
            self.transport.abort()
            return
        content = problems.body(error)
        headers = {*problems.headers(error, content), *CLOSE, *self.server_state.default_headers}
        lines = b"".join(b"%b: %b\r\n" % header for header in headers)
        self.transport.write(STATUS_LINE[problems.status_of(error)] + lines + b"\r\n" + content)
        self.transport.write_eof()
        self._state.lingering.add(self)
        self.loop.call_later(patience_s, self.transport.close)

    def _watch_reader(self, unread: int) -> None:
        self._unread_timer = self.loop.call_later(UNREAD_S, self._look_at_reader, unread)

    def _look_at_reader(self, before: int) -> None:
        unread = self.transport.get_write_buffer_size()
        if unread >= before:
            self.transport.abort()
        else:
            self._watch_reader(unread)

    def _cancel_head_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _cancel_timers(self) -> None:
        self._cancel_head_timer()
        if self._unread_timer is not None:
            self._unread_timer.cancel()
            self._unread_timer = None
