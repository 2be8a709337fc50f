"""`stellwerk workers` and `stellwerk queues`: who works, and what waits."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any

import typer

from stellwerk import Client
from stellwerk_server.cli.command import command
from stellwerk_server.cli.output import Output


def add_to(app: typer.Typer) -> None:
    """Put the commands on the top level."""
    command(app, "workers")(workers)
    command(app, "queues")(queues)


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


async def _each(records: Sequence[Any]) -> AsyncIterator[Any]:
    for record in records:
        yield record
