"""Workflow definitions as frozen values, already checked: `definition/` makes them, `engine/` runs them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any

# Ten years: the longest timeout, sleep or delay.
MAX_SPAN_S = 315_360_000.0

JsonValue = Any


class OnFailure(IntEnum):
    """What a step that has failed for good does to its run."""

    FAIL = 1
    CONTINUE = 2
    PARK = 3


class StepKind(IntEnum):
    """What makes a step go: a worker, the clock, somebody's signal, or the end of a run of its own.

    Two are for code only: LOCAL has run in the worker that decides, DECISION is deciding itself.
    """

    ACTION = 1
    SLEEP = 2
    SIGNAL = 3
    WORKFLOW = 4
    LOCAL = 5
    DECISION = 6


class ParentClose(IntEnum):
    """What becomes of a child run that is open when its parent's step or run ends."""

    CANCEL = 1
    TERMINATE = 2
    ABANDON = 3


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """When a failed attempt is followed by another; delays in seconds."""

    max_attempts: int = 4
    initial_s: float = 1.0
    backoff: float = 2.0
    max_s: float = 60.0
    jitter: float = 0.2
    non_retryable: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Bounds in seconds, None for none: of one attempt, of all attempts together, of waiting for a worker."""

    attempt_s: float | None = None
    total_s: float | None = None
    start_s: float | None = None


@dataclass(frozen=True, slots=True)
class Expression:
    """A compiled CEL expression; `evaluate` gets {"input": …, "steps": …, "item": …, "run": …}.

    `evaluate` raises ExpressionError (model.errors) with a message for people, never anything else.
    """

    source: str
    evaluate: Callable[[dict[str, JsonValue]], JsonValue] = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Template:
    """A JSON value with `${…}` holes; `render` fills them. Pure; raises ExpressionError."""

    source: JsonValue
    render: Callable[[dict[str, JsonValue]], JsonValue] = field(compare=False, repr=False)
    # Ids of the steps whose outputs it reads, so that a scope holds only those.
    reads: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class StepDefinition:
    """One step as written, defaults filled in. `needs` and `dependents` are indexes into the workflow's steps."""

    index: int
    id: str
    kind: StepKind
    action: str = ""
    queue: str = "default"
    priority: int = 0
    needs: tuple[int, ...] = ()
    dependents: tuple[int, ...] = ()
    input: Template | None = None
    when: Expression | None = None
    when_reads: frozenset[str] = frozenset()
    foreach: Template | None = None
    sleep_s: float | None = None
    sleep: Template | None = None
    # The name of the signal a step waits for; its payload is the step's output.
    signal: str = ""
    # The workflow whose run a step starts; its output is the step's.
    workflow: str = ""
    parent_close: ParentClose = ParentClose.CANCEL
    retry: RetryPolicy = RetryPolicy()
    timeout: Timeouts = Timeouts()
    on_failure: OnFailure = OnFailure.FAIL
    # The dispatch lane of a step that code asked for; None: the workflow knows it.
    lane: int | None = None


@dataclass(frozen=True, slots=True)
class WorkflowDefinition:
    """A whole checked workflow; steps in definition order, roots have no needs."""

    name: str
    steps: tuple[StepDefinition, ...]
    # Canonical JSON of what was registered; its digest is the identity of the version.
    canonical: str
    output: Template | None = None
    timeout_s: float | None = None
    # Checks an input value against `input_schema`: problems as (path, description), empty when good.
    check_input: Callable[[JsonValue], list[tuple[str, str]]] | None = field(default=None, compare=False, repr=False)
    # Of a workflow that is code: how its decisions are handed out. It then has no steps of its own.
    decision: StepDefinition | None = None
    _by_id: dict[str, StepDefinition] = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_by_id", {step.id: step for step in self.steps})

    def step(self, step_id: str) -> StepDefinition | None:
        """The step of that id, or None."""
        return self._by_id.get(step_id)
