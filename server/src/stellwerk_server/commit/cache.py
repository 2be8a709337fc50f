"""Folded runs by id, so that a transition reads no history. Bounded; a run that has ended is not kept."""

from __future__ import annotations

from collections import OrderedDict

from stellwerk_server.engine.run import Run

_STEP_WEIGHT = 4


def lane_of(run_id: int, lanes: int) -> int:
    """The commit lane a run belongs to, and with it the cache that may hold it."""
    # The counter of an id restarts every millisecond; its milliseconds spread lone starts as well.
    return (run_id ^ run_id >> 22) % lanes


class RunCache:
    """The runs a lane has folded, least recently used first; `capacity` counts a run as 4 and each step as 1."""

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._runs: OrderedDict[int, tuple[Run, int]] = OrderedDict()
        self._weight = 0

    def __len__(self) -> int:
        return len(self._runs)

    def get(self, run_id: int) -> Run | None:
        """The run as it was after its last commit here, or None."""
        held = self._runs.get(run_id)
        return held[0] if held is not None else None

    def keep(self, run: Run) -> None:
        """Remember the run as the most recent one, unless it has ended."""
        self.drop(run.id)
        if run.state.terminal:
            return
        weight = _STEP_WEIGHT + len(run.steps)
        self._runs[run.id] = (run, weight)
        self._weight += weight

    def drop(self, run_id: int) -> None:
        """Forget the run; the next command folds it anew."""
        held = self._runs.pop(run_id, None)
        if held is not None:
            self._weight -= held[1]

    def trim(self) -> None:
        """Forget the oldest until the bound holds; the newest always stays."""
        while self._weight > self._capacity and len(self._runs) > 1:
            _, (_, weight) = self._runs.popitem(last=False)
            self._weight -= weight
