"""Runs whose code waits, kept so that they need no replay when they go on. Must not know decisions or the network."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict

from stellwerk._replay import Replay

IDLE_S = 10.0
_LOOK_S = 1.0


class RunCache:
    """The runs decided last; the least recently used and those that waited for long are dropped."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._loop = asyncio.get_running_loop()
        self._runs: OrderedDict[str, tuple[Replay, float]] = OrderedDict()
        self._look: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        return len(self._runs)

    def take(self, run_id: str, sequence: int) -> Replay | None:
        """The run, if it is here and knows all up to exactly `sequence`; it is the caller's then."""
        kept = self._runs.pop(run_id, None)
        if kept is None:
            return None
        run = kept[0]
        if run.seen == sequence and not run.over:
            return run
        run.drop()
        return None

    def put(self, run: Replay) -> None:
        """Keep a run that waits."""
        before = self._runs.pop(run.run_id, None)
        if before is not None and before[0] is not run:
            before[0].drop()
        self._runs[run.run_id] = (run, time.monotonic())
        while len(self._runs) > self._most:
            self._runs.popitem(last=False)[1][0].drop()
        if self._look is None and self._runs:
            self._look = self._loop.call_later(_LOOK_S, self._drop_idle)

    def drop(self, run: Replay) -> None:
        """Forget the run, if it is here."""
        kept = self._runs.get(run.run_id)
        if kept is not None and kept[0] is run:
            del self._runs[run.run_id]
            run.drop()

    def clear(self) -> None:
        """Forget all."""
        if self._look is not None:
            self._look.cancel()
            self._look = None
        while self._runs:
            self._runs.popitem()[1][0].drop()

    def _drop_idle(self) -> None:
        old_s = time.monotonic() - IDLE_S
        while self._runs:
            run, used_s = next(iter(self._runs.values()))
            if used_s > old_s:
                break
            self._runs.popitem(last=False)
            run.drop()
        self._look = self._loop.call_later(_LOOK_S, self._drop_idle) if self._runs else None
