"""I9 and I13: what runs were told, and that it counts as its callers heard."""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from collections.abc import Iterator

from stellwerk_server.model.definition import StepKind
from stellwerk_server.model.events import EventType
from tests.faults.checker.database import Head, History
from tests.faults.checker.findings import Finding
from tests.faults.checker.logs import Call
from tests.faults.checker.rule import LINGER, Rule, Scene, shown, value
from tests.faults.records import FAIL

_ASKED = {
    "cancel": (EventType.RUN_CANCELLED, EventType.RUN_CANCEL_REQUESTED),
    "terminate": (EventType.RUN_TERMINATED,),
}


class Cancels(Rule):
    """An acknowledged cancel is in the history, and after the end it made nothing is handed out."""

    invariant = "I9"

    def __init__(self, scene: Scene) -> None:
        super().__init__(scene)
        # Which of these events each run has, and when it was ended by one.
        self._asked: dict[int, set[EventType]] = {}
        self._ended: dict[str, int] = {}

    def of_run(self, run: History) -> Iterator[Finding]:
        asked = {e.type for e in run.events if e.type in (*_ASKED["cancel"], *_ASKED["terminate"])}
        if asked:
            self._asked[run.head.id] = asked
        ended = [e.at for e in run.events if e.type in (EventType.RUN_CANCELLED, EventType.RUN_TERMINATED)]
        if not ended:
            return
        self._ended[run.shown] = ended[0]
        for effect in self.logs.effects(run.shown):
            late = effect.at > ended[0] + LINGER and self.logs.calm(ended[0], effect.at)
            if effect.phase == "begin" and late:
                came = f"{effect.worker} began attempt {effect.attempt} {(effect.at - ended[0]) / 1e6:.3f} s later"
                yield self.found("nothing to begin after the end", came, run.shown, effect.step)
        for row in (*run.ready, *run.leases):
            yield self.found("no task after the end", f"attempt {row['attempt']}", run.shown, row["step"])

    def at_end(self) -> Iterator[Finding]:
        acknowledged: dict[str, Call] = {}
        for call in (*self.logs.of("cancel"), *self.logs.of("terminate")):
            head = self.final.head(call.run_id) if call.ok else None
            if head is None:
                continue
            self.looked += 1
            if call.told("state") in ("CANCELLED", "TERMINATED"):
                acknowledged.setdefault(call.run_id, call)
            if not any(self._asked.get(one.id, set()) & set(_ASKED[call.f]) for one in _chain(head, self.final.heads)):
                yield self.found(f"an acknowledged {call.f} in the history", "none", call.run_id, calls=[call])
        for poll in self.logs.of("poll"):
            for task in poll.told("tasks") or ():
                ended = acknowledged.get(task["run_id"])
                if ended is not None and poll.begun_at > (ended.ended_at or 0):
                    came = f"attempt {task['attempt']} to a later poll"
                    yield self.found("no task after the end", came, task["run_id"], task["step"], [ended, poll])


class Signals(Rule):
    """An acknowledged signal is in the history once, in its sender's order, and is taken at most once, oldest first."""

    invariant = "I13"

    def __init__(self, scene: Scene) -> None:
        super().__init__(scene)
        self._sent: dict[str, list[Call]] = defaultdict(list)
        for call in (*self.logs.of("signal"), *self.logs.of("start")):
            if call.ok and _signal(call):
                self._sent[call.run_id].append(call)
        # The ids that a run was told, in order, of runs that somebody says they have told something.
        self._told: dict[int, list[str]] = {}

    def of_run(self, run: History) -> Iterator[Finding]:
        assert run.fold is not None
        told = [(e.data or {})["id"] for e in run.events if e.type is EventType.RUN_SIGNALLED]
        if run.shown in self._sent or told:
            self._told[run.head.id] = told
        for signal, count in Counter(told).items():
            if count > 1:
                yield self.found(f"signal {signal} once", count, run.shown)
        waiting: dict[str, deque[bytes | None]] = defaultdict(deque)
        for event in run.events:
            if event.type is EventType.RUN_SIGNALLED:
                waiting[(event.data or {})["signal"]].append(event.payload)
            elif event.type is EventType.STEP_SUCCEEDED and event.step:
                step = run.fold.steps[event.step].definition
                if step.kind is StepKind.SIGNAL:
                    oldest = waiting[step.signal].popleft() if waiting[step.signal] else b'"nothing"'
                    if oldest != event.payload:
                        came = shown(value(event.payload))
                        yield self.found(f"{shown(value(oldest))} to be taken", came, run.shown, event.step)

    def at_end(self) -> Iterator[Finding]:
        yield from self._refused()
        for call in self.logs.of("signal"):
            if call.ok and "key" in call.args and call.run_id != call.args["run_id"]:
                yield self.found(f"the run of key {call.args['key']}", call.run_id, call.args["run_id"], calls=[call])
        for run_id, calls in self._sent.items():
            head = self.final.head(run_id)
            if head is None:
                continue
            self.looked += len(calls)
            told = [i for one in _chain(head, self.final.heads) for i in self._told.get(one.id, [])]
            lost = [call for call in calls if _signal(call) not in told]
            if lost:
                yield self.found(f"signal {_signal(lost[0])} in the history", "none", run_id, calls=lost)
            yield from self._in_order(run_id, calls, told)

    def _refused(self) -> Iterator[Finding]:
        """A signal that was refused is not in the history, if it was never sent otherwise."""
        sent: dict[tuple[str, str], list[Call]] = defaultdict(list)
        for call in self.logs.of("signal"):
            sent[call.run_id, _signal(call)].append(call)
        for call in self.logs.of("start"):
            if _signal(call):
                sent[call.run_id, _signal(call)].append(call)
        for (run_id, signal), calls in sent.items():
            head = self.final.head(run_id)
            if head is not None and signal in self._told.get(head.id, ()) and all(c.kind == FAIL for c in calls):
                yield self.found("no signal that was refused", f"{signal} ({calls[0].error})", run_id, calls=calls)

    def _in_order(self, run_id: str, calls: list[Call], told: list[str]) -> Iterator[Finding]:
        places = {signal: place for place, signal in enumerate(told)}
        last: dict[str, Call] = {}
        for call in calls:
            before = last.get(call.client)
            if _signal(call) not in places or call.told("deduplicated"):
                # Sent before, so this call says nothing of the order.
                continue
            swapped = before is not None and places[_signal(before)] > places[_signal(call)]
            if before is not None and swapped and (before.ended_at or 0) < call.begun_at:
                came = f"{_signal(call)} before it"
                yield self.found(f"{_signal(before)} first", came, run_id, calls=[before, call])
            last[call.client] = call


def _signal(call: Call) -> str:
    """The id of the signal a call sends; empty for a start without one."""
    told = call.args if call.f == "signal" else call.args.get("signal") or {}
    return str(told.get("id") or "")


def _chain(head: Head, heads: dict[int, Head]) -> Iterator[Head]:
    """The run and those that go on for it."""
    yield head
    while head.goes_on_as in heads and head.goes_on_as is not None:
        head = heads[head.goes_on_as]
        yield head
