"""Run ids and lease tokens, and how they are shown. A run id is 63 bits: milliseconds, instance, counter."""

from __future__ import annotations

import time
from typing import NewType

RunId = NewType("RunId", int)

_DIGITS = "0123456789abcdefghijklmnopqrstuv"
_PAIRS = tuple(a + b for a in _DIGITS for b in _DIGITS)
# Milliseconds are counted from the beginning of 2025, so that 41 bits last until 2094.
_EPOCH_MS = 1_735_689_600_000
_COUNTER_BITS = 12
_INSTANCE_BITS = 10
MAX_INSTANCES = 1 << _INSTANCE_BITS
# Lengths of the text forms: "run_" and 13 digits of base 32.
_DIGIT_COUNT = 13


class IdSource:
    """Makes time-ordered ids that no other live instance makes; never goes back, even if the clock does."""

    def __init__(self, instance: int) -> None:
        self._low = (instance % MAX_INSTANCES) << _COUNTER_BITS
        self._last_ms = 0
        self._counter = 0

    def next(self) -> int:
        """A new id, greater than every one before it."""
        now_ms = time.time_ns() // 1_000_000 - _EPOCH_MS
        if now_ms > self._last_ms:
            self._last_ms = now_ms
            self._counter = 0
        else:
            self._counter += 1
            if self._counter >> _COUNTER_BITS:
                self._last_ms += 1
                self._counter = 0
        return self._last_ms << (_COUNTER_BITS + _INSTANCE_BITS) | self._low | self._counter


def first_at(ms: int) -> int:
    """The lowest id of that millisecond since 1970; for ranges of time."""
    return max(0, min(ms - _EPOCH_MS, (1 << 41) - 1)) << (_COUNTER_BITS + _INSTANCE_BITS)


def show(number: int, prefix: str = "run_") -> str:
    """An id as people see it: a prefix and 13 digits of base 32 that sort as the ids do."""
    p = _PAIRS
    return (
        f"{prefix}{_DIGITS[number >> 60]}{p[number >> 50 & 1023]}{p[number >> 40 & 1023]}{p[number >> 30 & 1023]}"
        f"{p[number >> 20 & 1023]}{p[number >> 10 & 1023]}{p[number & 1023]}"
    )


def parse(text: str, prefix: str = "run_") -> int | None:
    """The id behind the text, or None when it is not one."""
    digits = text[len(prefix) :]
    if not text.startswith(prefix) or len(digits) != _DIGIT_COUNT or not (digits.isascii() and digits.isalnum()):
        return None
    try:
        number = int(digits, 32)
    except ValueError:
        return None
    return number if number >> 63 == 0 and digits.islower() | digits.isdigit() else None
