"""RunService's ListSteps: the steps of a run, a page at a time. Payloads are not even read unless asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from psycopg import AsyncConnection
from psycopg_pool import AsyncConnectionPool

from stellwerk.v1 import run_pb2
from stellwerk_server.commit.waiting import Waiting
from stellwerk_server.commit.workflows import Workflows
from stellwerk_server.model import failure as failures
from stellwerk_server.model.definition import StepDefinition, WorkflowDefinition
from stellwerk_server.model.payload import Payload
from stellwerk_server.model.states import StepState
from stellwerk_server.rpc import convert
from stellwerk_server.rpc.attempts import attempts_of, brief
from stellwerk_server.rpc.fields import Fields, page_token
from stellwerk_server.rpc.run_reads import add_progress, defined_by_code, run_not_found, state_of_unbegun
from stellwerk_server.rpc.waiting import why_it_waits
from stellwerk_server.store import events, rows, runs, steps, workers
from stellwerk_server.store.events import AttemptEvent
from stellwerk_server.store.steps import Outline, Step, StepFilter
from stellwerk_server.store.workers import Served

STEPS_SIZE, STEPS_SIZE_MAX = 1_000, 10_000
MAX_NAMED = 1_000
# A place in the order of steps as one number: its position, and below that 0 for a step, else its item plus one.
_ITEM_BITS = 31
_ITEM_MASK = (1 << _ITEM_BITS) - 1


class _Read(NamedTuple):
    """What one page is made from, all of one moment."""

    run: runs.Head
    found: rows.Page[Step]
    outline: Outline
    attempts: Sequence[AttemptEvent]
    served: Sequence[Served]


class _Placed(NamedTuple):
    """A step of the page with its place; unbegun ones have no row."""

    place: int
    defined: StepDefinition
    row: Step | None


class StepReads:
    """ListSteps."""

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

    async def ListSteps(self, request: run_pb2.ListStepsRequest, context: object = None) -> run_pb2.ListStepsResponse:
        """The steps that fit the filter, begun or not, in order."""
        namespace, wanted, size, scope = _wanted(request)
        async with self._pool.connection() as connection, connection.transaction():
            await runs.snapshot(connection)
            read = await _read(connection, namespace, wanted, size, request.include_attempts, self._waiting)
        if read is None:
            raise run_not_found(namespace, request.run_id)
        if read.run.decided is None:
            workflow = await self._workflows.by_id(read.run.workflow_id)
            placed = list(_in_order(read, workflow.definition, wanted))
            names = [step.id for step in workflow.definition.steps]
        else:
            placed, names = [_of_code(step) for step in read.found.rows], []
        more = read.found.more or len(placed) > size
        del placed[size:]
        return run_pb2.ListStepsResponse(
            steps=self._messages(request, read, placed, names),
            next_page_token=page_token(placed[-1].place, *scope) if more else "",
            sequence=read.run.seq,
        )

    def _messages(
        self, request: run_pb2.ListStepsRequest, read: _Read, placed: Sequence[_Placed], names: Sequence[str]
    ) -> Iterator[run_pb2.Step]:
        told: dict[str, list[AttemptEvent]] = {}
        for event in read.attempts:
            told.setdefault(event.step, []).append(event)
        unbegun = state_of_unbegun(read.run.state)
        for _, defined, row in placed:
            needs = [names[index] for index in defined.needs]
            if row is None:
                yield convert.unbegun_step_message(defined, needs, unbegun)
                continue
            # What an item needs is what its foreach needs; saying so 10,000 times tells nobody more.
            message = self._message(request, read, defined, row, needs if row.item is None else ())
            if request.include_attempts:
                message.attempts.extend(attempts_of(row, told.get(row.key, ()), whole=request.include_payloads))
            yield message

    def _message(
        self, request: run_pb2.ListStepsRequest, read: _Read, defined: StepDefinition, row: Step, needs: Sequence[str]
    ) -> run_pb2.Step:
        if not request.include_payloads and row.failure is not None:
            row = replace(row, failure=_brief(row.failure))
        message = convert.step_message(row, defined, needs, why_it_waits(row, defined, read.served))
        if request.include_payloads and row.state == StepState.LEASED:
            add_progress(message, self._progress(read.run.id, row.key))
        if request.omit_items and row.items is not None:
            of_items = read.outline.items.get(row.position, {})
            message.item_states.update({state.name: count for state, count in sorted(of_items.items())})
        return message


async def _read(
    connection: AsyncConnection[Any],
    namespace: str,
    wanted: StepFilter,
    size: int,
    with_attempts: bool,
    waiting: Waiting,
) -> _Read | None:
    run = await runs.head(connection, namespace, wanted.run_id)
    if run is None:
        return None
    found = await steps.list_page(connection, wanted, size)
    outline = await steps.outline(connection, run.id) if run.decided is None else Outline()
    told = await events.attempts(connection, run.id, [step.key for step in found.rows]) if with_attempts else ()
    waits = any(step.state == StepState.READY for step in found.rows)
    served = await workers.list_served(connection, namespace, waiting.with_room()) if waits else ()
    return _Read(run, found, outline, told, served)


def _in_order(read: _Read, definition: WorkflowDefinition, wanted: StepFilter) -> Iterator[_Placed]:
    """The rows of the page, and between them what has not begun."""
    last = _place(read.found.rows[-1]) if read.found.more else None
    begun = [_Placed(_place(step), definition.steps[step.position], step) for step in read.found.rows]
    unbegun = [
        _Placed(defined.index << _ITEM_BITS, defined, None)
        for defined in definition.steps
        if defined.index not in read.outline.begun
        and defined.index > wanted.after[0]
        and (last is None or defined.index << _ITEM_BITS < last)
        and (not wanted.keys or defined.id in wanted.keys)
        and (not wanted.states or state_of_unbegun(read.run.state) in wanted.states)
    ]
    yield from sorted(begun + unbegun, key=lambda placed: placed.place)


def _of_code(step: Step) -> _Placed:
    return _Placed(_place(step), defined_by_code(step), step)


def _place(step: Step) -> int:
    return step.position << _ITEM_BITS | (0 if step.item is None else step.item + 1)


def _brief(stored: str) -> str:
    failure = brief(failures.from_json(stored))
    assert failure is not None
    return failures.to_json(failure)


def _wanted(request: run_pb2.ListStepsRequest) -> tuple[str, StepFilter, int, tuple[object, ...]]:
    fields = Fields()
    namespace = fields.namespace(request.namespace)
    run_id = fields.id("run_id", request.run_id)
    size = fields.page_size(request.page_size, STEPS_SIZE, STEPS_SIZE_MAX)
    if len(request.steps) > MAX_NAMED:
        fields.refuse("steps", f"at most {MAX_NAMED} steps", len(request.steps))
    keys = [fields.text(f"steps[{place}]", key) for place, key in enumerate(request.steps[:MAX_NAMED])]
    states = fields.states("states", request.states, StepState)
    scope = ("steps", run_id, sorted(keys), sorted(states), request.omit_items)
    after = fields.number_position(request.page_token, *scope)
    fields.raise_if_any()
    wanted = StepFilter(
        run_id=run_id,
        keys=keys,
        states=states,
        payloads=request.include_payloads,
        omit_items=request.omit_items,
        after=(-1, -1) if after is None else (after >> _ITEM_BITS, (after & _ITEM_MASK) - 1),
    )
    return namespace, wanted, size, scope
