"""`stellwerk dead-letters`: steps whose attempts are used up, and what is to become of them."""

from __future__ import annotations

from typing import Annotated

import typer

from stellwerk import Client, DeadLetterState
from stellwerk_server.cli.command import command, group
from stellwerk_server.cli.output import Output, short
from stellwerk_server.cli.problems import refuse

app = group("Steps whose attempts are used up.")

Ids = Annotated[list[str], typer.Argument(metavar="DEAD_LETTER_ID...", help="as `dead-letters list` shows them")]


@command(app, "list")
async def list_(
    client: Client,
    out: Output,
    workflow: Annotated[str, typer.Option(help="of this workflow only")] = "",
    action: Annotated[str, typer.Option(help="of this action only")] = "",
    run: Annotated[str, typer.Option(metavar="RUN_ID", help="of this run only")] = "",
    state: Annotated[list[str] | None, typer.Option(help="OPEN (default), REQUEUED or DISCARDED")] = None,
    limit: Annotated[int, typer.Option(min=1, help="the most to list")] = 100,
) -> None:
    """Dead letters, newest first."""
    columns = {
        "DEAD LETTER": lambda d: d.dead_letter_id,
        "RUN": lambda d: d.run_id,
        "STEP": lambda d: d.step,
        "ATTEMPT": lambda d: d.attempt,
        "STATE": lambda d: str(d.state),
        "REASON": lambda d: d.reason,
        "FAILURE": lambda d: short(f"{d.failure.type}: {d.failure.message}") if d.failure else "",
    }
    letters = client.dead_letters(
        workflow=workflow, action=action, run_id=run, states=_states(state or []), limit=limit
    )
    await out.rows(letters, columns, "no dead letters")


@command(app, "requeue")
async def requeue(client: Client, out: Output, ids: Ids) -> None:
    """Try them again: a blocked run goes on, an ended one is forked."""
    for dead_letter_id in ids:
        handle = await client.requeue(dead_letter_id)
        out.result(
            {"dead_letter_id": dead_letter_id, "run_id": handle.run_id},
            f"{dead_letter_id} goes on in {handle.run_id}",
        )


@command(app, "discard")
async def discard(
    client: Client, out: Output, ids: Ids, reason: Annotated[str, typer.Option(help="kept in the history")] = ""
) -> None:
    """Give them up: a run that is blocked on one fails."""
    for dead_letter_id in ids:
        await client.discard(dead_letter_id, reason)
        out.result({"dead_letter_id": dead_letter_id, "state": "DISCARDED"}, f"{dead_letter_id} discarded")


def _states(names: list[str]) -> list[DeadLetterState]:
    known = {state.value: state for state in DeadLetterState if state is not DeadLetterState.UNSPECIFIED}
    for name in names:
        if name.upper() not in known:
            refuse(f"--state: expected one of {', '.join(known)}, came {name!r}")
    return [known[name.upper()] for name in names]
