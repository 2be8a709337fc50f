"""Real Postgres as a step of the simulation: a statement runs to its end, or to the lock it waits for, at one moment.

Knows statements and locks; what servers see of connections is in connections.py.
"""

from __future__ import annotations

import asyncio
import os
import select
import signal
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Literal

import psycopg
from psycopg import Connection
from psycopg import sql as composing
from psycopg.waiting import Ready

from stellwerk_server.store import arrays, sql
from stellwerk_server.store.database import _PLANS
from tests.simulation.chance import instant
from tests.simulation.loop import VirtualLoop
from tests.simulation.trace import Trace

Kind = Literal["hot", "relaxed", "reads"]
Work = Generator[int, int, None]

# A statement that has not answered for so long may wait for a lock: somebody asks.
_PATIENCE_MS = 4
_FILES = ("commit", "dispatch", "feed", "notify", "overview", "read", "registry", "waits", "workflows")
# The clock is a file, so that moving it costs no round trip.
_PREPARE = """
create schema virtual;
create function virtual.clock_timestamp() returns timestamptz language sql volatile as $$
  select timestamptz '1970-01-01 00:00:00+00' + pg_read_file('{clock}')::bigint * interval '1 us' $$;
create function virtual.now() returns timestamptz language sql volatile as 'select virtual.clock_timestamp()';
"""
_UNCLAIM = """
with gone as (delete from leases where run_id = %s and step = %s and token = %s returning *)
insert into ready (run_id, step, attempt, lane, rank, id, attempt_s, at)
select run_id, step, attempt, lane, %s, %s, extract(epoch from deadline - leased_at), leased_at from gone returning 1
"""
# What names things stays; everything else goes between two runs.
_KEPT = frozenset({"settings", "namespaces", "alembic_version"})


def prepare(dsn: str) -> None:
    """Let every connection made from now on see the virtual clock, and let nothing work in the background."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(_PREPARE.format(clock=_clock_file(connection).name).encode())
        name = composing.Identifier(connection.info.dbname)
        connection.execute(
            composing.SQL("alter database {} set search_path = virtual, pg_catalog, public").format(name)
        )
        connection.execute(composing.SQL("alter database {} set deadlock_timeout = '20s'").format(name))
        for (table,) in connection.execute(
            "select oid::regclass::text from pg_class where relkind = 'r' and relnamespace = 'public'::regnamespace"
        ):
            connection.execute(f"alter table {table} set (autovacuum_enabled = false)".encode())


class Backend:
    """One real connection, used again and again; `connection` is only ever driven by `Postgres`."""

    def __init__(self, dsn: str, kind: Kind) -> None:
        self.kind = kind
        options = "" if kind == "reads" else _PLANS
        self.connection: Connection[Any] = psycopg.connect(
            dsn, autocommit=True, prepare_threshold=1 if kind == "reads" else 0, options=options
        )
        arrays.register(self.connection.adapters)
        self.pid = self.connection.info.backend_pid
        self.in_transaction = False
        self._poll = select.poll()
        self._fd = self.connection.fileno()

    def raw(self, statement: bytes) -> None:
        """Run it at once; fails when a statement is under way, for which libpq would wait for ever."""
        if self.connection.pgconn.transaction_status == psycopg.pq.TransactionStatus.ACTIVE:
            raise RuntimeError(f"{statement.decode()}: backend {self.pid} is still at work for somebody else")
        result = self.connection.pgconn.exec_(statement)
        if result.status not in (psycopg.pq.ExecStatus.COMMAND_OK, psycopg.pq.ExecStatus.TUPLES_OK):
            raise psycopg.OperationalError(result.get_error_message())

    def drive(self, work: Work, wanted: int | None, waits: Callable[[Backend], bool]) -> int | None:
        """Go on with what is under way: None when it is done, else what it waits for while a lock is not there."""
        self._poll.register(self._fd, 0)
        try:
            wanted = next(work) if wanted is None else wanted
            while True:
                self._poll.modify(self._fd, _events(wanted))
                if found := self._poll.poll(_PATIENCE_MS):
                    wanted = work.send(_ready(found[0][1]))
                elif waits(self):
                    return wanted
        except StopIteration:
            return None
        finally:
            self._poll.unregister(self._fd)


class Parked:
    """A statement that waits for a lock."""

    def __init__(self, backend: Backend, what: str, work: Work, wanted: int, done: asyncio.Future[None]) -> None:
        self.backend = backend
        self.what = what
        self.work = work
        self.wanted = wanted
        self.done = done
        # Called when nobody is there any more for whom it could be done.
        self.orphaned: Callable[[], None] | None = None


class Postgres:
    """The database of one program: its backends stay from run to run, everything else is of the run."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._admin = psycopg.connect(dsn, autocommit=True)
        self._file = os.open(_clock_file(self._admin), os.O_RDWR | os.O_CREAT, 0o644)
        self._free: dict[Kind, list[Backend]] = {"hot": [], "relaxed": [], "reads": []}
        self._parked: list[Parked] = []
        self._clock = 0
        # Hand-outs of claims since the last commit that waited for the disk: run, step, token, rank, id.
        self._unflushed: list[tuple[Any, ...]] = []
        loaded = [(name, sql.load(name)) for name in _FILES]
        self._names = {getattr(queries, key): f"{name}.{key}" for name, queries in loaded for key in dir(queries)}
        tables = self._admin.execute(
            "select relname from pg_class where relkind = 'r' and relnamespace = 'public'::regnamespace order by 1"
        ).fetchall()
        self._truncate = "truncate " + ", ".join(name for (name,) in tables if name not in _KEPT) + " restart identity"
        self._loop: VirtualLoop
        self._trace: Trace
        self.statements = 0

    def begin(self, loop: VirtualLoop, trace: Trace) -> None:
        """A new run on empty tables."""
        self._loop, self._trace = loop, trace
        self._admin.execute(self._truncate.encode())
        self._admin.execute("insert into auditor default values")
        self._admin.execute("alter sequence instances restart")
        self._clock = 0
        self._unflushed = []
        self._tick()

    def name(self, statement: bytes | str) -> str:
        """What a statement is called."""
        text = statement if isinstance(statement, bytes) else statement.encode()
        return self._names.get(text) or " ".join(text.decode().split())[:60]

    def take(self, kind: Kind) -> Backend:
        """A connection nobody uses."""
        free = self._free[kind]
        return free.pop() if free else Backend(self._dsn, kind)

    def give_back(self, backend: Backend) -> None:
        """It is not used any more; what was not committed is undone."""
        assert all(parked.backend is not backend for parked in self._parked), "given back while its statement waits"
        assert backend not in self._free[backend.kind], "given back twice"
        if backend.in_transaction:
            self.end(backend, b"rollback")
        self._free[backend.kind].append(backend)

    def begin_transaction(self, backend: Backend) -> None:
        """Statements are one transaction from now on."""
        backend.raw(b"begin")
        backend.in_transaction = True

    def end(self, backend: Backend, how: Literal[b"commit", b"rollback"]) -> None:
        """End the transaction; whoever waited for its locks goes on."""
        self._tick()
        backend.in_transaction = False
        with self._one_by_one():
            backend.raw(how)
            self._trace.note(how.decode())
            if how == b"commit":
                self._unflushed.clear()
            self._wake()

    def run(self, backend: Backend, what: str, work: Work, cursor: psycopg.Cursor[Any]) -> Parked | None:
        """Run a statement; None when it is done, what it waits as when a lock is not there. Raises what it met."""
        self._tick()
        self.statements += 1
        with self._one_by_one():
            wanted = backend.drive(work, None, self._waits)
            if wanted is None and not backend.in_transaction:
                self._wake()
        if wanted is None:
            self._flush_or_not(backend, what, cursor)
            return None
        parked = Parked(backend, what, work, wanted, self._loop.create_future())
        self._parked.append(parked)
        self._trace.note(f"waits for a lock: {what}")
        self._look_for_deadlock()
        return parked

    def waits(self, parked: Parked) -> bool:
        """Whether it still waits for its lock: one who was to hear of it may have given up before."""
        return parked in self._parked

    def crash(self) -> None:
        """What no commit has brought to the disk since is lost: tasks that were claimed wait in their queue again."""
        for run_id, step, token, rank, number in self._unflushed:
            self._trace.note(f"the claim of {run_id} {step} is lost")
            self.rows(_UNCLAIM, run_id, step, token.hex(), rank, number)
        self._unflushed.clear()

    def cancel(self, parked: Parked) -> None:
        """Have a waiting statement give up; its transaction is undone with it."""
        self._parked.remove(parked)
        self._admin.execute("select pg_cancel_backend(%s)", [parked.backend.pid])
        with suppress(psycopg.Error):
            parked.backend.drive(parked.work, parked.wanted, lambda backend: False)
        self.give_back(parked.backend)

    def close(self) -> None:
        """Hang up everywhere."""
        self.end_run()
        for free in self._free.values():
            for backend in free:
                backend.connection.close()
        self._admin.close()
        os.close(self._file)

    def end_run(self) -> None:
        """Nobody waits for anything any more."""
        for parked in list(self._parked):
            self.cancel(parked)

    def rows(self, statement: str, *parameters: Any) -> list[tuple[Any, ...]]:
        """A look from outside, at the moment it is."""
        self._tick()
        return self._admin.execute(statement.encode(), parameters).fetchall()

    @property
    def admin(self) -> Connection[Any]:
        """The connection that looks from outside."""
        self._tick()
        return self._admin

    def _flush_or_not(self, backend: Backend, what: str, cursor: psycopg.Cursor[Any]) -> None:
        """A claim does not wait for the disk; other commits do."""
        if backend.kind != "relaxed":
            wrote = (cursor.statusmessage or "").startswith(("INSERT", "UPDATE", "DELETE"))
            if wrote and not backend.in_transaction:
                self._unflushed.clear()
        elif what == "dispatch.claim":
            rows = cursor.fetchall()
            self._unflushed += [(row[0], row[1], row[3], row[5], row[6]) for row in rows]
            if rows:
                cursor.scroll(0, "absolute")

    def _tick(self) -> None:
        now = instant(self._loop)
        if now != self._clock:
            self._clock = now
            os.pwrite(self._file, b"%016d" % now, 0)

    def _waits(self, backend: Backend) -> bool:
        return bool(self._blockers(backend))

    def _blockers(self, backend: Backend) -> list[int]:
        found: list[int] = self._admin.execute("select pg_blocking_pids(%s)", [backend.pid]).fetchone()[0]  # type: ignore[index]
        return found

    @contextmanager
    def _one_by_one(self) -> Iterator[None]:
        """Those who wait for locks stand still, so that of several who may go on none overtakes another."""
        stopped = [parked.backend.pid for parked in self._parked] if len(self._parked) > 1 else []
        try:
            for pid in stopped:
                os.kill(pid, signal.SIGSTOP)
            yield
        finally:
            for pid in stopped:
                os.kill(pid, signal.SIGCONT)

    def _wake(self) -> None:
        """Something was committed or undone: whoever can go on does, first come, first served."""
        moved = True
        while moved:
            moved = False
            for parked in list(self._parked):
                moved = self._go_on(parked) or moved

    def _go_on(self, parked: Parked) -> bool:
        if parked not in self._parked or self._waits(parked.backend):
            return False
        error: Exception | None = None
        os.kill(parked.backend.pid, signal.SIGCONT)
        try:
            wanted = parked.backend.drive(parked.work, parked.wanted, self._waits)
            if wanted is not None:
                parked.wanted = wanted
                os.kill(parked.backend.pid, signal.SIGSTOP if len(self._parked) > 1 else signal.SIGCONT)
                return True
        except Exception as met:
            error = met
        self._parked.remove(parked)
        self._trace.note(f"goes on: {parked.what} {type(error).__name__ if error else ''}")
        if parked.orphaned is not None:
            self.give_back(parked.backend)
            parked.orphaned()
        elif parked.done.cancelled():
            pass  # who asked is about to leave, and undoes it
        elif error is not None:
            parked.done.set_exception(error)
        else:
            parked.done.set_result(None)
        return True

    def _look_for_deadlock(self) -> None:
        blockers = {parked.backend.pid: set(self._blockers(parked.backend)) for parked in self._parked}
        stuck = {pid for pid, pids in blockers.items() if pids}
        while moving := {pid for pid in stuck if not blockers[pid] <= stuck}:
            stuck -= moving
        if stuck:
            waiting = [parked.what for parked in self._parked if parked.backend.pid in stuck]
            self._trace.problem("transactions wait for each other: " + "; ".join(waiting))


def _clock_file(connection: Connection[Any]) -> Path:
    """In the folder of the database, where it can read it whoever it runs as."""
    row = connection.execute("show data_directory").fetchone()
    assert row is not None
    return Path(row[0]) / f"{connection.info.dbname}.clock"


def _events(wanted: int) -> int:
    events = 0
    if wanted & 1:
        events |= select.POLLIN
    if wanted & 2:
        events |= select.POLLOUT
    return events


def _ready(events: int) -> Ready:
    ready = 0
    if events & ~select.POLLOUT:
        ready |= Ready.R
    if events & select.POLLOUT:
        ready |= Ready.W
    return Ready(ready)
