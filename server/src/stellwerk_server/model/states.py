"""Run and step states and which may follow which: the tables ARCHITECTURE.md is drawn from."""

from __future__ import annotations

from enum import IntEnum


class RunState(IntEnum):
    """Where a run stands; the numbers are those of the proto and of the database."""

    PENDING = 1
    RUNNING = 2
    PAUSED = 3
    BLOCKED = 4
    SUCCEEDED = 5
    FAILED = 6
    CANCELLED = 7
    TERMINATED = 8
    TIMED_OUT = 9
    CONTINUED = 10

    @property
    def terminal(self) -> bool:
        """True once nothing can change any more."""
        return self >= RunState.SUCCEEDED


class StepState(IntEnum):
    """Where a step stands; LEASED is never stored: it is READY with a row in `leases`."""

    PENDING = 1
    READY = 2
    LEASED = 3
    WAITING = 4
    SUCCEEDED = 5
    FAILED = 6
    SKIPPED = 7
    CANCELLED = 8
    DEAD = 9

    @property
    def finished(self) -> bool:
        """True once the step itself will not run again in this run (a parked DEAD step may)."""
        return self >= StepState.SUCCEEDED


class DeadLetterState(IntEnum):
    """What became of a dead letter."""

    OPEN = 1
    REQUEUED = 2
    DISCARDED = 3


_R = RunState
_S = StepState

RUN_TRANSITIONS: dict[RunState, frozenset[RunState]] = {
    _R.RUNNING: frozenset(
        {_R.BLOCKED, _R.SUCCEEDED, _R.FAILED, _R.CANCELLED, _R.TERMINATED, _R.TIMED_OUT, _R.CONTINUED}
    ),
    _R.BLOCKED: frozenset({_R.RUNNING, _R.FAILED, _R.CANCELLED, _R.TERMINATED, _R.TIMED_OUT}),
}

_OVER = {_S.SUCCEEDED, _S.FAILED, _S.SKIPPED, _S.CANCELLED, _S.DEAD}

STEP_TRANSITIONS: dict[StepState, frozenset[StepState]] = {
    _S.PENDING: frozenset({_S.READY, _S.WAITING, _S.SUCCEEDED, _S.SKIPPED, _S.FAILED, _S.CANCELLED, _S.DEAD}),
    _S.READY: frozenset({_S.WAITING, _S.SUCCEEDED, _S.FAILED, _S.CANCELLED, _S.DEAD}),
    _S.WAITING: frozenset({_S.READY, _S.SUCCEEDED, _S.FAILED, _S.DEAD, _S.CANCELLED}),
    _S.DEAD: frozenset({_S.READY}),
}
