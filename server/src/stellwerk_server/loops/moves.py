"""Puts commits in the order of the feed now and then, so that the first reader for a long time need not do it all."""

from __future__ import annotations

from stellwerk_server.loops.base import Loop
from stellwerk_server.store import feed
from stellwerk_server.store.database import Pool


class Moves(Loop):
    """A reader does it, too, and sooner; between them they never wait long for each other."""

    name = "moves"

    def __init__(self, pool: Pool, period_s: float = 5.0) -> None:
        super().__init__(period_s)
        self._pool = pool

    async def run_once(self) -> None:
        """Give every commit there is its place."""
        async with self._pool.connection() as connection:
            await feed.order(connection)
