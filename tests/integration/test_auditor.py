"""The auditor finds what nothing will move, has it mended, tells of what cannot be, and accuses no other."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import psycopg
import pytest

from stellwerk.v1 import admin_pb2, run_pb2
from stellwerk_server.loops import auditor as module
from stellwerk_server.loops.auditor import Auditor
from stellwerk_server.model import ids
from tests.integration.api import Api, eventually
from tests.integration.code_api import CODE, action, child, decide, register, signal, sleep
from tests.support.instance import Instance, running


@pytest.fixture
async def instance(database_url: str) -> AsyncIterator[Instance]:
    """Another server of the same cluster, which has nothing of the first one's in its memory."""
    async with running(Instance(database_url, 900)) as (other,):
        yield other


class Mended:
    """How many runs were mended."""

    def __init__(self) -> None:
        self.count = 0

    def one(self) -> None:
        self.count += 1


@pytest.fixture
def mended() -> Mended:
    """None yet."""
    return Mended()


@pytest.fixture
def auditor(instance: Instance, mended: Mended) -> Auditor:
    """One whose turn it always is, and who wonders at once."""
    return Auditor(instance.pool, instance.committer, mended.one, every_s=0.0, older_s=0.0)


def lose(database_url: str, statement: str, *parameters: Any) -> None:
    """What only a fault of ours could do."""
    with psycopg.connect(database_url) as connection:
        assert connection.execute(statement.encode(), parameters).rowcount > 0


async def change(database_url: str, statements: str) -> None:
    """Change the schema; it waits for transactions of the server, which runs in this loop."""
    async with await psycopg.AsyncConnection.connect(database_url) as connection:
        await connection.execute(statements.encode())


def told(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.name == module.__name__]


async def counted(api: Api) -> int:
    """How many runs are stalled, as everybody is told."""
    return (await api.admin.GetOverview(admin_pb2.GetOverviewRequest(namespace="default"))).runs_stalled


async def one_of_each_kind(api: Api) -> list[str]:
    """Open runs that all have something coming."""
    await api.apply("name: plain\nsteps: [{id: one, action: a, retry: {initial: 1h, jitter: 0}}]")
    await api.apply("name: held\nsteps: [{id: one, action: h}]")
    await api.apply("name: sleeps\nsteps: [{id: one, sleep: 1h}]")
    await api.apply("name: asked\nsteps: [{id: one, signal: go}]")
    await api.apply("name: bounded\nsteps: [{id: one, signal: go, timeout: {total: 1h}}]")
    await api.apply("name: parent\nsteps: [{id: one, workflow: asked}]")
    await api.apply("name: many\nsteps: [{id: one, action: m, foreach: '${input}'}]")
    await api.apply("name: stuck\nsteps: [{id: one, action: s, retry: {max_attempts: 1}, on_failure: park}]")
    await register(api)
    names = ("sleeps", "asked", "bounded", "parent", "many", "held", "plain", "stuck")
    runs = [await api.start(name, [1, 2, 3]) for name in names]
    await api.take("h")
    await api.fail(await api.take("a"))
    await api.fail(await api.take("s"))
    runs += [await api.start("plain"), await api.start("signup")]
    for commands in ([sleep("s", 3600)], [signal("go")], [child("asked")], [action("nobody")]):
        runs.append(await api.start("signup"))
        taken = await api.take(CODE)
        while taken.run_id != runs[-1]:
            taken = await api.take(CODE)
        await decide(api, taken, *commands)
    return runs


async def test_whoever_waits_for_something_is_not_stalled(
    api: Api, auditor: Auditor, mended: Mended, caplog: pytest.LogCaptureFixture
) -> None:
    runs = await one_of_each_kind(api)
    before = [await standing(api, run_id) for run_id in runs]
    assert len({run.state for run in before}) == 2, "one of them is BLOCKED"
    await auditor.run_once()
    assert told(caplog) == []
    assert mended.count == 0
    assert await counted(api) == 0
    assert [await standing(api, run_id) for run_id in runs] == before


async def standing(api: Api, run_id: str) -> run_pb2.Run:
    """The run without what it says of workers, whose "last seen 3 s ago" goes on."""
    run = await api.get(run_id)
    for each in (run, *run.steps):
        each.ClearField("waiting_for")
    return run


TASK = "delete from ready where run_id = %s"
TIMER = "delete from timers where run_id = %s"
# What is lost: the step it is about, how, and what is said of it.
LOST = {
    "a task": ("steps: [{id: one, action: a}]", TASK, "step one is READY, but it is in no queue"),
    "a sleep": ("steps: [{id: one, sleep: 1ms}]", "", "step one waits for a moment, but has no timer"),
    "a retry": ("steps: [{id: one, action: a, retry: {initial: 2s, jitter: 0}}]", TIMER, "has no timer"),
    "an item": ("steps: [{id: one, action: a, foreach: '${input}'}]", TASK, "step one[0] is READY"),
    "a task with a time limit": (
        "timeout: 1h\nsteps: [{id: one, action: a, timeout: {total: 30m}}]",
        TASK,
        "step one is READY",
    ),
    "one of two branches": (
        "steps: [{id: one, action: a, needs: []}, {id: two, sleep: 2s, needs: []}]",
        TASK,
        "step one is READY",
    ),
    "a branch of a blocked run": (
        "steps: [{id: one, action: a, needs: []}, {id: two, action: s, needs: [], retry: {max_attempts: 1},"
        " on_failure: park}]",
        TASK,
        "step one is READY",
    ),
    "news of a child": ("steps: [{id: one, workflow: other}]", "", "step one waits, but what it waits for is gone"),
    "the name of a child": (
        "steps: [{id: one, workflow: asked}]",
        "delete from children where parent_run_id = %s",
        "what it waits for is gone",
    ),
}
# What keeps timers of a kind from ever being written.
DROPPED = """
create function dropped() returns trigger language plpgsql as 'begin return null; end';
create trigger dropped before insert on timers for each row when (new.kind = {kind}) execute function dropped();
"""
KINDS = {"a sleep": 2, "news of a child": 6}


@pytest.mark.parametrize("what", LOST)
async def test_a_run_that_lost_what_moves_it_goes_on(
    api: Api, auditor: Auditor, mended: Mended, database_url: str, what: str, caplog: pytest.LogCaptureFixture
) -> None:
    definition, statement, said = LOST[what]
    await api.apply("name: other\nsteps: [{id: one, sleep: 0s}]")
    await api.apply("name: asked\nsteps: [{id: one, signal: go}]")
    await api.apply(f"name: plain\n{definition}")
    if what in KINDS:
        await change(database_url, DROPPED.format(kind=KINDS[what]))
    ill = await api.start("plain", [1])
    await prepare(api, what, ill)
    if what in KINDS:
        await change(database_url, "drop function dropped cascade")
    else:
        lose(database_url, statement, ids.parse(ill))
    for _ in range(3):
        await auditor.run_once()
    (message,) = told(caplog)
    assert f"run {ill} of workflow plain in namespace default was stalled and goes on again" in message
    assert said in message
    assert mended.count == 1
    assert await counted(api) == 0
    await finish(api, what, ill)


async def prepare(api: Api, what: str, run_id: str) -> None:
    """Bring the run to where something gets lost."""
    if what == "a retry":
        await api.fail(await api.take("a"))
    elif what == "a branch of a blocked run":
        await api.fail(await api.take("s"))
    elif what == "news of a child":

        async def ended() -> bool:
            return (await only(api, "other")).state == run_pb2.RUN_STATE_SUCCEEDED

        await eventually(ended)


async def finish(api: Api, what: str, run_id: str) -> None:
    """Do what is left to do, and see the run end."""
    if "action: a" in LOST[what][0]:
        await api.complete(await api.take("a"))
    if what == "the name of a child":
        told = run_pb2.Signal(name="go", signal_id="1")
        await api.runs.SignalRun(run_pb2.SignalRunRequest(run_id=(await only(api, "asked")).run_id, signal=told))
    if what != "a branch of a blocked run":
        assert (await api.wait(run_id)).state == run_pb2.RUN_STATE_SUCCEEDED


async def test_a_lost_decision_is_asked_for_again(
    api: Api, auditor: Auditor, database_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    await register(api)
    run_id = await api.start("signup")
    lose(database_url, TASK, ids.parse(run_id))
    await auditor.run_once()
    (message,) = told(caplog)
    assert "nobody is asked what comes next" in message
    taken = await api.take(CODE)
    await api.fail(taken)
    lose(database_url, TIMER, ids.parse(run_id))
    await auditor.run_once()
    assert (await api.take(CODE)).run_id == run_id


async def test_what_cannot_be_mended_is_told_of_once_and_counted(
    api: Api, auditor: Auditor, mended: Mended, database_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    await api.apply("name: asked\nsteps: [{id: one, signal: go}]")
    await api.apply("name: parent\nsteps: [{id: one, workflow: asked}]")
    well, ill = await api.start("parent"), await api.start("parent")
    lose(
        database_url,
        "delete from runs where id = (select run_id from children where parent_run_id = %s)",
        ids.parse(ill),
    )
    for _ in range(3):
        await auditor.run_once()
    (message,) = told(caplog)
    assert f"run {ill} of workflow parent in namespace default is stalled: step one waits" in message
    assert mended.count == 0
    await until_counted(api, 1)
    await api.runs.TerminateRun(run_pb2.TerminateRunRequest(run_id=ill))
    await auditor.run_once()
    await until_counted(api, 0)
    assert (await api.get(well)).state == run_pb2.RUN_STATE_RUNNING


async def until_counted(api: Api, count: int) -> None:
    async def reached() -> bool:
        return await counted(api) == count

    await eventually(reached)


async def only(api: Api, workflow: str) -> run_pb2.Run:
    """The one run of a workflow."""
    (run,) = (await api.runs.ListRuns(run_pb2.ListRunsRequest(workflow=workflow))).runs
    return run


async def test_many_runs_are_looked_at_slice_by_slice_by_whoever_has_the_turn(
    api: Api, instance: Instance, mended: Mended, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_SLICE", 7)
    monkeypatch.setattr(module, "_ROUND_S", 0.0)
    await api.apply("name: plain\nsteps: [{id: one, action: a}]")
    runs = [await api.start("plain") for _ in range(50)]
    for run_id in (runs[0], runs[13], runs[49]):
        lose(database_url, TASK, ids.parse(run_id))
    several = [Auditor(instance.pool, instance.committer, mended.one, every_s=0.0, older_s=0.0) for _ in range(3)]
    for round in range(12):
        await several[round % 3].run_once()
    assert mended.count == 3


async def test_one_server_a_minute_looks(api: Api, instance: Instance, mended: Mended, database_url: str) -> None:
    await api.apply("name: plain\nsteps: [{id: one, action: a}]")
    auditors = [Auditor(instance.pool, instance.committer, mended.one, older_s=0.0) for _ in range(3)]
    await asyncio.gather(*[auditor.run_once() for auditor in auditors])
    run_id = await api.start("plain")
    lose(database_url, TASK, ids.parse(run_id))
    await asyncio.gather(*[auditor.run_once() for auditor in auditors])
    assert mended.count == 0
    lose(database_url, "update auditor set at = at - interval '61 s'")
    await asyncio.gather(*[auditor.run_once() for auditor in auditors])
    assert mended.count == 1


async def test_a_young_run_is_given_time(api: Api, instance: Instance, mended: Mended, database_url: str) -> None:
    await api.apply("name: plain\nsteps: [{id: one, action: a}]")
    run_id = await api.start("plain")
    lose(database_url, TASK, ids.parse(run_id))
    auditor = Auditor(instance.pool, instance.committer, mended.one, every_s=0.0)
    await auditor.run_once()
    assert mended.count == 0
    lose(database_url, "update runs set created_at = created_at - interval '11 s'")
    await auditor.run_once()
    assert mended.count == 1
