"""Lease tokens: opaque to workers, readable by us, unguessable because of 128 random bits."""

from __future__ import annotations

import struct
from typing import NamedTuple

_HEAD = struct.Struct(">QI16s")
MAX_TOKEN_BYTES = 512


class Token(NamedTuple):
    """Which attempt a lease is for, and the secret that proves it."""

    run_id: int
    attempt: int
    secret: bytes
    step: str


def pack(run_id: int, attempt: int, secret: bytes, step: str) -> bytes:
    """The wire form; `secret` is 16 bytes."""
    return _HEAD.pack(run_id, attempt, secret) + step.encode()


def unpack(token: bytes) -> Token | None:
    """The token behind the wire form, or None when it is not one."""
    if not _HEAD.size < len(token) <= MAX_TOKEN_BYTES:
        return None
    run_id, attempt, secret = _HEAD.unpack_from(token)
    try:
        step = token[_HEAD.size :].decode()
    except UnicodeDecodeError:
        return None
    return (
        Token(run_id, attempt, secret, step) if run_id >> 63 == 0 and attempt >> 31 == 0 and "\0" not in step else None
    )
