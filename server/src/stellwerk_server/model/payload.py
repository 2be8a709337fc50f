"""Payloads in their stored form: one `bytes` value that goes from socket to table without being unpacked.

JSON is kept as its own UTF-8 text. Anything else is 0x00, the length of a JSON header, the header, the data;
JSON text never begins with 0x00, so the two cannot be taken for each other.
"""

from __future__ import annotations

import json
from typing import Any, NewType

Payload = NewType("Payload", bytes)

NULL = Payload(b"null")


def is_json(payload: Payload) -> bool:
    """True when the payload is JSON text."""
    return payload[:1] != b"\0"


def from_value(value: Any) -> Payload:
    """The payload of a JSON value; raises ValueError for what JSON cannot say (NaN, sets, cycles)."""
    return Payload(json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode())


def to_value(payload: Payload) -> Any:
    """The JSON value, integers exact; for other content an object with `content_type` and `size`."""
    if is_json(payload):
        return json.loads(payload)
    header, data = unpack(payload)
    return {"content_type": header.get("content_type", ""), "size": len(data)}


def pack(data: bytes, content_type: str, metadata: dict[str, str]) -> Payload:
    """The stored form of content that is not plain JSON (or of JSON that carries metadata)."""
    header = json.dumps({"content_type": content_type, **({"metadata": metadata} if metadata else {})}).encode()
    return Payload(b"\0" + len(header).to_bytes(4, "big") + header + data)


def unpack(payload: Payload) -> tuple[dict[str, Any], bytes]:
    """The header and the data of a packed payload."""
    size = int.from_bytes(payload[1:5], "big")
    return json.loads(payload[5 : 5 + size]), payload[5 + size :]
