"""How much goes into one message: lists are cut where their payloads would no longer fit. Knows no message."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

T = TypeVar("T")


def fitting(items: Sequence[T], size_of: Callable[[T], int], most_bytes: int) -> Sequence[T]:
    """As many of the first as `most_bytes` hold, at least one of them."""
    size = 0
    for place, item in enumerate(items):
        size += size_of(item)
        if size > most_bytes and place:
            return items[:place]
    return items
