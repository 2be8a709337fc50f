"""Errors as problem documents (RFC 9457): the tree of model/errors with HTTP's statuses, and HTTP's own reasons.

What may be told to callers is decided in rpc/edge.py, once for both; here it only gets another form.
"""

from __future__ import annotations

import math
from http import HTTPStatus
from typing import Any

import grpc
import orjson

from stellwerk_server.model import errors
from stellwerk_server.model.errors import InvalidArgument, Problem, StellwerkError
from stellwerk_server.rpc import edge

CONTENT_TYPE = b"application/problem+json"
Headers = list[tuple[bytes, bytes]]

_STATUSES = {
    grpc.StatusCode.INVALID_ARGUMENT: 400,
    grpc.StatusCode.NOT_FOUND: 404,
    grpc.StatusCode.ALREADY_EXISTS: 409,
    grpc.StatusCode.FAILED_PRECONDITION: 409,
    grpc.StatusCode.OUT_OF_RANGE: 410,
    grpc.StatusCode.RESOURCE_EXHAUSTED: 429,
    grpc.StatusCode.UNAVAILABLE: 503,
    grpc.StatusCode.INTERNAL: 500,
}
# Reasons HTTP has a status of its own for.
_BY_REASON = {"PAYLOAD_TOO_LARGE": 413, "IDEMPOTENCY_KEY_REUSED": 422}
_MAX_PROBLEMS = 100


class HttpError(StellwerkError):
    """What only HTTP can refuse: its status, and headers the answer needs."""

    def __init__(self, status: int, reason: str, message: str, headers: Headers | None = None) -> None:
        super().__init__(reason, message)
        self.status = status
        self.headers = headers or []


class Malformed(HttpError, InvalidArgument):
    """A body that cannot be read: MALFORMED_JSON or MALFORMED_YAML, with the place."""

    def __init__(self, reason: str, problems: list[Problem]) -> None:
        InvalidArgument.__init__(self, problems, reason)
        self.status = 400
        self.headers = []


def no_such_route(path: str) -> HttpError:
    """There is nothing at this path."""
    return HttpError(404, "NO_SUCH_ROUTE", f"there is nothing at {path[:200]}; /docs lists what there is")


def method_not_allowed(method: str, path: str, allowed: str) -> HttpError:
    """The path is there, but not for this verb."""
    message = f"{path[:200]} is for {allowed}, came {method[:20]}"
    return HttpError(405, "METHOD_NOT_ALLOWED", message, [(b"allow", allowed.encode())])


def body_too_large(limit: int) -> HttpError:
    """More than any request of ours needs; the rest of it is not read."""
    return HttpError(413, "BODY_TOO_LARGE", f"body: expected at most {limit} bytes, came more", CLOSE.copy())


def too_slow(what: str, seconds: float) -> HttpError:
    """A part of the request did not arrive in its time."""
    return HttpError(408, "REQUEST_TIMEOUT", f"{what}: expected all of it within {seconds:g} s", CLOSE.copy())


CLOSE: Headers = [(b"connection", b"close")]


def status_of(error: StellwerkError) -> int:
    """The HTTP status of a domain error."""
    if isinstance(error, HttpError):
        return error.status
    return _BY_REASON.get(error.reason) or _STATUSES[edge.code_of(error)]


def document(error: StellwerkError) -> dict[str, Any]:
    """The problem document of a domain error."""
    status = status_of(error)
    found = error.problems[:_MAX_PROBLEMS] if isinstance(error, InvalidArgument) else ()
    return {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "reason": error.reason,
        "detail": error.message,
        "errors": [{"field": p.field, "description": p.description} for p in found],
        "metadata": error.metadata,
    }


def body(error: StellwerkError) -> bytes:
    """The problem document as JSON; also with halves of characters in it, which strings of requests may hold."""
    shown = document(error)
    try:
        return orjson.dumps(shown)
    except TypeError:
        return orjson.dumps(_whole(shown))


def headers(error: StellwerkError, content: bytes) -> Headers:
    """The headers of the answer."""
    found: Headers = [(b"content-type", CONTENT_TYPE), (b"content-length", str(len(content)).encode())]
    found.append((b"cache-control", b"no-store"))
    if isinstance(error, errors.Exhausted | errors.Unavailable):
        # Whole seconds are all the header knows.
        found.append((b"retry-after", str(math.ceil(error.retry_s)).encode()))
    return found + (error.headers if isinstance(error, HttpError) else [])


def _whole(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _whole(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_whole(item) for item in value]
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else value
