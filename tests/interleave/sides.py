"""One server a side: a commit lane, its cache, and claims of its own, on stepped connections. Orders nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Any, NamedTuple

from stellwerk_server.commit import lane as lanes
from stellwerk_server.commit.batch import Context
from stellwerk_server.commit.cache import RunCache
from stellwerk_server.commit.lane import CommitLane, Entry, Ticket
from stellwerk_server.commit.outcome import Committed, Outcome
from stellwerk_server.commit.poll import Grant, Poll
from stellwerk_server.commit.waiting import Waiting
from stellwerk_server.commit.workflows import Workflows
from stellwerk_server.dispatch.chunks import Chunks, _Waiting
from stellwerk_server.dispatch.claims import Claims
from stellwerk_server.dispatch.sessions import Held, Sessions
from stellwerk_server.loops.workers import Extend
from stellwerk_server.model.commands import Command
from stellwerk_server.model.errors import StellwerkError, Unavailable
from stellwerk_server.model.ids import IdSource
from stellwerk_server.model.payload import from_value
from stellwerk_server.model.token import Token
from stellwerk_server.store.database import Pool
from tests.interleave.stepping import Gate, SteppedConnection, SteppedLine

LEASE_S = 10.0
KEY_TTL_S = 50.0


class World(NamedTuple):
    """What all sides share: the database, the registry of one of them, and who makes ids."""

    dsn: str
    workflows: Workflows
    pool: Pool
    ids: IdSource


class Side:
    """A server. `crash` drops it with all it knew; the next command finds a new one."""

    def __init__(self, name: str, world: World) -> None:
        self.name = name
        self.world = world
        self.gate = Gate()
        self.granted: list[Grant] = []
        self.deadlocks = 0
        self._connection: SteppedConnection | None = None
        self._new()

    def _new(self) -> None:
        world = self.world
        self.waiting = Waiting()
        self.cache = RunCache(1_000)
        context = Context(self.cache, self.waiting, world.workflows, world.ids, LEASE_S, KEY_TTL_S, 1)
        self.lane = CommitLane(self.name, 0, context, self._publish)
        self._committing = asyncio.create_task(self.lane.run())

    async def crash(self) -> None:
        """Forget everything and hang up."""
        self._committing.cancel()
        with suppress(asyncio.CancelledError):
            await self._committing
        if self._connection is not None and not self._connection.closed:
            await self._connection.close()
        self._connection = None
        self._new()

    async def stop(self) -> None:
        """Hang up for good."""
        self.lane.stop()
        await self._committing
        if self._connection is not None:
            await self._connection.close()

    def _publish(self, committed: Committed) -> None:
        self.granted += [grant for _, grant in committed.grants]

    async def submit(self, commands: Sequence[Command]) -> list[Outcome]:
        """The outcomes of commands that are one batch."""
        ticket = Ticket(len(commands), asyncio.get_running_loop().create_future())
        ticket.outcomes = [StellwerkError("INTERNAL", "not decided")] * len(commands)
        for place, command in enumerate(commands):
            self.lane.put(Entry(command, ticket, place))
        return await ticket.future if commands else []

    async def hold(self, dispatch: Sequence[int], commands: Sequence[Command]) -> tuple[list[Outcome], list[Grant]]:
        """Submit while a poll waits on those lanes: what it is handed out."""
        poll = Poll("w", tuple(dispatch), 10_000, asyncio.get_running_loop().create_future())
        self.waiting.add(poll)
        outcomes = await self.submit(commands)
        self.waiting.remove(poll)
        granted, self.granted = self.granted, []
        return outcomes, granted

    async def claim(self, dispatch: Sequence[int]) -> list[str]:
        """What `Claims` takes of those lanes for a poll with room enough."""
        committed: list[Committed] = []
        waiting = Waiting()
        claims = Claims(self.world.dsn, waiting, self.world.workflows, LEASE_S, committed.append)
        claims._connection = await self._own()  # type: ignore[assignment]  # the part of it that claims use
        poll = Poll("c", tuple(dispatch), 2, asyncio.get_running_loop().create_future())
        waiting.add(poll)
        for lane in dispatch:
            await claims._claim(lane)
        return sorted(grant.step for each in committed for _, grant in each.grants)

    async def extend(self, grants: Sequence[Grant]) -> list[str]:
        """Which leases the heartbeat of their worker lost."""
        sessions = Sessions()
        lost: list[str] = []
        sessions.stop_task = _append_to(lost)  # type: ignore[method-assign, assignment]  # what a worker would be told
        sessions.extend = {Held(g.run_id, g.step, g.secret): (g.worker, g.attempt) for g in grants}
        loop = Extend(await self._own(), sessions, LEASE_S)  # type: ignore[arg-type]  # a pool of one
        await loop.run_once()
        return lost

    async def append(self, grant: Grant) -> str:
        """A chunk of that attempt; its answer."""
        chunks = Chunks(await self._own(), lambda runs: None)  # type: ignore[arg-type]  # a pool of one
        done: asyncio.Future[StellwerkError | None] = asyncio.get_running_loop().create_future()
        token = Token(grant.run_id, grant.attempt, grant.secret, grant.step)
        chunks._waiting.append(_Waiting(token, 1, from_value("chunk"), done))
        await chunks._write()
        error = done.result()
        if isinstance(error, Unavailable):
            raise error
        return "stored" if error is None else error.reason

    async def _own(self) -> SteppedConnection:
        if self._connection is None or self._connection.closed:
            self._connection = await SteppedConnection.open(self.world.dsn, self.gate)
        return self._connection


def _append_to(lost: list[str]) -> Callable[[str, bytes, str], None]:
    def stop_task(worker_id: str, wire: bytes, reason: str) -> None:
        lost.append(reason)

    return stop_task


Work = Callable[[Side], Awaitable[Any]]


class Opening:
    """Stands where the committer opens its lines: by the side's name, which its lane has for a DSN."""

    def __init__(self, dsn: str, gates: dict[str, Gate]) -> None:
        self._dsn = dsn
        self._gates = gates

    async def open(self, name: str, _: str) -> SteppedLine:
        """The stepped line of that side."""
        return await SteppedLine.open(self._dsn, self._gates[name])


def step_lines(monkeypatch: Any, dsn: str, sides: Sequence[Side]) -> None:
    """Let the lanes of these sides have stepped lines."""
    monkeypatch.setattr(lanes, "Line", Opening(dsn, {side.name: side.gate for side in sides}))
