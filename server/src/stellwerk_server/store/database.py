"""Connections: how they are opened, what they know of our types, and which errors mean that the database is away."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AsyncExitStack, suppress
from typing import Any

import psycopg
from psycopg import AsyncConnection, AsyncCursor, AsyncPipeline
from psycopg.abc import PQGen
from psycopg.generators import send
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from stellwerk_server.store import arrays

# What psycopg raises when a connection broke, could not be made, or the server goes down.
GONE = (psycopg.OperationalError, psycopg.InterfaceError, PoolTimeout, OSError, TimeoutError)
_CONNECT_TIMEOUT_S = 5


# Hot statements join a batch to tables by their keys. A plan made while the tables were small would stay in the cache
# when they are large, so the hot connections know only nested loops over indexes.
_PLANS = "-c enable_seqscan=off -c enable_hashjoin=off -c enable_mergejoin=off -c jit=off"


async def connect(dsn: str, name: str, *, relaxed: bool = False) -> AsyncConnection[Any]:
    """A connection for the hot path: autocommit, every statement prepared, instants as microseconds.

    `relaxed` is for what may be lost with the database (hand-outs): a commit does not wait for the disk.
    """
    connection = await AsyncConnection.connect(
        dsn,
        autocommit=True,
        prepare_threshold=0,
        application_name=f"stellwerk {name}",
        connect_timeout=_CONNECT_TIMEOUT_S,
        options=_PLANS + (" -c synchronous_commit=off" if relaxed else ""),
    )
    arrays.register(connection.adapters)
    return connection


class _Gathering(AsyncPipeline):
    """Sends statements when an answer is wanted, and not one by one: a batch is two writes to the socket, not fifteen.

    Overrides what psycopg does inside; its version is pinned, and the tests of Line hold it to this.
    """

    def _communicate_gen(self) -> PQGen[None]:
        return
        yield  # a generator that has nothing to wait for

    def _fetch_gen(self, *, flush: bool) -> PQGen[None]:
        if not self.result_queue:
            return
        while self.command_queue:
            self.command_queue.popleft()()
        if flush:
            self.pgconn.send_flush_request()
        yield from send(self.pgconn)
        yield from super()._fetch_gen(flush=False)


class Line:
    """A connection that stays in pipeline mode: statements are queued and go out together.

    All statements between two commits are one transaction, begun by the first and ended by the sync of `commit`; no
    BEGIN or COMMIT is sent. Reading an answer flushes the queue without a sync. To undo what was sent, `close`.
    """

    def __init__(self, connection: AsyncConnection[Any], pipeline: AsyncPipeline, stack: AsyncExitStack) -> None:
        self._connection = connection
        self._pipeline = pipeline
        self._stack = stack

    @classmethod
    async def open(cls, dsn: str, name: str) -> Line:
        """Connect and enter pipeline mode."""
        connection = await connect(dsn, name)
        stack = AsyncExitStack()
        connection._pipeline = _Gathering(connection)
        try:
            pipeline = await stack.enter_async_context(connection.pipeline())
        except BaseException:
            await connection.close()
            raise
        return cls(connection, pipeline, stack)

    async def execute(self, statement: bytes, columns: Mapping[str, Any] | None = None) -> AsyncCursor[Any]:
        """Queue a statement; its rows, in binary, are read from the cursor."""
        return await self._connection.execute(statement, columns, binary=True)

    async def commit(self) -> None:
        """Send what is queued and make the transaction durable; raises what any of its statements met."""
        await self._pipeline.sync()

    async def close(self) -> None:
        """Hang up; a transaction that is not committed is undone."""
        await self._connection.close()
        with suppress(Exception):
            await self._stack.aclose()


Pool = AsyncConnectionPool[AsyncConnection[Any]]


def read_pool(dsn: str, size: int) -> Pool:
    """The pool for reads and background loops; open it inside the loop."""
    return AsyncConnectionPool(
        dsn,
        min_size=1,
        max_size=size,
        open=False,
        timeout=5.0,
        configure=_configure,
        check=AsyncConnectionPool.check_connection,
        kwargs={"application_name": "stellwerk reads", "connect_timeout": _CONNECT_TIMEOUT_S},
    )


async def _configure(connection: AsyncConnection[Any]) -> None:
    await connection.set_autocommit(True)
    arrays.register(connection.adapters)
