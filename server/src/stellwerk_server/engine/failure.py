"""What a failed attempt leads to: another attempt, or the dead letters. Pure: the jitter is derived, not drawn."""

from __future__ import annotations

import zlib
from dataclasses import dataclass

from stellwerk_server.engine.run import Run, Step
from stellwerk_server.model.definition import RetryPolicy
from stellwerk_server.model.events import SECOND, Instant
from stellwerk_server.model.failure import Category, Failure

ATTEMPTS_EXHAUSTED = "ATTEMPTS_EXHAUSTED"
NOT_RETRYABLE = "NOT_RETRYABLE"
STEP_TIMED_OUT = "STEP_TIMED_OUT"


@dataclass(frozen=True, slots=True)
class Retry:
    """Another attempt, not before `due_at`."""

    due_at: Instant


@dataclass(frozen=True, slots=True)
class Dead:
    """No further attempt."""

    reason: str


def on_failure(run: Run, step: Step, failure: Failure, now: Instant) -> Retry | Dead:
    """Decide what a failed attempt of the step leads to."""
    policy = step.definition.retry
    used = step.attempt - step.attempt_base
    if failure.terminal or failure.type in policy.non_retryable:
        return Dead(NOT_RETRYABLE)
    if used >= policy.max_attempts:
        return Dead(ATTEMPTS_EXHAUSTED)
    if failure.category is Category.WORKER_LOST:
        # The worker's fault, not the task's: waiting would only prolong the outage.
        return Retry(now)
    if failure.retry_after_s is not None:
        return Retry(now + int(failure.retry_after_s * SECOND))
    return Retry(now + int(delay_s(policy, used, f"{run.id}/{step.key}/{step.attempt}") * SECOND))


def delay_s(policy: RetryPolicy, attempt: int, seed: str) -> float:
    """The delay after that attempt: exponential up to the cap, spread by ± jitter; the same seed, the same delay."""
    try:
        base = min(policy.initial_s * policy.backoff ** (attempt - 1), policy.max_s)
    except OverflowError:
        base = policy.max_s
    spread = zlib.crc32(seed.encode()) / 0xFFFFFFFF * 2.0 - 1.0
    return max(0.0, min(base * (1.0 + policy.jitter * spread), policy.max_s))
