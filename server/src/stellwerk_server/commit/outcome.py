"""What a commit answers its callers and tells the rest of the server. Values only."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from stellwerk_server.model.errors import StellwerkError
from stellwerk_server.model.events import Event, Instant, TimerKind
from stellwerk_server.model.states import RunState

if TYPE_CHECKING:
    from stellwerk_server.commit.poll import Grant, Journal, Poll
    from stellwerk_server.engine.run import Run


class Started(NamedTuple):
    """Answer to StartRun; `expires_at` of the idempotency key, 0 without one."""

    run_id: int
    deduplicated: bool
    expires_at: Instant = 0


class Applied(NamedTuple):
    """Answer to any other command: where the run stands, and whether the command changed anything."""

    state: RunState
    changed: bool


class Decided(NamedTuple):
    """Answer to a decision; with what came in meanwhile when it keeps its lease."""

    journal: Journal | None


Outcome = Started | Applied | Decided | StellwerkError


class Voided(NamedTuple):
    """A lease that is gone because its run or step ended; its worker should stop."""

    worker: str
    run_id: int
    step: str
    attempt: int
    secret: bytes
    reason: str


class Queued(NamedTuple):
    """How many tasks were queued in a lane, and the (rank, id) of the first."""

    rows: int
    first: tuple[int, int]


@dataclass(slots=True)
class Committed:
    """What is now durable, for those who dispatch, wait, watch and keep timers."""

    now: Instant = 0
    grants: list[tuple[Poll, Grant]] = field(default_factory=list)
    # New rows in `ready` by lane.
    queued: dict[int, Queued] = field(default_factory=dict)
    ended: list[Run] = field(default_factory=list)
    events: list[tuple[Run, list[Event]]] = field(default_factory=list)
    timers: list[tuple[int, str, TimerKind, Instant]] = field(default_factory=list)
    voided: list[Voided] = field(default_factory=list)
    # Of a transaction: its commands, how long it took, and the results that met a lease that is not current.
    commands: int = 0
    took_s: float = 0.0
    fenced: int = 0
