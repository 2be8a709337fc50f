"""`stellwerk overview`, `workers`, `queues` and `timer list`: how everything stands."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Annotated, Any

import typer

from stellwerk import Client, Overview
from stellwerk_server.cli.command import command, group
from stellwerk_server.cli.output import Output, clock

timer = group("What will happen to runs at a moment.")


def add_to(app: typer.Typer) -> None:
    """Put the commands on the top level."""
    command(app, "overview")(overview)
    command(app, "workers")(workers)
    command(app, "queues")(queues)
    app.add_typer(timer, name="timer")


async def overview(client: Client, out: Output) -> None:
    """What an operator wants to see first."""
    seen = await client.overview()
    if out.as_json:
        out.document(seen)
        return
    for name, value in _at_a_glance(seen).items():
        out.line(f"{name:<14}{value}")


async def workers(client: Client, out: Output) -> None:
    """The workers the server knows."""
    columns = {
        "WORKER": lambda w: w.worker_id,
        "QUEUE": lambda w: w.queue,
        "HOLDS": lambda w: f"{w.leased} of {w.slots}",
        "ACTIONS": lambda w: ", ".join(w.actions),
        "SDK": lambda w: w.sdk,
        "HOST": lambda w: w.host,
        "SEEN": lambda w: w.last_seen_time,
    }
    await out.rows(_each(await client.workers()), columns, "no workers")


async def queues(client: Client, out: Output) -> None:
    """What waits and what is being worked on, for each queue and action."""
    columns = {
        "QUEUE": lambda q: q.queue,
        "ACTION": lambda q: q.action,
        "READY": lambda q: q.ready,
        "LEASED": lambda q: q.leased,
        "WORKERS": lambda q: q.workers,
        "OLDEST": lambda q: q.oldest_ready_time,
    }
    await out.rows(_each(await client.queues()), columns, "no queues")


@command(timer, "list")
async def timers(
    client: Client,
    out: Output,
    workflow: Annotated[str, typer.Option(help="of runs of this workflow only")] = "",
    limit: Annotated[int, typer.Option(min=1, help="the most to list")] = 100,
) -> None:
    """Timers that are set, soonest first."""
    columns = {
        "DUE": lambda t: t.due_time,
        "KIND": lambda t: t.kind,
        "RUN": lambda t: t.run_id,
        "WORKFLOW": lambda t: t.workflow,
        "STEP": lambda t: t.step,
    }
    await out.rows(client.timers(workflow=workflow, limit=limit), columns, "no timers")


def _at_a_glance(seen: Overview) -> dict[str, str]:
    lately = seen.activity
    oldest = f", the oldest since {clock(seen.oldest_ready_time)}" if seen.oldest_ready_time else ""
    return {
        "open runs": ", ".join(f"{count} {state}" for state, count in sorted(seen.runs_open.items())) or "none",
        "stalled runs": str(seen.runs_stalled),
        "dead letters": str(seen.dead_letters_open),
        "tasks": f"{seen.tasks_ready} ready{oldest}; {seen.tasks_leased} being worked on",
        "workers": str(seen.workers),
        "timers": str(seen.timers),
        "last hour": f"{sum(m.started for m in lately)} started, {sum(m.succeeded for m in lately)} succeeded,"
        f" {sum(m.failed for m in lately)} failed, {sum(m.ended_otherwise for m in lately)} ended otherwise",
    }


async def _each(records: Sequence[Any]) -> AsyncIterator[Any]:
    for record in records:
        yield record
