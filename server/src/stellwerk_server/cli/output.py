"""What commands print: tables and lines for people, JSON for machines. Must not fetch anything.

Text that came from runs is made harmless first: a payload must not be able to move a terminal's cursor.
"""

from __future__ import annotations

import base64
import dataclasses
import json
import os
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

# Wide enough that nothing is cut off for a program that reads us.
_PIPE_COLUMNS = 1000

Columns = Mapping[str, Callable[[Any], object]]

STATE_STYLES = {
    "SUCCEEDED": "green",
    "RUNNING": "cyan",
    "LEASED": "cyan",
    "READY": "blue",
    "WAITING": "yellow",
    "BLOCKED": "yellow",
    "FAILED": "red",
    "DEAD": "red",
    "TIMED_OUT": "red",
    "CANCELLED": "magenta",
    "TERMINATED": "magenta",
    "OPEN": "red",
}


class Output:
    """Where a command's results go: stdout, for people or as JSON."""

    def __init__(self, as_json: bool) -> None:
        self.as_json = as_json
        self.console = console()

    def document(self, value: object) -> None:
        """One JSON line."""
        print(to_json(value), flush=True)

    def result(self, value: object, text: str) -> None:
        """One JSON document, or a line for people."""
        if self.as_json:
            self.document(value)
        else:
            self.line(text)

    def line(self, *texts: str | Text) -> None:
        """One line for people."""
        self.console.print(Text.assemble(*(t if isinstance(t, Text) else plain(t) for t in texts)), soft_wrap=True)

    async def rows(self, records: AsyncIterator[Any], columns: Columns, none: str) -> None:
        """A JSON line for each record, or a table; `none` is said when there are no records."""
        table = Table(box=None, pad_edge=False, header_style="bold")
        for place, title in enumerate(columns):
            table.add_column(title, no_wrap=place == 0, overflow="fold")
        async for record in records:
            if self.as_json:
                self.document(record)
            else:
                table.add_row(*(cell(read(record)) for read in columns.values()))
        if self.as_json:
            return
        self.console.print(table if table.row_count else Text(none, style="dim"))


def console(*, stderr: bool = False) -> Console:
    """A console without colours and without cut-off lines when nobody looks at it."""
    stream = sys.stderr if stderr else sys.stdout
    width = None if stream.isatty() else _PIPE_COLUMNS
    return Console(stderr=stderr, highlight=False, markup=False, emoji=False, width=width)


def cell(value: object) -> Text:
    """A table's cell: states in their colour, times short, nothing as a dash."""
    if isinstance(value, Text):
        return value
    if isinstance(value, datetime):
        return Text(clock(value))
    text = "-" if value is None or value == "" else plain(str(value))
    return Text(text, style=STATE_STYLES.get(text, ""))


def plain(text: str) -> str:
    """The text with everything that could steer a terminal written as an escape."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c == "\n" else c.encode("unicode_escape").decode() for c in text)


def clock(moment: datetime | None) -> str:
    """A time in UTC, to the second."""
    return "-" if moment is None else moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%SZ")


def took(start: datetime | None, end: datetime | None) -> str:
    """How long something took, in a few characters."""
    if start is None or end is None:
        return ""
    seconds = max((end - start).total_seconds(), 0.0)
    if seconds < 60:
        return f"{seconds:.2f} s"
    return f"{seconds / 60:.1f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def short(value: object, most: int = 100) -> str:
    """A value as one line of JSON (text as it is), cut to `most` characters."""
    text = value if isinstance(value, str) else to_json(value)
    text = plain(" ".join(text.split()))
    return text if len(text) <= most else f"{text[: most - 1]}…"


def to_json(value: object) -> str:
    """Any record of the SDK as one line of JSON: times in ISO 8601, bytes in base64."""
    return json.dumps(value, ensure_ascii=False, default=_plain_value)


def pretty_json(value: object) -> str:
    """The same over several lines."""
    return json.dumps(value, ensure_ascii=False, default=_plain_value, indent=2)


def _plain_value(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, bytes):
        return {"base64": base64.b64encode(value).decode()}
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    raise TypeError(f"a {type(value).__name__} has no JSON form")
