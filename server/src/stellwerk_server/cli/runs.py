"""`stellwerk run`: start runs, look at them, follow them and end them."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from stellwerk import Client, Event, InputError, Run, RunHandle, RunState
from stellwerk.payload import JsonText, decode_json
from stellwerk_server.cli import describe, watch
from stellwerk_server.cli.command import command, group
from stellwerk_server.cli.history import document
from stellwerk_server.cli.output import Output, pretty_json, short, took
from stellwerk_server.cli.problems import CliError, refuse

app = group("Start, follow, list and end runs.")

RunId = Annotated[str, typer.Argument(metavar="RUN_ID")]
Reason = Annotated[str, typer.Option(help="kept in the history")]


@command(app, "start", patient=True)
async def start(
    client: Client,
    out: Output,
    workflow: Annotated[str, typer.Argument(help="name of the workflow")],
    input: Annotated[str | None, typer.Option(help="the input, as JSON")] = None,
    input_file: Annotated[str | None, typer.Option(help="a file with the input; - is standard input")] = None,
    key: Annotated[str | None, typer.Option(help="idempotency key: the same key gives the same run")] = None,
    version: Annotated[int, typer.Option(min=0, help="0 is the current one")] = 0,
    timeout: Annotated[str | None, typer.Option(help="the run ends as TIMED_OUT after this (90s, 5m)")] = None,  # noqa: ASYNC109 - the run's
    wait: Annotated[bool, typer.Option(help="wait for the end; the exit status says how it went")] = False,
) -> int | None:
    """Start a run; prints its id, with --wait its output."""
    payload = read_input(input, input_file)
    handle = await client.start(
        workflow, payload, idempotency_key=key, version=version, timeout=_seconds(timeout) if timeout else None
    )
    if not wait:
        again = " (started before with this key)" if handle.deduplicated else ""
        out.result({"run_id": handle.run_id, "deduplicated": handle.deduplicated}, f"{handle.run_id}{again}")
        return 0
    output = await handle.result()
    if out.as_json:
        out.document({"run_id": handle.run_id, "state": RunState.SUCCEEDED, "output": output})
    else:
        out.line(output if isinstance(output, str) else describe.value(output))
    return 0


@command(app, "list")
async def list_(
    client: Client,
    out: Output,
    workflow: Annotated[str, typer.Option(help="of this workflow only")] = "",
    state: Annotated[list[str] | None, typer.Option(help="in this state only; may be given again")] = None,
    attribute: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=VALUE", help="with this attribute only (JSON, else text); may be given again"),
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="the most to list")] = 50,
) -> None:
    """Runs, newest first."""
    columns = {
        "RUN": lambda r: r.run_id,
        "WORKFLOW": lambda r: f"{r.workflow} v{r.version}",
        "STATE": lambda r: str(r.state),
        "CREATED": lambda r: r.create_time,
        "TOOK": lambda r: took(r.create_time, r.end_time),
    }
    found = client.list_runs(
        workflow, states=_states(state or []), attributes=_attributes(attribute or []), limit=limit
    )
    await out.rows(found, columns, "no runs")


@command(app, "show")
async def show(client: Client, out: Output, run_id: RunId) -> None:
    """A run and its steps: states, attempts, last failures, and what they wait for."""
    handle = client.handle(run_id)
    run = await handle.get(include_steps=True)
    if out.as_json:
        out.document(run)
    else:
        describe.run(run, out.console)
        if not run.state.terminal:
            out.line(describe.waits(await handle.explain()))


@command(app, "explain")
async def explain(client: Client, out: Output, run_id: RunId) -> None:
    """What a run waits for, most telling first, or how it has ended; from the rows that hand-outs go by."""
    found = await client.handle(run_id).explain()
    if out.as_json:
        out.document(found)
    else:
        describe.explanation(found, out.console)


@command(app, "query")
async def query(
    client: Client,
    out: Output,
    run_id: RunId,
    key: Annotated[str, typer.Argument(metavar="[KEY]", help="this value only")] = "",
) -> None:
    """What the code of a run has published, as JSON; no worker is asked."""
    published = dict(sorted((await client.handle(run_id).get()).published.items()))
    if key and key not in published:
        there = ", ".join(map(repr, published)) or "nothing"
        raise CliError(f"{run_id}: expected a key it has published ({there}), came {key!r}")
    shown = published[key] if key else published
    out.result(shown, pretty_json(shown))


@command(app, "watch", patient=True)
async def watch_(client: Client, out: Output, run_id: RunId) -> int:
    """Follow a run to its end, live; exit status 0 when it succeeded."""
    return _exit_status(await watch.follow(client.handle(run_id), out))


@command(app, "history")
async def history(client: Client, out: Output, run_id: RunId) -> None:
    """Everything that happened to a run, in order; --json is the document that `replay` of the SDKs reads."""
    if out.as_json:
        async for piece in document(client, await client.handle(run_id).get()):
            print(piece, end="")
        return
    columns = {
        "#": lambda e: e.sequence,
        "TIME": lambda e: watch.to_the_millisecond(e.time),
        "EVENT": lambda e: e.type,
        "STEP": lambda e: e.step,
        "ATTEMPT": lambda e: e.attempt or None,
        "WORKER": lambda e: e.worker_id,
        "DETAILS": _details,
    }
    await out.rows(client.handle(run_id).history(), columns, "no events")


@command(app, "signal")
async def signal(
    client: Client,
    out: Output,
    name: Annotated[str, typer.Argument(help="what a step of the run waits for")],
    run_id: Annotated[str, typer.Argument(metavar="[RUN_ID]", help="or --workflow and --key")] = "",
    workflow: Annotated[str, typer.Option(help="workflow of the run")] = "",
    key: Annotated[str, typer.Option(help="idempotency key the run was started with")] = "",
    payload: Annotated[str | None, typer.Option(help="what the step gets, as JSON")] = None,
    id: Annotated[str, typer.Option(help="a run takes the same id once")] = "",
) -> None:
    """Tell a run something; kept until a step waits for it."""
    value = read_input(payload, None, "--payload")
    if bool(run_id) == bool(workflow and key) or bool(workflow) != bool(key):
        refuse("RUN_ID: expected it, or --workflow and --key")
    if run_id:
        again = await client.handle(run_id).signal(name, value, signal_id=id)
    else:
        handle = await client.signal(workflow, key, name, value, signal_id=id)
        run_id, again = handle.run_id, handle.deduplicated
    text = f"{run_id}{' (had it before)' if again else ''}"
    out.result({"run_id": run_id, "deduplicated": again}, text)


@command(app, "cancel")
async def cancel(client: Client, out: Output, run_id: RunId, reason: Reason = "") -> None:
    """End a run as CANCELLED: running handlers are told, and so is code, which may clean up first."""
    state = await client.handle(run_id).cancel(reason)
    _say_state(out, run_id, state, "" if state.terminal else ": its code is told and decides how it ends")


@command(app, "resume")
async def resume(client: Client, out: Output, run_id: RunId) -> None:
    """Have a BLOCKED run of code decided again, once its code or its worker is mended."""
    _say_state(out, run_id, await client.handle(run_id).resume())


@command(app, "terminate")
async def terminate(client: Client, out: Output, run_id: RunId, reason: Reason = "") -> None:
    """End a run as TERMINATED at once; what its handlers still answer is refused."""
    _say_state(out, run_id, await client.handle(run_id).terminate(reason))


@command(app, "retry")
async def retry(
    client: Client,
    out: Output,
    run_id: RunId,
    from_step: Annotated[str, typer.Option(help="run this step and all that need it again")] = "",
) -> None:
    """Fork a new run from an ended one; finished steps are kept."""
    fork: RunHandle = await client.handle(run_id).retry(from_step)
    out.result({"run_id": fork.run_id, "forked_from": run_id}, fork.run_id)


def read_input(text: str | None, file: str | None, option: str = "--input") -> JsonText | None:
    """The input as JSON text that travels as it was written."""
    if text is not None and file is not None:
        refuse("--input and --input-file: expected one of them, came both")
    if file is not None:
        text = _read(file)
    if text is None:
        return None
    try:
        decode_json(text)
    except InputError as error:
        refuse(f"{'--input-file' if file else option}: expected JSON, came {error.came}")
    return JsonText(text)


def _read(file: str) -> str:
    content = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise CliError(f"{file}: expected UTF-8 text, came the byte {content[error.start]:#04x}") from None


def _seconds(text: str) -> float:
    from stellwerk_server.definition import durations  # with all of the definition room: only who needs it pays

    if problem := durations.problem(text):
        refuse(f"--timeout: {problem}, came {text!r}")
    return durations.seconds(text) or 0.0


def _states(names: list[str]) -> list[RunState]:
    known = {state.value: state for state in RunState if state is not RunState.UNSPECIFIED}
    for name in names:
        if name.upper() not in known:
            refuse(f"--state: expected one of {', '.join(known)}, came {name!r}")
    return [known[name.upper()] for name in names]


def _attributes(pairs: list[str]) -> dict[str, Any]:
    wanted = {}
    for pair in pairs:
        name, equals, text = pair.partition("=")
        if not name or not equals:
            refuse(f"--attribute: expected name=value, came {pair!r}")
        try:
            wanted[name] = decode_json(text)
        except InputError:
            wanted[name] = text
    return wanted


def _say_state(out: Output, run_id: str, state: RunState, more: str = "") -> None:
    out.result({"run_id": run_id, "state": state}, f"{run_id} {state}{more}")


def _exit_status(run: Run) -> int:
    return 0 if run.state in (RunState.SUCCEEDED, RunState.CONTINUED) else 1


def _details(event: Event) -> str:
    parts: list[Any] = []
    if event.failure is not None:
        parts.append(f"{event.failure.type}: {event.failure.message}")
    if event.payload is not None:
        parts.append(event.payload)
    if event.attributes:
        parts.append(event.attributes)
    return "  ".join(short(part, 80) for part in parts)
