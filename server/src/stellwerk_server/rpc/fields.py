"""Checks of request fields that collect every problem before one InvalidArgument is raised. Knows no message type."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Iterable
from datetime import UTC, datetime
from enum import IntEnum
from typing import TypeVar

import orjson
from google.protobuf.timestamp_pb2 import Timestamp

from stellwerk_server.model import attributes as searchable
from stellwerk_server.model import ids
from stellwerk_server.model.attributes import Scalar
from stellwerk_server.model.errors import InvalidArgument, Problem
from stellwerk_server.rpc.names import check_name, check_namespace

DEAD_LETTER_PREFIX = "dl_"
DEFAULT_NAMESPACE = "default"
_MAX_TEXT_CHARS = 512
_MAX_SHOWN_CHARS = 60
_MAX_ID = (1 << 63) - 1

State = TypeVar("State", bound=IntEnum)


def shown(value: object) -> str:
    """A value as an error names it: quoted, and cut when it is long."""
    text = repr(value)
    return text if len(text) <= _MAX_SHOWN_CHARS else f"{text[:_MAX_SHOWN_CHARS]}… ({len(text)} characters)"


class Fields:
    """One request being read. Each method gives the checked value, or a stand-in and a noted problem."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []

    def refuse(self, field: str, expected: str, came: object) -> None:
        """Note what is wrong with a field."""
        self.problems.append(Problem(field, f"expected {expected}, came {shown(came)}"))

    def raise_if_any(self) -> None:
        """Raise InvalidArgument with everything noted so far."""
        if self.problems:
            raise InvalidArgument(self.problems)

    def namespace(self, value: str) -> str:
        """The namespace named, "default" when none is."""
        try:
            check_namespace(value)
        except InvalidArgument as error:
            self.problems += error.problems
        return value or DEFAULT_NAMESPACE

    def id(self, field: str, value: str, prefix: str = "run_") -> int:
        """The id behind its text form."""
        number = ids.parse(value, prefix)
        if number is None:
            self.refuse(field, f"an id like {ids.show(0, prefix)}", value)
        return number or 0

    def text(self, field: str, value: str, *, required: bool = False) -> str:
        """A short text that Postgres can hold."""
        if required and not value:
            self.refuse(field, "a value", value)
        if len(value) > _MAX_TEXT_CHARS:
            self.refuse(field, f"at most {_MAX_TEXT_CHARS} characters", value)
        if "\0" in value:
            self.refuse(field, "text without NUL characters", value)
        return value

    def page_size(self, value: int, default: int, maximum: int) -> int:
        """How many rows to give; 0 means the default."""
        if not 0 <= value <= maximum:
            self.refuse("page_size", f"1 to {maximum}, or 0 for {default}", value)
        return value or default

    def states(self, field: str, values: Iterable[int], kind: type[State]) -> list[State]:
        """The states named, each once."""
        known = {int(state) for state in kind}
        wanted = dict.fromkeys(values)
        for value in wanted:
            if value not in known:
                self.refuse(field, f"one of {', '.join(state.name for state in kind)}", value)
        return [kind(value) for value in wanted if value in known]

    def moment(self, field: str, message: Timestamp) -> datetime | None:
        """A time of day and year."""
        try:
            return message.ToDatetime(tzinfo=UTC)
        except (ValueError, OverflowError):
            self.refuse(field, "a time from year 1 to 9999", f"{message.seconds} s")
            return None

    def attributes(self, field: str, text: str, *, removals: bool = False) -> dict[str, Scalar | None]:
        """The attributes of a JSON object, {} for an empty text; with `removals` a null stands for one to remove."""
        if not text:
            return {}
        expected = "a JSON object of texts, numbers and booleans"
        try:
            values = orjson.loads(text)
        except orjson.JSONDecodeError:
            values = None
        if not isinstance(values, dict):
            self.refuse(field, expected, text)
            return {}
        if len(values) > searchable.MAX_ATTRIBUTES:
            self.refuse(field, f"at most {searchable.MAX_ATTRIBUTES} attributes", len(values))
            return {}
        return {name: value for name, value in values.items() if self._attribute(field, name, value, removals)}

    def _attribute(self, field: str, name: str, value: object, removals: bool) -> bool:
        known = len(self.problems)
        try:
            check_name(field, name)
        except InvalidArgument as error:
            self.problems += error.problems
            return False
        if not searchable.is_scalar(value) and not (removals and value is None):
            self.refuse(f"{field}.{name}", "a text, a number or a boolean", value)
        elif value is not None and len(searchable.canonical(value).encode()) > searchable.MAX_VALUE_BYTES:
            self.refuse(f"{field}.{name}", f"at most {searchable.MAX_VALUE_BYTES} bytes of JSON", value)
        return len(self.problems) == known

    def position(self, token: str, *scope: object) -> str | None:
        """Where the page goes on; None for the first one. The token must come from the same `scope`."""
        if not token:
            return None
        try:
            digest, _, position = base64.urlsafe_b64decode(token).decode().partition(":")
        except (binascii.Error, ValueError):
            digest = position = ""
        if digest != _digest(scope) or "\0" in position:
            self.refuse("page_token", "the next_page_token of the same request, or nothing", token)
            return None
        return position

    def number_position(self, token: str, *scope: object) -> int | None:
        """As `position`, for pages that go by number."""
        position = self.position(token, *scope)
        if position is None:
            return None
        number = int(position) if position.isascii() and position.isdigit() and len(position) < 20 else _MAX_ID + 1
        if number > _MAX_ID:
            self.refuse("page_token", "the next_page_token of the same request, or nothing", token)
        return min(number, _MAX_ID)


def page_token(position: object, *scope: object) -> str:
    """An opaque token for the page after `position` of the list that `scope` (its filters) describes."""
    return base64.urlsafe_b64encode(f"{_digest(scope)}:{position}".encode()).decode()


def _digest(scope: tuple[object, ...]) -> str:
    # Not a secret: it only tells a token that was cut or belongs to other filters.
    return hashlib.blake2b(repr(scope).encode(), digest_size=6).hexdigest()
