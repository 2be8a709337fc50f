"""What a run can wait for, as typed causes with a sentence each. Values and words only: nothing is read here.

The clauses are also what steps and runs say of themselves (`waiting_for`), so the two cannot disagree.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from difflib import get_close_matches
from enum import IntEnum

from stellwerk_server.model import failure as failures
from stellwerk_server.model import ids
from stellwerk_server.model.code import action_of
from stellwerk_server.model.events import Instant
from stellwerk_server.model.states import StepState
from stellwerk_server.store.explained import Lost
from stellwerk_server.store.workers import Served

_OF_CODE = action_of("")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MOST_NAMES = 5
_REASON_CHARS = 300


class Kind(IntEnum):
    """What sort of a cause it is; the numbers are those of the proto."""

    ENDED = 1
    TIMER = 2
    SIGNAL = 3
    NO_WORKER = 4
    WORKERS_BUSY = 5
    QUEUED = 6
    LEASED = 7
    BACKING_OFF = 8
    CHILD_RUN = 9
    DEAD_LETTER = 10
    PARKED = 11
    NEWS = 12
    CANCELLING = 13
    STALLED = 14
    DATABASE_DOWN = 15


# Most telling first: what only somebody can mend, then what waits for others, then what goes on by itself.
ORDER = {
    kind: place
    for place, kind in enumerate(
        (
            *(Kind.DATABASE_DOWN, Kind.ENDED, Kind.STALLED, Kind.PARKED, Kind.DEAD_LETTER, Kind.NO_WORKER),
            *(Kind.WORKERS_BUSY, Kind.BACKING_OFF, Kind.SIGNAL, Kind.CHILD_RUN, Kind.TIMER, Kind.LEASED),
            *(Kind.QUEUED, Kind.NEWS, Kind.CANCELLING),
        )
    )
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """One thing a run waits for; the fields are those of the proto, `failure` the stored JSON."""

    kind: Kind
    sentence: str
    step: str = ""
    steps: int = 0
    due_at: Instant | None = None
    since: Instant | None = None
    timeout_at: Instant | None = None
    signal: str = ""
    action: str = ""
    queue: str = ""
    worker: str = ""
    seen_at: Instant | None = None
    other_queues: Sequence[str] = ()
    similar: Sequence[str] = ()
    attempt: int = 0
    max_attempts: int = 0
    workers: int = 0
    slots: int = 0
    busy: int = 0
    ahead: int = 0
    child: int | None = None
    child_state: int = 0
    child_summary: str = ""
    # How telling the child's own first cause is.
    child_order: tuple[int, int] | None = None
    reason: str = ""
    failure: str | None = None
    letter: int | None = None
    build: str = ""

    @property
    def order(self) -> tuple[int, int]:
        """Where it stands among others: a run that waits for a child is as badly off as that is."""
        own = ORDER[self.kind]
        return (own if self.child_order is None else min(self.child_order[0], own)), own


class Nobody:
    """That no live worker serves an action on a queue: when one was last seen, and where to look instead."""

    def __init__(self, queue: str, action: str, served: Sequence[Served]) -> None:
        own = next((s for s in served if (s.queue, s.action) == (queue, action)), None)
        self.seen_at = None if own is None else own.seen_at
        live = [s for s in served if s.live]
        self.other_queues = sorted({s.queue for s in live if s.action == action})[:_MOST_NAMES]
        # What is decided is not what is run, however alike the names are.
        code = action.startswith(_OF_CODE)
        names = {s.action for s in live if s.queue == queue and s.action.startswith(_OF_CODE) == code}
        names = {name for name in names if not (code and "@" in name)}
        known = sorted(name.removeprefix(_OF_CODE) for name in names)
        self.similar = get_close_matches(action.removeprefix(_OF_CODE), known, n=_MOST_NAMES)
        self._seen = "never seen one" if own is None else f"last seen {_span(own.seen_ago_s)} ago"
        self._place = f"on queue {queue!r}"
        self._action = action

    @property
    def clause(self) -> str:
        """The sentence about it."""
        return f"no worker serves {served_name(self._action)} {self._place} ({self._seen}){self._elsewhere}"

    @property
    def _elsewhere(self) -> str:
        if self.other_queues:
            return f"; it is served on queue {self.other_queues[0]!r}"
        return f"; {self.similar[0]!r} is served there" if self.similar else ""


def nobody(queue: str, action: str, served: Sequence[Served]) -> Nobody | None:
    """None when a live worker serves the action."""
    if any(s.live and (s.queue, s.action) == (queue, action) for s in served):
        return None
    return Nobody(queue, action, served)


def no_signal(signal: str) -> str:
    """A step waits to be told."""
    return f"signal {signal!r} has not come"


def no_end(child: int) -> str:
    """A step waits for its run."""
    return f"its run {ids.show(child)} has not ended"


def served_name(action: str) -> str:
    """An action as people read it; one of decisions is the workflow, and the build when it is pinned to one."""
    if not action.startswith(_OF_CODE):
        return f"action {action!r}"
    name, _, build = action.removeprefix(_OF_CODE).partition("@")
    return f"workflow {name!r} in build {build!r}" if build else f"workflow {name!r}"


def missing(lost: Lost) -> str:
    """What nothing stands for any more."""
    if lost.step is None:
        return "it is open, but no step is, and nobody is asked what comes next"
    if lost.state == StepState.READY:
        return f"step {lost.step} is READY, but it is in no queue and nobody holds it"
    if lost.timed:
        return f"step {lost.step} waits for a moment, but has no timer"
    return f"step {lost.step} waits, but what it waits for is gone"


def clock(instant: Instant) -> str:
    """A moment in UTC, to the second."""
    return (_EPOCH + timedelta(microseconds=instant)).strftime("%Y-%m-%d %H:%M:%SZ")


def counted(number: int, noun: str) -> str:
    """A number with its noun, in the plural where it is one."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def failed(failure: str | None) -> str:
    """A stored failure in a line, cut to what people read; empty without one."""
    if failure is None:
        return ""
    found = failures.from_json(failure)
    return short(f"{found.type}: {found.message}")


def short(text: str) -> str:
    """Any text as one line that is not too long."""
    line = " ".join(text.split())
    return line if len(line) <= _REASON_CHARS else f"{line[: _REASON_CHARS - 1]}…"


def _span(seconds: float) -> str:
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{int(seconds // size)} {unit}"
    return f"{max(0, int(seconds))} s"
