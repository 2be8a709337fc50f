"""Idempotency keys in Redis: answers a storm of repeated starts without touching Postgres, and decides nothing.

An entry is signed with the cluster's secret over everything it says, so an answer is either one this cluster wrote for
that very key after the commit, or it is ignored. Redis down, slow, flushed or lying costs speed only.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
import struct
import time
from collections.abc import Sequence
from typing import NamedTuple

import redis.asyncio as redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from stellwerk_server.dispatch.gathering import Gathering
from stellwerk_server.model.events import SECOND, Instant

logger = logging.getLogger(__name__)
_TIMEOUT_S = 0.1
# After a failure Redis is left alone this long.
_PAUSE_S = 1.0
_ENTRY = struct.Struct(">QQ32s")
_SIGNATURE_BYTES = 16
# Keys of one call to Redis.
_MOST = 2_000


class Key(NamedTuple):
    """One idempotency key and the digest of its input."""

    namespace_id: int
    workflow: str
    key: str
    digest: bytes

    @property
    def name(self) -> str:
        """Where Redis keeps it."""
        said = f"{self.namespace_id}/{self.workflow}/{self.key}".encode()
        return "stellwerk:key:" + hashlib.sha256(said).hexdigest()[:40]


# A committed key, its run, and when it is forgotten.
Entry = tuple[Key, int, Instant]


class Known(NamedTuple):
    """The run a key belongs to, and the digest of that run's input."""

    run_id: int
    digest: bytes


class Duplicates:
    """The cache in front of the unique rows; without a URL it knows nothing."""

    def __init__(self, url: str | None, secret: bytes) -> None:
        self._secret = secret
        self._paused_until = 0.0
        self.up = False
        self._finding = Gathering(self._find, _MOST)
        self._remembering = Gathering(self._remember, _MOST)
        self._redis: redis.Redis | None = None
        if url:
            self._redis = redis.Redis.from_url(
                url, retry=Retry(NoBackoff(), 0), socket_timeout=_TIMEOUT_S, socket_connect_timeout=_TIMEOUT_S
            )

    async def find(self, keys: Sequence[Key]) -> list[Known | None]:
        """What Redis knows of each key; None for what it does not know, or says wrongly."""
        if self._ready() is None or not keys:
            return [None] * len(keys)
        return await self._finding.ask(keys)

    async def remember(self, entries: Sequence[Entry]) -> None:
        """Store which run a committed key belongs to, until the key expires."""
        if self._ready() is not None and entries:
            await self._remembering.ask(entries)

    async def close(self) -> None:
        """Hang up."""
        if self._redis is not None:
            await self._redis.aclose()

    async def _find(self, keys: list[Key]) -> list[Known | None]:
        client = self._ready()
        if client is None:
            return [None] * len(keys)
        try:
            values = await client.mget([key.name for key in keys])
        except (RedisError, OSError, TimeoutError, ValueError) as error:
            self._pause(error)
            return [None] * len(keys)
        self.up = True
        if len(values) != len(keys):
            return [None] * len(keys)
        return [self._read(key, value) for key, value in zip(keys, values, strict=True)]

    async def _remember(self, entries: list[Entry]) -> list[None]:
        client = self._ready()
        if client is None:
            return [None] * len(entries)
        try:
            async with client.pipeline(transaction=False) as pipe:
                for key, run_id, expires_at in entries:
                    ttl_s = expires_at // SECOND - int(time.time())
                    if ttl_s > 1:
                        await pipe.set(key.name, self._write(key, run_id, expires_at), nx=True, ex=ttl_s)
                await pipe.execute()
            self.up = True
        except (RedisError, OSError, TimeoutError, ValueError) as error:
            self._pause(error)
        return [None] * len(entries)

    def _ready(self) -> redis.Redis | None:
        return self._redis if time.monotonic() >= self._paused_until else None

    def _pause(self, error: BaseException) -> None:
        if self.up:
            logger.warning("Redis did not answer, going on without it: %s", error)
        self.up = False
        self._paused_until = time.monotonic() + _PAUSE_S

    def _write(self, key: Key, run_id: int, expires_at: Instant) -> bytes:
        said = _ENTRY.pack(run_id, expires_at, key.digest)
        return said + self._sign(key, said)

    def _read(self, key: Key, value: object) -> Known | None:
        if not isinstance(value, bytes) or len(value) != _ENTRY.size + _SIGNATURE_BYTES:
            return None
        said = value[: _ENTRY.size]
        if not hmac.compare_digest(value[_ENTRY.size :], self._sign(key, said)):
            return None
        run_id, expires_at, digest = _ENTRY.unpack(said)
        # A minute of doubt about clocks: near its end the key is the row's to judge.
        if expires_at // SECOND - time.time() < 60:
            return None
        return Known(run_id, digest)

    def _sign(self, key: Key, said: bytes) -> bytes:
        place = f"{key.namespace_id}/{key.workflow}/{key.key}".encode()
        return hmac.digest(self._secret, said + place, "sha256")[:_SIGNATURE_BYTES]
