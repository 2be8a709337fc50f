"""I6 to I8, I10, I11 and I18: what each history must be by itself, beside its rows and the ledgers."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from server.tests.engine.world import ENDINGS, illegal_moves
from stellwerk_server.engine.run import Run, Step
from stellwerk_server.model import ids
from stellwerk_server.model.definition import StepKind
from stellwerk_server.model.events import SECOND, Event, EventType
from stellwerk_server.model.states import DeadLetterState, RunState, StepState
from tests.faults.checker.database import History
from tests.faults.checker.findings import Finding
from tests.faults.checker.logs import Call
from tests.faults.checker.rule import SLACK, Rule
from tests.faults.records import Effect
from tests.support.folds import differences, least_delay_s, resolution

_NON_DETERMINISM = "NON_DETERMINISM"


class Ends(Rule):
    """A run has one terminal event, its last, and stays as its callers were told it ended."""

    invariant = "I6"

    def of_run(self, run: History) -> Iterator[Finding]:
        assert run.fold is not None
        self.looked += 1
        endings = [event for event in run.events if event.type in ENDINGS]
        if len(endings) > 1 or (endings and endings[0] is not run.events[-1]):
            came = ", ".join(f"{event.seq} {event.type.name}" for event in endings)
            yield self.found(f"one end, event {len(run.events)}", came, run.shown)

    def at_end(self) -> Iterator[Finding]:
        for call in (*self.logs.of("wait"), *self.logs.of("get")):
            head = self.final.head(call.run_id) if call.ok else None
            if head is None or not _ended(call):
                continue
            if call.f == "wait" and call.told("state") != RunState.CONTINUED.name:
                head = self.final.last_of(head)
            if call.told("state") != head.state.name:
                yield self.found(f"{call.told('state')}, as was read", head.state.name, call.run_id, calls=[call])


class Folds(Rule):
    """Events are numbered 1 to n, and the rows of runs and steps are what they add up to."""

    invariant = "I7"

    def of_run(self, run: History) -> Iterator[Finding]:
        self.looked += 1
        if run.fold is None:
            yield self.found("events 1, 2, 3, … that can be folded", run.broken, run.shown)
            return
        different = differences(run.fold, run.row, run.steps)
        if different:
            yield self.found("rows that are the fold of the history", "; ".join(different), run.shown)

    def moves(self, run: History) -> Iterator[Finding]:
        """Moves of run and steps that no table of states knows, where nothing else was found."""
        assert run.fold is not None
        illegal = illegal_moves(run.fold, run.events)
        if illegal:
            yield self.found("moves that the tables of states have", "; ".join(illegal), run.shown)


class Needs(Rule):
    """A step begins after all it needs has finished; what never became ready is never begun."""

    invariant = "I8"

    def of_run(self, run: History) -> Iterator[Finding]:
        assert run.fold is not None
        finished: set[str] = set()
        begun: set[str] = set()
        for event in run.events:
            key = event.step or ""
            if event.type in _BEGINNINGS and key not in begun:
                begun.add(key)
                yield from self._early(run.fold, run, key, finished)
            if event.type in _FINISHES and not (event.data or {}).get("parked"):
                finished.add(key)
        yield from self._ledger(run, run.fold)

    def _early(self, fold: Run, run: History, key: str, finished: set[str]) -> Iterator[Finding]:
        step = fold.workflow.definition.step(key)
        needs = [] if step is None else [fold.workflow.definition.steps[index].id for index in step.needs]
        self.looked += bool(needs)
        missing = [need for need in needs if need not in finished]
        if missing:
            yield self.found(f"{', '.join(missing)} to be finished first", "its beginning", run.shown, key)

    def _ledger(self, run: History, fold: Run) -> Iterator[Finding]:
        ready = _scheduled(run)
        for effect in self.logs.effects(run.shown):
            step = fold.steps.get(effect.step)
            if effect.phase != "begin" or (fold.code is not None and (step is None or _is_local(step))):
                # The worker that decides runs local steps before anything is recorded of them.
                continue
            self.looked += 1
            attempts = ready.get(effect.step, {})
            if not attempts:
                came = f"{effect.worker} began attempt {effect.attempt}"
                yield self.found("no task of a step that never was ready", came, run.shown, effect.step)
            elif effect.at < min(attempts.values()) - SLACK:
                came = f"its beginning {(min(attempts.values()) - effect.at) / SECOND:.3f} s before it was ready"
                yield self.found("a task of a step that is ready", came, run.shown, effect.step)


class Attempts(Rule):
    """No step has more attempts than it may, none begins before its delay is over, nothing final is tried again."""

    invariant = "I10"

    def of_run(self, run: History) -> Iterator[Finding]:
        assert run.fold is not None
        # What a fork keeps of its source was counted there.
        kept = {event.step for event in run.events if event.type is EventType.STEP_KEPT}
        for step in run.fold.steps.values():
            used, allowed = step.attempt - step.attempt_base, step.definition.retry.max_attempts
            if not _is_local(step) and step.key not in kept and used > allowed:
                yield self.found(f"at most {allowed} attempts", used, run.shown, step.key)
        due: dict[str, int] = {}
        last: dict[str, int] = {}
        for event in run.events:
            key = event.step or ""
            if event.type is EventType.STEP_SCHEDULED:
                if event.attempt != last.get(key, _first(key)) + 1:
                    yield self.found(f"attempt {last.get(key, 0) + 1} next", event.attempt, run.shown, key)
                last[key] = event.attempt or 1
            if event.type is EventType.STEP_ATTEMPT_FAILED:
                self.looked += 1
                due[key] = (event.data or {})["due_at"]
                yield from self._delay(run, run.fold.steps[key], event, due[key])
            elif event.type is EventType.STEP_SCHEDULED and event.at < due.pop(key, 0):
                yield self.found("no attempt before its delay is over", f"attempt {event.attempt}", run.shown, key)
        yield from self._ledger(run)

    def _delay(self, run: History, step: Step, event: Event, due_at: int) -> Iterator[Finding]:
        failure = event.failure
        if failure is not None and (failure.terminal or failure.type in step.definition.retry.non_retryable):
            yield self.found(f"no retry after {failure.type}", "another attempt", run.shown, step.key)
        least_s = least_delay_s(step, event)
        if due_at < event.at + int(least_s * SECOND):
            came = f"{(due_at - event.at) / SECOND:.3f} s"
            yield self.found(f"a delay of {least_s:.3f} s", came, run.shown, step.key)

    def _ledger(self, run: History) -> Iterator[Finding]:
        ready = _scheduled(run)
        for effect in self.logs.effects(run.shown):
            attempts = ready.get(effect.step)
            if effect.phase != "begin" or not attempts or _is_done_before(run, effect):
                continue
            if effect.attempt not in attempts:
                came = f"{effect.worker} began attempt {effect.attempt}"
                yield self.found(f"attempts {sorted(attempts)}", came, run.shown, effect.step)
            elif min(attempts.values()) - SLACK <= effect.at < attempts[effect.attempt] - SLACK:
                came = f"its beginning {(attempts[effect.attempt] - effect.at) / SECOND:.3f} s too early"
                yield self.found(f"attempt {effect.attempt} after its delay", came, run.shown, effect.step)


class DeadLetters(Rule):
    """Every exhausted step is one dead letter, settled as its history says; a redrive happens once."""

    invariant = "I11"

    def of_run(self, run: History) -> Iterator[Finding]:
        died = {(e.step, e.attempt): e.at for e in run.events if e.type is EventType.STEP_DEAD}
        self.looked += len(died)
        stored = {(row["step"], row["attempt"]): row["created_at"] for row in run.dead}
        for place in sorted(died.keys() | stored.keys(), key=str):
            if died.get(place) != stored.get(place):
                came = "none" if place not in stored else "one of another time" if place in died else "one too many"
                yield self.found(f"one dead letter of attempt {place[1]}", came, run.shown, place[0] or "")
        for row in run.dead:
            says = resolution(run.events, row["step"], row["attempt"])
            if says is not None and row["state"] != says:
                came = DeadLetterState(row["state"]).name
                yield self.found(f"a dead letter that is {says.name}", came, run.shown, row["step"])

    def at_end(self) -> Iterator[Finding]:
        rows = {ids.show(row["id"], "dl_"): row for row in self.final.dead}
        by_letter: dict[str, list[Call]] = defaultdict(list)
        for call in self.logs.of("requeue"):
            if call.ok and call.args.get("dead_letter_id"):
                by_letter[call.args["dead_letter_id"]].append(call)
        for letter, calls in by_letter.items():
            self.looked += 1
            named = {call.run_id for call in calls}
            row = rows.get(letter)
            if len(named) > 1:
                yield self.found(f"one redrive of {letter}", ", ".join(sorted(named)), min(named), calls=calls)
            elif row is None or row["state"] != DeadLetterState.REQUEUED:
                came = "none" if row is None else DeadLetterState(row["state"]).name
                yield self.found(f"{letter} to be REQUEUED", came, min(named), calls=calls)


class Replays(Rule):
    """No run of code was parked because its code asked for something else than before."""

    invariant = "I18"

    def of_run(self, run: History) -> Iterator[Finding]:
        self.looked += any("decision" in (event.data or {}) for event in run.events)
        reasons = [str((e.data or {}).get("reason", "")) for e in run.events if e.type is EventType.RUN_BLOCKED]
        for reason in [*reasons, *(row["reason"] for row in run.parked)]:
            if reason.startswith(_NON_DETERMINISM):
                yield self.found("the recorded commands again", reason, run.shown)
                return


_BEGINNINGS = (
    EventType.STEP_SCHEDULED,
    EventType.STEP_EXPANDED,
    EventType.STEP_SLEEPING,
    EventType.STEP_AWAITING,
    EventType.STEP_SKIPPED,
)
_FINISHES = (
    EventType.STEP_SUCCEEDED,
    EventType.STEP_DEAD,
    EventType.STEP_FAILED,
    EventType.STEP_SKIPPED,
    EventType.STEP_KEPT,
    EventType.STEP_DISCARDED,
)


def _ended(call: Call) -> bool:
    state = str(call.told("state") or "")
    return bool(call.told("ended")) if call.f == "wait" else state in _TERMINAL


_TERMINAL = ("SUCCEEDED", "FAILED", "CANCELLED", "TERMINATED", "TIMED_OUT", "CONTINUED")


def _first(key: str) -> int:
    """The attempts before a step's first STEP_SCHEDULED: an item's first has none, it comes with its list."""
    return int(key.endswith("]"))


def _is_local(step: Step) -> bool:
    return step.definition.kind is StepKind.LOCAL


def _scheduled(run: History) -> dict[str, dict[int, int]]:
    """When each attempt of each step became ready."""
    ready: dict[str, dict[int, int]] = defaultdict(dict)
    assert run.fold is not None
    for event in run.events:
        if event.type is EventType.STEP_SCHEDULED:
            ready[event.step or ""][event.attempt or 1] = event.at
        elif event.type is EventType.STEP_EXPANDED:
            items = run.fold.steps[event.step or ""].items or 0
            for index in range(items):
                ready[f"{event.step}[{index}]"][1] = event.at
    return ready


def _is_done_before(run: History, effect: Effect) -> bool:
    """Whether a higher attempt than the completed one was begun, which is I3's to say."""
    assert run.fold is not None
    step = run.fold.steps.get(effect.step)
    return step is not None and step.state is StepState.SUCCEEDED and effect.attempt > step.attempt
