"""Who waits for which run: results as runs end, events for those who watch. Nothing here is durable."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple, TypeVar

from stellwerk_server.commit.outcome import Committed
from stellwerk_server.model.failure import Failure
from stellwerk_server.model.payload import Payload
from stellwerk_server.model.states import RunState


class Result(NamedTuple):
    """How a run has ended."""

    run_id: int
    state: RunState
    output: Payload | None
    failure: Failure | None


OnResult = Callable[[Result], None]
OnChange = Callable[[int], None]
_T = TypeVar("_T")


class Results:
    """Waiters by run id, called once when the run has ended."""

    def __init__(self) -> None:
        self._waiters: dict[int, list[OnResult]] = {}
        self._watchers: dict[int, list[OnChange]] = {}
        self._held: set[Callable[[], object]] = set()
        self.draining = False

    def hold(self, on_drain: Callable[[], object]) -> None:
        """A call is held open; `on_drain` is called when the server stops, and the call must end then."""
        self._held.add(on_drain)

    def let_go(self, on_drain: Callable[[], object]) -> None:
        """The call has ended."""
        self._held.discard(on_drain)

    def drain(self) -> None:
        """Let every held call end: its caller asks again, elsewhere."""
        self.draining = True
        for on_drain in list(self._held):
            on_drain()

    def wait(self, run_id: int, on_result: OnResult) -> None:
        """Call `on_result` when the run has ended."""
        self._waiters.setdefault(run_id, []).append(on_result)

    def forget(self, run_id: int, on_result: OnResult) -> None:
        """Wait no longer."""
        _remove(self._waiters, run_id, on_result)

    def awaited(self) -> list[int]:
        """The runs somebody waits for."""
        return list(self._waiters)

    def watch(self, run_id: int, on_change: OnChange) -> None:
        """Call `on_change` whenever something of the run is committed."""
        self._watchers.setdefault(run_id, []).append(on_change)

    def unwatch(self, run_id: int, on_change: OnChange) -> None:
        """Watch no longer."""
        _remove(self._watchers, run_id, on_change)

    def watched(self) -> list[int]:
        """The runs somebody watches."""
        return list(self._watchers)

    def publish(self, committed: Committed) -> None:
        """Tell those concerned by a commit of this instance."""
        if self._waiters:
            for run in committed.ended:
                self.ended(Result(run.id, run.state, run.output, run.failure))
        if self._watchers:
            self.changed([run.id for run, _ in committed.events])

    def ended(self, result: Result) -> None:
        """A run has ended, here or elsewhere."""
        for on_result in self._waiters.pop(result.run_id, ()):
            on_result(result)

    def changed(self, run_ids: Iterable[int]) -> None:
        """These runs have new events or chunks."""
        for run_id in run_ids:
            for on_change in self._watchers.get(run_id, ()):
                on_change(run_id)


def _remove(table: dict[int, list[_T]], run_id: int, value: _T) -> None:
    held = table.get(run_id)
    if held is not None and value in held:
        held.remove(value)
        if not held:
            del table[run_id]
