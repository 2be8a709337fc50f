"""Durable timers fire when they are due: sleeps, retries, timeouts and deadlines. Bounds are generous."""

from __future__ import annotations

import asyncio
import logging
import statistics

import pytest

from stellwerk.v1 import run_pb2
from tests.integration.api import Api, duration
from tests.integration.conftest import StartServer

logger = logging.getLogger(__name__)


def at_ms(event: run_pb2.Event) -> float:
    return event.time.seconds * 1e3 + event.time.nanos / 1e6


async def test_a_sleep_ends_on_time(api: Api, record_property: pytest.RecordProperty) -> None:
    await api.apply("name: nap\nsteps: [{id: s, sleep: 200ms}]")
    late_ms = []
    for _ in range(8):
        run_id = await api.start("nap")
        await api.wait(run_id)
        events = await api.history(run_id)
        begun, ended = events[0], next(e for e in events if e.type == "STEP_SUCCEEDED")
        late_ms.append(at_ms(ended) - at_ms(begun) - 200)
    record_property("late_ms", late_ms)
    logger.info("sleeps were late by %.1f ms, at most %.1f ms", statistics.median(late_ms), max(late_ms))
    assert min(late_ms) >= 0
    assert max(late_ms) < 1000


async def test_a_retry_comes_on_time(api: Api) -> None:
    await api.apply("name: again\nsteps: [{id: s, action: a, retry: {initial: 200ms, jitter: 0}}]")
    late_ms = []
    for _ in range(5):
        run_id = await api.start("again")
        await api.fail(await api.take("a"))
        task = await api.take("a")
        assert task.attempt == 2
        await api.complete(task)
        events = await api.history(run_id)
        failed = next(e for e in events if e.type == "STEP_ATTEMPT_FAILED")
        scheduled = [e for e in events if e.type == "STEP_SCHEDULED"][-1]
        late_ms.append(at_ms(scheduled) - at_ms(failed) - 200)
    logger.info("retries were late by %.1f ms, at most %.1f ms", statistics.median(late_ms), max(late_ms))
    assert min(late_ms) >= 0
    assert max(late_ms) < 1000


async def test_timers_set_while_the_table_is_searched_are_on_time_too(api: Api) -> None:
    await api.apply("name: naps\nsteps: [{id: s, sleep: '${input}'}]")
    spans_ms = [50 + 13 * n for n in range(120)]
    runs = []
    for span in spans_ms:
        runs.append(await api.start("naps", f"{span}ms"))
    await asyncio.gather(*[api.wait(run) for run in runs])
    for run, span in zip(runs, spans_ms, strict=True):
        events = await api.history(run)
        late_ms = at_ms(next(e for e in events if e.type == "STEP_SUCCEEDED")) - at_ms(events[0]) - span
        assert 0 <= late_ms < 700


async def test_a_timer_outlives_the_server_that_set_it(start_server: StartServer) -> None:
    first = await start_server()
    async with Api(first.port) as api:
        await api.apply("name: nap\nsteps: [{id: s, sleep: 1s}]")
        run_id = await api.start("nap")
    await first.stop()
    second = await start_server()
    async with Api(second.port) as api:
        assert (await api.wait(run_id, 8)).state == run_pb2.RUN_STATE_SUCCEEDED


async def test_the_timeouts_of_attempt_start_and_run(api: Api) -> None:
    await api.apply("name: slow\nsteps: [{id: s, action: a, timeout: {attempt: 300ms}, retry: {max_attempts: 1}}]")
    await api.apply("name: never\nsteps: [{id: s, action: nobody, timeout: {start: 300ms}}]")
    async with api.line("w1", "a") as line:
        run_id = await api.start("slow")
        task = await api.take("a")
        assert task.HasField("deadline")
        async with line.beating(task.token):
            ended = await api.wait(run_id, 8)
        assert ended.state == run_pb2.RUN_STATE_FAILED
        assert ended.failure.category != 0
    never = await api.wait(await api.start("never"), 8)
    assert never.state == run_pb2.RUN_STATE_FAILED
    late = await api.wait(await api.start("never", timeout=duration(0.1)), 8)
    assert late.state == run_pb2.RUN_STATE_TIMED_OUT
