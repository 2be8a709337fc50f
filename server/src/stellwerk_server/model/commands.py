"""What somebody wants of a run. The engine answers each with events or refuses it with a StellwerkError."""

from __future__ import annotations

from typing import NamedTuple

from stellwerk_server.model.code import CodeCommand
from stellwerk_server.model.definition import WorkflowDefinition
from stellwerk_server.model.events import Instant, TimerKind
from stellwerk_server.model.failure import Failure
from stellwerk_server.model.payload import Payload
from stellwerk_server.model.states import RunState


class Workflow(NamedTuple):
    """A registered version: its row, its definition, and the dispatch lane of each step."""

    id: int
    namespace_id: int
    namespace: str
    name: str
    version: int
    definition: WorkflowDefinition
    # Lane ids by step index; 0 where nothing is dispatched.
    lanes: tuple[int, ...]


class Kept(NamedTuple):
    """A finished step a fork takes over from its source: succeeded with `output`, or skipped (None)."""

    step: str
    attempt: int
    output: Payload | None


class Parent(NamedTuple):
    """The step a child run belongs to; `depth` counts the runs above it."""

    run_id: int
    step: str
    depth: int


class Signal(NamedTuple):
    """Something a run is told by name. One `id` is delivered once."""

    name: str
    id: str
    payload: Payload


class StartRun(NamedTuple):
    """Begin a run. Same `idempotency_key` or `request_id`: the run that is there answers."""

    run_id: int
    workflow: Workflow
    input: Payload
    idempotency_key: str | None = None
    # sha256 of workflow name, input: what "same input" means under one key.
    digest: bytes = b""
    # 16 bytes; makes the start safe to send again.
    request_id: bytes | None = None
    timeout_s: float | None = None
    # JSON object of the caller's W3C trace context.
    trace: str | None = None
    forked_from: int | None = None
    kept: tuple[Kept, ...] = ()
    # Told to the run in the transaction that makes it.
    signal: Signal | None = None
    parent: Parent | None = None
    # The run this one goes on for, and what that was told and has not taken.
    continued_from: int | None = None
    carried: tuple[Signal, ...] = ()


class CompleteStep(NamedTuple):
    """An attempt succeeded; `token` must be the current lease."""

    run_id: int
    step: str
    attempt: int
    token: bytes
    output: Payload


class FailStep(NamedTuple):
    """An attempt failed; `token` must be the current lease."""

    run_id: int
    step: str
    attempt: int
    token: bytes
    failure: Failure


class ReleaseStep(NamedTuple):
    """A hand-out reached nobody, or was given back unused: the same attempt goes out again."""

    run_id: int
    step: str
    attempt: int
    token: bytes


class ExpireLease(NamedTuple):
    """The lease's time is over: its worker is lost, or the attempt took too long."""

    run_id: int
    step: str
    attempt: int
    token: bytes
    failure: Failure


class CompleteDecision(NamedTuple):
    """Code has decided: record what it wants; `token` must be the current lease, which stays when `keep` says so."""

    run_id: int
    step: str
    attempt: int
    token: bytes
    # The last event the code had seen.
    sequence: int
    commands: tuple[CodeCommand, ...]
    keep: bool
    build: str
    # A checksum of token and content: the same result sent again is known by it.
    checksum: int = 0
    # The run stays on this build while a worker of it is there; counts in the first decision only.
    pin: bool = False
    # The lane of that build; the committer finds it.
    pin_lane: int | None = None


class ResumeRun(NamedTuple):
    """Have a parked run of code decided again."""

    run_id: int


class FireTimer(NamedTuple):
    """A timer is due. Ignored when it is gone, kept when it is early."""

    run_id: int
    step: str
    kind: TimerKind
    due_at: Instant


class SignalRun(NamedTuple):
    """Tell an open run something; kept until a step waits for it."""

    run_id: int
    signal: Signal


class Standing(NamedTuple):
    """What the tables hold of a run besides its history."""

    # Steps that wait in a queue or are held, and which of them are held.
    tasks: frozenset[str]
    held: frozenset[str]
    timers: frozenset[tuple[str, TimerKind]]


class MendRun(NamedTuple):
    """Write again what should move the run and is not there; nothing when all is. The committer reads `standing`."""

    run_id: int
    standing: Standing | None = None


class ChildStarted(NamedTuple):
    """A step's child run was made in this very transaction."""

    run_id: int
    step: str
    child: int


class ChildRefused(NamedTuple):
    """A step's child run cannot be made."""

    run_id: int
    step: str
    failure: Failure


class ChildEnded(NamedTuple):
    """A child run has ended; the committer makes this of the timer that says so.

    `child` is the run the step waits for; `last` the one that has ended, another when that one was continued and the
    step has not heard of it.
    """

    run_id: int
    step: str
    child: int
    last: int
    state: RunState
    output: Payload | None
    failure: Failure | None


class CancelRun(NamedTuple):
    """End the run as CANCELLED; handlers are told."""

    run_id: int
    reason: str


class TerminateRun(NamedTuple):
    """End the run as TERMINATED."""

    run_id: int
    reason: str


class RequeueStep(NamedTuple):
    """Give the dead step of a parked run a new set of attempts; resolves its dead letter."""

    run_id: int
    step: str
    attempt: int


class DiscardStep(NamedTuple):
    """Give up on the dead step of a parked run: the run fails; resolves its dead letter."""

    run_id: int
    step: str
    attempt: int
    reason: str


LeaseCommand = CompleteStep | CompleteDecision | FailStep | ReleaseStep | ExpireLease
ChildCommand = ChildStarted | ChildRefused | ChildEnded
Command = (
    LeaseCommand
    | StartRun
    | SignalRun
    | FireTimer
    | ChildCommand
    | CancelRun
    | TerminateRun
    | ResumeRun
    | MendRun
    | RequeueStep
    | DiscardStep
)


class Lease(NamedTuple):
    """The lease a command's token opened, as it was when the committer took it away."""

    worker: str
    leased_at: Instant
