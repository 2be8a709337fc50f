"""Spans of time as people give them: seconds, timedelta, or text such as "3d". Must not look at any clock."""

from __future__ import annotations

import math
import re
from datetime import timedelta

from google.protobuf.duration_pb2 import Duration

Span = float | timedelta | str
"""Seconds, a timedelta, or text: "250ms", "30s", "1h30m", "3d"."""

SPAN_S_MAX = 10 * 365.25 * 86400
_UNIT_S = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_PART = re.compile(r"([0-9]+(?:\.[0-9]+)?)(ms|s|m|h|d)", re.ASCII)
_WHOLE = re.compile(rf"(?:{_PART.pattern})+", re.ASCII)


def seconds(span: Span, field: str) -> float:
    """The span in seconds. Raises ValueError naming the field."""
    found_s = _seconds(span)
    if found_s is None or not 0 <= found_s <= SPAN_S_MAX:
        raise ValueError(f"{field}: expected seconds, a timedelta or text like '30s', at most 10 years, came {span!r}")
    return found_s


def duration(span: Span, field: str) -> Duration:
    """The span as a message."""
    made = Duration()
    made.FromMicroseconds(round(seconds(span, field) * 1_000_000))
    return made


def _seconds(span: Span) -> float | None:
    if isinstance(span, timedelta):
        return span.total_seconds()
    if isinstance(span, str):
        parts = _PART.findall(span) if _WHOLE.fullmatch(span) else None
        return round(sum(float(number) * _UNIT_S[unit] for number, unit in parts), 6) if parts else None
    given: object = span
    if isinstance(given, bool) or not isinstance(given, (int, float)) or math.isnan(given):
        return None
    return float(given)
