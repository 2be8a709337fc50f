"""What a checker says: one broken promise at one place, or that a run of the suite proves nothing. Decides nothing."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

# The invariants by number: what the report and docs/reliability.md call them.
INVARIANTS = {
    "I1": "one run a key, and no acknowledged start is lost",
    "I2": "one recorded completion a step, and it is what was acknowledged",
    "I3": "what is completed is never handed out again",
    "I4": "tokens never repeat, and one that is not current changes nothing",
    "I5": "the same completion twice is OK, another one is refused",
    "I6": "an end is final, and the last event of its run",
    "I7": "histories have no gaps, and rows are their fold",
    "I8": "a step runs after its needs, a skipped one never",
    "I9": "of cancel and completion one wins, and both callers hear the same",
    "I10": "no attempt too many, none too early",
    "I11": "every exhausted step is one dead letter",
    "I12": "timers fire once and never early",
    "I13": "an acknowledged signal arrives once, in order",
    "I14": "one run a nominal time of a schedule",
    "I15": "nothing crosses namespaces",
    "I16": "no more at a time than a limit allows",
    "I17": "no more starts in a window than a limit allows",
    "I18": "code that is replayed asks for the same",
    "I19": "what was acknowledged survives",
    "I20": "nothing is stuck",
    "I21": "timers are at most a second late",
    "I22": "the tasks of a dead worker go out again soon",
    "I23": "when all is healed, everybody is served again",
    "I24": "memory, connections and descriptors return to where they were",
}
# The server has no schedules and no limits yet, so there is nothing to break.
NOT_APPLICABLE = ("I14", "I16", "I17")


@dataclass(frozen=True, slots=True)
class Finding:
    """One violation. `calls` are the ids of the client's operations that show it."""

    invariant: str
    expected: str
    came: str
    run_id: str = ""
    step: str = ""
    calls: tuple[int, ...] = ()

    def __str__(self) -> str:
        place = [self.run_id, self.step and f"step {self.step}"]
        place += [f"operations {', '.join(map(str, self.calls))}"] if self.calls else []
        where = ", ".join(filter(None, place))
        return f"{self.invariant} {where or 'everywhere'}: expected {self.expected}, came {self.came}"


@dataclass(slots=True)
class Verdict:
    """All that was found. `looked`: how often each invariant had something to look at; `void`: why nothing counts.

    `took`: how many seconds the tasks of dead workers took to go out again, by kind of fault.
    """

    findings: list[Finding] = field(default_factory=list)
    looked: Counter[str] = field(default_factory=Counter)
    took: dict[str, list[float]] = field(default_factory=dict)
    runs: int = 0
    steps: int = 0
    void: str = ""
    # What a reader should know beside it.
    notes: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether it counts and nothing is broken."""
        return not self.void and not self.findings
