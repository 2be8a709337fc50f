"""Mending inside a batch: what the tables hold of a run, and news of children that got lost. Writes nothing."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from stellwerk_server.commit.rows import SQL, ChildRow
from stellwerk_server.engine.run import Run
from stellwerk_server.model.commands import Standing
from stellwerk_server.model.events import TimerKind
from stellwerk_server.model.states import RunState, StepState
from stellwerk_server.store.arrays import Int8s


class Found(NamedTuple):
    """What there is of one run: its tasks and timers, its child runs with their states, and the rows that name them."""

    standing: Standing
    children: Mapping[int, RunState]
    named: frozenset[int]


async def look(execute: Callable[..., Awaitable[Any]], runs: Iterable[Run]) -> dict[int, Found]:
    """All of it, of runs that are locked. A child's end is read before the timers: who sees the end sees its news."""
    awaited = {run.id: [step.child for step in run.steps.values() if step.child is not None] for run in runs}
    columns = {"runs": Int8s(awaited)}
    children = await execute(SQL.read_states, {"runs": Int8s([child for of in awaited.values() for child in of])})
    named = await execute(SQL.read_children, columns)
    tasks = await execute(SQL.read_tasks, columns)
    timers = await execute(SQL.read_timers, columns)
    states = {child: RunState(state) for child, state in await children.fetchall()}
    rows = await named.fetchall(), await tasks.fetchall(), await timers.fetchall()
    return {run_id: _found(run_id, of, states, *rows) for run_id, of in awaited.items()}


def _found(
    run_id: int, awaited: list[int], states: Mapping[int, RunState], named: Any, tasks: Any, timers: Any
) -> Found:
    mine = [(step, held) for run, step, held in tasks if run == run_id]
    standing = Standing(
        frozenset(step for step, _ in mine),
        frozenset(step for step, held in mine if held),
        frozenset((step, TimerKind(kind)) for run, step, kind in timers if run == run_id),
    )
    children = {child: states[child] for child in awaited if child in states}
    return Found(standing, children, frozenset(child for parent, child in named if parent == run_id))


def lost_news(run: Run, found: Found) -> list[str]:
    """The steps whose child has ended without a word of it."""
    return [
        key
        for key, child in _waiting(run, found)
        if found.children[child].terminal and (key, TimerKind.CHILD_ENDED) not in found.standing.timers
    ]


def lost_names(run: Run, found: Found) -> list[ChildRow]:
    """The children that no row names any more."""
    return [ChildRow(child, run.id, key) for key, child in _waiting(run, found) if child not in found.named]


def _waiting(run: Run, found: Found) -> Iterator[tuple[str, int]]:
    for step in run.steps.values():
        if step.state is StepState.WAITING and step.child is not None and step.child in found.children:
            yield step.key, step.child
