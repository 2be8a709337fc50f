"""Every schedule there is, without those that differ in nothing. Plays none itself.

A side that waits for a lock does nothing until the holder commits, so it does not matter when it began to wait: of all
schedules that differ in that alone, the first is explored (a wall), and the others are counted as equal to it.
"""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

from tests.interleave.plays import Decision, Passed, Snapshot, Trace
from tests.interleave.stepping import COMMIT, Order


class Wall(NamedTuple):
    """Somebody had to wait here for those who hold what it wants."""

    side: int
    snapshot: Snapshot
    holders: tuple[int, ...]

    def stops(self, side: int, snapshot: Snapshot) -> bool:
        """True when the side would wait there for the same transactions, which have only gone further."""
        if side != self.side or snapshot[side] != self.snapshot[side]:
            return False
        return all(
            _has_gone_further(now, then) if i in self.holders else _commits(now) == _commits(then)
            for i, (now, then) in enumerate(zip(snapshot, self.snapshot, strict=True))
            if i != side
        )


class _Branch(NamedTuple):
    prefix: tuple[int, ...]
    snapshot: Snapshot
    switches: int


class Explorer:
    """Prefixes of schedules still to be played, shortest first. At most `bound` switches away from who could go on."""

    def __init__(self, bound: int | None = None, *, walls: bool = True) -> None:
        self._bound = bound
        self._with_walls = walls
        self._open: deque[_Branch] = deque([_Branch((), (), 0)])
        self._walls: list[Wall] = []
        self._prefix: tuple[int, ...] = ()
        self.explored = 0
        self.equal = 0

    def next(self) -> bool:
        """Take up the next schedule; False when there are no more."""
        while self._open:
            branch = self._open.popleft()
            if branch.prefix and any(wall.stops(branch.prefix[-1], branch.snapshot) for wall in self._walls):
                self.equal += 1
                continue
            self._prefix = branch.prefix
            self.explored += 1
            return True
        return False

    def choose(self, trace: Trace, candidates: tuple[int, ...], _: Snapshot) -> tuple[int, Order]:
        """As the prefix says, then whoever went last as long as it can."""
        place = len(trace.decisions)
        if place < len(self._prefix):
            wanted = self._prefix[place]
            assert wanted in candidates, f"a schedule cannot be repeated: {self._prefix} after {trace}"
            return wanted, Order.GO
        last = trace.decisions[-1].chosen if trace.decisions else -1
        return (last if last in candidates else candidates[0]), Order.GO

    def learn(self, trace: Trace) -> None:
        """Note where somebody else could have gone on."""
        chosen = tuple(decision.chosen for decision in trace.decisions)
        switches = 0
        for place, decision in enumerate(trace.decisions):
            last = chosen[place - 1] if place else -1
            if place >= len(self._prefix):
                self._branch(chosen[:place], decision, last, switches)
            switches += last in decision.candidates and decision.chosen != last
            if decision.holders and self._with_walls:
                self._walls.append(Wall(decision.chosen, decision.snapshot, decision.holders))

    def _branch(self, prefix: tuple[int, ...], decision: Decision, last: int, switches: int) -> None:
        for other in decision.candidates:
            count = switches + (last in decision.candidates and other != last)
            if other != decision.chosen and (self._bound is None or count <= self._bound):
                self._open.append(_Branch((*prefix, other), decision.snapshot, count))


def _has_gone_further(now: Passed, then: Passed) -> bool:
    return now[: len(then)] == then and _commits(now) == _commits(then)


def _commits(passed: Passed) -> int:
    return sum(statement == COMMIT for statement, _ in passed)
