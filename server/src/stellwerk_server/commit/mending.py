"""Mending inside a batch: what the tables hold of a run, and news of children that got lost. Writes nothing."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from stellwerk_server.commit.rows import SQL, ChildRow
from stellwerk_server.engine.run import Run
from stellwerk_server.model.commands import Standing
from stellwerk_server.model.events import TimerKind
from stellwerk_server.model.states import RunState, StepState
from stellwerk_server.store.arrays import Int8s

_Rows = list[tuple[Any, ...]]


class Found(NamedTuple):
    """What there is of one run: its tasks and timers, the states of child runs, and which of its own a row names."""

    standing: Standing
    children: Mapping[int, RunState]
    named: frozenset[int]


async def look(execute: Callable[..., Awaitable[Any]], runs: Iterable[Run]) -> dict[int, Found]:
    """All of it, of runs that are locked. A child's end is read before the timers: who sees the end sees its news."""
    locked = list(runs)
    columns = {"runs": Int8s([run.id for run in locked])}
    awaited = [step.child for run in locked for step in run.steps.values() if step.child is not None]
    children = await execute(SQL.read_states, {"runs": Int8s(awaited)})
    named = await execute(SQL.read_children, columns)
    tasks = await execute(SQL.read_tasks, columns)
    timers = await execute(SQL.read_timers, columns)
    states = {child: RunState(state) for child, state in await children.fetchall()}
    rows = [_by_run(await cursor.fetchall()) for cursor in (named, tasks, timers)]
    return {run.id: _found(states, *(of[run.id] for of in rows)) for run in locked}


def _by_run(rows: Iterable[tuple[Any, ...]]) -> defaultdict[int, _Rows]:
    grouped: defaultdict[int, _Rows] = defaultdict(list)
    for run_id, *rest in rows:
        grouped[run_id].append(tuple(rest))
    return grouped


def _found(states: Mapping[int, RunState], named: _Rows, tasks: _Rows, timers: _Rows) -> Found:
    standing = Standing(
        frozenset(step for step, _ in tasks),
        frozenset(step for step, held in tasks if held),
        frozenset((step, TimerKind(kind)) for step, kind in timers),
    )
    return Found(standing, states, frozenset(child for (child,) in named))


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
