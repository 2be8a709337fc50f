"""The settings, and in each the commands that meet there. Data: what must come of them the serial orders say."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, NamedTuple

from stellwerk_server.model import code as m
from stellwerk_server.model import commands as c
from stellwerk_server.model.events import TimerKind
from stellwerk_server.model.failure import Category, Failure
from stellwerk_server.model.payload import from_value
from tests.interleave.crew import CODE, NOW, Crew, Make, Slot
from tests.interleave.sides import Side, Work
from tests.support.instance import complete, fail, release

Act = Callable[[Slot], Work]
Prepare = Callable[[Crew, Sequence[Slot]], Awaitable[None]]


class Scene(NamedTuple):
    """A setting. `bound`: how many switches are explored in short where all schedules would be millions."""

    name: str
    texts: tuple[str, ...]
    prepare: Prepare
    acts: dict[str, Act]
    bound: int | None = None


def batch(make: Make) -> Act:
    """Commands that are submitted together."""

    def act(slot: Slot) -> Work:
        async def work(side: Side) -> Any:
            return await side.submit(make(slot))

        return work

    return act


def _claim(slot: Slot) -> Work:
    return lambda side: side.claim(slot.lanes)


def _extend(*places: tuple[int, str]) -> Act:
    return lambda slot: lambda side: side.extend([slot.held[place] for place in places])


def _append(slot: Slot) -> Work:
    return lambda side: side.append(slot.held[0, "a"])


def _fire(step: str, kind: TimerKind, run: int = 0) -> Act:
    return batch(lambda slot: [c.FireTimer(slot.runs[run], step, kind, NOW)])


def _complete(step: str = "a", run: int = 0, value: int = 1) -> Act:
    return batch(lambda slot: [complete(slot.held[run, step], value)])


def _fail(step: str = "a", run: int = 0, *, terminal: bool = False) -> Act:
    return batch(lambda slot: [fail(slot.held[run, step], terminal=terminal, retry_after_s=1.0)])


def _expire(step: str = "a", run: int = 0) -> Act:
    failure = Failure("WorkerLost", "gone", category=Category.WORKER_LOST, retry_after_s=1.0)
    return batch(lambda slot: [c.ExpireLease(*_place(slot, step, run), failure)])


def _place(slot: Slot, step: str, run: int = 0) -> tuple[int, str, int, bytes]:
    grant = slot.held[run, step]
    return grant.run_id, grant.step, grant.attempt, grant.secret


def _signal(id: str, name: str = "go", run: int = 0) -> Act:
    return batch(lambda slot: [c.SignalRun(slot.runs[run], c.Signal(name, id, from_value(id)))])


def _cancel(run: int = 0) -> Act:
    return batch(lambda slot: [c.CancelRun(slot.runs[run], "enough")])


def _terminate(run: int = 0) -> Act:
    return batch(lambda slot: [c.TerminateRun(slot.runs[run], "enough")])


def _mend(run: int = 0) -> Act:
    return batch(lambda slot: [c.MendRun(slot.runs[run])])


def _together(*acts: Callable[[Slot], c.Command]) -> Act:
    return batch(lambda slot: [act(slot) for act in acts])


_ENDS: dict[str, Act] = {"cancel": _cancel(), "deadline": _fire("", TimerKind.RUN_DEADLINE), "mend": _mend()}

# One step and the one after it.

_LINE = """
name: line_s%n_
timeout: 30s
steps:
  - id: a
    action: x
    queue: q%n
    needs: []
    timeout: {total: 8s, start: 2s}
    on_failure: park
    retry: {max_attempts: 2, initial: 1s, jitter: 0}
  - {id: b, action: x, queue: q%n, needs: [a]}
"""


async def _held(crew: Crew, slots: Sequence[Slot]) -> None:
    """Step a is handed out for the second time, with another token than at first."""
    await crew.begin(slots, hold=True)
    await crew.do(slots, lambda slot: [release(slot.held[0, "a"])], hold=True)


async def _queued(crew: Crew, slots: Sequence[Slot]) -> None:
    await crew.begin(slots, hold=False)


async def _backing_off(crew: Crew, slots: Sequence[Slot]) -> None:
    await crew.begin(slots, hold=True)
    await crew.do(slots, lambda slot: [fail(slot.held[0, "a"])])


async def _parked(crew: Crew, slots: Sequence[Slot]) -> None:
    await crew.begin(slots, hold=True)
    await crew.do(slots, lambda slot: [fail(slot.held[0, "a"], terminal=True)])


HELD = Scene(
    "held",
    (_LINE,),
    _held,
    {
        "complete": _complete(),
        "complete otherwise": _complete(value=2),
        "complete with the old token": batch(lambda slot: [complete(slot.old[0, "a"], 3)]),
        "fail": _fail(),
        "fail for good": _fail(terminal=True),
        "release": batch(lambda slot: [release(slot.held[0, "a"])]),
        "expire": _expire(),
        "fire total": _fire("a", TimerKind.STEP_TOTAL),
        "fire start": _fire("a", TimerKind.STEP_START),
        "signal": _signal("1"),
        "terminate": _terminate(),
        "claim": _claim,
        "extend": _extend((0, "a")),
        "append": _append,
        "complete and signal": _together(
            lambda slot: complete(slot.held[0, "a"], 1),
            lambda slot: c.SignalRun(slot.runs[0], c.Signal("go", "2", from_value(2))),
        ),
        **_ENDS,
    },
)
QUEUED = Scene(
    "queued",
    (_LINE,),
    _queued,
    {
        "claim": _claim,
        "fire total": _fire("a", TimerKind.STEP_TOTAL),
        "fire start": _fire("a", TimerKind.STEP_START),
        "signal": _signal("1"),
        **_ENDS,
    },
)
BACKING_OFF = Scene(
    "backing off",
    (_LINE,),
    _backing_off,
    {
        "fire retry": _fire("a", TimerKind.RETRY),
        "fire total": _fire("a", TimerKind.STEP_TOTAL),
        "claim": _claim,
        "signal": _signal("1"),
        **_ENDS,
    },
)
PARKED = Scene(
    "parked",
    (_LINE,),
    _parked,
    {
        "requeue": batch(lambda slot: [c.RequeueStep(slot.runs[0], "a", 1)]),
        "discard": batch(lambda slot: [c.DiscardStep(slot.runs[0], "a", 1, "no")]),
        "claim": _claim,
        "signal": _signal("1"),
        "terminate": _terminate(),
        **_ENDS,
    },
)

# Siblings that one step waits for, and the items of a list.

_FAN = """
name: fan_s%n_
timeout: 30s
steps:
  - {id: a, action: x, queue: q%n, needs: []}
  - {id: b, action: x, queue: q%n, needs: [], on_failure: continue}
  - {id: d, action: x, queue: q%n, needs: [], retry: {max_attempts: 2, initial: 1s, jitter: 0}}
  - {id: f, action: x, queue: q%n, needs: [], foreach: "${input.items}"}
  - {id: z, action: x, queue: q%n, needs: [a, b, d, f]}
"""


async def _fanned(crew: Crew, slots: Sequence[Slot]) -> None:
    """Steps a and b and both items are handed out; the rest of what z waits for is there."""
    await crew.begin(slots, hold=True)
    await crew.do(slots, lambda slot: [complete(slot.held[0, "d"], 1)])


async def _fanned_to_three(crew: Crew, slots: Sequence[Slot]) -> None:
    await crew.begin(slots, hold=True)
    await crew.do(slots, lambda slot: [complete(slot.held[0, step], 1) for step in ("f[0]", "f[1]")])


FAN = Scene(
    "fan-in",
    (_FAN,),
    _fanned,
    {
        "complete a": _complete("a"),
        "complete b": _complete("b"),
        "fail a": _fail("a", terminal=True),
        "fail b": _fail("b", terminal=True),
        "complete item 0": _complete("f[0]"),
        "complete item 1": _complete("f[1]"),
        "complete a and b": _together(lambda s: complete(s.held[0, "a"], 1), lambda s: complete(s.held[0, "b"], 1)),
        "complete items": _together(lambda s: complete(s.held[0, "f[1]"], 1), lambda s: complete(s.held[0, "f[0]"], 1)),
        "extend": _extend((0, "a"), (0, "b"), (0, "f[0]"), (0, "f[1]")),
        **_ENDS,
    },
)
FAN_OF_THREE = Scene(
    "fan-in of three",
    (_FAN,),
    _fanned_to_three,
    {"complete a": _complete("a"), "complete b": _complete("b"), "complete d": _complete("d"), "cancel": _cancel()},
)

# Two runs in one batch, in either order.


async def _two_runs(crew: Crew, slots: Sequence[Slot]) -> None:
    await crew.begin(slots, hold=True, runs=2)


TWO_RUNS = Scene(
    "two runs",
    (_FAN,),
    _two_runs,
    {
        "complete a of both": _together(lambda s: complete(s.held[0, "a"], 1), lambda s: complete(s.held[1, "a"], 1)),
        "complete b of both": _together(lambda s: complete(s.held[1, "b"], 1), lambda s: complete(s.held[0, "b"], 1)),
        "cancel both": _together(lambda s: c.CancelRun(s.runs[1], ""), lambda s: c.CancelRun(s.runs[0], "")),
        "complete and cancel": _together(
            lambda s: complete(s.held[1, "d"], 1), lambda s: c.TerminateRun(s.runs[0], "")
        ),
        "extend": _extend((0, "a"), (0, "b"), (1, "a"), (1, "b"), (1, "d")),
    },
    bound=2,
)

# Starts.


async def _keyed(crew: Crew, slots: Sequence[Slot]) -> None:
    """A run has the key "old", which has expired since."""
    await crew.do(slots, lambda slot: [_keyed_start(slot, "old", 0, 0)])


def _keyed_start(slot: Slot, key: str | None, digest: int, request: int) -> c.StartRun:
    request_id = slot.number.to_bytes(8, "big") + request.to_bytes(8, "big")
    return slot.start(idempotency_key=key, digest=bytes([digest]) if key else b"", request_id=request_id)


def _starts(*of: tuple[str | None, int, int]) -> Act:
    return batch(lambda slot: [_keyed_start(slot, *each) for each in of])


STARTS = Scene(
    "starts",
    (_LINE,),
    _keyed,
    {
        "key k": _starts(("k", 1, 1)),
        "key k, another request": _starts(("k", 1, 2)),
        "key k, other input": _starts(("k", 2, 3)),
        "request 1": _starts((None, 0, 1)),
        "old key": _starts(("old", 0, 5)),
        "old key, as at first": _starts(("old", 0, 0)),
        "keys k and l": _starts(("k", 1, 6), ("l", 1, 7)),
        "keys l and k": _starts(("l", 1, 8), ("k", 1, 9)),
        "requests 10 and 11": _starts((None, 0, 10), (None, 0, 11)),
        "requests 11 and 10": _starts((None, 0, 11), (None, 0, 10)),
        "key k and request 10": _starts(("k", 1, 12), (None, 0, 10)),
    },
    bound=1,
)

# Signals and sleeps.

_ASKS = """
name: asks_s%n_
timeout: 30s
steps:
  - {id: s, signal: go, needs: [], timeout: 5s, on_failure: continue}
  - {id: t, signal: go, needs: [], on_failure: continue}
  - {id: n, sleep: 3s, needs: []}
  - {id: z, action: x, queue: q%n, needs: [s, t, n]}
"""


async def _asked(crew: Crew, slots: Sequence[Slot]) -> None:
    await crew.begin(slots, hold=False)


ASKS = Scene(
    "asks",
    (_ASKS,),
    _asked,
    {
        "signal 1": _signal("1"),
        "signal 1, otherwise": batch(
            lambda slot: [c.SignalRun(slot.runs[0], c.Signal("go", "1", from_value("other")))]
        ),
        "signal 2": _signal("2"),
        "both signals": batch(
            lambda slot: [c.SignalRun(slot.runs[0], c.Signal("go", id, from_value(id))) for id in ("2", "1")]
        ),
        "fire timeout": _fire("s", TimerKind.STEP_TOTAL),
        "fire sleep": _fire("n", TimerKind.SLEEP),
        **_ENDS,
    },
)

# A run and its child.

_PARENT = """
name: parent_s%n_
timeout: 30s
steps:
  - {id: k, workflow: child_s%n_, needs: [], timeout: 5s, on_failure: continue}
  - {id: z, action: x, queue: q%n, needs: [k]}
"""
_CHILD = """
name: child_s%n_
steps: [{id: a, action: x, queue: q%n, retry: {max_attempts: 1}}]
"""


async def _with_child(crew: Crew, slots: Sequence[Slot]) -> None:
    """The child's only step is handed out; run 0 is the parent, run 1 the child."""
    await crew.begin(slots, hold=True)


async def _child_ended(crew: Crew, slots: Sequence[Slot]) -> None:
    await crew.begin(slots, hold=True)
    await crew.do(slots, lambda slot: [complete(slot.held[1, "a"], 1)])


async def _parent_ended(crew: Crew, slots: Sequence[Slot]) -> None:
    await crew.begin(slots, hold=True)
    await crew.do(slots, lambda slot: [c.CancelRun(slot.runs[0], "")])


FAMILY = Scene(
    "family",
    (_PARENT, _CHILD),
    _with_child,
    {
        "complete child": _complete("a", 1),
        "fail child": _fail("a", 1, terminal=True),
        "cancel child": _cancel(1),
        "cancel": _cancel(),
        "terminate": _terminate(),
        "fire timeout": _fire("k", TimerKind.STEP_TOTAL),
        "mend": _mend(),
        "both ends": _together(lambda s: complete(s.held[1, "a"], 1), lambda s: c.CancelRun(s.runs[0], "")),
    },
    bound=1,
)
CHILD_ENDED = Scene(
    "child ended",
    (_PARENT, _CHILD),
    _child_ended,
    {
        "bring news": _fire("k", TimerKind.CHILD_ENDED),
        "fire timeout": _fire("k", TimerKind.STEP_TOTAL),
        "terminate": _terminate(),
        "signal": _signal("1"),
        **_ENDS,
    },
)
PARENT_ENDED = Scene(
    "parent ended",
    (_PARENT, _CHILD),
    _parent_ended,
    {
        "parent cancels": _fire("", TimerKind.PARENT_CANCELS, 1),
        "complete child": _complete("a", 1),
        "fail child": _fail("a", 1, terminal=True),
        "cancel child": _cancel(1),
        "expire child": _expire("a", 1),
        "mend child": _mend(1),
    },
)

# Code.


def _answer(slot: Slot, sequence: int, *commands: m.CodeCommand, keep: bool = False) -> c.CompleteDecision:
    checksum = hash((sequence, keep, len(commands), type(commands[0]).__name__ if commands else "")) & 0xFFFF
    return c.CompleteDecision(*_place(slot, m.DECISION), sequence, commands, keep, "b1", checksum)


def _step(slot: Slot, name: str) -> m.MakeStep:
    return m.MakeStep(name, {"action": "x", "lane": slot.workflows[0].lanes[1]}, from_value(name))


async def _decided(crew: Crew, slots: Sequence[Slot]) -> None:
    """The first decision asked for two steps, one is done: the second decision and the other step are handed out."""
    await crew.do(slots, lambda slot: [slot.start(timeout_s=30.0)], hold=True)
    await crew.do(slots, lambda slot: [_answer(slot, 1, _step(slot, "s#1"), _step(slot, "s#2"))], hold=True)
    await crew.do(slots, lambda slot: [complete(slot.held[0, "s#1"], 1)], hold=True)


async def _undecided(crew: Crew, slots: Sequence[Slot]) -> None:
    """A run whose decision has failed for good."""
    await crew.do(slots, lambda slot: [slot.start(timeout_s=30.0)], hold=True)
    await crew.do(slots, lambda slot: [_answer(slot, 1, _step(slot, "s#1"))], hold=True)
    await crew.do(slots, lambda slot: [complete(slot.held[0, "s#1"], 1)], hold=True)
    await crew.do(slots, lambda slot: [fail(slot.held[0, m.DECISION], terminal=True)])


DECIDING = Scene(
    "code",
    (CODE,),
    _decided,
    {
        "ask for nothing": batch(lambda slot: [_answer(slot, 4)]),
        "ask for a step": batch(lambda slot: [_answer(slot, 4, _step(slot, "s#3"))]),
        "keep": batch(lambda slot: [_answer(slot, 4, m.Publish("k", from_value(1)), keep=True)]),
        "return": batch(lambda slot: [_answer(slot, 4, m.Succeed(from_value("done")))]),
        "go on": batch(lambda slot: [_answer(slot, 4, m.Continue(None, from_value("on")))]),
        "complete": _complete("s#2"),
        "expire": _expire(m.DECISION),
        "fail": _fail(m.DECISION),
        "release": batch(lambda slot: [release(slot.held[0, m.DECISION])]),
        "signal": _signal("1"),
        "terminate": _terminate(),
        "claim": _claim,
        **_ENDS,
    },
    bound=1,
)
CODE_PARKED = Scene(
    "code parked",
    (CODE,),
    _undecided,
    {
        "resume": batch(lambda slot: [c.ResumeRun(slot.runs[0])]),
        "signal": _signal("1"),
        "terminate": _terminate(),
        "claim": _claim,
        **_ENDS,
    },
    bound=1,
)

SCENES = (
    HELD, QUEUED, BACKING_OFF, PARKED, FAN, TWO_RUNS, STARTS, ASKS, FAMILY, CHILD_ENDED, PARENT_ENDED, DECIDING,
    CODE_PARKED,
)  # fmt: skip
TRIPLES = (
    (FAN_OF_THREE, ("complete a", "complete b", "complete d")),
    (FAN_OF_THREE, ("complete a", "cancel", "complete b")),
    (HELD, ("cancel", "complete", "deadline")),
    (HELD, ("cancel", "complete", "fire total")),
    (HELD, ("claim", "expire", "complete")),
    (HELD, ("claim", "release", "cancel")),
    (QUEUED, ("claim", "fire start", "mend")),
    (BACKING_OFF, ("fire retry", "claim", "cancel")),
    (PARKED, ("requeue", "discard", "claim")),
    (STARTS, ("key k", "key k, another request", "key k, other input")),
    (CHILD_ENDED, ("bring news", "bring news", "cancel")),
)
