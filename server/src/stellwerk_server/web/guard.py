"""What stands before every request: who may ask (Host, Origin), and after it: headers, and every error as a problem.

Plain ASGI, so that streams pass through untouched. Must not know any route but those a probe asks for.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Callable
from itertools import count
from typing import Any
from urllib.parse import unquote, urlsplit

from starlette.exceptions import HTTPException

from stellwerk_server.model.errors import StellwerkError
from stellwerk_server.rpc import edge
from stellwerk_server.web import bodies, problems
from stellwerk_server.web.bodies import Gone
from stellwerk_server.web.problems import Headers, HttpError

logger = logging.getLogger(__name__)
# Answer to any Host: probes and scrapers come by address, and say nothing secret.
OPEN_PATHS = frozenset({"/health", "/health/live", "/api/health", "/metrics", "/api/metrics"})
API_POLICY = b"default-src 'none'; frame-ancestors 'none'"
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "[::1]"})
_ANY_ADDRESS = frozenset({"0.0.0.0", "[::]", "::"})
_ALWAYS: Headers = [
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
]
_REQUEST_HEADERS = b"content-type, idempotency-key, last-event-id, traceparent, tracestate, x-request-id"
_EXPOSED = b"x-request-id, retry-after, allow"
_MAX_ID_CHARS = 128
# How long a refused client may go on sending before the connection is closed.
_LINGER_S = 10.0


class Guard:
    """Wraps the app. `hosts` and `origins` are what the configuration allows besides what is always allowed."""

    def __init__(self, app: Any, host: str, hosts: tuple[str, ...], origins: tuple[str, ...]) -> None:
        self._app = app
        own = f"[{host}]" if ":" in host else host
        self._hosts = _LOOPBACK | {own.lower(), *(name.lower() for name in hosts)} - _ANY_ADDRESS
        self._any_host = "*" in hosts
        self._any_address = own in _ANY_ADDRESS
        self._origins = frozenset(origin.rstrip("/").lower() for origin in origins)
        self._any_origin = "*" in origins
        self._ids = _request_ids()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Let the request through, or refuse it."""
        if scope["type"] == "lifespan":
            return
        headers = dict(scope["headers"])
        _keep_slashes(scope)
        request_id = _request_id(headers) or self._ids()
        scope["request_id"] = request_id.decode()
        origin = headers.get(b"origin")
        answer = _Answer(send, [*_ALWAYS, (b"x-request-id", request_id)], scope["type"] == "websocket")
        if bodies.has_body(headers):
            receive = answer.reading(receive)
        try:
            self._check_host(scope, headers)
            if origin is not None:
                self._check_origin(origin, headers, answer)
            if origin is not None and scope.get("method") == "OPTIONS" and _PREFLIGHT in headers:
                await answer.preflight()
            else:
                await self._app(scope, receive, answer.send)
        except Gone:
            return
        except Exception as error:
            await answer.refuse(_known(error, scope), receive)

    def _check_host(self, scope: Any, headers: dict[bytes, bytes]) -> None:
        written = headers.get(b"host", b"").decode("latin-1")
        name = _name_of(written)
        if name in self._hosts or self._any_host or scope["path"] in OPEN_PATHS:
            return
        if self._any_address and scope.get("server") and name.strip("[]") == scope["server"][0]:
            return
        expected = "a name of this server (--allow-host adds one)"
        raise HttpError(403, "HOST_NOT_ALLOWED", f"host: expected {expected}, came {written[:200]!r}")

    def _check_origin(self, origin: bytes, headers: dict[bytes, bytes], answer: _Answer) -> None:
        text = origin.decode("latin-1").lower()
        if self._any_origin or text in self._origins:
            answer.allow_origin(origin)
        elif urlsplit(text).netloc.encode() != headers.get(b"host", b"").lower() or text == "null":
            expected = "this server's own pages or an origin given with --allow-origin"
            raise HttpError(403, "ORIGIN_NOT_ALLOWED", f"origin: expected {expected}, came {text[:200]!r}")


_PREFLIGHT = b"access-control-request-method"


class _Answer:
    """The way back: adds our headers to whatever answers."""

    def __init__(self, send: Any, headers: Headers, websocket: bool) -> None:
        self._send = send
        self._headers = headers
        self._websocket = websocket
        self._begun = False
        self._unread = False

    def allow_origin(self, origin: bytes) -> None:
        """Let the page at this origin read the answer."""
        self._headers += [
            (b"access-control-allow-origin", origin),
            (b"access-control-expose-headers", _EXPOSED),
            (b"vary", b"origin"),
        ]

    def reading(self, receive: Any) -> Any:
        """The way in, with an eye on whether all of the body was taken from it."""
        self._unread = True

        async def receive_and_note() -> Any:
            message = await receive()
            self._unread = bool(message.get("more_body"))
            return message

        return receive_and_note

    async def send(self, message: Any) -> None:
        """Pass on one message of the app."""
        kind = message["type"]
        if kind in ("http.response.start", "websocket.http.response.start"):
            self._begun = True
            own = [*message.get("headers", ()), *self._headers]
            if not any(name == b"content-security-policy" for name, _ in own):
                own.append((b"content-security-policy", API_POLICY))
            message["headers"] = own
        elif kind in ("websocket.accept", "websocket.close"):
            self._begun = True
        await self._send(message)

    async def preflight(self) -> None:
        """Tell a browser what a page of an allowed origin may send."""
        headers = [
            (b"access-control-allow-methods", b"GET, POST, OPTIONS"),
            (b"access-control-allow-headers", _REQUEST_HEADERS),
            (b"access-control-max-age", b"600"),
        ]
        await self.send({"type": "http.response.start", "status": 204, "headers": headers})
        await self.send({"type": "http.response.body"})

    async def refuse(self, error: StellwerkError, receive: Any) -> None:
        """Answer with the problem, if nothing was answered yet; then let the client finish what it is sending."""
        if self._begun:
            # Too late for another status: the connection is cut, so that nobody takes half for the whole.
            raise error
        content, status = problems.body(error), problems.status_of(error)
        headers = problems.headers(error, content)
        if self._unread and problems.CLOSE[0] not in headers:
            headers += problems.CLOSE
        prefix = "websocket.http" if self._websocket else "http"
        await self.send({"type": f"{prefix}.response.start", "status": status, "headers": headers})
        if self._unread and status != 408:
            # Hanging up on a client that still sends would take the answer from it.
            await self.send({"type": "http.response.body", "body": content, "more_body": True})
            await _discard(receive)
            content = b""
        await self.send({"type": f"{prefix}.response.body", "body": content})


async def _discard(receive: Any) -> None:
    try:
        async with asyncio.timeout(_LINGER_S):
            while (await receive()).get("more_body"):
                pass
    except TimeoutError:
        return


def _known(error: Exception, scope: Any) -> StellwerkError:
    if isinstance(error, HTTPException):
        return HttpError(error.status_code, "NO_SUCH_ROUTE" if error.status_code == 404 else "REFUSED", error.detail)
    known = edge.known_error(error)
    if known.reason == "INTERNAL":
        message = f"the server failed on this call; its log says more about request {scope['request_id']}"
        logger.error("request %s: %s %s failed", scope["request_id"], scope.get("method", ""), scope["path"])
        return StellwerkError("INTERNAL", message)
    return known


def _keep_slashes(scope: Any) -> None:
    """A %2F belongs to a name and separates nothing: it stays as it is until a route takes its parameter."""
    raw: bytes = scope.get("raw_path") or b""
    if b"%2f" in raw.lower():
        parts = raw.replace(b"%2f", b"%2F").split(b"%2F")
        scope["path"] = "%2F".join(unquote(part.decode("ascii")) for part in parts)


def _name_of(host: str) -> str:
    """A Host without its port."""
    host = host.lower()
    if host.startswith("["):
        return host.partition("]")[0] + "]"
    return host.partition(":")[0].rstrip(".")


def _request_id(headers: dict[bytes, bytes]) -> bytes:
    """The caller's own id, when it is one that can be logged and sent back."""
    value = headers.get(b"x-request-id", b"")
    return value if len(value) <= _MAX_ID_CHARS and all(0x20 < byte < 0x7F for byte in value) else b""


def _request_ids() -> Callable[[], bytes]:
    numbers, prefix = count(1), secrets.token_hex(4)
    return lambda: b"req_%b%08x" % (prefix.encode(), next(numbers))
