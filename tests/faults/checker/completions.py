"""I2 to I5 and I19: what was completed is recorded once, as acknowledged, by the token that was current."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator

from stellwerk_server.model import failure as failures
from stellwerk_server.model import ids
from stellwerk_server.model.definition import StepKind
from stellwerk_server.model.events import Event, EventType
from stellwerk_server.model.states import RunState, StepState
from tests.faults.checker.database import Head, History
from tests.faults.checker.findings import Finding
from tests.faults.checker.logs import Call
from tests.faults.checker.rule import LINGER, Rule, Scene, same, shown, value
from tests.faults.records import FAIL, Effect

LEASE_LOST = "LEASE_LOST"
# The action and attempt (0) of a step that the worker that decides has run, in ledgers.
LOCAL = "$local"
# The action whose handlers send chunks, its value with #0 and so on behind, and how many.
STREAM = "stream"
CHUNKS = 5


class Completions(Rule):
    """At most one completion a step, the value of one ledger line of that attempt, and what callers were told."""

    invariant = "I2"

    def of_run(self, run: History) -> Iterator[Finding]:
        assert run.fold is not None
        written: dict[tuple[str, int], list[str]] = defaultdict(list)
        for effect in self.logs.effects(run.shown):
            if effect.phase == "done":
                written[effect.step, effect.attempt].append(effect.value)
        for call in self.logs.about_run(run.shown, "complete"):
            written[call.args["step"], call.args["attempt"]].append(str(call.args.get("value")))
        counts: Counter[str] = Counter()
        for event in run.events:
            if event.type is EventType.STEP_SUCCEEDED and event.step:
                made = run.fold.steps[event.step]
                counts[event.step] += made.definition.kind is not StepKind.SLEEP
                if event.worker and made.items is None and made.definition.action in self.logs.actions:
                    yield from self._was_done(run, event, written[event.step, event.attempt or 0])
            elif event.type is EventType.STEP_RAN and event.step and event.payload is not None:
                counts[event.step] += 1
                if LOCAL in self.logs.actions:
                    yield from self._was_done(run, event, written[event.step, 0])
        for step, count in counts.items():
            if count > 1:
                yield self.found("one recorded completion", count, run.shown, step)
        yield from self._seen_steps(run)
        yield from self._children(run)

    def _was_done(self, run: History, event: Event, written: list[str]) -> Iterator[Finding]:
        self.looked += 1
        if len({line for line in written if same(event.payload, line)}) != 1:
            expected = f"an output that attempt {event.attempt} was about to return ({', '.join(map(str, written))})"
            yield self.found(expected, shown(value(event.payload)), run.shown, event.step or "")

    def _seen_steps(self, run: History) -> Iterator[Finding]:
        assert run.fold is not None
        for call in self.logs.about_run(run.shown, "get"):
            for key, seen in ((call.told("steps") or {}) if call.ok else {}).items():
                step = run.fold.steps.get(key)
                if step is not None and seen["state"] == "SUCCEEDED" and step.state is StepState.SUCCEEDED:
                    self.looked += 1
                    if "output" in seen and not same(step.output, seen["output"]):
                        recorded = shown(value(step.output))
                        yield self.found(f"the output {seen['output']!r}", recorded, run.shown, key, [call])

    def _children(self, run: History) -> Iterator[Finding]:
        """A step that has waited for a run has that run's output."""
        child: dict[str, Head] = {}
        for event in run.events:
            if event.type is EventType.STEP_CHILD_STARTED and event.step:
                head = self.final.head((event.data or {})["child"])
                if head is not None:
                    child[event.step] = self.final.last_of(head)
            elif event.type is EventType.STEP_SUCCEEDED and event.step in child:
                self.looked += 1
                head = child[event.step]
                if head.state is not RunState.SUCCEEDED or value(head.output) != value(event.payload):
                    came = f"{shown(value(event.payload))} of a run that is {head.state.name}"
                    yield self.found(f"the output of {head.shown}", came, run.shown, event.step)

    def at_end(self) -> Iterator[Finding]:
        for call in self.logs.of("wait"):
            head = self.final.head(call.run_id) if call.ok and call.told("ended") else None
            if head is not None:
                self.looked += 1
                goes_on = call.told("state") != head.state.name
                yield from self._as_told(call, self.final.last_of(head) if goes_on else head)

    def _as_told(self, call: Call, head: Head) -> Iterator[Finding]:
        if call.told("state") != head.state.name:
            return
        if "output" in (call.result or {}) and head.output is not None and not same(head.output, call.told("output")):
            came = shown(value(head.output))
            yield self.found(f"the output {call.told('output')!r}", came, call.run_id, calls=[call])
        failed = "" if head.failure is None else failures.from_json(head.failure).type
        if call.told("failure") and call.told("failure") != failed:
            yield self.found(f"the failure {call.told('failure')}", failed or "none", call.run_id, calls=[call])


class NotAgain(Rule):
    """After a completion is recorded the step is not handed out: not in the history, to no poll, into no ledger."""

    invariant = "I3"

    def of_run(self, run: History) -> Iterator[Finding]:
        completed: dict[str, Event] = {}
        for event in run.events:
            if event.step in completed and event.type is EventType.STEP_SCHEDULED:
                yield self.found("no attempt after its completion", f"attempt {event.attempt}", run.shown, event.step)
            if event.type is EventType.STEP_SUCCEEDED and event.step:
                completed[event.step] = event
        for effect in self.logs.effects(run.shown):
            if effect.phase == "begin" and effect.step in completed:
                self.looked += 1
                yield from self._begun(run, effect, completed[effect.step])
        yield from self._queued(run, completed)

    def _begun(self, run: History, effect: Effect, done: Event) -> Iterator[Finding]:
        above = effect.attempt > (done.attempt or 0)
        # A hand-out from before may be slow, but not when nothing is broken.
        late = effect.at > done.at + LINGER and self.logs.calm(done.at, effect.at)
        if above or late:
            came = f"{effect.worker} began attempt {effect.attempt}, {(effect.at - done.at) / 1e6:.3f} s later"
            expected = f"nothing to begin after attempt {done.attempt} was completed"
            yield self.found(expected, came, run.shown, effect.step)

    def _queued(self, run: History, completed: dict[str, Event]) -> Iterator[Finding]:
        for row in (*run.ready, *run.leases):
            if row["step"] in completed:
                yield self.found("no task of a completed step", f"attempt {row['attempt']}", run.shown, row["step"])

    def at_end(self) -> Iterator[Finding]:
        acknowledged: dict[tuple[str, str], Call] = {}
        for call in self.logs.of("complete"):
            if call.told("verdict") == "OK" and call.args.get("outcome") == "succeeded":
                acknowledged.setdefault((call.run_id, call.args["step"]), call)
        for poll in self.logs.of("poll"):
            for task in poll.told("tasks") or ():
                self.looked += 1
                done = acknowledged.get((task["run_id"], task["step"]))
                if done is not None and poll.begun_at > (done.ended_at or 0):
                    came = f"attempt {task['attempt']} to a later poll"
                    yield self.found("no task of a completed step", came, task["run_id"], task["step"], [done, poll])


class Tokens(Rule):
    """A token is handed out once, and what came with one that was not current is nowhere."""

    invariant = "I4"

    def __init__(self, scene: Scene) -> None:
        super().__init__(scene)
        self._kept: dict[str, list[Call]] = defaultdict(list)
        for call in self.logs.of("complete"):
            self._kept[call.args["token"]].append(call)

    def of_run(self, run: History) -> Iterator[Finding]:
        assert run.fold is not None
        for call in self.logs.about_run(run.shown, "complete"):
            if not _lost(call) or call.args.get("outcome") != "succeeded":
                continue
            self.looked += 1
            step = run.fold.steps.get(call.args["step"])
            counted = any(_unclear(c) and c.args.get("value") == call.args["value"] for c in self._of_token(call))
            if step is not None and step.output is not None and same(step.output, call.args["value"]) and not counted:
                expected = "nothing of a completion that was refused"
                yield self.found(expected, shown(call.args["value"]), run.shown, step.key, [call])

    def _of_token(self, call: Call) -> list[Call]:
        return self._kept[call.args["token"]]

    def at_end(self) -> Iterator[Finding]:
        first: dict[str, Call] = {}
        for poll in self.logs.of("poll"):
            for task in poll.told("tasks") or ():
                self.looked += 1
                if task["token"] in first:
                    calls = [first[task["token"]], poll]
                    yield self.found("a new token", task["token"], task["run_id"], task["step"], calls)
                first.setdefault(task["token"], poll)


class Repeats(Rule):
    """Of one token only one outcome is OK, and stays so, however often it is sent."""

    invariant = "I5"

    def of_run(self, run: History) -> Iterator[Finding]:
        assert run.fold is not None
        sent: set[tuple[str, str]] = set()
        for call in self.logs.about_run(run.shown, "complete"):
            said = (call.args["token"], call.args.get("value") or "")
            step = run.fold.steps.get(call.args["step"])
            counted = step is not None and step.output is not None and same(step.output, call.args.get("value"))
            if said in sent and counted and _lost(call):
                yield self.found("OK, for this is what was recorded", LEASE_LOST, run.shown, call.args["step"], [call])
            if _unclear(call):
                sent.add(said)

    def at_end(self) -> Iterator[Finding]:
        by_token: dict[str, list[Call]] = defaultdict(list)
        for call in self.logs.of("complete"):
            by_token[call.args["token"]].append(call)
        for calls in by_token.values():
            self.looked += len(calls) > 1
            said = [(c.args.get("outcome"), c.args.get("value")) for c in calls if c.told("verdict") == "OK"]
            place = (calls[0].run_id, calls[0].args["step"])
            if any(one != said[0] for one in said):
                yield self.found(f"{said[0]!r} alone to be OK", f"{said!r}", *place, calls)


class Survival(Rule):
    """Every acknowledged completion, chunk, end, redrive and fork is in the final database."""

    invariant = "I19"

    def of_run(self, run: History) -> Iterator[Finding]:
        yield from self._completions(run)
        yield from self._seen(run)
        yield from self._chunks(run)
        for call in self.logs.about_run(run.shown, "discard"):
            if call.ok:
                self.looked += 1
                if not [row for row in run.dead if _is(row, call) and row["state"] != 1]:
                    yield self.found("a settled dead letter", "an open one or none", run.shown, calls=[call])

    def _completions(self, run: History) -> Iterator[Finding]:
        ended: set[tuple[str | None, int | None, bool]] = {
            (e.step, e.attempt, e.type is EventType.STEP_SUCCEEDED) for e in run.events if e.type in _OUTCOMES
        }
        for call in self.logs.about_run(run.shown, "complete"):
            if call.told("verdict") == "OK":
                self.looked += 1
                good = call.args.get("outcome") == "succeeded"
                if (call.args["step"], call.args["attempt"], good) not in ended:
                    expected = f"attempt {call.args['attempt']} to have {call.args.get('outcome')}"
                    yield self.found(expected, "no such event", run.shown, call.args["step"], [call])

    def _chunks(self, run: History) -> Iterator[Finding]:
        """A result is sent once the chunks of its attempt are acknowledged: where it counts, all of them are there."""
        done = {(e.step, e.attempt): e.payload for e in run.events if e.type is EventType.STEP_SUCCEEDED}
        for effect in self.logs.effects(run.shown):
            place = (effect.step, effect.attempt)
            if (effect.phase, effect.action) != ("done", STREAM) or not same(done.get(place), effect.value):
                continue
            self.looked += 1
            found = [value(row["payload"]) for row in run.chunks if (row["step"], row["attempt"]) == place]
            expected = [f"{effect.value}#{number}" for number in range(CHUNKS)]
            if found != expected:
                yield self.found(f"the chunks {expected}", str(found), run.shown, effect.step)

    def _seen(self, run: History) -> Iterator[Finding]:
        assert run.fold is not None
        for call in self.logs.about_run(run.shown, "get"):
            for key, seen in ((call.told("steps") or {}) if call.ok else {}).items():
                step = run.fold.steps.get(key)
                self.looked += 1
                if seen["state"] == "SUCCEEDED" and (step is None or step.state is not StepState.SUCCEEDED):
                    came = "no such step" if step is None else step.state.name
                    yield self.found("SUCCEEDED, as was read", came, run.shown, key, [call])

    def at_end(self) -> Iterator[Finding]:
        for call in (*self.logs.of("requeue"), *self.logs.of("retry")):
            source = str(call.args.get("run_id") or "")
            made = str(call.told("run_id") or "")
            if not call.ok or not made or made == source:
                continue
            self.looked += 1
            head = self.final.head(made)
            if head is None or (source and head.forked_from != ids.parse(source)):
                came = "no such run" if head is None else f"forked from {head.forked_from}"
                yield self.found(f"a fork of {source}", came, made, calls=[call])


_OUTCOMES = (
    EventType.STEP_SUCCEEDED,
    EventType.STEP_ATTEMPT_FAILED,
    EventType.STEP_DEAD,
    EventType.STEP_FAILED,
)


def _lost(call: Call) -> bool:
    return call.told("verdict") == LEASE_LOST or (call.kind == FAIL and LEASE_LOST in call.error)


def _unclear(call: Call) -> bool:
    """Whether a completion counted, or may have."""
    return not _lost(call) and call.kind != FAIL


def _is(row: dict[str, object], call: Call) -> bool:
    wanted = call.args.get("dead_letter_id")
    return ids.show(int(str(row["id"])), "dl_") == wanted if wanted else row["step"] == call.args.get("step")
