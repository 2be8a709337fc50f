"""Timers against a real table: once, never early, whichever instance is first."""

from __future__ import annotations

import asyncio

import pytest

from stellwerk_server.commit.outcome import Applied
from stellwerk_server.model.commands import FireTimer, Workflow
from stellwerk_server.model.events import EventType, TimerKind
from stellwerk_server.model.states import RunState
from tests.support.instance import Instance, changed, complete, fail, release


@pytest.fixture
async def sleeper(one: Instance) -> Workflow:
    return await one.register("name: sleeper\nsteps: [{id: s, sleep: 1h}]")


async def test_a_timer_never_fires_early(one: Instance, sleeper: Workflow) -> None:
    run = await one.begin(sleeper)
    ((due_at,),) = await one.fetch("select due_at from timers")
    assert due_at is not None
    (outcome,) = await one.submit(FireTimer(run, "s", TimerKind.SLEEP, 0))
    assert outcome == Applied(RunState.RUNNING, False)
    assert await one.fetch("select count(*) from timers") == [(1,)]


async def test_two_instances_fire_a_timer_once(one: Instance, other: Instance) -> None:
    workflow = await one.register("name: w\nsteps: [{id: s, sleep: 1ms}, {id: b, action: x}]")
    runs = [await one.begin(workflow) for _ in range(10)]
    ((latest,),) = await one.fetch("select max(due_at) from timers")
    await one.until("select 1 where clock_timestamp() > %s", latest)
    commands = [FireTimer(run, "s", TimerKind.SLEEP, 0) for run in runs]
    outcomes = await asyncio.gather(one.submit(*commands), other.submit(*commands), one.submit(*commands))
    for answers in zip(*outcomes, strict=True):
        assert sorted(changed(outcome) for outcome in answers) == [False, False, True]
    counts = await one.fetch("select count(*) from events where type = %s", EventType.STEP_SCHEDULED)
    assert counts == [(10,)]
    late = await one.fetch(
        "select count(*) from events d join events s using (run_id, step) where s.type = 26 and d.type = 21"
        " and extract(epoch from d.at) * 1e6 < (s.data::json->>'due_at')::bigint"
    )
    assert late == [(0,)]


async def test_the_loops_of_two_instances_fire_it_when_it_is_due(one: Instance, other: Instance) -> None:
    workflow = await one.register("name: w\nsteps: [{id: s, sleep: 100ms}]")
    run = await one.begin(workflow)
    for instance in (one, other):
        instance.timers.clock(one.committed[-1].now)
        await instance.timers.run_once()
    await one.until("select 1 where not exists (select from timers)")
    ((state, late_ms),) = await one.fetch(
        "select state, extract(epoch from ended_at - created_at) * 1000 - 100 from runs where id = %s", run
    )
    assert state == RunState.SUCCEEDED
    assert 0 <= late_ms < 1_000


async def test_a_retry_is_not_handed_out_before_its_delay(one: Instance) -> None:
    workflow = await one.register("name: w\nsteps: [{id: a, action: x, retry: {initial: 1h}}]")
    run = await one.begin(workflow)
    (grant,) = await one.take(workflow)
    await one.committer.submit(fail(grant))
    counts = "select (select count(*) from ready), (select count(*) from leases), (select count(*) from timers)"
    assert await one.fetch(counts) == [(0, 0, 1)]
    await one.submit(FireTimer(run, "a", TimerKind.RETRY, 0))
    assert await one.fetch(counts) == [(0, 0, 1)]


@pytest.mark.parametrize("how", ["eager", "claimed", "queued", "released"])
async def test_the_start_timeout_spares_who_was_taken(one: Instance, other: Instance, how: str) -> None:
    workflow = await one.register("name: w\nsteps: [{id: a, action: x, timeout: {start: 1ms}}]")
    poll = await one.wait_in_vain(workflow) if how == "eager" else None
    run = await one.begin(workflow)
    grants = await one.end(poll) if poll is not None else []
    if how in ("claimed", "released"):
        grants = await other.take(workflow)
    due = FireTimer(run, "a", TimerKind.STEP_START, 0)
    await one.until("select 1 from timers where due_at <= clock_timestamp()")
    (outcome,) = await one.submit(due)
    assert changed(outcome) == (how == "queued")
    if how == "released":
        await one.submit(release(grants[0]))
        (outcome,) = await one.submit(due)
        assert outcome == Applied(RunState.FAILED, True)
    elif grants:
        assert await one.committer.submit(complete(grants[0], 1)) == Applied(RunState.SUCCEEDED, True)
    assert await one.fetch("select count(*) from timers") == [(0,)]
