"""I12, I21 and I22: nothing that waits for a moment comes before it, and not much later."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from itertools import pairwise

from stellwerk_server.model.definition import StepKind
from stellwerk_server.model.events import SECOND, Event, EventType
from tests.faults.checker.database import History, is_wait
from tests.faults.checker.findings import Finding
from tests.faults.checker.logs import Window
from tests.faults.checker.rule import Rule, Scene
from tests.faults.records import Effect

# Faults that leave servers and Postgres alone, and such as hold up nobody beside the one worker.
_OF_WORKERS = frozenset({"worker_kill", "worker_freeze", "clock_skew"})
_OF_REDIS = frozenset({"redis_kill", "redis_flush", "redis_pause", "redis_lie"})
_HARMLESS = _OF_WORKERS | _OF_REDIS | {"held_snapshot"}
# What may be late, as a share and in seconds.
_LATE_S = 1.0
# Under load somebody commits something many times in so long.
_STILL_S = 0.7
_STUCK_S = 3.0
_SHARE = 0.01
# How long a task of a dead worker may take to go out again.
_KILLED_S, _BEYOND_LEASE_S = 3.0, 2.0


class Timers(Rule):
    """A timer fires at its moment or later, once, and leaves nothing behind."""

    invariant = "I12"

    def of_run(self, run: History) -> Iterator[Finding]:
        assert run.fold is not None
        due: dict[str, int] = {}
        slept: Counter[str] = Counter()
        for event in run.events:
            key = event.step or ""
            if event.type is EventType.STEP_SLEEPING:
                due[key] = (event.data or {})["due_at"]
            elif event.type is EventType.STEP_SUCCEEDED and key in due:
                self.looked += 1
                slept[key] += run.fold.steps[key].definition.kind is StepKind.SLEEP
                yield from self._not_early(run, event, due[key])
            elif event.failure is not None and event.failure.type in _TIMEOUTS:
                self.looked += 1
                yield from self._not_early(run, event, self._deadline(run, event))
        for key, count in slept.items():
            if count > 1:
                yield self.found("a sleep that ends once", count, run.shown, key)
        yield from self._leftovers(run)

    def _not_early(self, run: History, event: Event, due_at: int) -> Iterator[Finding]:
        if event.at < due_at:
            came = f"{(due_at - event.at) / SECOND:.6f} s before it"
            yield self.found("nothing before its moment", came, run.shown, event.step or "")

    def _deadline(self, run: History, event: Event) -> int:
        assert run.fold is not None
        assert event.failure is not None
        if event.step is None:
            # Of a run, unless it is a step's failure that has ended it.
            return (run.fold.deadline or 0) if event.type is EventType.RUN_TIMED_OUT else 0
        timeout = run.fold.steps[event.step].definition.timeout
        begun = [e.at for e in run.of_step(event.step) if e.seq < event.seq and e.type in _READY]
        if not begun:
            return 0
        if event.failure.type == "StartTimeout":
            return begun[-1] + int((timeout.start_s or 0.0) * SECOND)
        return begun[0] + int((timeout.total_s or 0.0) * SECOND)

    def _leftovers(self, run: History) -> Iterator[Finding]:
        assert run.fold is not None
        left = [row for row in run.timers if is_wait(row["kind"])]
        if run.fold.state.terminal and left:
            yield self.found("no timer of an ended run", f"kind {left[0]['kind']}", run.shown, left[0]["step"])


class Lateness(Rule):
    """Of the timers that came due while nothing was broken, one in a hundred may be more than a second late.

    Those are left out that came due while nobody could commit anything: then the disk or the machine stood still. That
    must not last: a probe is answered within `_STUCK_S` when nothing is broken.
    """

    invariant = "I21"

    def __init__(self, scene: Scene) -> None:
        super().__init__(scene)
        self._late: list[tuple[int, int, str, str]] = []
        self._commits: set[int] = set()

    def of_run(self, run: History) -> Iterator[Finding]:
        due: dict[str, int] = {}
        for event in run.events:
            self._commits.add(event.at)
            key = event.step or ""
            if event.type in (EventType.STEP_SLEEPING, EventType.STEP_ATTEMPT_FAILED):
                due[key] = (event.data or {})["due_at"]
            elif event.type in (EventType.STEP_SUCCEEDED, EventType.STEP_SCHEDULED) and key in due:
                due_at = due.pop(key)
                if self.logs.calm(due_at, max(due_at, event.at), but=_OF_WORKERS):
                    self.looked += 1
                    if event.at - due_at > _LATE_S * SECOND:
                        self._late.append((event.at - due_at, due_at, run.shown, key))
        yield from ()

    def at_end(self) -> Iterator[Finding]:
        still = list(self._still())
        late = [one for one in self._late if not any(begin < one[1] + one[0] and one[1] < end for begin, end in still)]
        if len(late) < len(self._late):
            count = len(self._late) - len(late)
            longest_s = max(end - begin for begin, end in still) / SECOND
            note = f"{count} timers were more than {_LATE_S:g} s late when nothing was broken and nobody committed"
            self.notes.append(f"{note} anything ({len(still)} such times, the longest {longest_s:.2f} s).")
        if len(late) > _SHARE * self.looked:
            late_us, _, run_id, step = max(late)
            came = f"{len(late)} of {self.looked} that were not, the latest {late_us / SECOND:.3f} s"
            yield self.found(f"99 % of the timers at most {_LATE_S:g} s late", came, run_id, step)

        yield from self._stuck()

    def _stuck(self) -> Iterator[Finding]:
        """A system that does nothing for long is late with everything, whatever the reason."""
        for probe in self.logs.of("probe"):
            took = (probe.ended_at or probe.begun_at) - probe.begun_at
            if took > _STUCK_S * SECOND and self.logs.calm(probe.begun_at, probe.ended_at or 0, but=_OF_WORKERS):
                expected = f"a probe answered within {_STUCK_S:g} s when nothing is broken"
                yield self.found(expected, f"{took / SECOND:.3f} s", probe.run_id, calls=[probe])

    def _still(self) -> Iterator[tuple[int, int]]:
        """The times without any commit, under load and with nothing broken."""
        for begin, end in pairwise(sorted(self._commits)):
            if end - begin > _STILL_S * SECOND and self.logs.calm(begin, end, but=_OF_WORKERS):
                yield begin, end


class Lost(Rule):
    """What a killed worker held goes out again within 3 s, what a frozen one held within the lease and 2 s."""

    invariant = "I22"

    def __init__(self, scene: Scene) -> None:
        super().__init__(scene)
        lease_s = float(self.logs.about.get("lease_s", 10.0))
        self._limits_s = {"worker_kill": _KILLED_S, "worker_freeze": lease_s + _BEYOND_LEASE_S}
        self._deaths: dict[str, list[Window]] = defaultdict(list)
        for window in self.logs.windows:
            if window.fault in self._limits_s:
                self._deaths[window.target].append(window)
        # How long the tasks of dead workers took to go out again, in seconds by kind of death.
        self.took: dict[str, list[float]] = defaultdict(list)

    def of_run(self, run: History) -> Iterator[Finding]:
        effects = self.logs.effects(run.shown)
        for effect in effects:
            if effect.phase != "begin" or effect.attempt == 0:
                continue
            for death in self._deaths.get(effect.worker, ()):
                if effect.at < death.begun_at and _held(run, effects, effect, death):
                    yield from self._out_again(run, effects, effect, death)

    def _out_again(self, run: History, effects: list[Effect], lost: Effect, death: Window) -> Iterator[Finding]:
        limit_s = self._limits_s[death.fault]
        until = death.begun_at + int(limit_s * SECOND)
        frozen_too_short = death.fault == "worker_freeze" and death.ended_at < until
        if frozen_too_short or not self.logs.calm(death.begun_at, until, but=_HARMLESS, fault=death.id):
            return
        self.looked += 1
        again = _moments_after(run, effects, lost, death.begun_at)
        if again:
            self.took[death.fault].append((min(again) - death.begun_at) / SECOND)
        if not again or min(again) > until:
            came = f"{(min(again) - death.begun_at) / SECOND:.3f} s" if again else "never"
            expected = f"attempt {lost.attempt} of {lost.worker} out again after {limit_s:g} s"
            yield self.found(expected, came, run.shown, lost.step)


_READY = (EventType.STEP_SCHEDULED, EventType.STEP_EXPANDED, EventType.STEP_AWAITING, EventType.STEP_SLEEPING)
_TIMEOUTS = ("StartTimeout", "StepTimeout", "SignalTimeout", "RunTimeout")


def _held(run: History, effects: list[Effect], effect: Effect, death: Window) -> bool:
    """Whether the worker was at that attempt when it died: nothing written and nothing recorded of its end."""
    mine = (effect.step, effect.attempt, effect.worker)
    wrote = any(e.phase != "begin" and (e.step, e.attempt, e.worker) == mine and e.at >= effect.at for e in effects)
    if wrote or run.events[-1].at <= death.begun_at:
        return False
    over = [e for e in run.events if e.step == effect.step and e.at <= death.begun_at and e.type in _OVER]
    return not any((e.attempt or 0) >= effect.attempt for e in over)


def _moments_after(run: History, effects: list[Effect], lost: Effect, at: int) -> list[int]:
    """When the step was out again, whether or not a worker was there to take it, or needed none any more."""
    moments = [e.at for e in effects if e.step == lost.step and e.phase == "begin" and e.at > at]
    for event in run.events:
        again = event.step == lost.step and (event.attempt or 0) > lost.attempt
        over = event.step is None or (event.step == lost.step and event.type in _FINISHED)
        if event.at > at and (again or over):
            moments.append(event.at)
    return moments


_OVER = (
    EventType.STEP_SUCCEEDED,
    EventType.STEP_ATTEMPT_FAILED,
    EventType.STEP_DEAD,
    EventType.STEP_FAILED,
    EventType.STEP_CANCELLED,
)
_FINISHED = (EventType.STEP_SUCCEEDED, EventType.STEP_DEAD, EventType.STEP_FAILED, EventType.STEP_CANCELLED)
