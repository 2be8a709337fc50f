"""RunService's reads: a run with its steps, its history, and lists of runs. Starts and ends of runs are elsewhere."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from psycopg import AsyncConnection
from psycopg_pool import AsyncConnectionPool

from stellwerk.v1 import run_pb2
from stellwerk_server.commit.waiting import Waiting
from stellwerk_server.commit.workflows import Workflows
from stellwerk_server.model.attributes import canonical
from stellwerk_server.model.code import step_definition
from stellwerk_server.model.definition import StepDefinition, WorkflowDefinition
from stellwerk_server.model.errors import NotFound
from stellwerk_server.model.events import EventType
from stellwerk_server.model.payload import Payload
from stellwerk_server.model.states import RunState, StepState
from stellwerk_server.rpc import convert
from stellwerk_server.rpc.fields import Fields, page_token
from stellwerk_server.rpc.waiting import why_it_waits, why_undecided
from stellwerk_server.store import events, rows, runs, steps, workers
from stellwerk_server.store.runs import Published, Run, RunFilter
from stellwerk_server.store.steps import Step
from stellwerk_server.store.workers import Served

LIST_SIZE, LIST_SIZE_MAX = 50, 500
HISTORY_SIZE, HISTORY_SIZE_MAX = 1_000, 10_000


def run_not_found(namespace: str, run_id: str) -> NotFound:
    """The error for a run that does not exist, or belongs to another namespace."""
    message = f"run_id: there is no run {run_id} in namespace {namespace!r}"
    return NotFound("RUN_NOT_FOUND", message, run_id=run_id, namespace=namespace)


class RunReads:
    """GetRun, ListRuns and GetHistory."""

    def __init__(
        self,
        pool: AsyncConnectionPool[Any],
        workflows: Workflows,
        progress: Callable[[int, str], Payload | None],
        waiting: Waiting | None = None,
    ) -> None:
        self._pool = pool
        self._workflows = workflows
        self._waiting = waiting or Waiting()
        # The last progress of a running step, when it was reported to this instance.
        self._progress = progress

    async def GetRun(self, request: run_pb2.GetRunRequest, context: object = None) -> run_pb2.GetRunResponse:
        """The run as it stands, with all its steps when asked for."""
        fields = Fields()
        namespace = fields.namespace(request.namespace)
        run_id = fields.id("run_id", request.run_id)
        fields.raise_if_any()
        async with self._pool.connection() as connection, connection.transaction():
            await runs.snapshot(connection)
            run = await runs.get(connection, namespace, run_id)
            if run is None:
                raise run_not_found(namespace, request.run_id)
            shown, begun = await _parts(connection, run, request.include_steps)
            served = await _served(connection, run, begun, self._waiting)
        messages = await self._step_messages(run, begun, served) if request.include_steps else ()
        return run_pb2.GetRunResponse(run=convert.run_message(run, messages, shown, why_undecided(run, served)))

    async def ListRuns(self, request: run_pb2.ListRunsRequest, context: object = None) -> run_pb2.ListRunsResponse:
        """Runs that fit the filter, newest first."""
        wanted, scope = _run_filter(request)
        size = request.page_size or LIST_SIZE
        async with self._pool.connection() as connection:
            page = await runs.list_page(connection, wanted, size)
        return run_pb2.ListRunsResponse(
            runs=[convert.run_message(run) for run in page.rows],
            next_page_token=page_token(page.rows[-1].id, *scope) if page.more else "",
        )

    async def GetHistory(
        self, request: run_pb2.GetHistoryRequest, context: object = None
    ) -> run_pb2.GetHistoryResponse:
        """The events of a run in order."""
        fields = Fields()
        namespace = fields.namespace(request.namespace)
        run_id = fields.id("run_id", request.run_id)
        size = fields.page_size(request.page_size, HISTORY_SIZE, HISTORY_SIZE_MAX)
        scope = ("history", run_id)
        after = fields.number_position(request.page_token, *scope) or 0
        fields.raise_if_any()
        async with self._pool.connection() as connection:
            run = await runs.get(connection, namespace, run_id)
            if run is None:
                raise run_not_found(namespace, request.run_id)
            page = await events.after(connection, run_id, after, size)
        return run_pb2.GetHistoryResponse(
            events=[
                convert.started_message(event, run)
                if event.type is EventType.RUN_STARTED
                else convert.event_message(event)
                for event in page.rows
            ],
            next_page_token=page_token(page.rows[-1].seq, *scope) if page.more else "",
        )

    async def _step_messages(self, run: Run, begun: Sequence[Step], served: Sequence[Served]) -> list[run_pb2.Step]:
        if run.decided is None:
            workflow = await self._workflows.by_id(run.workflow_id)
            messages = step_messages(run, workflow.definition, begun, served)
        else:
            messages = [_message_of_code(step, served) for step in begun]
        for message in messages:
            if message.state == run_pb2.STEP_STATE_LEASED:
                add_progress(message, self._progress(run.id, message.step))
        return messages


def step_messages(
    run: Run, definition: WorkflowDefinition, begun: Sequence[Step], served: Sequence[Served]
) -> list[run_pb2.Step]:
    """Every step in definition order, a foreach followed by its items; those without a row are made up."""
    rows: dict[int, list[Step]] = {}
    for step in begun:
        rows.setdefault(step.position, []).append(step)
    unbegun = state_of_unbegun(run.state)
    messages: list[run_pb2.Step] = []
    for defined in definition.steps:
        needs = [definition.steps[index].id for index in defined.needs]
        of_step = rows.get(defined.index, ())
        if not of_step:
            messages.append(convert.unbegun_step_message(defined, needs, unbegun))
        # What an item needs is what its foreach needs; saying so 10,000 times tells nobody more.
        messages += [
            convert.step_message(step, defined, needs if step.item is None else (), why_it_waits(step, defined, served))
            for step in of_step
        ]
    return messages


def state_of_unbegun(run_state: int) -> StepState:
    """The state of a step without a row, of a run in that state."""
    return StepState.CANCELLED if RunState(run_state).terminal else StepState.PENDING


def defined_by_code(step: Step) -> StepDefinition:
    """The definition of a step that code has asked for."""
    return step_definition(step.key, step.position, json.loads(step.definition or "{}"))


def add_progress(message: run_pb2.Step, progress: Payload | None) -> None:
    """Show the last progress of a running step, if there is any."""
    shown = convert.payload_message(progress)
    if shown is not None:
        message.progress.CopyFrom(shown)


def _message_of_code(step: Step, served: Sequence[Served]) -> run_pb2.Step:
    defined = defined_by_code(step)
    return convert.step_message(step, defined, (), why_it_waits(step, defined, served))


async def _parts(
    connection: AsyncConnection[Any], run: Run, include_steps: bool
) -> tuple[Sequence[Published], Sequence[Step]]:
    """What the run's code shows, and its steps when asked for; together not more than an answer has room for."""
    if run.decided is None:
        return (), await steps.of_run(connection, run.id) if include_steps else ()
    shown = await runs.published(connection, run.id, rows.PAGE_BYTES)
    if not include_steps:
        return shown, ()
    left = rows.PAGE_BYTES - sum(len(each.value) for each in shown)
    return shown, await steps.of_run(connection, run.id, most=steps.MOST_OF_CODE, max_bytes=left)


async def _served(connection: AsyncConnection[Any], run: Run, begun: Sequence[Step], waiting: Waiting) -> list[Served]:
    if run.decision_queue is None and not any(step.state == StepState.READY for step in begun):
        return []
    return await workers.list_served(connection, run.namespace, waiting.with_room())


def _run_filter(request: run_pb2.ListRunsRequest) -> tuple[RunFilter, tuple[object, ...]]:
    fields = Fields()
    fields.page_size(request.page_size, LIST_SIZE, LIST_SIZE_MAX)
    wanted = RunFilter(
        namespace=fields.namespace(request.namespace),
        workflow=fields.text("workflow", request.workflow),
        states=fields.states("states", request.states, RunState),
        created_after=fields.moment("created_after", request.created_after)
        if request.HasField("created_after")
        else None,
        created_before=fields.moment("created_before", request.created_before)
        if request.HasField("created_before")
        else None,
        attributes={
            name: canonical(value)
            for name, value in sorted(fields.attributes("attributes", request.attributes).items())
            if value is not None
        },
    )
    scope: tuple[object, ...] = ("runs", wanted.namespace, wanted.workflow, sorted(wanted.states), *_times(request))
    if wanted.attributes:
        scope += (wanted.attributes,)
    before_id = fields.number_position(request.page_token, *scope)
    fields.raise_if_any()
    return replace(wanted, before_id=before_id), scope


def _times(request: run_pb2.ListRunsRequest) -> tuple[int, ...]:
    after, before = request.created_after, request.created_before
    return (after.seconds, after.nanos, before.seconds, before.nanos)
