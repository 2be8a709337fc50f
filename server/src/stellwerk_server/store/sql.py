"""Named statements kept as data in sql/*.sql, loaded once at import.

A statement follows a line `-- name: <name>`; comment lines right below that line say why it is as it is. Take
the ones a module needs as module constants, so that a name nobody wrote fails at import. Runs nothing itself.
"""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files

_HEADING = re.compile(r"^-- name: *(\S*)[ \t]*$", re.MULTILINE)
_LEADING_COMMENTS = re.compile(r"\A(?:[ \t]*(?:--[^\n]*)?\n)*")
_NAME = re.compile(r"[a-z][a-z0-9_]*\Z")


class Queries:
    """The statements of one file as attributes: `READ.get_run` is the `bytes` that psycopg takes."""

    def __init__(self, source: str, statements: dict[str, bytes]) -> None:
        self._source = source
        self._statements = statements

    def __getattr__(self, name: str) -> bytes:
        try:
            return self._statements[name]
        except KeyError:
            known = ", ".join(sorted(self._statements))
            raise AttributeError(f"{self._source}: no statement named {name!r}; there are: {known}") from None

    def __dir__(self) -> list[str]:
        return sorted(self._statements)


@cache
def load(name: str) -> Queries:
    """The statements of sql/<name>.sql."""
    source = f"sql/{name}.sql"
    return parse(source, files("stellwerk_server.store").joinpath(source).read_text("utf-8"))


def parse(source: str, content: str) -> Queries:
    """Split a file's content into its statements; raises ValueError for what is not in the form above."""
    head, *parts = _HEADING.split(content)
    if _LEADING_COMMENTS.sub("", head).strip():
        raise ValueError(f"{source}: a statement stands before the first '-- name:' line")
    statements: dict[str, bytes] = {}
    for name, body in zip(parts[::2], parts[1::2], strict=True):
        statement = _LEADING_COMMENTS.sub("", body.lstrip("\n")).strip().removesuffix(";").rstrip()
        if not _NAME.match(name) or name in statements:
            raise ValueError(f"{source}: {name!r} is not a new name in lower_snake_case")
        if not statement:
            raise ValueError(f"{source}: the statement {name!r} is empty")
        statements[name] = statement.encode()
    return Queries(source, statements)
