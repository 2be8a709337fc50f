"""Every way we break the cluster, as one coroutine each: begin, hold, heal. What is broken is healed whatever happens.

Which, when and for how long is the schedule's. Must not look at the load.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import random
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any

import psycopg
import redis.asyncio as redis

from tests.faults.children import Child
from tests.faults.ground import DISK_MIB, LEASE_S, SERVERS, Ground, resize
from tests.faults.prober import Prober
from tests.faults.proxy import DOWN, UP, Proxy
from tests.faults.records import Fault, Log, now

LIES = 50
CONNECTIONS_MAX = 200
RECOVERY_S = 60.0
LOOK_S, LATER_S = 0.02, 0.5
SNAPSHOT_TRIES = 20
# How a worker ends that kills itself: a signal, or what the JVM says of one.
CRASHED = {-9, 137}
ONE_AT_A_TIME = {"server_kill", "server_freeze", "server_roll", "clock_skew", "connections_taken"}
ORDERLY = 0.85


@dataclass
class Window:
    """When something was broken; without an end it still is."""

    fault: str
    target: str
    begin: int
    end: int | None = None

    def covers(self, since: int, until: int) -> bool:
        """Whether some of that time is in it."""
        return self.begin <= until and (self.end is None or self.end >= since)


def is_dark(target: str, others: Sequence[Window]) -> bool:
    """Whether nobody could have answered, whatever became of `target`: no database, or no other server."""
    if any(other.target == "postgres" and other.fault != "held_snapshot" for other in others):
        return True
    rolled = ["some"] if any(other.fault == "server_roll" for other in others) else []
    away = {name for name in (target, *(other.target for other in others)) if name.startswith("server-")}
    return len(away) + len(rolled) >= SERVERS


class Breaker:
    """Breaks, heals and writes down both."""

    def __init__(self, ground: Ground, prober: Prober, log: Log, chance: random.Random) -> None:
        self._ground, self._prober, self._log, self._chance = ground, prober, log, chance
        self._numbers = itertools.count(1)
        self._watching: set[asyncio.Task[None]] = set()
        self._one_away = asyncio.Lock()
        self._windows: dict[int, Window] = {}

    async def do(self, fault: str) -> None:
        """One fault of that kind, from its begin to its end.

        Mostly those that take a server away wait until the others are there: what a cluster is for is that one may go.
        """
        way: Callable[[], Awaitable[None]] = getattr(self, fault)
        if fault not in ONE_AT_A_TIME or self._chance.random() > ORDERLY:
            await way()
            return
        async with self._one_away:
            for server in self._ground.servers:
                await self._ground.serving(server)
            await way()

    async def settle(self) -> None:
        """Wait until all recoveries are written."""
        await asyncio.gather(*self._watching, return_exceptions=True)

    def note_death(self, child: Child, code: int) -> bool:
        """A handler has taken its worker along; gives whether it was that."""
        crashed = child in self._ground.workers and code in CRASHED
        if crashed:
            number = next(self._numbers)
            self._write(number, "worker_kill", "begin", child.name, cause="crash", status=code)
            self._write(number, "worker_kill", "end", child.name)
        return crashed

    # --- servers and workers

    async def server_kill(self) -> None:
        """Kill -9; it is over when the next life serves."""
        server = self._chance.choice(self._ground.servers)
        await self._living(server)
        async with self._broken("server_kill", server.name, pid=server.pid) as number:
            begun = now()
            await server.kill()
            self._watch(self._recovered(number, "server_kill", server.name, begun))
            await self._ground.serving(server)

    async def worker_kill(self) -> None:
        worker = self._chance.choice(self._ground.workers)
        await self._living(worker)
        async with self._broken("worker_kill", worker.name, pid=worker.pid):
            await worker.kill()

    async def server_freeze(self) -> None:
        await self._freeze("server_freeze", self._chance.choice(self._ground.servers))

    async def worker_freeze(self) -> None:
        await self._freeze("worker_freeze", self._chance.choice(self._ground.workers))

    async def server_roll(self) -> None:
        """One after the other is asked to stop, and comes back before the next one is."""
        async with self._broken("server_roll", "all"):
            for server in list(self._ground.servers):
                life = server.life
                if server.send(signal.SIGTERM) is None:
                    continue
                with suppress(TimeoutError):
                    async with asyncio.timeout(15):
                        while server.life == life:  # noqa: ASYNC110 - the keeper has no event for each life
                            await asyncio.sleep(LOOK_S)
                await self._ground.serving(server)

    async def clock_skew(self) -> None:
        """A server lives once with a wrong clock."""
        server = self._chance.choice(self._ground.servers)
        skew_s = self._chance.choice([-1, 1]) * self._chance.choice([2, 30, 3600])
        self._ground.skew_s[server.name] = skew_s
        try:
            async with self._broken("clock_skew", server.name, skew_s=skew_s):
                await server.kill()
                await self._hold(5.0, 10.0)
        finally:
            self._ground.skew_s.pop(server.name, None)
            await server.kill()

    async def _living(self, child: Child) -> None:
        while child.pid is None:  # noqa: ASYNC110 - the keeper has no event for each life
            await asyncio.sleep(LOOK_S)

    async def _freeze(self, fault: str, child: Child) -> None:
        """SIGSTOP past the lease, then CONT to the very same life."""
        await self._living(child)
        pid = child.send(signal.SIGSTOP)
        if pid is None:
            return
        try:
            async with self._broken(fault, child.name, pid=pid):
                await self._hold(LEASE_S + 0.5, LEASE_S + 2.0)
        finally:
            if child.pid == pid:
                child.send(signal.SIGCONT)

    # --- Postgres

    async def postgres_kill(self) -> None:
        """Kill -9: the postmaster, or all of it at once."""
        await self._ground.postgres_up.wait()
        all_at_once = self._chance.random() < 0.5
        async with self._broken("postgres_kill", "postgres", all_at_once=all_at_once) as number:
            self._ground.kill_postgres(all_at_once=all_at_once)
            await self._ground.postgres_up.wait()
            up = now()
        self._watch(self._recovered(number, "postgres_kill", "postgres", up))

    async def postgres_restart(self) -> None:
        """A fast shutdown."""
        await self._ground.postgres_up.wait()
        async with self._broken("postgres_restart", "postgres") as number:
            self._ground.postgres_up.clear()
            os.kill(self._ground.postgres.pid, signal.SIGINT)
            await self._ground.postgres_up.wait()
            up = now()
        self._watch(self._recovered(number, "postgres_restart", "postgres", up))

    async def disk_full(self) -> None:
        """The tmpfs under Postgres' data has no room but what it holds."""
        if not self._ground.mounted:
            return
        disk = self._ground.disk
        try:
            async with self._broken("disk_full", "postgres") as number:
                found = os.statvfs(disk)
                used_mib = (found.f_blocks - found.f_bfree) * found.f_frsize // 2**20
                resize(disk, used_mib + 1)
                await self._hold(1.5, 4.0)
        finally:
            resize(disk, DISK_MIB)
        await self._ground.postgres_up.wait()
        self._watch(self._recovered(number, "disk_full", "postgres", now()))

    async def held_snapshot(self) -> None:
        """A transaction that sees the past, so that nothing since may be vacuumed."""
        for _ in range(SNAPSHOT_TRIES):
            await self._ground.postgres_up.wait()
            with suppress(psycopg.Error):
                async with await psycopg.AsyncConnection.connect(self._ground.dsn, connect_timeout=5) as connection:
                    await connection.set_isolation_level(psycopg.IsolationLevel.REPEATABLE_READ)
                    await connection.execute("table runs limit 1")
                    async with self._broken("held_snapshot", "postgres"):
                        await self._hold(8.0, 20.0)
                    await connection.rollback()
                return
            await asyncio.sleep(LATER_S)

    async def connections_taken(self) -> None:
        """Every connection Postgres has left, those for superusers too."""
        taken: list[psycopg.AsyncConnection[Any]] = []
        try:
            async with self._broken("connections_taken", "postgres"):
                with suppress(psycopg.Error):
                    while len(taken) < CONNECTIONS_MAX:
                        taken.append(await psycopg.AsyncConnection.connect(self._ground.dsn, connect_timeout=5))
                await self._hold(2.0, 5.0)
        finally:
            for connection in taken:
                await connection.close()

    # --- Redis

    async def redis_kill(self) -> None:
        async with self._broken("redis_kill", "redis"):
            with suppress(ProcessLookupError):
                os.kill(self._ground.valkey.pid, signal.SIGKILL)

    async def redis_flush(self) -> None:
        async with self._redis() as client, self._broken("redis_flush", "redis"):
            await client.flushall()

    async def redis_pause(self) -> None:
        """It takes commands and does not answer."""
        async with self._redis() as client:
            span_s = self._chance.uniform(0.5, 3.0)
            async with self._broken("redis_pause", "redis"):
                await client.client_pause(int(span_s * 1000))
                await asyncio.sleep(span_s)

    async def redis_lie(self) -> None:
        """Its entries are garbage, or say what belongs to another key."""
        async with self._redis() as client, self._broken("redis_lie", "redis"):
            names = [name async for name in client.scan_iter("stellwerk:key:*", count=1000)]
            chosen = self._chance.sample(names, min(LIES, len(names)))
            values = await client.mget(chosen) if chosen else []
            for name, other in zip(chosen, reversed(values), strict=True):
                truth = other if isinstance(other, bytes) and other else b"x"
                lie = self._chance.choice([truth, os.urandom(len(truth)), b"", truth[:-1] + b"\0"])
                await client.set(name, lie)

    @asynccontextmanager
    async def _redis(self) -> AsyncIterator[redis.Redis]:
        client = redis.Redis.from_url(self._ground.valkey.url, socket_timeout=5)
        try:
            with suppress(redis.RedisError, OSError):
                yield client
        finally:
            await client.aclose()

    # --- the network

    async def net_latency(self) -> None:
        span_s = self._chance.uniform(0.02, 0.4)
        proxy, name = self._proxy()
        async with self._broken("net_latency", name, latency_s=round(span_s, 3)), proxy.slow(span_s):
            await self._hold(2.0, 6.0)

    async def net_cut(self) -> None:
        proxy, name = self._proxy()
        async with self._broken("net_cut", name, connections=proxy.connections):
            proxy.cut()

    async def net_half_open(self) -> None:
        """Both ways nothing arrives, and new lines are taken by nobody."""
        await self._swallow("net_half_open", UP, DOWN)

    async def net_one_way(self) -> None:
        await self._swallow("net_one_way", self._chance.choice([UP, DOWN]))

    async def net_lost_reply(self) -> None:
        """What is asked arrives, what is answered does not; then the line is cut."""
        proxy, name = self._proxy()
        async with self._broken("net_lost_reply", name):
            async with proxy.swallowing(DOWN):
                await self._hold(0.05, 0.5)
            proxy.cut()

    async def _swallow(self, fault: str, *directions: str) -> None:
        proxy, name = self._proxy()
        async with self._broken(fault, name, directions=list(directions)), proxy.swallowing(*directions):
            await self._hold(1.0, LEASE_S + 2.0)

    def _proxy(self) -> tuple[Proxy, str]:
        number = self._chance.randrange(SERVERS)
        return self._ground.proxies[number], f"proxy-{number + 1}"

    # --- writing it down

    @asynccontextmanager
    async def _broken(self, fault: str, target: str, **detail: Any) -> AsyncIterator[int]:
        number = next(self._numbers)
        window = self._windows[number] = Window(fault, target, now())
        self._write(number, fault, "begin", target, **detail)
        try:
            yield number
        finally:
            window.end = now()
            self._write(number, fault, "end", target)

    async def _recovered(self, number: int, fault: str, target: str, since: int) -> None:
        at = await self._prober.next_ok(since, RECOVERY_S)
        if at is not None:
            others = [each for other, each in self._windows.items() if other != number and each.covers(since, at)]
            beside = sorted({each.fault for each in others})
            after_s = round((at - since) / 1e6, 3)
            self._write(
                number, fault, "recovered", target, after_s=after_s, beside=beside, dark=is_dark(target, others)
            )

    def _watch(self, recovery: Any) -> None:
        task = asyncio.create_task(recovery)
        self._watching.add(task)
        task.add_done_callback(self._watching.discard)

    def _write(self, number: int, fault: str, phase: str, target: str, **detail: Any) -> None:
        self._log.write(Fault(now(), number, fault, phase, target, detail))

    async def _hold(self, least_s: float, most_s: float) -> None:
        await asyncio.sleep(self._chance.uniform(least_s, most_s))
