"""Cuts the connections of one server at the commit: before it reached the database, or before the answer came back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import psycopg

from stellwerk_server.commit import lane
from stellwerk_server.store.database import Line
from tests.support.instance import Instance


@contextmanager
def cut(instance: Instance, *, committed: bool) -> Iterator[None]:
    """Every commit of the instance loses its connection; `committed` says on which side of the database's commit."""
    real = Line.commit

    async def commit(line: Line) -> None:
        ours = line in [each._line for each in instance.committer._lanes]
        if committed or not ours:
            await real(line)
        if ours:
            raise psycopg.OperationalError("the connection was cut")

    # The lane waits a random moment before it tries again, for the sake of a database that comes back.
    module: Any = lane
    pause, module.random = module.random, SimpleNamespace(uniform=lambda low, high: 0.0)
    Line.commit = commit  # type: ignore[assignment,method-assign]
    try:
        yield
    finally:
        Line.commit = real  # type: ignore[method-assign]
        module.random = pause
