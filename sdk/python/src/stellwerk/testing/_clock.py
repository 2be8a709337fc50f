"""Virtual time for tests: it stands still until somebody lets it pass. Must not look at the real clock."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable

# A time nobody takes for now: 2026-01-01.
START_US = 1_767_225_600_000_000


class Clock:
    """Microseconds since 1970, and what is due at which of them."""

    def __init__(self) -> None:
        self.now_us = START_US
        self._due: list[tuple[int, int, Callable[[], None], Callable[[], bool]]] = []
        self._count = itertools.count()

    def later(self, due_us: int, act: Callable[[], None], wanted: Callable[[], bool]) -> None:
        """Do it then, if it is still wanted; what is due at the same time keeps its order."""
        heapq.heappush(self._due, (due_us, next(self._count), act, wanted))

    def next_us(self) -> int | None:
        """When the next thing is due that is wanted; None when nothing is."""
        while self._due and not self._due[0][3]():
            heapq.heappop(self._due)
        return self._due[0][0] if self._due else None

    def fire(self) -> None:
        """Let time pass to the next thing, and do it."""
        if self.next_us() is not None:
            due_us, _, act, _ = heapq.heappop(self._due)
            self.now_us = max(self.now_us, due_us)
            act()
