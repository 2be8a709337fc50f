"""`stellwerk`: the tree of commands and the entry point. Each command lives in the module of its noun."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

from stellwerk_server import __version__
from stellwerk_server.cli import bench, canary, dead_letters, operations, runs, servers, workflows
from stellwerk_server.cli.problems import INTERRUPTED

app = typer.Typer(
    name="stellwerk",
    help="Stellwerk: durable workflow runs on one Postgres.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
servers.add_to(app)
app.add_typer(workflows.app, name="workflow")
app.add_typer(runs.app, name="run")
app.add_typer(dead_letters.app, name="dead-letters")
operations.add_to(app)
bench.add_to(app)
canary.add_to(app)


def _say_version(wanted: bool) -> None:
    if wanted:
        print(f"stellwerk {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", help="print the version", callback=_say_version, is_eager=True)
    ] = False,
) -> None:
    """Stellwerk: durable workflow runs on one Postgres."""


def main() -> None:
    """The installed command."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    try:
        app()
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    except BrokenPipeError:
        # Whoever read us has gone (`| head`): nothing is left to say, not even at the interpreter's last flush.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
