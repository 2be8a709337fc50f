"""Durations as people write them (250ms, 1s, 1.5m, 1h30m, 3d, or a number of seconds) into seconds."""

from __future__ import annotations

import math
import re
from typing import Any

MAX_S = 10 * 365.25 * 86400
EXPECTED = "expected a duration such as 1s or 5m"
_UNIT_S = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_PART = re.compile(r"([0-9]+(?:\.[0-9]+)?)(ms|s|m|h|d)")
_WHOLE = re.compile(rf"(?:{_PART.pattern})+", re.ASCII)
_NUMBER = re.compile(r"[0-9]+(?:\.[0-9]+)?")


def seconds(value: Any) -> float | None:
    """The seconds meant by `value`, or None when it is no duration; never negative."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    if isinstance(value, str):
        return _from_text(value.strip())
    # Compared before converting: an integer may be too large for a float.
    return float(value) if 0 <= value <= MAX_S * 2 else (math.inf if value > 0 else None)


def problem(value: Any, *, zero: bool = False) -> str | None:
    """What is wrong with `value` as a duration (0 only where `zero`); None when it is good."""
    length_s = seconds(value)
    if length_s is None:
        return EXPECTED
    if length_s > MAX_S:
        return "expected a duration of at most 10 years"
    return "expected a duration longer than 0" if length_s == 0 and not zero else None


def _from_text(text: str) -> float | None:
    if len(text) > 100:
        return None
    if _NUMBER.fullmatch(text):
        return float(text)
    if not _WHOLE.fullmatch(text):
        return None
    units = [unit for _, unit in _PART.findall(text)]
    if len(set(units)) != len(units):
        return None
    # Rounded to microseconds: 0.1 + 0.2 of a unit should be what it says.
    return round(sum(float(number) * _UNIT_S[unit] for number, unit in _PART.findall(text)), 6)
