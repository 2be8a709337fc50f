"""One schedule: who takes the next statement, whether that waits for a lock, and what everybody is told in the end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from psycopg import AsyncConnection

from stellwerk_server.model.errors import Unavailable
from stellwerk_server.store.database import GONE
from tests.interleave.sides import Side, Work
from tests.interleave.stepping import Order

# A statement that has no answer by then is asked about: it may wait for a lock.
_SOON_S = 0.002
_STUCK_S = 20.0
_BLOCKERS = b"select p, pg_blocking_pids(p) from unnest(%s::int[]) p"
_CONNECTED = b"select 1 from pg_stat_activity where pid = any(%s::int[])"

Passed = tuple[tuple[str, int], ...]
Snapshot = tuple[Passed, ...]


class Decision(NamedTuple):
    """A moment in which somebody had to be chosen, and what each side had done by then."""

    candidates: tuple[int, ...]
    chosen: int
    snapshot: Snapshot
    # Those whose locks the chosen one then waited for.
    holders: tuple[int, ...]


@dataclass
class Trace:
    """A schedule as it went."""

    decisions: list[Decision] = field(default_factory=list)
    moves: list[str] = field(default_factory=list)
    # How often everybody waited for each other.
    deadlocks: int = 0

    def __str__(self) -> str:
        return " ".join(self.moves)


Choose = Callable[[Trace, tuple[int, ...], Snapshot], tuple[int, Order]]


class Stage:
    """Two or three sides, and a connection that sees who waits for whom."""

    def __init__(self, sides: Sequence[Side], observer: AsyncConnection[Any]) -> None:
        self.sides = sides
        self._gates = [side.gate for side in sides]
        self._observer = observer
        self._news = asyncio.Event()
        self._tasks: list[asyncio.Task[Any]] = []
        for gate in self._gates:
            gate.arrived = self._news.set

    async def play(self, works: Sequence[Work], choose: Choose) -> tuple[list[Any], Trace]:
        """What each side's caller hears, and how it went."""
        trace = Trace()
        for gate in self._gates:
            gate.passed, gate.stepping, gate.blocked, gate.let_go = [], True, False, False
        self._tasks = [asyncio.create_task(_told(work, side)) for work, side in zip(works, self.sides, strict=False)]
        for task in self._tasks:
            task.add_done_callback(lambda _: self._news.set())
        try:
            async with asyncio.timeout(_STUCK_S):
                await self._go_through(trace, choose)
        except TimeoutError as error:
            raise AssertionError(f"stuck after {trace}; at {[gate.before for gate in self._gates]}") from error
        finally:
            for gate in self._gates:
                gate.stepping = False
            await self._clear_away()
        return [task.result() for task in self._tasks], trace

    async def _clear_away(self) -> None:
        """After a schedule that broke off: nobody is left standing before a statement."""
        left = [(task, side) for task, side in zip(self._tasks, self.sides, strict=False) if not task.done()]
        for task, side in left:
            task.cancel()
            await side.crash()
            await asyncio.gather(task, return_exceptions=True)

    async def _go_through(self, trace: Trace, choose: Choose) -> None:
        await self._settle()
        while not all(task.done() for task in self._tasks):
            candidates = tuple(i for i, gate in enumerate(self._gates) if gate.before is not None)
            if not candidates:
                if trace.moves[-1] != "DEADLOCK" and await self._wait_for_each_other():
                    trace.deadlocks += 1
                    trace.moves.append("DEADLOCK")
                await self._untangled()
                continue
            snapshot = tuple(tuple(gate.passed) for gate in self._gates)
            chosen, order = choose(trace, candidates, snapshot)
            gate, side = self._gates[chosen], self.sides[chosen]
            move = f"{side.name}:{gate.before}" + (f"({order.value})" if order is not Order.GO else "")
            gate.go_on(order)
            await self._settle()
            holders = tuple(await self._holders(gate.pid)) if gate.blocked else ()
            trace.moves.append(move + ("(waits)" if gate.blocked else ""))
            trace.decisions.append(Decision(candidates, chosen, snapshot, holders))

    def _moving(self) -> list[int]:
        """Those who have taken a statement and are neither back nor known to wait for somebody."""
        pairs = enumerate(zip(self._gates, self._tasks, strict=False))
        return [i for i, (gate, task) in pairs if gate.before is None and not task.done() and not gate.blocked]

    async def _settle(self) -> None:
        """Until everyone stands before a statement, is done, or waits for a lock of another."""
        while True:
            if any(gate.let_go for gate in self._gates):
                for gate in self._gates:
                    gate.let_go = gate.blocked = False
            self._news.clear()
            moving = self._moving()
            if not moving:
                return
            if not await self._hears(_SOON_S):
                for i in moving:
                    gate = self._gates[i]
                    gate.blocked = gate.before is None and bool(await self._holders(gate.pid))

    async def _wait_for_each_other(self) -> bool:
        """False when who holds the lock is gone already, and Postgres has only not noticed yet."""
        waiting = {i for i, task in enumerate(self._tasks) if not task.done()}
        return all([waiting.intersection(await self._holders(self._gates[i].pid)) for i in waiting])

    async def _untangled(self) -> None:
        """Postgres ends a deadlock, somebody's statement fails; or it lets go the locks of a connection that is cut."""
        for gate in self._gates:
            gate.blocked = False
        await self._settle()

    async def _hears(self, within_s: float) -> bool:
        try:
            async with asyncio.timeout(within_s):
                await self._news.wait()
        except TimeoutError:
            return False
        return True

    async def _holders(self, pid: int) -> list[int]:
        """The sides this connection waits for, if it waits for sides only."""
        row = await (await self._observer.execute(_BLOCKERS, [[pid]])).fetchone()
        pids = [gate.pid for gate in self._gates]
        return [pids.index(p) for p in row[1]] if row and set(row[1]) <= set(pids) else []

    async def gone(self, pids: Sequence[int]) -> None:
        """Wait until Postgres has noticed that these connections are cut."""
        async with asyncio.timeout(_STUCK_S):
            while await (await self._observer.execute(_CONNECTED, [list(pids)])).fetchone():  # noqa: ASYNC110
                await asyncio.sleep(0.001)


async def _told(work: Work, side: Side) -> Any:
    try:
        return await work(side)
    except GONE as error:
        return Unavailable("DATABASE_DOWN", str(error))
    except Unavailable as error:
        return error
