"""The auditor finds the run whose next move was lost, tells of it once, and accuses no other."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from typing import Any

import psycopg
import pytest

from stellwerk_server.loops import auditor as module
from stellwerk_server.loops.auditor import Auditor
from stellwerk_server.model import ids
from stellwerk_server.store.database import read_pool
from tests.integration.api import Api
from tests.integration.code_api import CODE, action, child, decide, register, signal, sleep


@pytest.fixture
async def auditor(database_url: str) -> AsyncIterator[Auditor]:
    """One that wonders at once."""
    async with read_pool(database_url, 2) as pool:
        yield Auditor(pool, older_s=0.0)


def lose(database_url: str, statement: str, *parameters: Any) -> None:
    """What only a fault of ours could do."""
    with psycopg.connect(database_url) as connection:
        assert connection.execute(statement.encode(), parameters).rowcount > 0


def stalled_of(records: list[logging.LogRecord]) -> list[str]:
    return [record.getMessage() for record in records if record.name == module.__name__]


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
    api: Api, auditor: Auditor, caplog: pytest.LogCaptureFixture
) -> None:
    runs = await one_of_each_kind(api)
    states = {(await api.get(run_id)).state for run_id in runs}
    assert len(states) == 2, "one of them is BLOCKED"
    await auditor.run_once()
    assert stalled_of(caplog.records) == []
    assert auditor.stalled()["default"] == 0


LOST = {
    "a task": ("steps: [{id: one, action: a}]", "delete from ready where run_id = %s", "READY, but it is in no queue"),
    "a sleep": ("steps: [{id: one, sleep: 1h}]", "delete from timers where run_id = %s", "has no timer"),
    "an item": (
        "steps: [{id: one, action: a, foreach: '${input}'}]",
        "delete from ready where run_id = %s",
        "step one[0] is READY",
    ),
    "a task with a time limit": (
        "timeout: 1h\nsteps: [{id: one, action: a, timeout: {total: 30m}}]",
        "delete from ready where run_id = %s",
        "step one is READY",
    ),
    "a child": ("steps: [{id: one, workflow: other}]", "delete from children where parent_run_id = %s", "is gone"),
}


@pytest.mark.parametrize("lost", LOST.values(), ids=LOST)
async def test_a_run_that_lost_what_moves_it_is_told_of_once(
    api: Api, auditor: Auditor, database_url: str, lost: tuple[str, str, str], caplog: pytest.LogCaptureFixture
) -> None:
    definition, statement, said = lost
    await api.apply("name: other\nsteps: [{id: one, signal: go}]")
    await api.apply(f"name: plain\n{definition}")
    well, ill = await api.start("plain", [1]), await api.start("plain", [1])
    lose(database_url, statement, ids.parse(ill))
    for _ in range(3):
        await auditor.run_once()
    (message,) = stalled_of(caplog.records)
    assert ill in message
    assert said in message
    assert well not in message
    assert auditor.stalled() == {"default": 1}


async def test_a_lost_decision_is_seen(
    api: Api, auditor: Auditor, database_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    await register(api)
    run_id = await api.start("signup")
    lose(database_url, "delete from ready where run_id = %s", ids.parse(run_id))
    await auditor.run_once()
    (message,) = stalled_of(caplog.records)
    assert "nobody is asked what comes next" in message


async def test_a_run_that_moves_again_is_no_longer_counted(api: Api, auditor: Auditor, database_url: str) -> None:
    await api.apply("name: plain\nsteps: [{id: one, action: a}]")
    run_id = await api.start("plain")
    with psycopg.connect(database_url) as connection:
        kept = connection.execute("delete from ready returning *").fetchone()
    await auditor.run_once()
    assert auditor.stalled() == {"default": 1}
    assert kept is not None
    lose(database_url, "insert into ready values (%s, %s, %s, %s, %s, %s, %s, %s)", *kept)
    await auditor.run_once()
    assert auditor.stalled() == {"default": 0}
    await api.complete(await api.take("a"))
    await api.wait(run_id)


async def test_many_runs_are_looked_at_slice_by_slice(
    api: Api, auditor: Auditor, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_SLICE", 7)
    await api.apply("name: plain\nsteps: [{id: one, action: a}]")
    runs = [await api.start("plain") for _ in range(50)]
    for run_id in (runs[0], runs[13], runs[49]):
        lose(database_url, "delete from ready where run_id = %s", ids.parse(run_id))
    await auditor.run_once()
    assert auditor.stalled() == {"default": 3}
    monkeypatch.setattr(module, "_ROUND_S", 0.0)
    for _ in range(20):
        await auditor.run_once()
    assert auditor.stalled() == {"default": 3}


async def test_a_young_run_is_given_time(api: Api, database_url: str) -> None:
    await api.apply("name: plain\nsteps: [{id: one, action: a}]")
    run_id = await api.start("plain")
    lose(database_url, "delete from ready where run_id = %s", ids.parse(run_id))
    async with read_pool(database_url, 2) as pool:
        auditor = Auditor(pool)
        await auditor.run_once()
        assert auditor.stalled() == {"default": 0}
        lose(database_url, "update runs set created_at = created_at - interval '11 s'")
        await auditor.run_once()
        assert auditor.stalled() == {"default": 1}
