"""Reads the body of a request: bounded in size and time, and of a content type the route takes."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from stellwerk_server.config import MIB
from stellwerk_server.web.problems import HttpError, body_too_large, too_slow

MAX_BODY_BYTES = 16 * MIB
BODY_S = 30.0
JSON_TYPES = ("application/json",)
YAML_TYPES = ("application/yaml", "application/x-yaml", "text/yaml")

Headers = Mapping[bytes, bytes]


class Gone(Exception):
    """The client has hung up; nobody is left to be answered."""


def has_body(headers: Headers) -> bool:
    """Whether the request says that a body follows."""
    return headers.get(b"content-length", b"0") != b"0" or b"transfer-encoding" in headers


async def read(receive: Any, headers: Headers, limit: int = MAX_BODY_BYTES, patience_s: float = BODY_S) -> bytes:
    """The whole body; raises HttpError when it is too large or too slow, and Gone."""
    declared = headers.get(b"content-length", b"0")
    if len(declared) > 15 or int(declared) > limit:
        raise body_too_large(limit)
    parts: list[bytes] = []
    size, more = 0, True
    try:
        async with asyncio.timeout(patience_s):
            while more:
                message = await receive()
                if message["type"] != "http.request":
                    raise Gone
                parts.append(message.get("body", b""))
                size += len(parts[-1])
                if size > limit:
                    raise body_too_large(limit)
                more = message.get("more_body", False)
    except TimeoutError:
        raise too_slow("body", patience_s) from None
    return parts[0] if len(parts) == 1 else b"".join(parts)


def check_type(headers: Headers, taken: tuple[str, ...]) -> str:
    """The content type without its parameters; raises HttpError when it is none of those `taken`."""
    written = headers.get(b"content-type", b"").decode("latin-1")
    media, *parameters = (part.strip().lower() for part in written.split(";"))
    if media not in taken:
        raise _unsupported(f"content-type: expected {' or '.join(taken)}, came {written[:100] or 'none'}")
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name == "charset" and value.strip('"') not in ("utf-8", "utf8"):
            raise _unsupported(f"content-type: expected charset=utf-8, came {parameter[:100]}")
    encoding = headers.get(b"content-encoding", b"identity").decode("latin-1")
    if encoding.lower() != "identity":
        raise _unsupported(f"content-encoding: expected none, came {encoding[:100]}")
    return media


def _unsupported(message: str) -> HttpError:
    return HttpError(415, "UNSUPPORTED_MEDIA_TYPE", message)
