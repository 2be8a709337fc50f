"""A Redis that may be down, slow, emptied or lying, and whose hints may be lost, late or told twice."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from random import Random
from typing import Any
from unittest.mock import patch

from redis.exceptions import ConnectionError as RedisGone
from redis.exceptions import TimeoutError as RedisTimeout

from tests.simulation.loop import HOST, Host
from tests.simulation.trace import Trace


class FakeRedis:
    """The one Redis of a run; clients are views of it."""

    def __init__(self, random: Random, trace: Trace) -> None:
        self._random = random
        self._trace = trace
        self.up = True
        self.cut_off: set[Host] = set()
        # Of calls and of hints: how many take too long, are lied to, are lost, come twice or late.
        self.slow = self.lying = self.losing = self.doubling = self.late = 0.0
        self.entries: dict[str, bytes] = {}
        self.channels: list[Channel] = []

    def flush(self) -> None:
        """FLUSHALL."""
        self._trace.note("redis is flushed")
        self.entries.clear()

    async def reach(self, timeout_s: float) -> None:
        """One round trip of the host that asks; raises what its client would."""
        await asyncio.sleep(self._random.uniform(0.0001, 0.001))
        if HOST.get() in self.cut_off or self._random.random() < self.slow:
            await asyncio.sleep(timeout_s)
            raise RedisTimeout("Timeout reading from socket")
        if not self.up:
            raise RedisGone("Error 111 connecting. Connection refused.")

    def read(self, key: str) -> bytes | None:
        """What there is; or what is there of somebody else, or broken."""
        if self.entries and self._random.random() < self.lying:
            value = self._random.choice(list(self.entries.values()))
            return value if self._random.random() < 0.5 else value[:-1] + bytes([value[-1] ^ 1])
        return self.entries.get(key)

    def publish(self, message: bytes) -> None:
        """Hand a hint to everybody who listens, more or less."""
        for channel in list(self.channels):
            for _ in range(1 + (self._random.random() < self.doubling)):
                if self._random.random() >= self.losing and channel.host not in self.cut_off:
                    channel.deliver(message, self._delay_s())

    def break_channels(self) -> None:
        """Everybody who listens is cut off."""
        for channel in list(self.channels):
            channel.deliver(None, 0.001)

    def _delay_s(self) -> float:
        if self._random.random() < self.late:
            return self._random.uniform(0.1, 3.0)
        return self._random.uniform(0.0002, 0.002)


class Client:
    """redis.asyncio.Redis, as far as servers use it."""

    def __init__(self, hub: FakeRedis, timeout_s: float) -> None:
        self._hub = hub
        self._timeout_s = timeout_s

    async def __aenter__(self) -> Client:
        return self

    async def __aexit__(self, *problem: object) -> None:
        return None

    async def mget(self, names: list[str]) -> list[bytes | None]:
        """The values of these keys."""
        await self._hub.reach(self._timeout_s)
        return [self._hub.read(name) for name in names]

    async def publish(self, channel: str, message: bytes) -> None:
        """Tell whoever listens."""
        await self._hub.reach(self._timeout_s)
        self._hub.publish(message)

    def pipeline(self, *, transaction: bool) -> Pipe:
        """Several commands in one round trip."""
        return Pipe(self._hub, self._timeout_s)

    def pubsub(self) -> Channel:
        """What listens."""
        return Channel(self._hub)

    async def aclose(self) -> None:
        """Hang up."""


class Pipe:
    """Commands that go out together."""

    def __init__(self, hub: FakeRedis, timeout_s: float) -> None:
        self._hub = hub
        self._timeout_s = timeout_s
        self._sets: list[tuple[str, bytes]] = []

    async def __aenter__(self) -> Pipe:
        return self

    async def __aexit__(self, *problem: object) -> None:
        return None

    async def set(self, name: str, value: bytes, *, nx: bool, ex: int) -> None:
        """Queue it."""
        self._sets.append((name, value))

    async def execute(self) -> None:
        """Send what is queued."""
        await self._hub.reach(self._timeout_s)
        for name, value in self._sets:
            self._hub.entries.setdefault(name, value)


class Channel:
    """One subscription."""

    def __init__(self, hub: FakeRedis) -> None:
        self._hub = hub
        self._heard: asyncio.Queue[bytes | None] = asyncio.Queue()
        self.host = HOST.get()

    async def __aenter__(self) -> Channel:
        return self

    async def __aexit__(self, *problem: object) -> None:
        if self in self._hub.channels:
            self._hub.channels.remove(self)

    async def subscribe(self, name: str) -> None:
        """Listen from now on."""
        await self._hub.reach(1.0)
        self._hub.channels.append(self)

    def deliver(self, message: bytes | None, delay_s: float) -> None:
        """It comes after a while; None breaks the connection."""
        loop = asyncio.get_running_loop()
        if self.host is not None:
            self.host.call_soon(loop.call_later, delay_s, self._heard.put_nowait, message)

    async def listen(self) -> AsyncIterator[dict[str, Any]]:
        """What is told."""
        while (message := await self._heard.get()) is not None:
            yield {"type": "message", "data": message}
        raise RedisGone("Connection closed by server.")


@contextmanager
def instead_of_redis(hub: FakeRedis) -> Iterator[None]:
    """Servers made in this block talk to this one."""

    class Module:
        """redis.asyncio, as far as servers use it."""

        class Redis:
            """Its client."""

            @staticmethod
            def from_url(url: str, **options: Any) -> Client:
                """A client with that patience."""
                return Client(hub, options.get("socket_timeout") or 1.0)

    with (
        patch("stellwerk_server.dispatch.duplicates.redis", Module),
        patch("stellwerk_server.dispatch.wakeups.redis", Module),
    ):
        yield
