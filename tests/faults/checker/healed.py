"""I20, I23 and I24: how everything stands when the faults are over and the load has stopped."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from stellwerk_server.model.states import DeadLetterState, RunState
from tests.faults.checker.database import History
from tests.faults.checker.findings import Finding
from tests.faults.checker.logs import Call
from tests.faults.checker.rule import Rule, Scene
from tests.faults.records import HUNG_UP, Resource

# What a part may take up more than before: a share of it, and some room for what is small.
_SHARE = 1.5
_ROOM = {"rss_bytes": 96 * 1024 * 1024, "descriptors": 32, "connections": 10}


class Stuck(Rule):
    """No run is open that nothing will move, in the auditor's own words, and none that all its workers have left."""

    invariant = "I20"

    def __init__(self, scene: Scene) -> None:
        super().__init__(scene)
        self._stalled = set(self.final.stalled())

    def of_run(self, run: History) -> Iterator[Finding]:
        self.looked += 1
        if run.head.id in self._stalled:
            yield self.found("something that moves an open run", "nothing (stalled)", run.shown)
        elif run.head.state is RunState.BLOCKED:
            if not run.parked and not any(row["state"] == DeadLetterState.OPEN for row in run.dead):
                yield self.found("an open dead letter of a BLOCKED run", "none", run.shown)
        elif not run.head.state.terminal:
            open_steps = [f"{key} {row['state']}" for key, row in run.steps.items() if row["state"] < 5]
            yield self.found("nothing open at the end", f"{run.head.state.name}: {', '.join(open_steps)}", run.shown)

    def at_end(self) -> Iterator[Finding]:
        mended = self.logs.about.get("mended", 0)
        if mended:
            yield self.found("nothing for the auditor to mend", f"{mended} runs")


class Served(Rule):
    """The last call of each client that it waited for is OK; a completion may be refused for good reasons."""

    invariant = "I23"

    def at_end(self) -> Iterator[Finding]:
        last: dict[str, Call] = {}
        for call in self.logs.calls:
            if call.f != "complete" and call.error != HUNG_UP:
                last[call.client] = call
        for client, call in last.items():
            self.looked += 1
            if not call.ok:
                came = f"{call.kind} {call.error or 'no answer'}"
                yield self.found(f"the last call of {client} ({call.f}) to be OK", came, call.run_id, calls=[call])


class Resources(Rule):
    """Each part takes up what it took before the faults, with some room."""

    invariant = "I24"

    def at_end(self) -> Iterator[Finding]:
        samples: dict[tuple[str, str], list[Resource]] = defaultdict(list)
        for sample in self.logs.resources:
            samples[sample.name, sample.phase].append(sample)
        for (name, phase), final in samples.items():
            before = samples.get((name, "baseline"))
            if phase == "final" and before:
                self.looked += 1
                yield from self._grown(name, before, final)

    def _grown(self, name: str, before: list[Resource], after: list[Resource]) -> Iterator[Finding]:
        for what, room in _ROOM.items():
            had = max(getattr(sample, what) for sample in before)
            has = min(getattr(sample, what) for sample in after)
            if has > had * _SHARE + room:
                yield self.found(f"{what} of {name} at most {had * _SHARE + room:.0f}", f"{has}, before {had}")
