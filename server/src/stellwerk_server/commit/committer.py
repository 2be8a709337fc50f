"""The front of the commit path: commands in, outcomes out once they are durable. A run is always in the same lane."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from stellwerk_server.commit.batch import Context
from stellwerk_server.commit.cache import lane_of
from stellwerk_server.commit.lane import CommitLane, Entry, Ticket
from stellwerk_server.commit.outcome import Committed, Outcome
from stellwerk_server.engine.run import Run
from stellwerk_server.model.commands import Command
from stellwerk_server.model.errors import StellwerkError, Unavailable
from stellwerk_server.model.states import RunState


class Committer:
    """Commit lanes behind one door. `publish` is called with each committed batch, before its callers are answered."""

    def __init__(self, dsn: str, contexts: Sequence[Context], publish: Callable[[Committed], None]) -> None:
        self._lanes = [CommitLane(dsn, number, context, publish) for number, context in enumerate(contexts)]
        self._contexts = contexts
        self._tasks: list[asyncio.Task[None]] = []
        self._stopped = False

    def start(self) -> None:
        """Begin to commit."""
        self._tasks = [asyncio.create_task(lane.run(), name=f"commit lane {i}") for i, lane in enumerate(self._lanes)]

    async def stop(self) -> None:
        """Refuse new commands, finish those that wait."""
        self._stopped = True
        for lane in self._lanes:
            lane.stop()
        await asyncio.gather(*self._tasks)

    async def submit_all(self, commands: Sequence[Command]) -> list[Outcome]:
        """The outcome of each command, in order, once all of them are decided and durable."""
        if self._stopped:
            raise Unavailable("DRAINING", "this server is stopping; send the request again")
        ticket = Ticket(len(commands), asyncio.get_running_loop().create_future())
        ticket.outcomes = [_PENDING] * len(commands)
        lanes = self._lanes
        for index, command in enumerate(commands):
            lanes[lane_of(command.run_id, len(lanes))].put(Entry(command, ticket, index))
        return await ticket.future if commands else []

    async def submit(self, command: Command) -> Outcome:
        """The outcome of one command; raises it when it is an error."""
        outcome = (await self.submit_all([command]))[0]
        if isinstance(outcome, StellwerkError):
            raise outcome
        return outcome

    def holds_open(self, run_id: int, namespace_id: int) -> bool:
        """True when the run is known here to be open and to be of that namespace."""
        run = self._held(run_id)
        return run is not None and run.workflow.namespace_id == namespace_id

    def state_here(self, run_id: int, namespace: str) -> RunState | None:
        """The state of an open run of that namespace after its last commit here; None when it is not known here."""
        run = self._held(run_id)
        return run.state if run is not None and run.workflow.namespace == namespace else None

    def _held(self, run_id: int) -> Run | None:
        return self._contexts[lane_of(run_id, len(self._contexts))].cache.get(run_id)


_PENDING = StellwerkError("INTERNAL", "not decided")
