"""What a run waits for, as the server explains it. Users get these classes from `stellwerk`. Must not talk."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from stellwerk._records import Failure, RunState, failure, moment, run_state
from stellwerk.v1 import run_pb2


class CauseKind(StrEnum):
    """What sort of a thing a run waits for."""

    UNSPECIFIED = "UNSPECIFIED"
    ENDED = "ENDED"
    TIMER = "TIMER"
    SIGNAL = "SIGNAL"
    NO_WORKER = "NO_WORKER"
    WORKERS_BUSY = "WORKERS_BUSY"
    QUEUED = "QUEUED"
    LEASED = "LEASED"
    BACKING_OFF = "BACKING_OFF"
    CHILD_RUN = "CHILD_RUN"
    DEAD_LETTER = "DEAD_LETTER"
    PARKED = "PARKED"
    NEWS = "NEWS"
    CANCELLING = "CANCELLING"
    STALLED = "STALLED"
    DATABASE_DOWN = "DATABASE_DOWN"


_KINDS = {value: CauseKind[name[11:]] for name, value in run_pb2.CauseKind.items()}


@dataclass(frozen=True, slots=True)
class Cause:
    """One thing a run waits for; what its `kind` has nothing to say of is empty, 0 or None.

    `step` is the first of the `steps` (a number) that wait for the same; empty for the run as a whole and for a
    decision of its code. `due_time` is when it goes on by itself, `timeout_time` when the wait is given up.
    `ahead` counts the tasks that are handed out before, up to 1,000.
    """

    kind: CauseKind
    sentence: str
    step: str
    steps: int
    due_time: datetime | None
    since_time: datetime | None
    timeout_time: datetime | None
    signal: str
    action: str
    queue: str
    worker_id: str
    last_seen_time: datetime | None
    other_queues: tuple[str, ...]
    similar: tuple[str, ...]
    attempt: int
    max_attempts: int
    workers: int
    slots: int
    busy_slots: int
    ahead: int
    child_run_id: str
    child_state: RunState
    child_summary: str
    reason: str
    failure: Failure | None
    dead_letter_id: str
    build: str


@dataclass(frozen=True, slots=True)
class Explanation:
    """What a run waits for, or how it has ended, at the moment `now` of the database's clock.

    `summary` is one sentence; `causes` stand with the most telling first and are never empty, `more_causes` were left
    out. While the server's database is away there is the one cause DATABASE_DOWN, and `state` is what was last known.
    """

    run_id: str
    state: RunState
    now: datetime | None
    summary: str
    causes: tuple[Cause, ...]
    more_causes: int
    deadline: datetime | None


def explanation(message: run_pb2.ExplainRunResponse) -> Explanation:
    """Read an explanation."""
    return Explanation(
        run_id=message.run_id,
        state=run_state(message.state),
        now=moment(message, "now"),
        summary=message.summary,
        causes=tuple(_cause(cause) for cause in message.causes),
        more_causes=message.more_causes,
        deadline=moment(message, "deadline"),
    )


def _cause(message: run_pb2.Cause) -> Cause:
    return Cause(
        kind=_KINDS.get(message.kind, CauseKind.UNSPECIFIED),
        sentence=message.sentence,
        step=message.step,
        steps=message.steps,
        due_time=moment(message, "due_time"),
        since_time=moment(message, "since_time"),
        timeout_time=moment(message, "timeout_time"),
        signal=message.signal,
        action=message.action,
        queue=message.queue,
        worker_id=message.worker_id,
        last_seen_time=moment(message, "last_seen_time"),
        other_queues=tuple(message.other_queues),
        similar=tuple(message.similar),
        attempt=message.attempt,
        max_attempts=message.max_attempts,
        workers=message.workers,
        slots=message.slots,
        busy_slots=message.busy_slots,
        ahead=message.ahead,
        child_run_id=message.child_run_id,
        child_state=run_state(message.child_state),
        child_summary=message.child_summary,
        reason=message.reason,
        failure=failure(message.failure) if message.HasField("failure") else None,
        dead_letter_id=message.dead_letter_id,
        build=message.build,
    )
