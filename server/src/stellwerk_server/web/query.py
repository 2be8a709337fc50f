"""The query of a request: bounded, and in UTF-8. Knows no parameter."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl

from stellwerk_server.model.errors import InvalidArgument, Problem


def read_query(scope: Any) -> dict[str, list[str]]:
    """Each parameter with its values, in the order they were given; raises InvalidArgument."""
    raw: bytes = scope["query_string"]
    if not raw:
        return {}
    try:
        pairs = parse_qsl(raw.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=200)
    except ValueError as error:
        text = "expected text in UTF-8, percent-encoded, came another"
        count = "expected at most 200 parameters, came more"
        raise InvalidArgument([Problem("query", text if isinstance(error, UnicodeError) else count)]) from None
    query: dict[str, list[str]] = {}
    for name, text in pairs:
        query.setdefault(name, []).append(text)
    return query
