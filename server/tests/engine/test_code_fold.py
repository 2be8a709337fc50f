"""The fold of runs of code: after any commands each beginning of the history gives the run as it was then."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from server.tests.engine.code_world import (
    CodeWorld,
    action,
    awaits,
    cancel,
    child,
    local,
    local_failed,
    publish,
    sleep,
    succeed,
)
from server.tests.engine.world import illegal_moves, snapshot
from stellwerk_server.engine.evolve import evolve
from stellwerk_server.engine.run import Run
from stellwerk_server.model import code as m
from stellwerk_server.model import commands as c
from stellwerk_server.model.errors import InvalidArgument, Refused
from stellwerk_server.model.events import NEWS, SECOND, TimerKind
from stellwerk_server.model.failure import Failure
from stellwerk_server.model.payload import from_value
from stellwerk_server.model.states import RunState, StepState

_MAKES: list[Any] = [
    action,
    lambda step: action(step, retry={"max_attempts": 2, "initial_s": 1.0}, timeout={"total_s": 8.0, "start_s": 3.0}),
    child,
    lambda step: child(step, parent_close="abandon", timeout={"total_s": 5.0}),
    lambda step: sleep(step, 2),
    lambda step: sleep(step, 0),
    awaits,
    lambda step: awaits(step, 4),
    local,
    local_failed,
    cancel,
    cancel,
    lambda step: publish("k", 1),
    lambda step: m.Patch("p"),
    lambda step: m.SetAttributes({"a": None}),
]
_ENDS: list[m.CodeCommand] = [
    succeed(1),
    m.Fail(Failure("Boom", "no")),
    m.Cancelled(),
    m.Continue(None, from_value(1), 8),
]
_WHAT = ["decide"] * 8 + ["complete"] * 4 + ["fail", "fail", "lose", "release", "signal", "signal", "fire", "fire"]
_WHAT += ["started", "ended", "decision fails", "decision lost", "decision released", "resume", "cancel", "terminate"]
_ACTS = st.tuples(
    st.sampled_from(_WHAT),
    st.integers(0, 40),
    st.booleans(),
    st.lists(st.integers(0, len(_MAKES) - 1), max_size=4),
)


class Player:
    """Plays code and everybody else; knows whether a decision is out, as the committer does."""

    def __init__(self) -> None:
        self.world = CodeWorld(timeout_s=60.0)
        # The lease of a decision: what its worker has seen.
        self.seen: int | None = None
        self.queued = False
        self.past: list[tuple[int, dict[str, Any]]] = []

    def act(self, what: str, pick: int, flag: bool, makes: list[int]) -> None:
        world = self.world
        world.now += SECOND // 4
        if what.startswith("decision"):
            self._decision_goes_wrong(what.partition(" ")[2], pick)
        elif what == "decide":
            self._decide(pick, keep=flag, makes=makes)
        elif what in ("terminate", "cancel", "resume"):
            if pick < 8 or what == "resume":
                getattr(world, what)()
        elif what == "signal":
            world.signal("go", pick)
        elif what == "fire":
            self._fire(pick)
        else:
            self._step(what, pick)
        self._look()

    def _look(self) -> None:
        changes = self.world.run.take_changes()
        if m.DECISION in changes.scheduled:
            assert self.seen is None
            assert not self.queued
            self.queued = True
        if self.world.run.state.terminal:
            self.seen, self.queued = None, False
        self.past.append((len(self.world.events), snapshot(self.world.run)))
        self._check()

    def _check(self) -> None:
        """What holds whenever a command is done."""
        world, run, code = self.world, self.world.run, self.world.code
        if run.state.terminal:
            assert not run.timers
            return
        out = self.queued or self.seen is not None
        waits = (m.DECISION, TimerKind.RETRY) in run.timers
        assert [out, waits, run.state is RunState.BLOCKED].count(True) == code.due
        assert code.news == [e for e in world.events if e.seq > code.decided and e.type in NEWS]
        assert code.due or not code.news
        assert run.open_steps == sum(not step.state.finished for step in run.steps.values())

    def _take(self) -> None:
        if self.queued:
            self.queued, self.seen = False, self.world.run.seq

    def _decide(self, pick: int, *, keep: bool, makes: list[int]) -> None:
        self._take()
        world = self.world
        if self.seen is None:
            return
        commands: list[m.CodeCommand] = [_MAKES[n](self._id(n, place)) for place, n in enumerate(makes)]
        if pick < 3 and not keep:
            commands.append(_ENDS[pick])
        known = {*world.run.steps}
        told = world.code.news[-1].seq if keep and world.code.news else 0
        kept = [x for x in commands if not isinstance(x, m.CancelStep) or x.step in known]
        events = world.decide(*kept, sequence=self.seen, keep=keep)
        if not keep:
            self.seen = None
        else:
            self.seen = world.code.decided if events else max(self.seen, told)

    def _id(self, kind: int, place: int) -> str:
        if _MAKES[kind] is cancel:
            steps = sorted(self.world.run.steps)
            return steps[(kind + place) % len(steps)] if steps else "none"
        prefix = "go" if kind in (6, 7) else "s"
        return f"{prefix}#{self.world.run.seq}-{place}"

    def _decision_goes_wrong(self, how: str, pick: int) -> None:
        self._take()
        if self.seen is None:
            return
        self.seen = None
        if how == "fails":
            self.world.decision_fails(terminal=pick == 0, retry_after_s=None)
        elif how == "lost":
            self.world.decision_lost()
        else:
            self.world.do(c.ReleaseStep(7, m.DECISION, self.world.code.step.attempt, b"t"))

    def _step(self, what: str, pick: int) -> None:
        world = self.world
        state = StepState.WAITING if what == "ended" else StepState.READY
        kinds = ("workflow",) if what in ("started", "ended") else ("action",)
        found = [s for s in world.run.steps.values() if s.state is state and s.definition.kind.name.lower() in kinds]
        if not found:
            return
        step = found[pick % len(found)]
        if what == "started":
            world.do(c.ChildStarted(7, step.key, 40 + pick))
        elif what == "ended" and step.child is not None:
            end = RunState.SUCCEEDED if pick % 2 else RunState.FAILED
            world.do(
                c.ChildEnded(
                    7, step.key, step.child, step.child + pick // 2 % 2, end, from_value(1), Failure("Boom", "no")
                )
            )
        elif what == "fail":
            world.fail(step.key, terminal=pick % 4 == 0)
        elif what == "complete":
            world.complete(step.key, pick)
        elif what == "lose":
            world.lose(step.key)
        elif what == "release":
            world.do(c.ReleaseStep(7, step.key, step.attempt, b"t"))

    def _fire(self, pick: int) -> None:
        timers = sorted(self.world.run.timers)
        if timers:
            key, kind = timers[pick % len(timers)]
            self.world.fire(kind, key)


@given(st.lists(_ACTS, max_size=30))
@settings(max_examples=300, deadline=None, print_blob=True)
def test_each_beginning_of_the_history_gives_the_run_as_it_was(acts: list[Any]) -> None:
    player = Player()
    for act in acts:
        try:
            player.act(*act)
        except (Refused, InvalidArgument):
            continue
    assert illegal_moves(player.world.run, player.world.events) == []
    _check_prefixes(player)


def _check_prefixes(player: Player) -> None:
    world = player.world
    fresh = Run(7, world.run.workflow, world.run.input)
    fresh.deadline = world.run.deadline
    ends = dict(player.past)
    for event in world.events:
        evolve(fresh, event)
        if event.seq in ends:
            # That timer goes without an event, and from the fold with the next decision.
            assert _without_retry(snapshot(fresh)) == _without_retry(ends[event.seq]), event


def _without_retry(fields: dict[str, Any]) -> dict[str, Any]:
    timers = {key: due for key, due in fields["timers"].items() if key != (m.DECISION, TimerKind.RETRY)}
    return {**fields, "timers": timers}
