"""Forks: a new run that keeps the finished steps of an ended one; used by RetryRun and by requeued dead letters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from stellwerk_server.commit.committer import Committer
from stellwerk_server.commit.outcome import Started
from stellwerk_server.commit.workflows import Workflows
from stellwerk_server.model import ids
from stellwerk_server.model.commands import Kept, StartRun, Workflow
from stellwerk_server.model.errors import InvalidArgument, Problem, Refused
from stellwerk_server.model.ids import IdSource
from stellwerk_server.model.payload import NULL, Payload
from stellwerk_server.model.states import RunState, StepState
from stellwerk_server.store import sql
from stellwerk_server.store.database import Pool

SQL = sql.load("waits")


class _Finished(NamedTuple):
    state: StepState
    attempt: int
    output: Payload | None


class Forks:
    """Starts forks through the committer like any other run."""

    def __init__(self, committer: Committer, workflows: Workflows, ids: IdSource, pool: Pool) -> None:
        self._committer = committer
        self._workflows = workflows
        self._ids = ids
        self._pool = pool

    async def fork(self, run_id: int, from_step: str, request_id: bytes | None) -> Started:
        """The run that goes on; the same request id gives the same one. Raises Refused while the source is open."""
        async with self._pool.connection() as connection:
            source = await (await connection.execute(SQL.fork_source, {"run": run_id})).fetchone()
            assert source is not None
            rows = await (await connection.execute(SQL.fork_steps, {"run": run_id})).fetchall()
        workflow_id, state, value, trace = source
        if not RunState(state).terminal:
            message = f"{ids.show(run_id)} is {RunState(state).name}; only an ended run can be retried"
            raise Refused("RUN_OPEN", message, run_id=ids.show(run_id))
        workflow = await self._workflows.by_id(workflow_id)
        finished = {key: _Finished(StepState(s), attempt, output) for key, s, attempt, output in rows}
        kept = _kept(workflow, finished, from_step)
        command = StartRun(
            self._ids.next(), workflow, Payload(bytes(value)), request_id=request_id, trace=trace,
            forked_from=run_id, kept=kept,
        )  # fmt: skip
        started = await self._committer.submit(command)
        assert isinstance(started, Started)
        return started


def _kept(workflow: Workflow, finished: Mapping[str, _Finished], from_step: str) -> tuple[Kept, ...]:
    """The steps a fork takes over, in the order of the definition: those before `from_step`, or all that went well."""
    if workflow.definition.decision is not None:
        return _kept_of_code(finished, from_step)
    steps = workflow.definition.steps
    again: set[int] = set()
    if from_step:
        first = workflow.definition.step(from_step)
        if first is None:
            known = ", ".join(s.id for s in steps[:20])
            problem = f"expected a step of workflow {workflow.name} ({known}), came {from_step!r}"
            raise InvalidArgument([Problem("from_step", problem)])
        again.add(first.index)
    # A step runs again when it did not finish well, or when one it needs runs again.
    waiting = [s.index for s in steps if not _went_well(finished.get(s.id))] + list(again)
    while waiting:
        index = waiting.pop()
        again.add(index)
        waiting.extend(d for d in steps[index].dependents if d not in again)
    kept = []
    for step in steps:
        if step.index not in again:
            was = finished[step.id]
            output = (was.output or NULL) if was.state is StepState.SUCCEEDED else None
            kept.append(Kept(step.id, was.attempt, output))
    return tuple(kept)


def _kept_of_code(finished: Mapping[str, _Finished], from_step: str) -> tuple[Kept, ...]:
    """Of code: what had succeeded, in the order it was asked for, up to `from_step`."""
    if from_step and from_step not in finished:
        known = ", ".join(list(finished)[:20])
        raise InvalidArgument([Problem("from_step", f"expected a step of the run ({known}), came {from_step!r}")])
    kept = []
    for key, step in finished.items():
        if key == from_step:
            break
        if step.state is StepState.SUCCEEDED:
            kept.append(Kept(key, step.attempt, step.output or NULL))
    return tuple(kept)


def _went_well(step: _Finished | None) -> bool:
    return step is not None and step.state in (StepState.SUCCEEDED, StepState.SKIPPED)
