"""What must hold after every command, read from the tables: I2 to I13 and I20 of the project's list of invariants."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable

from server.tests.engine.world import ENDINGS, illegal_moves
from stellwerk_server.engine.run import Run, Step
from stellwerk_server.model import ids
from stellwerk_server.model.code import DECISION
from stellwerk_server.model.commands import Workflow
from stellwerk_server.model.definition import ParentClose, StepKind
from stellwerk_server.model.events import SECOND, Event, EventType, TimerKind
from stellwerk_server.model.states import DeadLetterState, StepState
from tests.model.code_checks import check_code, closes, decision_wanted, goes_on
from tests.model.feed_checks import check_feed
from tests.model.history_checks import check_history_alone
from tests.model.virtual import Database
from tests.support.folds import Row, differences, event_of, folded, least_delay_s, resolution

Place = tuple[int, str]


class Tables:
    """Everything there is at one moment, and every run folded anew from its history."""

    def __init__(self, database: Database, workflow: Callable[[int], Workflow]) -> None:
        found = dict(zip(_READS, database.many([_READS[name] for name in _READS]), strict=True))
        self.now = database.now
        self.runs = {row["id"]: row for row in found["runs"]}
        self.steps = {(row["run_id"], row["key"]): row for row in found["steps"]}
        self.ready = {(row["run_id"], row["step"]): row for row in found["ready"]}
        self.leases = {(row["run_id"], row["step"]): row for row in found["leases"]}
        self.timers = {(row["run_id"], row["step"], row["kind"]): row["due_at"] for row in found["timers"]}
        self.dead = {(row["run_id"], row["step"], row["attempt"]): row for row in found["dead_letters"]}
        self.children = {row["run_id"]: (row["parent_run_id"], row["step"]) for row in found["children"]}
        self.published = {(row["run_id"], row["key"]): row["value"] for row in found["published"]}
        self.attributes = {(row["run_id"], row["key"]): row["value"] for row in found["attributes"]}
        self.parked = {row["run_id"]: row for row in found["parked"]}
        self.chunks = {(row["run_id"], row["step"], row["attempt"], row["seq"]): row for row in found["chunks"]}
        # The commits in the order of readers, then those that still wait for a place in it.
        self.commits = found["feed"] + found["moves"]
        self.dead_apart = found["dead_apart"]
        self.events: dict[int, list[Event]] = defaultdict(list)
        for row in found["events"]:
            self.events[row["run_id"]].append(event_of(row))
        self.folds = {
            run_id: folded(row, workflow(row["workflow_id"]), self.events[run_id]) for run_id, row in self.runs.items()
        }

    def check(self) -> None:
        """All of it."""
        assert set(self.events) == set(self.runs)
        for run in self.folds.values():
            self._check_history(run)
            check_history_alone(self, run)
            self._check_rows(run)
            self._check_queues(run)
            self._check_times(run)
            self._check_family(run)
        self._check_dead_letters()
        assert not self.dead_apart, "a dead letter was not written by the transaction that wrote its event"
        check_feed(self)
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
        # What a fork keeps of its source was counted there.
        kept = {event.step for event in events if event.type is EventType.STEP_KEPT}
        for step in run.steps.values():
            assert step.key in kept or step.attempt - step.attempt_base <= step.definition.retry.max_attempts

    def _check_rows(self, run: Run) -> None:
        """I7: rows are the fold of the history."""
        steps = {key: row for (run_id, key), row in self.steps.items() if run_id == run.id}
        assert differences(run, self.runs[run.id], steps) == []

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
                assert data["due_at"] >= event.at + least_delay_s(run.steps[event.step or ""], event) * SECOND
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
            says = resolution(self.events[run_id], step, attempt)
            if says is None and row["state"] != DeadLetterState.OPEN:
                self._check_settled_beside(run_id, row)
            else:
                assert row["state"] == (says or DeadLetterState.OPEN), (step, attempt)

    def _check_settled_beside(self, run_id: int, row: Row) -> None:
        """The history was closed and says nothing of it: a fork does the work, or it was discarded since."""
        assert self.folds[run_id].state.terminal
        if row["state"] == DeadLetterState.REQUEUED:
            assert self.runs[row["requeued_run_id"]]["forked_from"] == run_id
        else:
            assert row["resolved_at"] >= self.events[run_id][-1].at


_READS = {
    **{
        name: f"table {name}"
        for name in (
            "runs", "steps", "ready", "leases", "timers", "dead_letters", "children", "published", "attributes",
            "parked", "chunks",
        )
    },
    "events": "select * from events order by run_id, seq",
    "feed": "select * from feed order by position",
    "moves": "select * from moves order by id",
    # I11: an open dead letter and its event are of one transaction.
    "dead_apart": "select d.run_id, d.step from dead_letters d join events e on e.run_id = d.run_id"
    " and e.step = d.step and e.attempt = d.attempt and e.type = 23 where d.state = 1 and d.xmin <> e.xmin",
}  # fmt: skip
_CLOSING = {
    ParentClose.CANCEL: TimerKind.PARENT_CANCELS,
    ParentClose.TERMINATE: TimerKind.PARENT_TERMINATES,
    ParentClose.ABANDON: None,
}
_WAKING = (TimerKind.RETRY, TimerKind.SLEEP)
