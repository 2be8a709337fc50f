"""Decisions inside a batch: what a hand-out and a verdict tell the code, and the rows only code has. Writes nothing."""

from __future__ import annotations

import json
from collections.abc import Callable

from stellwerk_server.commit.outcome import Decided
from stellwerk_server.commit.poll import Grant, Journal, journal
from stellwerk_server.commit.rows import AttributeRow, ParkedRow, PublishedRow, Rows
from stellwerk_server.commit.workflows import Workflows
from stellwerk_server.engine.run import Changes, Run
from stellwerk_server.model import commands as c
from stellwerk_server.model import ids
from stellwerk_server.model.attributes import canonical
from stellwerk_server.model.code import Continue, pinned
from stellwerk_server.model.events import Event
from stellwerk_server.model.payload import NULL


def decision_grant(grant: Grant, run: Run) -> Grant:
    """The hand-out of a decision: the run's input with the first one, and the news."""
    code = run.code
    assert code is not None
    first = code.decided == 0
    return grant._replace(input=run.input if first else NULL, journal=journal(code.decided, run.seq, code.news))


def came_in(run: Run, command: c.CompleteDecision) -> tuple[Event, ...]:
    """What has come in since the code looked, and it was not told yet."""
    if not command.keep or run.code is None:
        return ()
    return tuple(event for event in run.code.news if event.seq > command.sequence)


def verdict(run: Run, command: c.CompleteDecision, events: list[Event], came_in: tuple[Event, ...]) -> Decided:
    """The answer to a decision; one that keeps its lease is told what came in before its own events."""
    if not command.keep or run.code is None:
        return Decided(None)
    if events:
        return Decided(journal(command.sequence, run.code.decided, came_in))
    if run.code.decided > command.sequence:
        # Recorded before, and the answer was lost: what came in then is no longer at hand.
        return Decided(Journal(run.code.decided, run.code.decided, ()))
    return Decided(journal(command.sequence, run.seq, came_in))


def with_successor(command: c.CompleteDecision, make_id: Callable[[], int]) -> c.CompleteDecision:
    """The same decision, with an id for the run that goes on, if it wants one."""
    last = command.commands[-1] if command.commands else None
    if not isinstance(last, Continue):
        return command
    return command._replace(commands=(*command.commands[:-1], last._replace(run_id=make_id())))


def successor_start(run: Run, command: c.CompleteDecision) -> c.StartRun:
    """The start of the run that goes on: with its parent, its trace, and the signals nobody has taken."""
    last = command.commands[-1]
    assert isinstance(last, Continue)
    carried: list[c.Signal] = []
    if run.signals is not None:
        for name, payloads in run.signals.kept.items():
            carried += [c.Signal(name, f"{ids.show(run.id)}/{name}/{n}", value) for n, value in enumerate(payloads)]
    return c.StartRun(
        last.run_id,
        last.workflow or run.workflow,
        last.input,
        trace=run.trace,
        parent=run.child_of,
        continued_from=run.id,
        carried=tuple(carried),
    )


def successor(output: bytes | None) -> int:
    """The run that goes on after a CONTINUED one, which its output names."""
    found = ids.parse(json.loads(output or b'""'))
    if found is None:
        raise ValueError(f"a continued run names no successor: {output!r:.60}")
    return found


async def pin_lane(run: Run, command: c.CompleteDecision, workflows: Workflows) -> int:
    """The lane of decisions of this workflow that stay on the build."""
    decision = run.workflow.definition.decision
    assert decision is not None
    return await workflows.lane(run.workflow.namespace_id, decision.queue, pinned(decision.action, command.build))


def note(rows: Rows, run: Run, changes: Changes, build_of: Callable[[str], str]) -> None:
    """Note what the code has made known, and that its run is parked or no longer is."""
    for key, value in (changes.published or {}).items():
        rows.published[run.id, key] = PublishedRow(run.id, key, value)
    for key, scalar in (changes.attributes or {}).items():
        text = None if scalar is None else canonical(scalar)
        rows.attributes[run.id, key] = AttributeRow(run.id, key, text, run.workflow.namespace_id)
    if changes.unparked:
        rows.unparked.append(run.id)
        rows.parked.pop(run.id, None)
    if changes.parked_by is not None:
        workflow = run.workflow
        parked = (run.id, workflow.namespace_id, workflow.name, build_of(changes.parked_by), run.block_reason or "")
        rows.parked[run.id] = ParkedRow(*parked)
