"""Brings a database to the revision of this code, one server at a time, and says no to what it cannot serve.

Revisions are numbered, so newer and older can be told apart from a file listing. Alembic and SQLAlchemy are
imported only when there is something to do: a server that starts on a current database never pays for them.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import psycopg

MIN_SERVER_VERSION = 15
_MIGRATIONS = Path(str(files("stellwerk_server.store"))) / "migrations"
# Every server asks for this lock before it migrates; any number does as long as it stays the same.
_LOCK = 0x57E11
_CURRENT = "select version_num from alembic_version"
# Which servers a newer schema still serves: those of this revision and later ones.
_OLDEST = "select value from settings where key = 'oldest_revision'"


class DatabaseUnsuitable(Exception):
    """The database cannot be used by this version of Stellwerk; the message says why and what to do."""


@cache
def revisions() -> tuple[str, ...]:
    """The revisions this code knows, oldest first."""
    return tuple(sorted(path.name.split("_")[0] for path in (_MIGRATIONS / "versions").glob("[0-9]*_*.py")))


def migrate(dsn: str) -> list[str]:
    """Apply what is missing and return the revisions applied, [] when the database was current or is newer.

    Raises DatabaseUnsuitable for a server older than PostgreSQL 15 or data of a too new Stellwerk, and
    psycopg.OperationalError when the database cannot be reached.
    """
    with psycopg.connect(dsn, autocommit=True) as connection:
        _refuse_old_server(connection)
        if _served(connection):
            return []
    return _apply(dsn)


def served(dsn: str) -> bool:
    """Whether the database is at the revision of this code, or at a later one that takes nothing away from it.

    Raises DatabaseUnsuitable when it is at a later one that does, psycopg.OperationalError without a connection.
    """
    with psycopg.connect(dsn, autocommit=True) as connection:
        return _served(connection)


def current(dsn: str) -> str | None:
    """The revision the database is at, None when it holds nothing of ours."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        return _read(connection)


def _refuse_old_server(connection: psycopg.Connection[Any]) -> None:
    version = connection.info.server_version // 10_000
    if version < MIN_SERVER_VERSION:
        raise DatabaseUnsuitable(
            f"database server: expected PostgreSQL {MIN_SERVER_VERSION} or newer, came PostgreSQL {version}"
        )


def _read(connection: psycopg.Connection[Any]) -> str | None:
    try:
        row = connection.execute(_CURRENT).fetchone()
    except psycopg.errors.UndefinedTable:
        return None
    return row[0] if row else None


def _served(connection: psycopg.Connection[Any]) -> bool:
    found, newest = _read(connection), revisions()[-1]
    if found is None or found in revisions():
        return found == newest
    row = connection.execute(_OLDEST).fetchone() if found > newest else None
    if row is not None and row[0] <= newest:
        return True
    oldest = "" if row is None else f", which serves servers of revision {row[0]} and later"
    raise DatabaseUnsuitable(
        f"data of a newer version: expected schema revision {newest} or older, came {found}{oldest};"
        " use the Stellwerk that wrote it, or a newer one"
    )


def _apply(dsn: str) -> list[str]:
    """Everything in one transaction under one lock: two servers starting together, or a crash, do no harm."""
    import alembic.command
    import sqlalchemy
    from alembic.config import Config

    applied: list[str] = []

    def note(step: Any, **_: Any) -> None:
        applied.append(step.up_revision_id)

    engine = sqlalchemy.create_engine(
        "postgresql+psycopg://", creator=lambda: psycopg.connect(dsn), poolclass=sqlalchemy.NullPool
    )
    with engine.begin() as connection:
        connection.execute(sqlalchemy.select(sqlalchemy.func.pg_advisory_xact_lock(_LOCK)))
        config = Config()
        config.set_main_option("script_location", str(_MIGRATIONS))
        config.attributes.update(connection=connection, on_version_apply=note)
        alembic.command.upgrade(config, "head")
    return applied
