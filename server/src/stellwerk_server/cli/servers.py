"""`stellwerk up`, `serve` and `migrate`: bring a server and what it stands on to life, and end it in good order."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from stellwerk_server import __version__
from stellwerk_server.cli import life
from stellwerk_server.cli.command import Json, finish
from stellwerk_server.cli.output import Output
from stellwerk_server.cli.problems import CliError, refuse

DatabaseUrl = Annotated[
    str | None, typer.Option(help="Postgres 15 or newer", envvar="STELLWERK_DATABASE_URL", show_default=False)
]
RedisUrl = Annotated[
    str | None, typer.Option(help="Redis or Valkey, optional", envvar="STELLWERK_REDIS_URL", show_default=False)
]
_REDIS_SCHEMES = ("redis://", "rediss://", "unix://")
Host = Annotated[str, typer.Option(help="address to listen on")]
Port = Annotated[int, typer.Option(min=0, max=65535, help="gRPC port; 0 takes a free one")]
HttpPort = Annotated[
    int | None,
    typer.Option(min=0, max=65535, help="HTTP port; the gRPC port plus one, or a free one beside a free one"),
]
AllowHost = Annotated[
    list[str] | None, typer.Option(help="name that requests may call this server by, besides its own")
]
AllowOrigin = Annotated[
    list[str] | None, typer.Option(help="origin whose pages may use the HTTP API: https://example.com")
]
FeedRetention = Annotated[
    float,
    typer.Option(min=60, max=604_800, help="seconds after which a reader of live events cannot go on where it was"),
]
Lease = Annotated[
    float, typer.Option(min=1, max=3600, help="seconds after which a task its worker no longer names goes out again")
]
Insecure = Annotated[bool, typer.Option("--insecure", help="allow plain text that other machines can reach")]
LogLevel = Annotated[str, typer.Option(help="debug, info, warning or error", envvar="STELLWERK_LOG_LEVEL")]
LogFormat = Annotated[str, typer.Option(help="text or json", envvar="STELLWERK_LOG_FORMAT")]
# What starts us holds our standard input open; when it dies, however it dies, so do we.
Supervised = Annotated[bool, typer.Option("--supervised", hidden=True)]
# Of servers that share a port: the folder where they meet, and in it the number of this one.
Sibling = Annotated[Path | None, typer.Option("--sibling", hidden=True)]


def add_to(app: typer.Typer) -> None:
    """Put the commands on the top level."""
    for function in (up, serve, migrate):
        app.command()(function)


def up(
    folder: Annotated[Path, typer.Option(help="where the data stays")] = Path(".stellwerk"),
    host: Host = "127.0.0.1",
    port: Port = 7400,
    http_port: HttpPort = None,
    allow_host: AllowHost = None,
    allow_origin: AllowOrigin = None,
    feed_retention: FeedRetention = 3600.0,
    insecure: Insecure = False,
    log_level: LogLevel = "warning",
    log_format: LogFormat = "text",
    supervised: Supervised = False,
    as_json: Json = False,
) -> None:
    """Everything on this machine: Postgres, Valkey and a server, the data in one folder. Ctrl-C stops all."""

    def body() -> None:
        life.set_up_logging(log_level, log_format)
        from stellwerk_server.config import Config

        def config(database_url: str, redis_url: str) -> Config:
            return Config(
                database_url=database_url,
                redis_url=redis_url,
                host=host,
                port=port,
                http_port=http_port,
                allowed_hosts=tuple(allow_host or ()),
                allowed_origins=tuple(allow_origin or ()),
                feed_retention_s=feed_retention,
                insecure=insecure,
            )

        life.require_ports_free(config("not known yet", ""))
        with life.interruptible(), _databases(folder) as (postgres, valkey):
            from stellwerk_server.cli import database

            database.migrate(postgres.dsn)
            facts = {
                "folder": str(folder.resolve()),
                "postgres": {"pid": postgres.pid, "url": database.masked(postgres.dsn)},
                "valkey": {"pid": valkey.pid, "url": valkey.url},
            }
            out = Output(as_json)
            if not as_json:
                out.line(f"Stellwerk {__version__}, data in {folder}")
                out.line(f"  postgres  {database.masked(postgres.dsn)}  pid {postgres.pid}{_kept(postgres)}")
                out.line(f"  valkey    {valkey.url}  pid {valkey.pid}{_kept(valkey)}")
            failed = _dies(postgres, "Postgres", folder)
            settings = config(postgres.dsn, valkey.url)
            life.serve(settings, life.Announcement(out, facts), supervised=supervised, failed=failed)

    _finish(body, as_json)


def serve(
    database_url: DatabaseUrl = None,
    redis_url: RedisUrl = None,
    host: Host = "127.0.0.1",
    port: Port = 7400,
    http_port: HttpPort = None,
    allow_host: AllowHost = None,
    allow_origin: AllowOrigin = None,
    feed_retention: FeedRetention = 3600.0,
    processes: Annotated[int, typer.Option(min=1, max=64, help="servers that share the ports")] = 1,
    insecure: Insecure = False,
    migrate: Annotated[bool, typer.Option("--migrate/--no-migrate", help="bring the database up to date")] = True,
    lease: Lease = 10.0,
    drain: Annotated[float, typer.Option(min=0, max=600, help="seconds a stop waits for calls under way")] = 20.0,
    log_level: LogLevel = "info",
    log_format: LogFormat = "text",
    reuse_port: Annotated[bool, typer.Option("--reuse-port", help="share the port with other servers")] = False,
    supervised: Supervised = False,
    sibling: Sibling = None,
    as_json: Json = False,
) -> None:
    """A server on a Postgres of yours; any number of them may share it. SIGTERM drains."""

    def body() -> int | None:
        life.set_up_logging(log_level, log_format)
        from stellwerk_server.cli import database, supervise
        from stellwerk_server.config import Config

        config = Config(
            database_url=_required(database_url),
            redis_url=_redis(redis_url),
            host=host,
            port=port,
            http_port=http_port,
            allowed_hosts=tuple(allow_host or ()),
            allowed_origins=tuple(allow_origin or ()),
            feed_retention_s=feed_retention,
            insecure=insecure,
            reuse_port=reuse_port,
            drain_s=drain,
            lease_s=lease,
            sibling=None if sibling is None else (sibling.parent, sibling.name),
        )
        if not reuse_port:
            life.require_ports_free(config)
        prepare = database.migrate if migrate else database.require_current
        prepare(config.database_url)
        if not supervised:
            life.warn_of_risks(config.database_url)
        announcement = life.Announcement(Output(as_json), {"database": database.masked(config.database_url)})
        if processes > 1:
            return supervise.run(
                config, processes, {"--log-level": log_level, "--log-format": log_format}, announcement
            )
        with life.interruptible():
            life.serve(config, announcement, supervised=supervised)
        return None

    _finish(body, as_json)


def migrate(database_url: DatabaseUrl = None, as_json: Json = False) -> None:
    """Bring the tables of a database up to date; safe to run again, and by several at once."""

    def body() -> None:
        from stellwerk_server.cli import database

        dsn = _required(database_url)
        applied = database.migrate(dsn)
        said = f"applied {', '.join(applied)}" if applied else "is up to date"
        out = Output(as_json)
        out.result({"database": database.masked(dsn), "applied": applied}, f"{database.masked(dsn)} {said}")

    _finish(body, as_json)


def _finish(body: Callable[[], int | None], as_json: bool) -> None:
    """As `finish`, with the errors of the parts only a server needs."""
    finish(lambda: life.explained(body), as_json)


def _required(database_url: str | None) -> str:
    if not database_url or not database_url.strip():
        refuse("database_url: expected a Postgres URL (--database-url or STELLWERK_DATABASE_URL), came none")
    return database_url


def _redis(url: str | None) -> str | None:
    if url and not url.startswith(_REDIS_SCHEMES):
        # Without what came: it may hold a password.
        refuse(f"redis_url: expected a URL that begins with one of {', '.join(_REDIS_SCHEMES)}, came another")
    return url or None


def _databases(folder: Path) -> life.Databases:
    try:
        return life.Databases(folder)
    except ImportError as error:
        raise CliError(
            f"`stellwerk up` needs its databases: pip install 'stellwerk-server[embedded]' ({error})"
        ) from None


def _kept(server: life.Embedded) -> str:
    return "  (was running, and stays)" if server.attached else ""


def _dies(server: life.Embedded, name: str, folder: Path) -> Callable[[], str | None]:
    log = os.path.join(folder, f"{name.lower()}.log")  # noqa: PTH118 - shown as it was given
    return lambda: None if server.running else f"{name} has ended; see {log}"
