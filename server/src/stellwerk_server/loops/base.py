"""The one form of every background loop: a validated period, `run_once`, and a life from start to stop."""

from __future__ import annotations

import asyncio
import logging
from abc import ABC, abstractmethod

from stellwerk_server.store.database import GONE

logger = logging.getLogger(__name__)


class Loop(ABC):
    """Runs `run_once` every `period_s` seconds, or sooner when poked; an error is logged and the loop goes on."""

    name = "loop"

    def __init__(self, period_s: float) -> None:
        if not 0.01 <= period_s <= 86_400:
            raise ValueError(f"{self.name}: period_s: expected 0.01 to 86400, came {period_s}")
        self._period_s = period_s
        self._poked = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    @abstractmethod
    async def run_once(self) -> None:
        """One round; must be safe to repeat and to run on several instances at once."""

    def poke(self) -> None:
        """Do not wait for the period."""
        self._poked.set()

    def start(self) -> None:
        """Begin; a second start is an error of the caller."""
        if self._task is not None:
            raise RuntimeError(f"{self.name} runs already")
        self._task = asyncio.create_task(self._run(), name=self.name)

    async def stop(self) -> None:
        """End, also in the middle of a round; safe to call twice or before the start."""
        task, self._task = self._task, None
        # A client library may swallow a cancel that meets a timeout of its own: ask again.
        while task is not None and not task.done():
            task.cancel()
            await asyncio.wait({task}, timeout=0.2)

    async def _run(self) -> None:
        while True:
            try:
                await self.run_once()
            except GONE as error:
                logger.warning("%s: the database did not answer: %s", self.name, error)
            except Exception:
                logger.exception("%s: a round failed", self.name)
            await self._pause()

    async def _pause(self) -> None:
        try:
            async with asyncio.timeout(self._period_s):
                await self._poked.wait()
        except TimeoutError:
            pass
        self._poked.clear()
