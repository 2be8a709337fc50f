"""Searchable values of runs: what one may be, and the one text of it that storage compares. Reads no messages."""

from __future__ import annotations

import math
from typing import TypeGuard

import orjson

Scalar = str | int | float | bool

# With a name of 200 bytes it is a key of an index, which Postgres bounds at 2,700.
MAX_VALUE_BYTES = 1_000
MAX_ATTRIBUTES = 100
# Beyond it a double is whole, but not exactly the number that was written.
_EXACT = 1 << 53


def is_scalar(value: object) -> TypeGuard[Scalar]:
    """True for a text, a boolean or a finite number."""
    return isinstance(value, str | int) or (isinstance(value, float) and math.isfinite(value))


def canonical(value: Scalar) -> str:
    """The JSON text of a value, the same for equal values: 1 and 1.0 are the same number in any language."""
    if isinstance(value, float) and value.is_integer() and abs(value) <= _EXACT:
        value = int(value)
    return orjson.dumps(value).decode()
