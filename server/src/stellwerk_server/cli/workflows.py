"""`stellwerk workflow`: register, look at and check definitions."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from stellwerk import Client
from stellwerk_server.cli.command import command, group
from stellwerk_server.cli.output import Output, pretty_json
from stellwerk_server.cli.problems import CliError, problem_lines

app = group("Register, list, show and check workflow definitions.")

FileName = Annotated[str, typer.Argument(metavar="FILE", help="YAML or JSON; - is standard input")]
Name = Annotated[str, typer.Argument(help="name of the workflow")]


@command(app, "apply")
async def apply(
    client: Client,
    out: Output,
    files: Annotated[list[str], typer.Argument(metavar="FILE...", help="YAML or JSON; - is standard input")],
) -> None:
    """Register definitions; the same content stays the same version."""
    for file in files:
        workflow = await client.apply_workflow(read_definition(file))
        said = "registered" if workflow.created else "unchanged"
        out.result(workflow, f"{workflow.name} version {workflow.version} {said}")


@command(app, "validate")
async def validate(client: Client, out: Output, file: FileName) -> int:
    """Say everything that is wrong with a definition; stores nothing."""
    problems = await client.validate_workflow(read_definition(file))
    if out.as_json:
        out.document({"valid": not problems, "problems": problems})
    for line in [] if out.as_json else problem_lines(problems) or [f"{file}: the definition is good"]:
        out.line(line)
    return 1 if problems else 0


@command(app, "list")
async def list_(
    client: Client, out: Output, name: Annotated[str, typer.Argument(help="all versions of this one")] = ""
) -> None:
    """The current version of every workflow, or all versions of one."""
    columns = {
        "NAME": lambda w: w.name,
        "VERSION": lambda w: w.version,
        "CURRENT": lambda w: "yes" if w.current else "",
        "CREATED": lambda w: w.create_time,
    }
    await out.rows(client.list_workflows(name), columns, "no workflows")


@command(app, "show")
async def show(
    client: Client,
    out: Output,
    name: Name,
    version: Annotated[int, typer.Option(help="0 is the current one", min=0)] = 0,
) -> None:
    """One definition, in canonical JSON."""
    workflow = await client.get_workflow(name, version=version)
    if out.as_json:
        out.document(workflow)
        return
    out.line(f"{workflow.name} version {workflow.version}{' (current)' if workflow.current else ''}")
    definition = json.loads(workflow.definition)
    if code := definition.get("code"):
        out.line(f"code: workers on queue {code['queue']!r} that have it decide what its runs do")
        return
    out.line(pretty_json(definition))


def read_definition(file: str) -> str:
    """The text of a definition; never one line, so that the SDK does not take it for a path."""
    content = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
    try:
        return content.decode() + "\n"
    except UnicodeDecodeError as error:
        raise CliError(f"{file}: expected UTF-8 text, came the byte {content[error.start]:#04x}") from None
