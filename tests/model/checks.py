"""What must hold after every command, read from the tables: I2 to I12 and I20 of the project's list of invariants."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Callable
from typing import Any

from server.tests.engine.world import ENDINGS, illegal_moves
from stellwerk_server.engine.evolve import evolve
from stellwerk_server.engine.run import Run, Step
from stellwerk_server.model import failure as failures
from stellwerk_server.model import ids
from stellwerk_server.model.code import DECISION
from stellwerk_server.model.commands import Workflow
from stellwerk_server.model.definition import ParentClose, StepKind
from stellwerk_server.model.events import SECOND, Event, EventType, TimerKind
from stellwerk_server.model.failure import Category
from stellwerk_server.model.states import DeadLetterState, StepState
from tests.model.code_checks import check_code, closes, decision_wanted, goes_on
from tests.model.virtual import Database

Row = dict[str, Any]
Place = tuple[int, str]


class Tables:
    """Everything there is at one moment, and every run folded anew from its history."""

    def __init__(self, database: Database, workflow: Callable[[int], Workflow]) -> None:
        self.now = database.now
        self.runs = {row["id"]: row for row in database.all("runs")}
        self.steps = {(row["run_id"], row["key"]): row for row in database.all("steps")}
        self.ready = {(row["run_id"], row["step"]): row for row in database.all("ready")}
        self.leases = {(row["run_id"], row["step"]): row for row in database.all("leases")}
        self.timers = {(row["run_id"], row["step"], row["kind"]): row["due_at"] for row in database.all("timers")}
        self.dead = {(row["run_id"], row["step"], row["attempt"]): row for row in database.all("dead_letters")}
        self.children = {row["run_id"]: (row["parent_run_id"], row["step"]) for row in database.all("children")}
        self.published = {(row["run_id"], row["key"]): row["value"] for row in database.all("published")}
        self.attributes = {(row["run_id"], row["key"]): row["value"] for row in database.all("attributes")}
        self.parked = {row["run_id"]: row for row in database.all("parked")}
        self.events: dict[int, list[Event]] = defaultdict(list)
        for row in database.rows("select * from events order by run_id, seq"):
            self.events[row["run_id"]].append(_event(row))
        self.folds = {run_id: self._fold(row, workflow(row["workflow_id"])) for run_id, row in self.runs.items()}

    def _fold(self, row: Row, workflow: Workflow) -> Run:
        run = Run(row["id"], workflow, row["input"])
        run.deadline = row["deadline"]
        for event in self.events[row["id"]]:
            evolve(run, event)
        return run

    def check(self) -> None:
        """All of it."""
        assert set(self.events) == set(self.runs)
        for run in self.folds.values():
            self._check_history(run)
            self._check_rows(run)
            self._check_queues(run)
            self._check_times(run)
            self._check_family(run)
        self._check_dead_letters()
        check_code(self)
        assert {run_id for run_id, _ in (*self.ready, *self.leases, *self.steps)} <= set(self.runs)

    def _check_history(self, run: Run) -> None:
        """I2, I6, I7, I8, I10 in the history alone."""
        events = self.events[run.id]
        assert [event.seq for event in events] == list(range(1, len(events) + 1))
        endings = [event.type for event in events if event.type in ENDINGS]
        assert endings == ([events[-1].type] if run.state.terminal else [])
        completed = Counter(event.step for event in events if event.type is EventType.STEP_SUCCEEDED)
        assert not [step for step, count in completed.items() if count > 1]
        assert illegal_moves(run, events) == []
        for step in run.steps.values():
            assert step.attempt - step.attempt_base <= step.definition.retry.max_attempts

    def _check_rows(self, run: Run) -> None:
        """I7: rows are the fold of the history."""
        row = self.runs[run.id]
        names = ("state", "seq", "output", "block_reason", "created_at", "ended_at")
        assert {name: row[name] for name in names} == {name: getattr(run, name) for name in names}
        assert row["failure"] == _failure(run)
        touched = run.take_changes().touched
        assert {key for run_id, key in self.steps if run_id == run.id} == set(touched)
        for key, step in touched.items():
            stored = self.steps[run.id, key]
            if run.code is not None and step.state.finished:
                # The table keeps what only another attempt would need.
                step.input = stored["input"]
            assert {name: stored[name] for name in _STEP} == {name: getattr(step, name) for name in _STEP}, key
            assert stored["failure"] == _failure(step)
            assert stored["position"] == step.definition.index

    def _check_queues(self, run: Run) -> None:
        """I3, I4, I8, I9, I20: who is READY waits in a queue or is held, once; nobody else."""
        wanted = {
            (run.id, key): step.attempt
            for key, step in run.steps.items()
            if step.state is StepState.READY and not run.state.terminal
        }
        wanted |= decision_wanted(self, run)
        queued = {place: row["attempt"] for place, row in self.ready.items() if place[0] == run.id}
        held = {place: row["attempt"] for place, row in self.leases.items() if place[0] == run.id}
        assert not set(queued) & set(held)
        assert queued | held == wanted
        self._check_timers(run, held)
        if not run.state.terminal:
            waking = [kind for _, kind in run.timers if kind in _WAKING]
            told = [step for step in run.steps.values() if self._is_told(run, step)]
            due = run.code is not None and run.code.due
            assert wanted or run.parked or waking or told or due, "nothing moves it on"
        for step in run.steps.values():
            if step.state is StepState.WAITING and step.items is None and not self._is_told(run, step):
                assert {(step.key, kind) for kind in _WAKING} & set(run.timers), step.key

    def _is_told(self, run: Run, step: Step) -> bool:
        """I20: it waits for a signal nobody has sent, or for a run that is open or whose end is on its way."""
        if step.state is not StepState.WAITING:
            return False
        if step.definition.kind is StepKind.SIGNAL:
            assert run.signals is not None
            assert not run.signals.kept.get(step.definition.signal)
            return step.key in run.signals.awaiting[step.definition.signal]
        if step.child is None:
            return False
        open_child = not self.folds[step.child].state.terminal
        return open_child or (run.id, step.key, TimerKind.CHILD_ENDED) in self.timers

    def _check_family(self, run: Run) -> None:
        """Every child has its parent's step in both histories and in the table, and does not outlive it unasked."""
        if run.child_of is None:
            assert run.id not in self.children
            return
        parent, key = self.folds[run.child_of.run_id], run.child_of.step
        assert self.children[run.id] == (parent.id, key)
        begun = [e for e in self.events[parent.id] if e.type is EventType.STEP_CHILD_STARTED and e.step == key]
        told = ids.show(run.id) in [(event.data or {})["child"] for event in begun]
        assert told or goes_on(self, run)
        if not run.state.terminal and parent.steps[key].state.finished:
            kind = _CLOSING[parent.steps[key].definition.parent_close]
            assert kind is None or closes(self, run, kind)

    def _check_timers(self, run: Run, held: dict[Place, int]) -> None:
        """I12: the table holds what the history says; a start timer may have found its step taken."""
        stored = {
            (step, TimerKind(kind)): due
            for (run_id, step, kind), due in self.timers.items()
            if run_id == run.id and kind < TimerKind.CHILD_ENDED
        }
        assert stored.items() <= run.timers.items()
        for (step, kind), due_at in run.timers.items() - stored.items():
            if (step, kind) == (DECISION, TimerKind.RETRY):
                # It goes without an event.
                continue
            assert kind is TimerKind.STEP_START
            assert (run.id, step) in held
            assert due_at <= self.now

    def _check_times(self, run: Run) -> None:
        """I10, I12: nothing that waits for a moment came before it."""
        due: dict[str | None, int] = {None: run.deadline or 0}
        for event in self.events[run.id]:
            data = event.data or {}
            if event.type in (EventType.STEP_ATTEMPT_FAILED, EventType.STEP_SLEEPING):
                due[event.step] = data["due_at"]
                assert data["due_at"] >= event.at + _delay_s(run.steps[event.step or ""], event) * SECOND
            elif event.type in (EventType.STEP_SCHEDULED, EventType.STEP_SUCCEEDED, EventType.RUN_TIMED_OUT):
                assert event.at >= due.get(event.step, 0)
            elif event.type is EventType.STEP_DEAD:
                self._check_timeout(run, event)
                due.pop(event.step, None)

    def _check_timeout(self, run: Run, event: Event) -> None:
        assert event.failure is not None
        step = run.steps[event.step or ""]
        timeout = step.definition.timeout
        scheduled = [
            e.at
            for e in self.events[run.id]
            if e.seq < event.seq
            and (e.step == event.step or (step.item is not None and e.step == step.definition.id))
            and e.type in (EventType.STEP_SCHEDULED, EventType.STEP_EXPANDED)
        ]
        if event.failure.type == "StartTimeout":
            assert timeout.start_s is not None
            assert event.at >= scheduled[-1] + timeout.start_s * SECOND
        if event.failure.type == "StepTimeout":
            assert timeout.total_s is not None
            assert event.at >= scheduled[0] + timeout.total_s * SECOND

    def _check_dead_letters(self) -> None:
        """I11: every exhausted step once, in the transaction that says so, and resolved as the history says."""
        died = {
            (run_id, event.step, event.attempt): event.at
            for run_id, events in self.events.items()
            for event in events
            if event.type is EventType.STEP_DEAD
        }
        assert {place: row["created_at"] for place, row in self.dead.items()} == died
        for (run_id, step, attempt), row in self.dead.items():
            assert row["state"] == self._resolution(run_id, step, attempt), (step, attempt)

    def _resolution(self, run_id: int, step: str, attempt: int) -> DeadLetterState:
        after = False
        for event in self.events[run_id]:
            if event.step != step:
                continue
            if event.type is EventType.STEP_DEAD and event.attempt == attempt:
                after = True
            elif after and event.type is EventType.STEP_SCHEDULED:
                return DeadLetterState.REQUEUED
            elif after and event.type is EventType.STEP_DISCARDED:
                return DeadLetterState.DISCARDED
        return DeadLetterState.OPEN


_CLOSING = {
    ParentClose.CANCEL: TimerKind.PARENT_CANCELS,
    ParentClose.TERMINATE: TimerKind.PARENT_TERMINATES,
    ParentClose.ABANDON: None,
}
_WAKING = (TimerKind.RETRY, TimerKind.SLEEP)
_STEP = (
    "item", "state", "attempt", "input", "output", "worker", "due_at", "ready_at", "started_at", "ended_at", "items",
    "items_finished",
)  # fmt: skip


def _delay_s(step: Step, event: Event) -> float:
    """The least time that must pass after the event."""
    failure = event.failure
    if failure is None:
        return step.definition.sleep_s or 0.0
    if failure.category is Category.WORKER_LOST:
        return 0.0
    policy = step.definition.retry
    return policy.initial_s * (1.0 - policy.jitter) if failure.retry_after_s is None else failure.retry_after_s


def _failure(held: Run | Step) -> str | None:
    return None if held.failure is None else failures.to_json(held.failure)


def _event(row: Row) -> Event:
    failure = None if row["failure"] is None else failures.from_json(row["failure"])
    data = None if row["data"] is None else json.loads(row["data"])
    names = ("seq", "at", "step", "attempt", "worker", "started_at", "payload")
    return Event(type=EventType(row["type"]), failure=failure, data=data, **{name: row[name] for name in names})
