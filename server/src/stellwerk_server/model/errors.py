"""The errors of the domain as a tree. rpc/ maps them to gRPC once; nothing here knows about transport.

StellwerkError
├── InvalidArgument      every field that is wrong, at once
├── NotFound
├── AlreadyExists
├── Refused              FAILED_PRECONDITION: LEASE_LOST, RUN_TERMINAL, IDEMPOTENCY_KEY_REUSED, …
├── Expired              OUT_OF_RANGE: what was asked for is no longer kept
├── Exhausted            RESOURCE_EXHAUSTED, with a time to wait
└── Unavailable          the database is down or the server drains; safe to send again
ExpressionError          a template or condition could not be evaluated: an outcome of a step, not of a call
"""

from __future__ import annotations

from dataclasses import dataclass


class StellwerkError(Exception):
    """Base of every error a caller may see; `reason` is part of the API."""

    def __init__(self, reason: str, message: str, **metadata: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message
        self.metadata = metadata


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with one field: its path, and what was expected and what came."""

    field: str
    description: str


class InvalidArgument(StellwerkError):
    """The input is wrong; `problems` names every field."""

    def __init__(self, problems: list[Problem], reason: str = "INVALID_ARGUMENT", **metadata: str) -> None:
        message = "; ".join(f"{p.field}: {p.description}" for p in problems[:5])
        if len(problems) > 5:
            message += f"; and {len(problems) - 5} more"
        super().__init__(reason, message, **metadata)
        self.problems = problems


class NotFound(StellwerkError):
    """No such run, workflow or dead letter in this namespace."""


class AlreadyExists(StellwerkError):
    """Something of that identity is there already."""


class Refused(StellwerkError):
    """The state does not allow it."""


class Expired(StellwerkError):
    """It was there once, and is no longer kept."""


class Exhausted(StellwerkError):
    """A bound is reached; try again after `retry_s` seconds."""

    retry_s = 1.0


class Unavailable(StellwerkError):
    """Nothing is known to have happened; send the same request again after `retry_s` seconds."""

    retry_s = 0.2


class ExpressionError(Exception):
    """A template or condition could not be evaluated; the message names the expression and the reason."""


def draining() -> Unavailable:
    """The answer of a server that stops: nothing was done, another one will."""
    return Unavailable("DRAINING", "this server is stopping; send the request again")
