"""The fold: whatever was decided, the history alone gives the same run, and every move is in the tables."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from server.tests.engine.world import World, illegal_moves, snapshot
from stellwerk_server.model import commands as c
from stellwerk_server.model.errors import Refused
from stellwerk_server.model.events import EventType, TimerKind
from stellwerk_server.model.failure import Category, Failure
from stellwerk_server.model.payload import from_value

_ON_FAILURE = st.sampled_from(["fail", "continue", "park"])
_TEMPLATES = st.sampled_from(
    ["", "when: 'input.n > 0', ", "when: 'input.n > 5', ", "when: input.none, ", "input: '${input.none}', "]
)
_EACH = st.sampled_from(["", "", "", "foreach: '${input.list}', ", "foreach: [], ", "foreach: '${input.n}', "])
_TIMEOUT = st.sampled_from(
    ["", "timeout: {total: 3s}, ", "timeout: {start: 1s}, ", "timeout: {attempt: 1s, total: 9s}, "]
)
_RETRY = st.sampled_from(
    ["", "retry: {max_attempts: 2}, ", "retry: {max_attempts: 1}, ", "retry: {non_retryable: [Bad]}, "]
)


@st.composite
def definitions(draw: st.DrawFn) -> str:
    """Small graphs of every kind of step."""
    lines = []
    for index in range(draw(st.integers(1, 5))):
        needs = (
            draw(st.lists(st.sampled_from([f"s{i}" for i in range(index)]), unique=True, max_size=3)) if index else []
        )
        common = f"id: s{index}, needs: [{', '.join(needs)}], on_failure: {draw(_ON_FAILURE)}"
        if draw(st.integers(0, 5)) == 0:
            lines.append(f"{{{common}, sleep: 2s}}")
        else:
            extra = draw(_EACH) + draw(_TEMPLATES) + draw(_TIMEOUT) + draw(_RETRY)
            lines.append(f"{{{common}, {extra}action: x}}")
    return f"steps: [{', '.join(lines)}]\n" + draw(st.sampled_from(["", "output: '${input.none}'", "timeout: 7s"]))


_ACTS = st.tuples(
    st.sampled_from(
        ["complete", "complete", "complete", "fail", "fail", "lose", "release", "fire", "fire", "early", "requeue",
         "requeue", "discard", "cancel", "terminate"]
    ),
    st.integers(0, 30),
    st.sampled_from([0, 0, 0, 0, -1, 1]),
    st.sampled_from([True, True, True, True, False]),
)  # fmt: skip


def act(world: World, what: str, pick: int, off: int, leased: bool) -> None:
    """One command, legal or not; who holds no lease has none, as the committer would see it."""
    keys = sorted(world.run.steps)
    key = keys[pick % len(keys)]
    step = world.step(key)
    attempt = max(0, step.attempt + off)
    holds = leased and off == 0 and step.state.name == "READY"
    failure = Failure("Bad" if pick % 2 else "Boom", "no", terminal=pick % 5 == 0)
    lost = Failure("LeaseExpired", "gone", category=Category.WORKER_LOST)
    commands: dict[str, c.Command] = {
        "complete": c.CompleteStep(7, key, attempt, b"t", from_value({"n": pick})),
        "fail": c.FailStep(7, key, attempt, b"t", failure),
        "lose": c.ExpireLease(7, key, attempt, b"t", lost),
        "release": c.ReleaseStep(7, key, attempt, b"t"),
        "requeue": c.RequeueStep(7, key, attempt),
        "discard": c.DiscardStep(7, key, attempt, ""),
        "cancel": c.CancelRun(7, ""),
        "terminate": c.TerminateRun(7, ""),
    }
    if what in ("fire", "early"):
        _fire(world, what, pick, leased)
    elif what not in ("cancel", "terminate") or pick < 6:
        world.do(commands[what], leased=holds)


def _fire(world: World, what: str, pick: int, leased: bool) -> None:
    timers = sorted(world.run.timers.items(), key=lambda timer: timer[1])
    if not timers:
        assert world.do(c.FireTimer(7, "s0", TimerKind.SLEEP, world.now)) == []
        return
    (key, kind), due_at = timers[pick % len(timers)]
    world.now = due_at - 1 if what == "early" else max(world.now, due_at)
    events = world.do(c.FireTimer(7, key, kind, due_at), leased=leased and pick % 2 == 0)
    assert not (what == "early" and events)


@given(st.data())
@settings(max_examples=300, deadline=None, print_blob=True)
def test_the_history_alone_gives_the_same_run(data: st.DataObject) -> None:
    value: dict[str, Any] = {
        "n": data.draw(st.integers(0, 9)),
        "list": data.draw(st.lists(st.integers(0, 9), max_size=3)),
    }
    world = World(data.draw(definitions()), value)
    for step in data.draw(st.lists(_ACTS, max_size=25)):
        try:
            act(world, *step)
        except Refused:
            continue
    assert snapshot(world.folded()) == snapshot(world.run)
    assert illegal_moves(world.run, world.events) == []
    assert not world.run.state.terminal or world.run.timers == {}
    _check_attempts(world)
    _check_needs(world)
    _check_liveness(world)


def _check_attempts(world: World) -> None:
    """I2, I10: one completion a step; never more attempts since the last requeue than the policy gives."""
    completed = [event.step for event in world.events if event.type is EventType.STEP_SUCCEEDED]
    assert len(completed) == len(set(completed))
    for step in world.run.steps.values():
        assert step.attempt - step.attempt_base <= step.definition.retry.max_attempts


def _check_needs(world: World) -> None:
    """I8: what was scheduled came after all its needs."""
    finished: set[str] = set()
    steps = world.run.workflow.definition.steps
    for event in world.events:
        if event.type in (EventType.STEP_SCHEDULED, EventType.STEP_EXPANDED, EventType.STEP_SLEEPING):
            definition = world.step(event.step or "").definition
            assert {steps[need].id for need in definition.needs} <= finished
        elif event.step is not None and event.type is not EventType.STEP_ATTEMPT_FAILED:
            finished.add(event.step)


def _check_liveness(world: World) -> None:
    """I20: an open run has something it waits for."""
    if world.run.state.terminal:
        return
    ready = [step for step in world.run.steps.values() if step.state.name == "READY"]
    waits = [kind for _, kind in world.run.timers if kind in (TimerKind.RETRY, TimerKind.SLEEP)]
    assert ready or waits or world.run.parked
