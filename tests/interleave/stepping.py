"""Connections of the server that stop before each statement until somebody lets them go on. Orders nothing itself."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from enum import Enum
from typing import Any

import psycopg
from psycopg import AsyncConnection

from stellwerk_server.store import sql
from stellwerk_server.store.database import Line, connect

_FILES = ("commit", "dispatch")
NAMES = {getattr(sql.load(file), name): name for file in _FILES for name in dir(sql.load(file))}
COMMIT = "commit"


class Order(Enum):
    """What the one who waits at a boundary is told."""

    GO = "go"
    # The instance is gone before it sends this.
    CUT = "cut"
    # The statement is carried out, its answer is lost.
    LOSE = "lose"


class Gate:
    """Where one side stands. `passed` is what it has done in this schedule: statements, and how many rows each met."""

    def __init__(self) -> None:
        self.stepping = False
        self.before: str | None = None
        self.blocked = False
        self.passed: list[tuple[str, int]] = []
        self.pid = 0
        # Locks may have been let go since the last look.
        self.let_go = False
        self.arrived: Callable[[], None] = lambda: None
        self._order: asyncio.Future[Order] | None = None

    async def arrive(self, statement: str) -> Order:
        """Wait before a statement; raises when the connection is cut there."""
        if not self.stepping:
            return Order.GO
        self._order = asyncio.get_running_loop().create_future()
        self.before = statement
        self.arrived()
        order = await self._order
        if order is Order.CUT:
            self.let_go = True
            raise psycopg.OperationalError("cut by the test")
        return order

    def go_on(self, order: Order) -> None:
        """Let it take the statement it stands before."""
        assert self._order is not None
        self.before = None
        self._order.set_result(order)

    def done(self, statement: str, rows: int, order: Order) -> None:
        """The statement was carried out."""
        self.passed.append((statement, rows))
        self.let_go = self.let_go or statement == COMMIT
        if order is Order.LOSE:
            self.let_go = True
            raise psycopg.OperationalError("the answer was lost by the test")


class SteppedLine:
    """A `Line` that sends each statement at once, and waits for its answer."""

    def __init__(self, line: Line, gate: Gate, pid: int) -> None:
        self._line = line
        self._gate = gate
        self._pid = pid

    @classmethod
    async def open(cls, dsn: str, gate: Gate) -> SteppedLine:
        """A line of the server's own, held by the gate."""
        line = await Line.open(dsn, "lane")
        return cls(line, gate, line._connection.info.backend_pid)

    async def execute(self, statement: bytes, columns: Mapping[str, Any] | None = None) -> Any:
        """As `Line.execute`, one statement a round trip."""
        self._gate.pid = self._pid
        order = await self._gate.arrive(NAMES[statement])
        cursor = await self._line.execute(statement, columns)
        await cursor._fetch_pipeline()
        self._gate.done(NAMES[statement], cursor.rowcount, order)
        return cursor

    async def commit(self) -> None:
        """As `Line.commit`."""
        order = await self._gate.arrive(COMMIT)
        await self._line.commit()
        self._gate.done(COMMIT, 0, order)

    async def close(self) -> None:
        """Hang up."""
        self._gate.let_go = True
        await self._line.close()


class SteppedConnection:
    """A connection outside the committer: a statement alone is a transaction, and its commit a step of its own."""

    def __init__(self, connection: AsyncConnection[Any], gate: Gate) -> None:
        self._connection = connection
        self._gate = gate
        self._within = False

    @classmethod
    async def open(cls, dsn: str, gate: Gate) -> SteppedConnection:
        """A connection as claims have it."""
        return cls(await connect(dsn, "claims"), gate)

    async def execute(self, statement: bytes, columns: Any = None, *, binary: bool = True) -> Any:
        """Carry out a statement, and commit when it stands alone."""
        if self._within:
            return await self._step(statement, columns)
        async with self.transaction():
            return await self._step(statement, columns)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[None]:
        """Statements that are committed together."""
        self._gate.pid = self._connection.info.backend_pid
        await self._connection.execute("begin")
        self._within = True
        try:
            yield
            order = await self._gate.arrive(COMMIT)
            await self._connection.execute("commit")
        except BaseException:
            await self.close()
            raise
        finally:
            self._within = False
        self._gate.done(COMMIT, 0, order)

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[SteppedConnection]:
        """As a pool of one."""
        yield self

    async def close(self) -> None:
        """Hang up; what is not committed is undone."""
        self._gate.let_go = True
        await self._connection.close()

    @property
    def closed(self) -> bool:
        """True when it cannot be used any more."""
        return self._connection.closed

    async def _step(self, statement: bytes, columns: Any) -> Any:
        order = await self._gate.arrive(NAMES[statement])
        cursor = await self._connection.execute(statement, columns, binary=True)
        self._gate.done(NAMES[statement], cursor.rowcount, order)
        return cursor
