"""Hints between instances: "this lane has tasks", "these runs have moved". Lost ones cost a second, never a run.

Through Redis when there is one, else through NOTIFY on a connection of its own. Nothing is sent while no other
instance is known to listen.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Iterable
from typing import Any, NamedTuple

import orjson
import redis.asyncio as redis
from redis.exceptions import RedisError

from stellwerk_server.commit.outcome import Committed
from stellwerk_server.store import sql
from stellwerk_server.store.database import GONE, connect

logger = logging.getLogger(__name__)
SQL = sql.load("notify")
_CHANNEL = "stellwerk"
_HELLO_EVERY_S = 5.0
_PEER_FORGOTTEN_S = 12.0
# Hints of this long are sent together.
_COALESCE_S = 0.005
# A NOTIFY payload must stay below 8,000 bytes.
_MAX_NAMED = 300


class _Hint(NamedTuple):
    """What an instance said."""

    sender: int
    lanes: list[int]
    ended: list[int]
    moved: list[int]


class Wakeups:
    """Sends what commits of this instance may mean for others; hands on what others send."""

    def __init__(
        self,
        dsn: str,
        redis_url: str | None,
        instance: int,
        on_lanes: Callable[[list[int]], None],
        on_runs: Callable[[list[int], list[int]], None],
    ) -> None:
        self._dsn = dsn
        self._redis_url = redis_url
        self._instance = instance
        self._on_lanes = on_lanes
        self._on_runs = on_runs
        self._peers: dict[int, float] = {}
        self._lanes: set[int] = set()
        self._ended: set[int] = set()
        self._moved: set[int] = set()
        self._wake = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Listen and send until stopped."""
        self._tasks = [
            asyncio.create_task(self._forever(self._listen), name="wake-ups in"),
            asyncio.create_task(self._forever(self._send), name="wake-ups out"),
        ]

    async def stop(self) -> None:
        """Stop at once; hints that were not sent are lost, as hints may be."""
        # A client library may swallow a cancel that meets a timeout of its own: ask again.
        while running := [task for task in self._tasks if not task.done()]:
            for task in running:
                task.cancel()
            await asyncio.wait(running, timeout=0.2)

    @property
    def alone(self) -> bool:
        """True while no other instance has been heard of lately."""
        return not self._peers

    def committed(self, committed: Committed) -> None:
        """Note what others may care about."""
        if self.alone:
            return
        self._lanes.update(committed.queued)
        self._ended.update(run.id for run in committed.ended)
        self._moved.update(run.id for run, _ in committed.events)
        self._wake.set()

    def streamed(self, run_ids: Iterable[int]) -> None:
        """Note runs that have new chunks."""
        if not self.alone:
            self._moved.update(run_ids)
            self._wake.set()

    async def _forever(self, work: Callable[[], Any]) -> None:
        while True:
            try:
                await work()
            except (*GONE, RedisError) as error:
                logger.debug("wake-ups: %s", error)
            except Exception:
                logger.exception("wake-ups failed")
            await asyncio.sleep(0.5)

    async def _listen(self) -> None:
        async for message in self._messages():
            heard = _read(message)
            if heard is None or heard.sender == self._instance:
                continue
            self._peers[heard.sender] = time.monotonic()
            if heard.lanes:
                self._on_lanes(heard.lanes)
            if heard.ended or heard.moved:
                self._on_runs(heard.ended, heard.moved)

    async def _messages(self) -> AsyncIterator[bytes | str]:
        if self._redis_url:
            client = redis.Redis.from_url(self._redis_url, socket_connect_timeout=1.0)
            async with client, client.pubsub() as channel:
                await channel.subscribe(_CHANNEL)
                async for message in channel.listen():
                    if message["type"] == "message":
                        yield message["data"]
            return
        connection = await connect(self._dsn, "wake-ups in")
        async with connection:
            await connection.execute(SQL.listen)
            async for notification in connection.notifies():
                yield notification.payload

    async def _send(self) -> None:
        if self._redis_url:
            client = redis.Redis.from_url(self._redis_url, socket_timeout=1.0, socket_connect_timeout=1.0)
            async with client:

                async def publish(message: bytes) -> None:
                    await client.publish(_CHANNEL, message)

                await self._drain_to(publish)
        connection = await connect(self._dsn, "wake-ups out", relaxed=True)
        async with connection:

            async def notify(message: bytes) -> None:
                await connection.execute(SQL.notify, {"message": message.decode()})

            await self._drain_to(notify)

    async def _drain_to(self, publish: Callable[[bytes], Any]) -> None:
        while True:
            await publish(orjson.dumps(self._take()))
            try:
                async with asyncio.timeout(_HELLO_EVERY_S):
                    await self._wake.wait()
                await asyncio.sleep(_COALESCE_S)
            except TimeoutError:
                pass
            self._wake.clear()

    def _take(self) -> dict[str, Any]:
        now = time.monotonic()
        self._peers = {peer: seen for peer, seen in self._peers.items() if now - seen < _PEER_FORGOTTEN_S}
        message = {
            "from": self._instance,
            "lanes": list(self._lanes)[:_MAX_NAMED],
            "ended": list(self._ended)[: _MAX_NAMED // 2],
            "moved": list(self._moved - self._ended)[: _MAX_NAMED // 2],
        }
        self._lanes, self._ended, self._moved = set(), set(), set()
        return message


def _read(message: bytes | str) -> _Hint | None:
    """The hint in a message; None for what no instance of ours would say: the channel is open to others."""
    try:
        heard = orjson.loads(message)
        said: list[Any] = [heard[field] for field in ("from", "lanes", "ended", "moved")]
    except (orjson.JSONDecodeError, TypeError, KeyError):
        return None
    sender, *lists = said
    if not isinstance(sender, int) or not all(isinstance(numbers, list) for numbers in lists):
        return None
    if not all(isinstance(number, int) for numbers in lists for number in numbers):
        return None
    return _Hint(sender, *lists)
