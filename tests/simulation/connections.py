"""What servers see of the database: connections, lines and pools as store/database.py gives them out, simulated.

Each statement takes its time before and after it. A connection may break at either moment, so that what was asked is
done or not and the asker does not know.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from random import Random
from typing import Any
from unittest.mock import patch

import psycopg
from psycopg_pool import PoolTimeout

from stellwerk_server.store import sql
from tests.simulation.loop import HOST, Host, VirtualLoop
from tests.simulation.postgres import Backend, Kind, Postgres, Work
from tests.simulation.trace import Trace

_NOTIFY = sql.load("notify")
_CONNECT_TIMEOUT_S = 5.0
_POOL_TIMEOUT_S = 5.0


class Network:
    """Everything between servers and their database in one run: how slow it is, what breaks, who is cut off."""

    def __init__(self, postgres: Postgres, loop: VirtualLoop, trace: Trace, random: Random) -> None:
        self.postgres = postgres
        self.loop = loop
        self.trace = trace
        self.random = random
        self.up = True
        # Of statements: how many break their connection, before they are run or after, and how many take long.
        self.breaking = 0.0
        self.slow = 0.0
        self.links: list[Link] = []
        self.listeners: list[asyncio.Queue[str]] = []
        self.cut_off: set[Host] = set()

    def open(self, kind: Kind, host: Host | None) -> Link:
        """A connection for that host, at once."""
        link = Link(self, self.postgres.take(kind), host)
        self.links.append(link)
        return link

    def cut(self, host: Host | None = None) -> None:
        """Every connection of that host, or of everybody, breaks; what is not committed is lost."""
        for link in list(self.links):
            if host is None or link.host is host:
                link.cut(kill=host is None)

    def unreachable(self, host: Host | None) -> bool:
        """Whether that host cannot reach the database now."""
        return not self.up or host in self.cut_off

    async def delay(self) -> None:
        """One way over the wire."""
        chance = self.random.random()
        if chance < self.slow:
            await asyncio.sleep(self.random.uniform(0.02, 0.6))
        else:
            await asyncio.sleep(chance * 0.002)

    def breaks(self, more: float = 1.0) -> bool:
        """Whether the connection breaks at this moment."""
        return self.breaking > 0.0 and self.random.random() < self.breaking * more


class Link:
    """One connection between a server and its backend."""

    def __init__(self, network: Network, backend: Backend, host: Host | None) -> None:
        self._network = network
        self._backend: Backend | None = backend
        self.host = host
        self.closed = False
        self._parked: Any = None

    def cursor(self, **options: Any) -> psycopg.Cursor[Any]:
        """A real cursor on the backend."""
        cursor: psycopg.Cursor[Any] = self._alive().connection.cursor(**options)
        return cursor

    async def step(
        self,
        what: str,
        work: Callable[[Backend], Work | None],
        cursor: psycopg.Cursor[Any] | None = None,
        *,
        often: float = 1.0,
    ) -> None:
        """One statement, on its way, at its moment, and its answer on the way back."""
        network = self._network
        await network.delay()
        self._break_or_go_on(f"before {what}", often)
        backend = self._alive()
        statement = work(backend)
        if statement is not None and cursor is not None:
            await self._run(backend, what, statement, cursor)
        await network.delay()
        self._break_or_go_on(f"after {what}", often)
        self._alive()

    async def _run(self, backend: Backend, what: str, statement: Work, cursor: psycopg.Cursor[Any]) -> None:
        try:
            parked = self._network.postgres.run(backend, what, statement, cursor)
            if parked is not None:
                self._parked = parked
                await parked.done
        except asyncio.CancelledError:
            if self._waits_for_lock and not self.closed:
                self._network.postgres.cancel(self._parked)
                self._backend = None
                self._leave()
            raise
        except psycopg.Error as error:
            self._network.trace.note(f"{what}: {type(error).__name__}")
            raise
        finally:
            self._parked = None

    def begin(self, backend: Backend) -> None:
        """Begin a transaction."""
        self._network.postgres.begin_transaction(backend)

    def commit(self, backend: Backend) -> None:
        """End it."""
        self._network.postgres.end(backend, b"commit")

    def rollback(self) -> None:
        """Undo it, at once."""
        if self._backend is not None and self._backend.in_transaction and not self._waits_for_lock:
            self._network.postgres.end(self._backend, b"rollback")

    def cut(self, *, kill: bool = False) -> None:
        """The connection breaks; the backend sees it when it does nothing, or when the database itself ends it."""
        if self.closed:
            return
        backend, parked = self._leave(), self._parked if self._waits_for_lock else None
        if parked is None:
            if backend is not None:
                self._network.postgres.give_back(backend)
            return
        if kill:
            self._network.postgres.cancel(parked)
        else:
            parked.orphaned = lambda: None
        self._tell(parked.done)

    @property
    def _waits_for_lock(self) -> bool:
        """Once it has been done, the one who asked may not have heard of it yet."""
        return self._parked is not None and self._network.postgres.waits(self._parked)

    def _tell(self, done: asyncio.Future[None]) -> None:
        if not done.done():
            done.set_exception(_gone())
            # Whoever waited may be gone.
            done.exception()

    def _leave(self) -> Backend | None:
        self.closed = True
        if self in self._network.links:
            self._network.links.remove(self)
        backend, self._backend = self._backend, None
        return backend

    def _alive(self) -> Backend:
        if self._backend is None:
            raise _gone()
        return self._backend

    def _break_or_go_on(self, where: str, often: float) -> None:
        if self._network.unreachable(self.host) or self._network.breaks(often):
            self._network.trace.note(f"connection breaks {where}")
            self.cut()


class SimCursor:
    """An asynchronous cursor over a real one; `ready` brings its rows."""

    def __init__(self, link: Link, cursor: psycopg.Cursor[Any], network: Network) -> None:
        self._link = link
        self._cursor = cursor
        self._network = network
        self.ready: Callable[[], Any] | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._cursor, name)

    async def __aenter__(self) -> SimCursor:
        return self

    async def __aexit__(self, *problem: object) -> None:
        return None

    async def execute(self, statement: Any, columns: Any = None, **options: Any) -> SimCursor:
        """Run it."""
        what = self._network.postgres.name(statement)
        work = self._cursor._execute_gen(statement, columns, **options)
        await self._link.step(what, lambda backend: work, self._cursor)
        self._network.trace.note(f"{what} {self._cursor.rowcount}")
        return self

    async def fetchall(self) -> list[Any]:
        """All rows."""
        await self._wait()
        return self._cursor.fetchall()

    async def fetchone(self) -> Any:
        """The first row."""
        await self._wait()
        return self._cursor.fetchone()

    async def _wait(self) -> None:
        if self.ready is not None:
            await self.ready()


class SimConnection:
    """What `connect` and the pool give out."""

    def __init__(self, network: Network, link: Link) -> None:
        self._network = network
        self.link = link

    async def __aenter__(self) -> SimConnection:
        return self

    async def __aexit__(self, *problem: object) -> None:
        await self.close()

    async def execute(self, statement: Any, columns: Any = None, **options: Any) -> SimCursor:
        """Run it; what goes through NOTIFY goes through us."""
        if statement == _NOTIFY.notify:
            await self.link.step("notify", lambda backend: None)
            self._network.trace.note(f"notify {columns['message']}")
            for listener in self._network.listeners:
                listener.put_nowait(columns["message"])
            return SimCursor(self.link, self.link.cursor(), self._network)
        if statement == _NOTIFY.listen:
            await self.link.step("listen", lambda backend: None)
            return SimCursor(self.link, self.link.cursor(), self._network)
        binary = options.pop("binary", None)
        return await SimCursor(self.link, self.link.cursor(), self._network).execute(
            statement, columns, binary=binary, **options
        )

    def cursor(self, **options: Any) -> SimCursor:
        """A cursor of that kind."""
        return SimCursor(self.link, self.link.cursor(**options), self._network)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[None]:
        """One transaction for the block."""
        await self.link.step("begin", self.link.begin)
        try:
            yield
        except BaseException:
            self.link.rollback()
            raise
        await self.link.step("commit", self.link.commit, often=5.0)

    async def notifies(self) -> AsyncIterator[Any]:
        """What others notify, while the connection stands."""
        heard: asyncio.Queue[str] = asyncio.Queue()
        self._network.listeners.append(heard)
        try:
            while True:
                try:
                    async with asyncio.timeout(1.0):
                        message = await heard.get()
                except TimeoutError:
                    if self.link.closed:
                        raise _gone() from None
                    continue
                await self._network.delay()
                yield _Notification(message)
        finally:
            self._network.listeners.remove(heard)

    async def close(self) -> None:
        """Hang up."""
        self.link.cut()


class _Notification:
    def __init__(self, payload: str) -> None:
        self.payload = payload


class SimLine:
    """What `Line` is: statements are queued, go out when an answer is wanted, and are a transaction until a commit."""

    network: Network

    def __init__(self, network: Network, link: Link) -> None:
        self._network = network
        self._link = link
        self._queue: list[tuple[SimCursor, bytes, Any]] = []
        self._begun = False

    @classmethod
    async def open(cls, dsn: str, name: str) -> SimLine:
        """Connect."""
        return cls(cls.network, await _connect(cls.network, "hot"))

    async def execute(self, statement: bytes, columns: Mapping[str, Any] | None = None) -> SimCursor:
        """Queue a statement."""
        cursor = SimCursor(self._link, self._link.cursor(), self._network)
        cursor.ready = self._flush
        self._queue.append((cursor, statement, columns))
        return cursor

    async def commit(self) -> None:
        """Send what is queued and make it durable."""
        await self._flush()
        if self._begun:
            self._begun = False
            await self._link.step("commit", self._link.commit, often=8.0)

    async def close(self) -> None:
        """Hang up; a transaction that is not committed is undone."""
        self._link.cut()

    async def _flush(self) -> None:
        queue, self._queue = self._queue, []
        for cursor, statement, columns in queue:
            if not self._begun:
                self._begun = True
                await self._link.step("begin", self._link.begin, often=0.2)
            await cursor.execute(statement, columns, binary=True)
            cursor.ready = None


class SimPool:
    """What `read_pool` gives: some connections, made again when they broke."""

    def __init__(self, network: Network, size: int) -> None:
        self._network = network
        self._free: list[Link] = []
        self._room = asyncio.Semaphore(size)
        self._closed = False

    async def open(self) -> None:
        """Nothing is made before it is asked for."""

    @asynccontextmanager
    async def connection(self, timeout: float | None = None) -> AsyncIterator[SimConnection]:  # noqa: ASYNC109 - as is
        """A connection that stands, for the block; raises PoolTimeout when there is none in time."""
        wait_s = _POOL_TIMEOUT_S if timeout is None else timeout
        deadline = self._network.loop.time() + wait_s
        try:
            async with asyncio.timeout(wait_s):
                await self._room.acquire()
        except TimeoutError:
            raise PoolTimeout(f"couldn't get a connection after {wait_s:.2f} sec") from None
        try:
            link = await self._link(deadline, wait_s)
            try:
                yield SimConnection(self._network, link)
            finally:
                link.rollback()
                self._put_back(link)
        finally:
            self._room.release()

    async def close(self) -> None:
        """Hang up."""
        self._closed = True
        for link in self._free:
            link.cut()
        self._free = []

    def _put_back(self, link: Link) -> None:
        if self._closed:
            link.cut()
        elif not link.closed:
            self._free.append(link)

    async def _link(self, deadline: float, wait_s: float) -> Link:
        network = self._network
        while self._free:
            link = self._free.pop()
            # The pool asks each connection whether it stands before it gives it out.
            await network.delay()
            if not link.closed and not network.unreachable(link.host):
                return link
            link.cut()
        while True:
            try:
                return await _connect(network, "reads")
            except psycopg.OperationalError:
                if network.loop.time() >= deadline:
                    raise PoolTimeout(f"couldn't get a connection after {wait_s:.2f} sec") from None
                await asyncio.sleep(network.random.uniform(0.1, 1.0))


async def _connect(network: Network, kind: Kind) -> Link:
    host = HOST.get()
    await network.delay()
    if host in network.cut_off:
        await asyncio.sleep(_CONNECT_TIMEOUT_S)
    if network.unreachable(host):
        raise psycopg.OperationalError("connection failed: Connection refused")
    return network.open(kind, host)


def _gone() -> psycopg.OperationalError:
    return psycopg.OperationalError("server closed the connection unexpectedly")


@contextmanager
def connected_to(network: Network) -> Iterator[None]:
    """Servers made in this block get their connections from here."""

    async def connect(dsn: str, name: str, *, relaxed: bool = False) -> SimConnection:
        return SimConnection(network, await _connect(network, "relaxed" if relaxed else "hot"))

    line = type("Line", (SimLine,), {"network": network})
    with (
        patch("stellwerk_server.commit.lane.Line", line),
        patch("stellwerk_server.dispatch.claims.connect", connect),
        patch("stellwerk_server.dispatch.wakeups.connect", connect),
        patch("stellwerk_server.rooms.read_pool", lambda dsn, size: SimPool(network, size)),
    ):
        yield
