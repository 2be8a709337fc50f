"""How user code failed, as a value: an outcome that is recorded, never an exception of ours."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from enum import IntEnum
from typing import Any

from stellwerk_server.model.payload import Payload


class Category(IntEnum):
    """Whose fault a failure is; the numbers are those of the proto."""

    USER = 1
    TIMEOUT = 2
    WORKER_LOST = 3
    CANCELLED = 4
    LIMIT = 5
    DEFINITION = 6
    INTERNAL = 7


@dataclass(frozen=True, slots=True)
class Failure:
    """One failed attempt, step or run. `retry_after_s` overrides the policy's delay; `terminal` forbids a retry."""

    type: str
    message: str
    stack: str = ""
    category: Category = Category.USER
    terminal: bool = False
    retry_after_s: float | None = None
    details: Payload | None = None
    cause: Failure | None = None
    step: str = ""
    attempt: int = 0
    worker: str = ""
    # Microseconds since 1970; 0 when not known.
    at: int = 0

    def located(self, step: str, attempt: int, worker: str, at: int) -> Failure:
        """The same failure with the place it happened at."""
        return replace(self, step=step, attempt=attempt, worker=worker, at=at)

    def same_outcome(self, other: Failure | None) -> bool:
        """True when the two say the same, wherever they were recorded."""
        return other is not None and (self.type, self.message, self.stack, self.terminal, self.details) == (
            other.type,
            other.message,
            other.stack,
            other.terminal,
            other.details,
        )


def to_json(failure: Failure) -> str:
    """The stored form: a JSON object without the fields that say nothing."""
    return json.dumps(_fields(failure), ensure_ascii=True, separators=(",", ":"))


def from_json(text: str) -> Failure:
    """The failure behind the stored form."""
    return _failure(json.loads(text))


def _fields(failure: Failure) -> dict[str, Any]:
    fields: dict[str, Any] = {"type": failure.type, "message": failure.message, "category": int(failure.category)}
    for name in ("stack", "terminal", "step", "attempt", "worker", "at"):
        if value := getattr(failure, name):
            fields[name] = value
    if failure.retry_after_s is not None:
        fields["retry_after_s"] = failure.retry_after_s
    if failure.details is not None:
        fields["details"] = failure.details.decode("latin-1")
    if failure.cause is not None:
        fields["cause"] = _fields(failure.cause)
    return fields


def _failure(fields: dict[str, Any]) -> Failure:
    known = dict(fields)
    known["category"] = Category(known["category"])
    if "details" in known:
        known["details"] = Payload(known["details"].encode("latin-1"))
    if "cause" in known:
        known["cause"] = _failure(known["cause"])
    return Failure(**known)
