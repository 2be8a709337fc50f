"""What happened to a run, in order: the history that everything else is a fold of."""

from __future__ import annotations

from enum import IntEnum
from typing import Any, NamedTuple

from stellwerk_server.model.failure import Failure
from stellwerk_server.model.payload import Payload

# Microseconds since 1970 by the database's clock.
Instant = int
SECOND = 1_000_000


class EventType(IntEnum):
    """The vocabulary of histories. Numbers are stored: never renumber, never reuse."""

    RUN_STARTED = 1
    RUN_SUCCEEDED = 2
    RUN_FAILED = 3
    RUN_CANCELLED = 4
    RUN_TERMINATED = 5
    RUN_TIMED_OUT = 6
    RUN_BLOCKED = 7
    RUN_RESUMED = 8
    RUN_SIGNALLED = 9
    RUN_CANCEL_REQUESTED = 10
    RUN_PUBLISHED = 11
    RUN_ATTRIBUTES = 12
    RUN_PATCHED = 13
    RUN_CONTINUED = 14
    STEP_SCHEDULED = 20
    STEP_SUCCEEDED = 21
    STEP_ATTEMPT_FAILED = 22
    STEP_DEAD = 23
    STEP_FAILED = 24
    STEP_SKIPPED = 25
    STEP_SLEEPING = 26
    STEP_EXPANDED = 27
    STEP_KEPT = 28
    STEP_DISCARDED = 29
    STEP_AWAITING = 30
    STEP_CHILD_STARTED = 31
    STEP_RAN = 32
    STEP_CANCELLED = 33
    DECISION_COMPLETED = 40
    DECISION_FAILED = 41


# What the code of a workflow has to be told.
NEWS = (
    EventType.RUN_STARTED,
    EventType.RUN_CANCEL_REQUESTED,
    EventType.STEP_SUCCEEDED,
    EventType.STEP_FAILED,
    EventType.STEP_KEPT,
)


class Event(NamedTuple):
    """One entry of a history. `seq` is gap-free from 1; `data` holds what only some types carry."""

    seq: int
    type: EventType
    at: Instant
    step: str | None = None
    attempt: int | None = None
    worker: str | None = None
    started_at: Instant | None = None
    payload: Payload | None = None
    failure: Failure | None = None
    data: dict[str, Any] | None = None


class TimerKind(IntEnum):
    """What a timer is for; `step` is '' for those of the run."""

    RETRY = 1
    SLEEP = 2
    # schedule_to_close: all attempts of the step together.
    STEP_TOTAL = 3
    # schedule_to_start: one wait for a worker.
    STEP_START = 4
    RUN_DEADLINE = 5
    # Not waits but messages from one run to another, due at once: a child has ended, or its parent has.
    CHILD_ENDED = 6
    PARENT_CANCELS = 7
    PARENT_TERMINATES = 8
