"""Polls in, tasks out. A poll is filled inside a commit, or by a claim when tasks were queued before it came."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from typing import Any

from stellwerk_server.commit.outcome import Committed
from stellwerk_server.commit.poll import Grant, Poll
from stellwerk_server.commit.waiting import Waiting
from stellwerk_server.commit.workflows import Workflows
from stellwerk_server.dispatch.claims import Claims
from stellwerk_server.dispatch.fitting import fitting

# Half of what a message may hold.
_MAX_ANSWER_BYTES = 8 * 1024 * 1024

Release = Callable[[list[Grant]], Coroutine[Any, Any, None]]
# What is told of every answered poll: namespace, queue, how many tasks it got, and whether any had been queued.
Polled = Callable[[int, str, int, bool], None]


class Dispatcher:
    """The waiting polls of this instance. `release` gives tasks back that reached nobody."""

    def __init__(
        self,
        waiting: Waiting,
        claims: Claims,
        workflows: Workflows,
        release: Release,
        polled: Polled = lambda namespace_id, queue, tasks, claimed: None,
    ) -> None:
        self._waiting = waiting
        self._claims = claims
        self._workflows = workflows
        self._release = release
        self._polled = polled
        self._releases: set[asyncio.Task[None]] = set()
        self._draining = False

    async def poll(
        self, namespace_id: int, queue: str, actions: Iterable[str], worker: str, max_tasks: int, wait_s: float
    ) -> list[Grant]:
        """Wait for up to `max_tasks` tasks; empty when none came in time or the server drains."""
        lanes = tuple([await self._workflows.lane(namespace_id, queue, action) for action in dict.fromkeys(actions)])
        loop = asyncio.get_running_loop()
        poll = Poll(worker, lanes, max_tasks, loop.create_future())
        if self._draining:
            return []
        self._waiting.add(poll)
        timer = loop.call_later(wait_s, poll.close)
        self._claims.look(lanes)
        try:
            await poll.future
        except asyncio.CancelledError:
            self._give_back(poll.tasks)
            raise
        finally:
            timer.cancel()
            self._waiting.remove(poll)
        tasks = self._that_fit(poll.tasks)
        self._polled(namespace_id, queue, len(tasks), poll.claimed)
        return tasks

    def close_polls_of(self, worker: str) -> None:
        """The worker does not keep its leases: answer its polls, so that nothing more is handed to a hung one."""
        for poll in self._waiting.all():
            if poll.worker == worker:
                poll.close()

    def deliver(self, committed: Committed) -> None:
        """Fill the polls a commit has leased tasks to, and look for polls for what it queued."""
        # In their order, which a set would not keep: the same commits answer the same polls first.
        filled: dict[Poll, None] = {}
        lost: list[Grant] = []
        for poll, grant in committed.grants:
            if poll.fill(grant):
                filled[poll] = None
            else:
                lost.append(grant)
        for poll in filled:
            # Only a transaction of the committer has a time: this is a claim.
            poll.claimed = poll.claimed or not committed.now
            poll.answer_if_settled()
        self._give_back(lost)
        if committed.queued:
            self._claims.queued(committed.queued)

    def drain(self) -> None:
        """Answer every poll and take no new ones."""
        self._draining = True
        for poll in self._waiting.all():
            poll.close()

    async def settle(self) -> None:
        """Wait until everything that reached nobody is given back."""
        while self._releases:
            await asyncio.wait(self._releases)

    def _that_fit(self, tasks: list[Grant]) -> list[Grant]:
        """As many as one message holds, at least one; the others go back and out again."""
        fit = list(fitting(tasks, lambda grant: grant.size, _MAX_ANSWER_BYTES))
        self._give_back(tasks[len(fit) :])
        return fit

    def _give_back(self, grants: list[Grant]) -> None:
        if grants:
            task = asyncio.create_task(self._release(grants))
            self._releases.add(task)
            task.add_done_callback(self._releases.discard)
