"""The values the client gives back: small, frozen, with payloads read. Must not talk to anybody."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from google.protobuf.timestamp_pb2 import Timestamp

from stellwerk.payload import decode, decode_json, fill
from stellwerk.v1 import admin_pb2, dead_letter_pb2, payload_pb2, run_pb2, workflow_pb2


class RunState(StrEnum):
    """Where a run stands."""

    UNSPECIFIED = "UNSPECIFIED"
    PENDING = "PENDING"
    RUNNING = "RUNNING"
    PAUSED = "PAUSED"
    BLOCKED = "BLOCKED"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"
    TERMINATED = "TERMINATED"
    TIMED_OUT = "TIMED_OUT"
    CONTINUED = "CONTINUED"

    @property
    def terminal(self) -> bool:
        """True when the run has ended and will never change again."""
        return self in _TERMINAL


_TERMINAL = frozenset(
    {
        RunState.SUCCEEDED,
        RunState.FAILED,
        RunState.CANCELLED,
        RunState.TERMINATED,
        RunState.TIMED_OUT,
        RunState.CONTINUED,
    }
)


class StepState(StrEnum):
    """Where a step stands. WAITING is a retry or a timer; DEAD stands in the dead letters."""

    UNSPECIFIED = "UNSPECIFIED"
    PENDING = "PENDING"
    READY = "READY"
    LEASED = "LEASED"
    WAITING = "WAITING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    SKIPPED = "SKIPPED"
    CANCELLED = "CANCELLED"
    DEAD = "DEAD"


class DeadLetterState(StrEnum):
    """What became of a dead letter."""

    UNSPECIFIED = "UNSPECIFIED"
    OPEN = "OPEN"
    REQUEUED = "REQUEUED"
    DISCARDED = "DISCARDED"


@dataclass(frozen=True, slots=True)
class FieldProblem:
    """One thing wrong with one field: its path, and what was expected and what came."""

    field: str
    description: str


@dataclass(frozen=True, slots=True)
class Signal:
    """Something to tell a run by name; a run takes the same `signal_id` once (default: a fresh one)."""

    name: str
    payload: Any = None
    signal_id: str = ""


@dataclass(frozen=True, slots=True)
class Failure:
    """How user code, or the attempt to run it, failed; `category` says whose fault (USER, TIMEOUT, ...)."""

    type: str
    message: str
    stack: str
    category: str
    terminal: bool
    details: Any
    cause: Failure | None
    step: str
    attempt: int
    worker_id: str
    occur_time: datetime | None


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a run; `attempt` is 0 before the first, `waiting_for` says why it does not start."""

    step: str
    action: str
    queue: str
    state: StepState
    attempt: int
    max_attempts: int
    input: Any
    output: Any
    failure: Failure | None
    progress: Any
    needs: tuple[str, ...]
    items: int
    items_finished: int
    waiting_for: str
    child_run_id: str
    worker_id: str
    due_time: datetime | None
    ready_time: datetime | None
    start_time: datetime | None
    end_time: datetime | None


@dataclass(frozen=True, slots=True)
class Run:
    """A run as it is now. `steps` is empty unless it was asked for; lists come without payloads and `published`.

    Of a run decided by code: what it has `published`, by key, its searchable `attributes`, why nobody can decide it
    (`waiting_for`), and the run that goes on for a CONTINUED one (`continued_as`).
    """

    run_id: str
    namespace: str
    workflow: str
    version: int
    state: RunState
    input: Any
    output: Any
    failure: Failure | None
    idempotency_key: str
    create_time: datetime | None
    end_time: datetime | None
    deadline: datetime | None
    forked_from: str
    sequence: int
    block_reason: str
    parent_run_id: str
    parent_step: str
    steps: tuple[Step, ...]
    published: dict[str, Any]
    attributes: dict[str, Any]
    waiting_for: str
    continued_as: str


@dataclass(frozen=True, slots=True)
class Event:
    """One entry of a run's history; `sequence` counts from 1 without gaps."""

    sequence: int
    time: datetime | None
    type: str
    step: str
    attempt: int
    payload: Any
    failure: Failure | None
    worker_id: str
    start_time: datetime | None
    attributes: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Chunk:
    """A chunk a handler streamed; `sequence` counts from 1 within the attempt."""

    step: str
    attempt: int
    sequence: int
    value: Any
    time: datetime | None


@dataclass(frozen=True, slots=True)
class Workflow:
    """A registered definition (canonical JSON). `created` is False when the same content was there before."""

    name: str
    version: int
    definition: str
    create_time: datetime | None
    current: bool
    created: bool = False


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A step whose attempts are used up, kept until somebody decides."""

    dead_letter_id: str
    run_id: str
    step: str
    attempt: int
    workflow: str
    action: str
    queue: str
    input: Any
    failure: Failure | None
    reason: str
    state: DeadLetterState
    create_time: datetime | None
    requeued_run_id: str


@dataclass(frozen=True, slots=True)
class WorkerInfo:
    """A worker the server knows; `leased` is how many tasks it holds."""

    worker_id: str
    queue: str
    actions: tuple[str, ...]
    slots: int
    leased: int
    sdk: str
    host: str
    first_seen_time: datetime | None
    last_seen_time: datetime | None


@dataclass(frozen=True, slots=True)
class QueueInfo:
    """Tasks of one action on one queue, and how many live workers serve it."""

    queue: str
    action: str
    ready: int
    leased: int
    workers: int
    oldest_ready_time: datetime | None


@dataclass(frozen=True, slots=True)
class ServerInfo:
    """The server that answered; `now` is its database's clock."""

    version: str
    start_time: datetime | None
    now: datetime | None
    draining: bool
    database_up: bool
    redis_up: bool
    max_payload_bytes: int


def run_state(number: int) -> RunState:
    """The state of a number on the wire; UNSPECIFIED for one this SDK does not know yet."""
    return _RUN_STATES.get(number, RunState.UNSPECIFIED)


_RUN_STATES = {value: RunState[name[10:]] for name, value in run_pb2.RunState.items()}
_STEP_STATES = {value: StepState[name[11:]] for name, value in run_pb2.StepState.items()}
_DEAD_STATES = {value: DeadLetterState[name[18:]] for name, value in dead_letter_pb2.DeadLetterState.items()}
_CATEGORIES = {value: name[17:] for name, value in payload_pb2.FailureCategory.items()}


def moment(message: Any, field: str) -> datetime | None:
    """A time of a message; None when it has none."""
    if not message.HasField(field):
        return None
    stamp: Timestamp = getattr(message, field)
    return stamp.ToDatetime(UTC)


def _failure(message: Any, field: str = "failure") -> Failure | None:
    return failure(getattr(message, field)) if message.HasField(field) else None


def failure(message: payload_pb2.Failure) -> Failure:
    """Read a failure."""
    return Failure(
        type=message.type,
        message=message.message,
        stack=message.stack,
        category=_CATEGORIES.get(message.category, "UNSPECIFIED"),
        terminal=message.terminal,
        details=decode(message.details),
        cause=_failure(message, "cause"),
        step=message.step,
        attempt=message.attempt,
        worker_id=message.worker_id,
        occur_time=moment(message, "occur_time"),
    )


def step(message: run_pb2.Step) -> Step:
    """Read a step."""
    return Step(
        step=message.step,
        action=message.action,
        queue=message.queue,
        state=_STEP_STATES.get(message.state, StepState.UNSPECIFIED),
        attempt=message.attempt,
        max_attempts=message.max_attempts,
        input=decode(message.input),
        output=decode(message.output),
        failure=_failure(message),
        progress=decode(message.progress),
        needs=tuple(message.needs),
        items=message.items,
        items_finished=message.items_finished,
        waiting_for=message.waiting_for,
        child_run_id=message.child_run_id,
        worker_id=message.worker_id,
        due_time=moment(message, "due_time"),
        ready_time=moment(message, "ready_time"),
        start_time=moment(message, "start_time"),
        end_time=moment(message, "end_time"),
    )


def signal_message(signal: Signal) -> run_pb2.Signal:
    """The message of a signal. Raises EncodeError."""
    message = run_pb2.Signal(name=signal.name, signal_id=signal.signal_id)
    fill(message.payload, signal.payload)
    return message


def run(message: run_pb2.Run) -> Run:
    """Read a run."""
    return Run(
        run_id=message.run_id,
        namespace=message.namespace,
        workflow=message.workflow,
        version=message.version,
        state=run_state(message.state),
        input=decode(message.input),
        output=decode(message.output),
        failure=_failure(message),
        idempotency_key=message.idempotency_key,
        create_time=moment(message, "create_time"),
        end_time=moment(message, "end_time"),
        deadline=moment(message, "deadline"),
        forked_from=message.forked_from,
        sequence=message.sequence,
        block_reason=message.block_reason,
        parent_run_id=message.parent_run_id,
        parent_step=message.parent_step,
        steps=tuple(step(item) for item in message.steps),
        published={key: decode(value) for key, value in message.published.items()},
        attributes=decode_json(message.attributes) if message.attributes else {},
        waiting_for=message.waiting_for,
        continued_as=message.continued_as,
    )


def event(message: run_pb2.Event) -> Event:
    """Read an event."""
    return Event(
        sequence=message.sequence,
        time=moment(message, "time"),
        type=message.type,
        step=message.step,
        attempt=message.attempt,
        payload=decode(message.payload),
        failure=_failure(message),
        worker_id=message.worker_id,
        start_time=moment(message, "start_time"),
        attributes=decode_json(message.attributes) if message.attributes else {},
    )


def chunk(message: run_pb2.Chunk) -> Chunk:
    """Read a chunk."""
    return Chunk(
        step=message.step,
        attempt=message.attempt,
        sequence=message.sequence,
        value=decode(message.payload),
        time=moment(message, "time"),
    )


def workflow(message: workflow_pb2.Workflow, created: bool = False) -> Workflow:
    """Read a workflow."""
    return Workflow(
        name=message.name,
        version=message.version,
        definition=message.definition,
        create_time=moment(message, "create_time"),
        current=message.current,
        created=created,
    )


def dead_letter(message: dead_letter_pb2.DeadLetter) -> DeadLetter:
    """Read a dead letter."""
    return DeadLetter(
        dead_letter_id=message.dead_letter_id,
        run_id=message.run_id,
        step=message.step,
        attempt=message.attempt,
        workflow=message.workflow,
        action=message.action,
        queue=message.queue,
        input=decode(message.input),
        failure=_failure(message),
        reason=message.reason,
        state=_DEAD_STATES.get(message.state, DeadLetterState.UNSPECIFIED),
        create_time=moment(message, "create_time"),
        requeued_run_id=message.requeued_run_id,
    )


def worker(message: admin_pb2.Worker) -> WorkerInfo:
    """Read a worker."""
    return WorkerInfo(
        worker_id=message.worker_id,
        queue=message.queue,
        actions=tuple(message.actions),
        slots=message.slots,
        leased=message.leased,
        sdk=message.sdk,
        host=message.host,
        first_seen_time=moment(message, "first_seen_time"),
        last_seen_time=moment(message, "last_seen_time"),
    )


def queue(message: admin_pb2.Queue) -> QueueInfo:
    """Read a queue."""
    return QueueInfo(
        queue=message.queue,
        action=message.action,
        ready=message.ready,
        leased=message.leased,
        workers=message.workers,
        oldest_ready_time=moment(message, "oldest_ready_time"),
    )


def server(message: admin_pb2.GetServerResponse) -> ServerInfo:
    """Read what the server says about itself."""
    return ServerInfo(
        version=message.version,
        start_time=moment(message, "start_time"),
        now=moment(message, "now"),
        draining=message.draining,
        database_up=message.database_up,
        redis_up=message.redis_up,
        max_payload_bytes=message.max_payload_bytes,
    )
