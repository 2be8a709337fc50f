"""A run and its steps as the fold of their events, and the notes of what rows a change leads to.

Runs are changed in place, only by `evolve`: a copy of a 10,000-step run per completed step would cost O(steps).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from stellwerk_server.model.attributes import Scalar
from stellwerk_server.model.code import DECISION
from stellwerk_server.model.commands import Parent, Workflow
from stellwerk_server.model.definition import StepDefinition
from stellwerk_server.model.events import Event, Instant, TimerKind
from stellwerk_server.model.failure import Failure
from stellwerk_server.model.payload import Payload
from stellwerk_server.model.states import RunState, StepState


class Step:
    """One step of a run, or one item of a foreach (`item` is its place, `key` is "id[3]")."""

    __slots__ = (
        "attempt",
        "attempt_base",
        "child",
        "definition",
        "due_at",
        "ended_at",
        "failure",
        "first_ready_at",
        "input",
        "item",
        "items",
        "items_left",
        "key",
        "needs_left",
        "needs_met",
        "outcomes",
        "output",
        "ready_at",
        "started_at",
        "state",
        "stored",
        "worker",
    )

    def __init__(self, definition: StepDefinition, key: str, item: int | None = None) -> None:
        self.definition = definition
        self.key = key
        self.item = item
        self.state = StepState.PENDING
        self.attempt = 0
        # Attempts used up before the last requeue; max_attempts counts from here.
        self.attempt_base = 0
        self.input: Payload | None = None
        self.output: Payload | None = None
        self.failure: Failure | None = None
        self.worker: str | None = None
        # The open run of a step that starts one.
        self.child: int | None = None
        self.due_at: Instant | None = None
        self.ready_at: Instant | None = None
        self.first_ready_at: Instant | None = None
        self.started_at: Instant | None = None
        self.ended_at: Instant | None = None
        self.needs_left = len(definition.needs)
        self.needs_met = 0
        # Of a foreach: how many items, how many are not finished, and their outputs in order.
        self.items: int | None = None
        self.items_left = 0
        self.outcomes: list[Payload | None] = []
        # True once `steps` has a row for it.
        self.stored = False

    @property
    def items_finished(self) -> int | None:
        """How many items of a foreach have finished; None for other steps."""
        return None if self.items is None else self.items - self.items_left


TimerKey = tuple[str, TimerKind]


class Changes:
    """What the rows must learn from the events since the last commit; filled by `evolve`, drained by the committer."""

    __slots__ = (
        "attributes",
        "dead",
        "ended",
        "orphans",
        "parked_by",
        "published",
        "scheduled",
        "timers_cleared",
        "timers_set",
        "touched",
        "unparked",
        "voided",
    )

    def __init__(self) -> None:
        self.touched: dict[str, Step] = {}
        # Steps newly READY, to be leased or queued.
        self.scheduled: dict[str, Step] = {}
        # Steps whose queue entry or lease must go, because they ended while READY.
        self.voided: list[str] = []
        self.timers_set: dict[TimerKey, Instant] = {}
        self.timers_cleared: set[TimerKey] = set()
        # Steps that stand in the dead letters from now on, with the reason.
        self.dead: list[tuple[Step, str]] = []
        # Steps that ended before their child runs did.
        self.orphans: list[Step] = []
        # The run has ended with steps open: everything of it in queues, leases and timers must go.
        self.ended = False
        # What code has made known, by key; None removes an attribute.
        self.published: dict[str, Payload] | None = None
        self.attributes: dict[str, Scalar | None] | None = None
        # The run is parked because that worker could not decide it; or it is parked no longer.
        self.parked_by: str | None = None
        self.unparked = False


class Signals:
    """What a run was told and no step has taken yet, by name and in order, and the steps that wait to be told."""

    __slots__ = ("awaiting", "ids", "kept")

    def __init__(self) -> None:
        self.ids: set[str] = set()
        self.kept: dict[str, deque[Payload]] = {}
        self.awaiting: dict[str, dict[str, Step]] = {}


class Code:
    """How a run that is decided by code stands with its decisions. At most one is `due`: open, queued or parked."""

    __slots__ = (
        "build",
        "cancel_asked",
        "checksum",
        "decided",
        "decider",
        "due",
        "failures",
        "made",
        "news",
        "pin_lane",
        "step",
    )

    def __init__(self, decision: StepDefinition) -> None:
        self.step = Step(decision, DECISION)
        self.step.attempt = 1
        # What the code has seen; 0 before its first decision.
        self.decided = 0
        self.decider: str | None = None
        # Of the last result that was recorded.
        self.checksum = 0
        self.build = ""
        # The lane of the build the run stays on, if it does.
        self.pin_lane: int | None = None
        self.due = False
        # What the code has to see and has not, in order.
        self.news: list[Event] = []
        # Failed decisions since the last good one.
        self.failures = 0
        # Steps made so far.
        self.made = 0
        self.cancel_asked = False


class Run:
    """One run. `seq` is the number of its last event; `steps` holds those that have begun."""

    __slots__ = (
        "_changes",
        "block_reason",
        "child_of",
        "code",
        "created_at",
        "deadline",
        "ended_at",
        "failure",
        "forked_from",
        "id",
        "idempotency_key",
        "input",
        "open_steps",
        "output",
        "parked",
        "request_id",
        "seq",
        "signals",
        "state",
        "steps",
        "stored",
        "timers",
        "trace",
        "workflow",
    )

    def __init__(self, run_id: int, workflow: Workflow, input: Payload) -> None:
        self.id = run_id
        self.workflow = workflow
        self.input = input
        self.state = RunState.PENDING
        self.seq = 0
        self.output: Payload | None = None
        self.failure: Failure | None = None
        self.block_reason: str | None = None
        self.idempotency_key: str | None = None
        self.request_id: bytes | None = None
        self.trace: str | None = None
        self.forked_from: int | None = None
        # The step of another run that started this one.
        self.child_of: Parent | None = None
        self.created_at: Instant = 0
        self.ended_at: Instant | None = None
        self.deadline: Instant | None = None
        self.steps: dict[str, Step] = {}
        self.open_steps = len(workflow.definition.steps)
        self.parked: dict[str, Step] = {}
        self.timers: dict[TimerKey, Instant] = {}
        # None until the run is told something, or a step waits to be.
        self.signals: Signals | None = None
        decision = workflow.definition.decision
        self.code = None if decision is None else Code(decision)
        self.stored = False
        # None while there is nothing to note: most runs that are held wait for something.
        self._changes: Changes | None = None

    @property
    def changes(self) -> Changes:
        """The notes of what has changed since the last commit."""
        if self._changes is None:
            self._changes = Changes()
        return self._changes

    def step(self, definition: StepDefinition) -> Step:
        """The step of that definition, made on first use."""
        step = self.steps.get(definition.id)
        if step is None:
            step = self.steps[definition.id] = Step(definition, definition.id)
        return step

    def dependents(self, step: Step) -> Iterator[Step]:
        """The steps that need this one."""
        steps = self.workflow.definition.steps
        return (self.step(steps[index]) for index in step.definition.dependents)

    def parent(self, item: Step) -> Step:
        """The foreach step an item belongs to."""
        return self.steps[item.definition.id]

    def told(self) -> Signals:
        """The run's signals, made on first use."""
        if self.signals is None:
            self.signals = Signals()
        return self.signals

    def take_changes(self) -> Changes:
        """Hand over the notes and begin new ones."""
        changes, self._changes = self.changes, None
        return changes
