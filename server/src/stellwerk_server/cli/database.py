"""What a server command asks of its Postgres before it starts: reachable, migrated, durable. No SQL of runs here."""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from stellwerk_server.cli.problems import CliError
from stellwerk_server.store import migrate as migrations

_CONNECT_TIMEOUT_S = 5
_DURABLE = {"fsync": ("on",), "synchronous_commit": ("on", "local", "remote_write", "remote_apply")}


def checked(dsn: str) -> dict[str, Any]:
    """The parts of a DSN. Raises CliError without repeating what it says: it may hold a password."""
    try:
        return conninfo_to_dict(dsn)
    except psycopg.ProgrammingError:
        raise CliError(
            "database_url: expected postgresql://user:password@host:port/database or a libpq connection string,"
            " came something that cannot be read"
        ) from None


def masked(dsn: str) -> str:
    """The DSN as a URL, without its password."""
    parts = checked(dsn)
    user = f"{parts['user']}{':***' if 'password' in parts else ''}@" if "user" in parts else ""
    port = f":{parts['port']}" if "port" in parts else ""
    return f"postgresql://{user}{parts.get('host', '')}{port}/{parts.get('dbname', '')}"


def patient(dsn: str) -> str:
    """The DSN with a bound on how long connecting may take."""
    return make_conninfo(dsn, connect_timeout=checked(dsn).get("connect_timeout", _CONNECT_TIMEOUT_S))


def migrate(dsn: str) -> list[str]:
    """Bring the database up to date; gives the revisions applied. Raises CliError."""
    try:
        return migrations.migrate(patient(dsn))
    except migrations.DatabaseUnsuitable as error:
        raise CliError(f"database {masked(dsn)}: {error}") from None
    except psycopg.Error as error:
        raise unreachable(dsn, error) from None


def require_current(dsn: str) -> None:
    """Raise CliError unless the database is reachable and migrated."""
    try:
        if migrations.served(patient(dsn)):
            return
        found = migrations.current(patient(dsn))
    except migrations.DatabaseUnsuitable as error:
        raise CliError(f"database {masked(dsn)}: {error}") from None
    except psycopg.Error as error:
        raise unreachable(dsn, error) from None
    raise CliError(
        f"database {masked(dsn)}: expected schema revision {migrations.revisions()[-1]}, came {found or 'none'};"
        " run `stellwerk migrate`, or leave --no-migrate out"
    )


def risks(dsn: str) -> list[str]:
    """The settings of the database that can lose what was acknowledged, as name=value."""
    try:
        with psycopg.connect(patient(dsn), autocommit=True) as connection:
            found = {name: _setting(connection, name) for name in _DURABLE}
    except psycopg.Error as error:
        raise unreachable(dsn, error) from None
    return [f"{name}={value}" for name, value in found.items() if value not in _DURABLE[name]]


def unreachable(dsn: str, error: psycopg.Error) -> CliError:
    """What a driver's error means, in one line and without the password."""
    text = " ".join(str(error).split())
    password = checked(dsn).get("password")
    return CliError(f"database {masked(dsn)}: {text.replace(str(password), '***') if password else text}")


def _setting(connection: psycopg.Connection[Any], name: str) -> str:
    row = connection.execute(f"SHOW {name}".encode()).fetchone()
    assert row is not None
    return str(row[0])
