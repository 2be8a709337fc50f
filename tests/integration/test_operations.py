"""What an operator asks for: timers that are set, and everything at a glance."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import psycopg
import pytest

from stellwerk.v1 import admin_pb2
from stellwerk_server.model import ids
from stellwerk_server.server import Server
from tests.integration.api import Api, Refused, call, eventually
from tests.integration.code_api import CODE, cancel_run, decide, register, signal, sleep
from tests.integration.conftest import StartServer


async def timers(api: Api, **fields: Any) -> list[admin_pb2.Timer]:
    """Every timer, page by page."""
    found: list[admin_pb2.Timer] = []
    token = ""
    while True:
        request = admin_pb2.ListTimersRequest(namespace=api.namespace, page_token=token, **fields)
        page = await call(api.admin.ListTimers(request))
        found += page.timers
        token = page.next_page_token
        if not token:
            return found


async def overview(api: Api) -> admin_pb2.GetOverviewResponse:
    return await call(api.admin.GetOverview(admin_pb2.GetOverviewRequest(namespace=api.namespace)))


async def test_timers_of_every_kind_are_listed_soonest_first(api: Api) -> None:
    await api.apply("name: sleeps\ntimeout: 9h\nsteps: [{id: one, sleep: 1h}]")
    await api.apply("name: asked\nsteps: [{id: one, signal: go, timeout: {total: 2h}}]")
    limits = "timeout: {total: 4h, start: 3h}, retry: {initial: 5h, max: 10h, jitter: 0}"
    await api.apply(f"name: bounded\nsteps: [{{id: one, action: a, {limits}}}]")
    await api.apply("name: again\nsteps: [{id: one, action: b, retry: {initial: 6h, max: 10h, jitter: 0}}]")
    await api.apply("name: plain\nsteps: [{id: one, action: c}]")
    for name in ("bounded", "plain", "again", "asked", "sleeps"):
        await api.start(name)
    await api.fail(await api.take("b"))
    await register(api)
    run_id = await api.start("signup")
    await decide(api, await api.take(CODE), sleep("nap", 7 * 3600), signal("yes", 8 * 3600))
    expected = [
        ("sleeps", "one", "SLEEP"),
        ("asked", "one", "SIGNAL_TIMEOUT"),
        ("bounded", "one", "START_TIMEOUT"),
        ("bounded", "one", "STEP_TIMEOUT"),
        ("again", "one", "RETRY"),
        ("signup", "nap", "SLEEP"),
        ("signup", "yes", "SIGNAL_TIMEOUT"),
        ("sleeps", "", "RUN_TIMEOUT"),
    ]
    for size in (0, 1, 3):
        assert [(t.workflow, t.step, t.kind) for t in await timers(api, page_size=size)] == expected
    of_code = await timers(api, workflow="signup", page_size=1)
    assert [(t.run_id, t.step) for t in of_code] == [(run_id, "nap"), (run_id, "yes")]
    due = [t.due_time.ToNanoseconds() for t in await timers(api)]
    assert due == sorted(due)


async def test_a_decision_that_is_tried_again_has_a_timer_of_the_run(api: Api) -> None:
    await register(api)
    await api.start("signup")
    await api.fail(await api.take(CODE))
    assert [(t.workflow, t.step, t.kind) for t in await timers(api)] == [("signup", "", "DECISION_RETRY")]


async def test_wrong_fields_of_a_list_of_timers_are_named(api: Api) -> None:
    with pytest.raises(Refused) as refused:
        await timers(api, workflow="a\0", page_size=1001)
    assert sorted(refused.value.fields) == ["page_size", "workflow"]
    request = admin_pb2.ListTimersRequest(page_token="MTIzOjEvMi8z")
    with pytest.raises(Refused) as refused:
        await call(api.admin.ListTimers(request))
    assert list(refused.value.fields) == ["page_token"]


async def test_an_overview_counts_what_there_is(api: Api) -> None:
    await api.apply("name: plain\nsteps: [{id: one, action: a, retry: {max_attempts: 1}}]")
    await api.apply("name: stuck\nsteps: [{id: one, action: s, retry: {max_attempts: 1}, on_failure: park}]")
    await api.apply("name: sleeps\nsteps: [{id: one, sleep: 1h}]")
    await api.start("sleeps")
    await api.start("stuck")
    await api.fail(await api.take("s"))
    runs = [await api.start("plain") for _ in range(4)]
    await api.complete(await api.take("a"))
    await api.fail(await api.take("a"))
    await api.take("a")
    seen = await overview(api)
    assert dict(seen.runs_open) == {"RUNNING": 3, "BLOCKED": 1}
    assert (seen.dead_letters_open, seen.tasks_ready, seen.tasks_leased, seen.timers) == (2, 1, 1, 1)
    last = await api.step(runs[3], "one")
    assert seen.oldest_ready_time == last.ready_time
    assert seen.now.seconds >= seen.oldest_ready_time.seconds
    assert seen.runs_stalled == 0


async def test_another_namespace_is_not_counted(api: Api) -> None:
    await api.apply("name: plain\nsteps: [{id: one, action: a}]")
    await api.start("plain")
    api.namespace = "elsewhere"
    seen = await overview(api)
    assert (dict(seen.runs_open), seen.tasks_ready, list(seen.activity)) == ({}, 0, [])
    assert seen.now.seconds > 0
    assert await timers(api) == []


async def test_activity_has_every_start_and_end(api: Api, server: Server) -> None:
    await api.apply("name: plain\nsteps: [{id: one, action: a, retry: {max_attempts: 1}}]")
    runs = [await api.start("plain") for _ in range(4)]
    await api.complete(await api.take("a"))
    await api.fail(await api.take("a"))
    await cancel_run(api, runs[3])

    async def counted() -> bool:
        return totals((await overview(api)).activity)[3] == 1

    await eventually(counted)
    activity = (await overview(api)).activity
    assert totals(activity) == [4, 1, 1, 1]
    assert all(minute.time.seconds % 60 == 0 for minute in activity)


def totals(activity: Sequence[admin_pb2.Activity]) -> list[int]:
    names = ("started", "succeeded", "failed", "ended_otherwise")
    return [sum(getattr(minute, name) for minute in activity) for name in names]


async def test_activity_of_several_servers_is_one_and_a_stop_loses_none(
    start_server: StartServer, database_url: str
) -> None:
    first, second = await start_server(), await start_server()
    async with Api(first.port) as one, Api(second.port) as two:
        await one.apply("name: plain\nsteps: [{id: one, action: a}]")
        for api in (one, two, two):
            await api.start("plain")
    await first.stop()
    await second.stop()
    with psycopg.connect(database_url) as connection:
        assert connection.execute("select sum(started)::int from activity").fetchone() == (3,)


async def test_a_run_id_of_a_timer_can_be_asked_for(api: Api) -> None:
    await api.apply("name: sleeps\nsteps: [{id: one, sleep: 1h}]")
    run_id = await api.start("sleeps")
    (timer,) = await timers(api)
    assert timer.run_id == run_id
    assert ids.parse(timer.run_id) is not None
