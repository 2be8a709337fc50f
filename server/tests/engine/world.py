"""A run driven by hand, with a clock of its own: every command is checked against what must hold for all of them."""

from __future__ import annotations

from textwrap import dedent
from typing import Any

from stellwerk_server import definition
from stellwerk_server.engine.decide import decide, start
from stellwerk_server.engine.evolve import evolve
from stellwerk_server.engine.run import Code, Run, Step
from stellwerk_server.model import commands as c
from stellwerk_server.model.errors import StellwerkError
from stellwerk_server.model.events import SECOND, Event, EventType, Instant, TimerKind
from stellwerk_server.model.failure import Category, Failure
from stellwerk_server.model.payload import Payload, from_value, to_value
from stellwerk_server.model.states import RUN_TRANSITIONS, STEP_TRANSITIONS, RunState, StepState

NEW_YEAR_2026: Instant = 1_767_225_600 * SECOND
ENDINGS = frozenset(
    {
        EventType.RUN_SUCCEEDED,
        EventType.RUN_FAILED,
        EventType.RUN_CANCELLED,
        EventType.RUN_TERMINATED,
        EventType.RUN_TIMED_OUT,
        EventType.RUN_CONTINUED,
    }
)
_LEFT_OUT = {"_changes", "stored", "steps", "parked", "code"}


def workflow_of(text: str) -> c.Workflow:
    """A registered version of the definition, with a lane for each action."""
    parsed = definition.parse(f"name: w\n{dedent(text)}")
    lanes = tuple(s.index + 1 if s.action else 0 for s in parsed.steps)
    return c.Workflow(1, 1, "default", parsed.name, 1, parsed, lanes)


class World:
    """One run. `run` was changed in place by each decision; `events` is its whole history."""

    def __init__(self, text: str | c.Workflow, value: Any = None, **fields: Any) -> None:
        workflow = workflow_of(text) if isinstance(text, str) else text
        self.now = NEW_YEAR_2026
        self.command = c.StartRun(7, workflow, from_value(value), **fields)
        self.run, self.events = start(self.command, self.now)
        self.check(self.events)

    def do(self, command: c.Command, *, leased: bool = True) -> list[Event]:
        """Decide the command now; lease commands come with the lease unless told otherwise."""
        before = _states(self.run)
        was_terminal = self.run.state.terminal
        length = len(self.events)
        try:
            events = decide(self.run, command, c.Lease("worker", self.now) if leased else None, self.now)
        except StellwerkError:
            assert _states(self.run) == before
            assert self.run.seq == length
            raise
        self.events += events
        assert not (was_terminal and events)
        self.check(events)
        return events

    def check(self, events: list[Event]) -> None:
        """What holds after every command."""
        assert [event.seq for event in self.events] == list(range(1, len(self.events) + 1))
        endings = [event.type for event in self.events if event.type in ENDINGS]
        assert endings == ([self.events[-1].type] if self.run.state.terminal else [])
        assert all(event.at == self.now for event in events)

    def step(self, key: str) -> Step:
        """The step as it stands."""
        return self.run.steps[key]

    def state(self, key: str) -> str:
        """The name of a step's state."""
        return self.run.steps[key].state.name

    def states(self) -> str:
        """All steps on one line, as in 'a:SUCCEEDED b:READY'."""
        return " ".join(f"{key}:{step.state.name}" for key, step in sorted(self.run.steps.items()))

    def count(self, type: EventType) -> int:
        """How often that happened."""
        return sum(event.type is type for event in self.events)

    def output(self) -> Any:
        """What the run gave back."""
        assert self.run.output is not None
        return to_value(self.run.output)

    def complete(self, key: str, value: Any = None, *, attempt: int = 0, leased: bool = True) -> list[Event]:
        """The current (or that) attempt succeeds."""
        attempt = attempt or self.step(key).attempt
        return self.do(c.CompleteStep(7, key, attempt, b"t", from_value(value)), leased=leased)

    def fail(
        self, key: str, type: str = "Boom", *, attempt: int = 0, leased: bool = True, **fields: Any
    ) -> list[Event]:
        """The current (or that) attempt fails."""
        attempt = attempt or self.step(key).attempt
        return self.do(c.FailStep(7, key, attempt, b"t", Failure(type, "no", **fields)), leased=leased)

    def lose(self, key: str) -> list[Event]:
        """The lease runs out."""
        failure = Failure("LeaseExpired", "gone", category=Category.WORKER_LOST)
        return self.do(c.ExpireLease(7, key, self.step(key).attempt, b"t", failure))

    def kill(self, key: str) -> None:
        """Fail the step for good."""
        self.fail(key, terminal=True)

    def fire(self, kind: TimerKind, key: str = "", *, leased: bool = False) -> list[Event]:
        """The timer's moment has come: go there and fire it."""
        due_at = self.run.timers[key, kind]
        self.now = max(self.now, due_at)
        return self.do(c.FireTimer(7, key, kind, due_at), leased=leased)

    def requeue(self, key: str) -> list[Event]:
        """Give a parked step new attempts."""
        return self.do(c.RequeueStep(7, key, self.step(key).attempt))

    def discard(self, key: str) -> list[Event]:
        """Give up on a parked step."""
        return self.do(c.DiscardStep(7, key, self.step(key).attempt, "enough"))

    def cancel(self) -> list[Event]:
        """Cancel the run."""
        return self.do(c.CancelRun(7, "by hand"))

    def terminate(self) -> list[Event]:
        """Terminate the run."""
        return self.do(c.TerminateRun(7, "by hand"))

    def folded(self) -> Run:
        """A fresh run with this history, as another server would see it."""
        run = Run(7, self.run.workflow, self.run.input)
        for name in ("idempotency_key", "request_id", "trace", "forked_from", "deadline"):
            setattr(run, name, getattr(self.run, name))
        for event in self.events:
            evolve(run, event)
        return run


def value_of(payload: Payload | None) -> Any:
    """The JSON value of a payload that must be there."""
    assert payload is not None
    return to_value(payload)


def snapshot(run: Run) -> dict[str, Any]:
    """A copy of every field of a run and its steps but the notes for the committer.

    Steps that never began look the same.
    """
    fields = {name: getattr(run, name) for name in Run.__slots__ if name not in _LEFT_OUT}
    steps = {key: _step(step) for key, step in run.steps.items()}
    for step in run.workflow.definition.steps:
        steps.setdefault(step.id, _step(Step(step, step.id)))
    told = run.signals and (
        set(run.signals.ids),
        {name: list(kept) for name, kept in run.signals.kept.items()},
        {name: list(steps) for name, steps in run.signals.awaiting.items()},
    )
    more = {"parked": set(run.parked), "steps": steps, "signals": told, "code": run.code and _code(run.code)}
    return {**fields, "timers": dict(run.timers), **more}


def illegal_moves(run: Run, events: list[Event]) -> list[str]:
    """The moves of run and steps, one event at a time, that the tables do not know."""
    fresh = Run(run.id, run.workflow, run.input)
    found: list[str] = []
    for event in events:
        before = _states(fresh)
        evolve(fresh, event)
        found += [f"{event.type.name}: {move}" for move in _unknown_moves(before, _states(fresh))]
    return found


def _unknown_moves(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    moves = []
    for key, to in after.items():
        start: Any = RunState.PENDING if key == "" else StepState.PENDING
        source = before.get(key, start)
        table: Any = RUN_TRANSITIONS if key == "" else STEP_TRANSITIONS
        if source is not to and not (key == "" and source is RunState.PENDING) and to not in table.get(source, ()):
            moves.append(f"{key or 'run'} {source.name} -> {to.name}")
    return moves


def _states(run: Run) -> dict[str, Any]:
    return {"": run.state, **{key: step.state for key, step in run.steps.items()}}


def _code(code: Code) -> dict[str, Any]:
    fields = {name: getattr(code, name) for name in Code.__slots__}
    return {**fields, "step": _step(code.step), "news": list(code.news)}


def _step(step: Step) -> dict[str, Any]:
    fields = {name: getattr(step, name) for name in Step.__slots__ if name not in ("definition", "stored")}
    return {**fields, "outcomes": list(step.outcomes)}
