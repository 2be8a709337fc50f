"""One key, one run: whatever starts come in whatever order, and whatever Redis is, says or has forgotten."""

from __future__ import annotations

import asyncio
import itertools
import os
import random
import signal
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import psycopg
import pytest
import redis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stellwerk_server.embedded import EmbeddedValkey
from tests.integration.api import Api, Refused
from tests.integration.conftest import StartServer

WORKFLOW = "name: w\nsteps: [{id: s, action: nobody}]"
KEYS, INPUTS = 3, 2
_examples = itertools.count()

Start = tuple[int, int]
starts = st.tuples(st.integers(0, KEYS - 1), st.integers(0, INPUTS - 1))
whims = st.sampled_from(
    ["freeze", "thaw", "flush", "hang up", "garbage", "swap", "keep", "put back", "cut", "flip", "wrong type"]
)
steps = st.lists(
    st.one_of(st.lists(starts, min_size=1, max_size=1), st.lists(starts, min_size=2, max_size=6), whims),
    min_size=1,
    max_size=16,
)


class LyingRedis:
    """A real Valkey that is frozen, emptied and written to behind the server's back."""

    def __init__(self, valkey: EmbeddedValkey) -> None:
        self._valkey = valkey
        self._kept: dict[bytes, bytes] = {}
        self.url = valkey.url
        self._frozen = False

    def do(self, whim: str, noise: random.Random) -> None:
        if whim == "freeze":
            os.kill(self._valkey.pid, signal.SIGSTOP)
            self._frozen = True
        elif whim == "thaw" or self._frozen:
            self.thaw()
        if whim not in ("freeze", "thaw"):
            with redis.Redis.from_url(self.url) as connection:
                self._lie(connection, whim, noise)

    def thaw(self) -> None:
        os.kill(self._valkey.pid, signal.SIGCONT)
        self._frozen = False

    def _lie(self, connection: redis.Redis, whim: str, noise: random.Random) -> None:
        names = sorted(connection.scan_iter(b"stellwerk:key:*"))
        values = {name: value for name in names if (value := _value(connection, name)) is not None}
        if whim == "flush":
            connection.flushall()
        elif whim == "hang up":
            connection.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
        elif whim == "keep":
            self._kept |= values
        elif whim == "put back":
            _write(connection, self._kept)
        elif whim == "wrong type":
            for name in names:
                connection.delete(name)
                connection.lpush(name, b"x")
        else:
            _write(connection, _changed(whim, values, noise))


def _value(connection: redis.Redis, name: bytes) -> bytes | None:
    return connection.get(name) if connection.type(name) == b"string" else None


def _write(connection: redis.Redis, values: dict[bytes, bytes]) -> None:
    for name, value in values.items():
        connection.delete(name)
        connection.set(name, value)


def _changed(whim: str, values: dict[bytes, bytes], noise: random.Random) -> dict[bytes, bytes]:
    if whim == "garbage":
        return {name: noise.randbytes(noise.choice([0, 1, 64, 1000])) for name in values}
    if whim == "cut":
        return {name: value[:-1] for name, value in values.items()}
    if whim == "flip":
        return {name: bytes([value[0] ^ 1]) + value[1:] for name, value in values.items() if value}
    others = list(values.values())
    noise.shuffle(others)
    return dict(zip(values, others, strict=True))


class Model:
    """What has to be: the first start of a key decides."""

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        self._runs: dict[int, tuple[str, int]] = {}

    async def start(self, apis: list[Api], batch: list[Start], noise: random.Random) -> None:
        answers = await asyncio.gather(*[self._ask(noise.choice(apis), *start) for start in batch])
        for (key, value), run_id in zip(batch, answers, strict=True):
            if run_id is not None:
                owner = self._runs.setdefault(key, (run_id, value))
                assert owner == (run_id, value), f"key {key} belongs to {owner}, the answer was {run_id}"
        for (key, value), run_id in zip(batch, answers, strict=True):
            if run_id is None:
                assert self._runs[key][1] != value, f"key {key}: the same input was refused"

    async def _ask(self, api: Api, key: int, value: int) -> str | None:
        """The run, or None when the key was refused as reused."""
        try:
            return await api.start("w", {"value": value}, idempotency_key=f"{self._prefix}/{key}")
        except Refused as error:
            if (error.code, error.reason) != ("FAILED_PRECONDITION", "IDEMPOTENCY_KEY_REUSED"):
                raise
            return None


@pytest.fixture
def lying_redis(tmp_path: Path) -> Iterator[LyingRedis]:
    with EmbeddedValkey.start(tmp_path, settings={"appendonly": "no"}) as valkey:
        liar = LyingRedis(valkey)
        yield liar
        liar.thaw()


@pytest.fixture
async def apis(
    start_server: StartServer, lying_redis: LyingRedis, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[list[Api]]:
    # Ask Redis again soon after a failure, so that its next answer matters too.
    monkeypatch.setattr("stellwerk_server.dispatch.duplicates._PAUSE_S", 0.02)
    servers = [await start_server(redis_url=lying_redis.url) for _ in range(2)]
    async with Api(servers[0].port) as first, Api(servers[1].port) as second:
        await first.apply(WORKFLOW)
        yield [first, second]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(story=steps, seed=st.integers(0, 2**16))
async def test_every_answer_names_the_one_run_of_its_key(
    apis: list[Api], lying_redis: LyingRedis, story: list[list[Start] | str], seed: int
) -> None:
    model, noise = Model(f"example {next(_examples)}"), random.Random(seed)
    lying_redis.thaw()
    for step in story:
        if isinstance(step, str):
            await asyncio.to_thread(lying_redis.do, step, noise)
        else:
            await model.start(apis, step, noise)
    # Whatever happened: once more, every key and input.
    lying_redis.thaw()
    for start in itertools.product(range(KEYS), range(INPUTS)):
        await model.start(apis, [start], noise)


async def test_duplicates_are_answered_by_redis_without_the_database(
    apis: list[Api], lying_redis: LyingRedis, database_url: str
) -> None:
    """The storm never reaches Postgres: the key's row is gone, and its run is still named."""
    run_id = await apis[0].start("w", {"value": 1}, idempotency_key="storm")
    async with await psycopg.AsyncConnection.connect(database_url, autocommit=True) as connection:
        await connection.execute("delete from idempotency_keys")
    for api in apis * 3:
        answer = await api.start_response("w", {"value": 1}, idempotency_key="storm")
        assert (answer.run_id, answer.deduplicated) == (run_id, True)


async def test_the_same_input_is_the_same_in_any_order_of_keys(apis: list[Api]) -> None:
    first = await apis[0].start("w", {"a": 1, "b": [1, 2]}, idempotency_key="order")
    again = await apis[1].start_response("w", {"b": [1, 2], "a": 1}, idempotency_key="order")
    assert (again.run_id, again.deduplicated) == (first, True)


async def test_a_reused_key_names_the_run_it_belongs_to(apis: list[Api]) -> None:
    run_id = await apis[0].start("w", 1, idempotency_key="mine")
    with pytest.raises(Refused) as refused:
        await apis[1].start("w", 2, idempotency_key="mine")
    assert refused.value.reason == "IDEMPOTENCY_KEY_REUSED"
    assert refused.value.metadata == {"run_id": run_id, "idempotency_key": "mine"}


async def test_a_key_is_of_its_workflow_and_namespace_only(apis: list[Api]) -> None:
    await apis[0].apply(WORKFLOW.replace("name: w", "name: v"))
    runs = {await apis[0].start(name, 1, idempotency_key="shared") for name in ("w", "v")}
    assert len(runs) == 2


async def test_a_hundred_starts_of_one_key_at_once_are_one_run(apis: list[Api]) -> None:
    answers = await asyncio.gather(
        *[apis[n % 2].start_response("w", {"n": 1}, idempotency_key="burst") for n in range(100)]
    )
    assert len({answer.run_id for answer in answers}) == 1
    assert sum(not answer.deduplicated for answer in answers) == 1


async def test_an_expired_key_may_be_used_again(start_server: StartServer, redis_url: str) -> None:
    server = await start_server(redis_url=redis_url, idempotency_ttl_s=1.0)
    async with Api(server.port) as api:
        await api.apply(WORKFLOW)
        first = await api.start("w", 1, idempotency_key="short")
        await api.poll("nothing", wait_s=1.2)
        assert await api.start("w", 2, idempotency_key="short") != first
