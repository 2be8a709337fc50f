"""One transaction for many: who is refused is refused alone, and what is unknown is not made up."""

from __future__ import annotations

import asyncio
from typing import Any

import psycopg
import pytest

from stellwerk_server.commit import batch as batches
from stellwerk_server.commit.outcome import Applied, Started
from stellwerk_server.model.commands import CancelRun, CompleteStep, FireTimer, RequeueStep, Workflow
from stellwerk_server.model.errors import NotFound, Refused, StellwerkError, Unavailable
from stellwerk_server.model.events import TimerKind
from stellwerk_server.model.states import RunState
from tests.support.instance import CUT_LANES, Instance, changed, complete, fail, running

COUNTS = "select (select count(*) from runs), (select count(*) from events), (select count(*) from ready)"


async def test_one_bad_command_is_answered_alone(one: Instance, two: Workflow) -> None:
    good, bad = one.start_run(two), CompleteStep(12345, "a", 1, b"t" * 16, b"1")  # type: ignore[arg-type]
    outcomes = await one.submit(good, bad, one.start_run(two))
    assert [type(outcome) for outcome in outcomes] == [Started, Refused, Started]
    assert await one.fetch("select count(*) from runs") == [(2,)]


@pytest.mark.parametrize("error", [ZeroDivisionError(), LookupError("x"), RecursionError()])
async def test_a_command_the_engine_fails_on_is_taken_out(
    one: Instance, two: Workflow, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    decide = batches.decide

    def poisoned(run: Any, command: Any, *rest: Any) -> Any:
        if isinstance(command, CancelRun) and command.reason == "poison":
            raise error
        return decide(run, command, *rest)

    monkeypatch.setattr(batches, "decide", poisoned)
    runs = [await one.begin(two) for _ in range(6)]
    commands = [CancelRun(run, "poison" if n in (1, 4) else "") for n, run in enumerate(runs)]
    outcomes = await one.submit(*commands)
    assert [getattr(outcome, "reason", "") for outcome in outcomes] == ["", "INTERNAL", "", "", "INTERNAL", ""]
    states = await one.fetch("select state from runs order by id")
    assert [state == RunState.CANCELLED for (state,) in states] == [True, False, True, True, False, True]


async def test_what_the_database_refuses_is_taken_out(one: Instance, two: Workflow) -> None:
    commands = [one.start_run(two, idempotency_key=key) for key in ("a", "with\0nul", "c")]
    outcomes = await one.submit(*commands)
    assert isinstance(outcomes[0], Started)
    assert isinstance(outcomes[1], StellwerkError)
    assert outcomes[1].reason == "INTERNAL"
    assert isinstance(outcomes[2], Started)


@pytest.mark.parametrize("fields", [{"timeout_s": 1e15}, {"idempotency_key": "\ud800"}])
async def test_what_cannot_be_encoded_is_taken_out_and_the_lane_lives(migrated: str, fields: dict[str, Any]) -> None:
    async with running(Instance(migrated, lanes=1)) as (one,):
        workflow = await one.register("name: w\nsteps: [{id: a, action: x}]")
        outcomes = await one.submit(one.start_run(workflow), one.start_run(workflow, **fields), one.start_run(workflow))
        assert [type(outcome) for outcome in outcomes] == [Started, StellwerkError, Started]
        await one.begin(workflow)
        assert await one.fetch("select count(*) from runs") == [(3,)]


async def test_a_run_nobody_knows(one: Instance) -> None:
    commands = [CancelRun(5, ""), RequeueStep(5, "a", 1), FireTimer(5, "", TimerKind.RUN_DEADLINE, 0)]
    assert [type(outcome) for outcome in await one.submit(*commands)] == [NotFound] * 3


async def test_a_stale_cache_catches_up(one: Instance, other: Instance, two: Workflow) -> None:
    run = await one.begin(two, {"n": 1})
    (grant,) = await other.take(two)
    assert changed(await other.committer.submit(complete(grant, {"n": 2})))
    (grant,) = await one.take(two)
    assert (grant.step, grant.input) == ("b", b'{"n":2}')
    assert await one.committer.submit(complete(grant, 3)) == Applied(RunState.SUCCEEDED, True)
    assert await other.fetch("select seq, output from runs where id = %s", run) == [(6, b"3")]
    with pytest.raises(Refused):
        await other.committer.submit(CancelRun(run, ""))


async def test_turns_of_two_instances_leave_one_history(one: Instance, other: Instance) -> None:
    steps = ", ".join(f"{{id: s{n}, action: x}}" for n in range(20))
    workflow = await one.register(f"name: w\nsteps: [{steps}]")
    await one.begin(workflow)
    for n in range(20):
        instance = (one, other)[n % 2]
        (grant,) = await instance.take(workflow)
        assert changed(await instance.committer.submit(complete(grant, n)))
    rows = await one.fetch("select array_agg(seq order by seq) from events")
    assert rows == [(list(range(1, 43)),)]


async def test_a_broken_connection_means_unavailable_and_then_service(one: Instance, two: Workflow) -> None:
    await one.begin(two)
    async with one.pool.connection() as blocker, blocker.transaction():
        await blocker.execute("lock table runs in access exclusive mode")
        waiting = asyncio.create_task(one.submit(one.start_run(two)))
        await _terminate_whoever_waits(one)
    (outcome,) = await waiting
    assert isinstance(outcome, Unavailable)
    assert await one.fetch("select count(*) from runs") == [(1,)]
    await one.begin(two)
    assert await one.fetch("select count(*) from runs") == [(2,)]


async def _terminate_whoever_waits(one: Instance) -> None:
    await one.until(CUT_LANES + " and cardinality(pg_blocking_pids(pid)) > 0")


async def test_idle_connections_that_were_cut_cost_one_try(one: Instance, two: Workflow) -> None:
    run = await one.begin(two)
    await one.fetch(CUT_LANES)
    outcomes = [(await one.submit(CancelRun(run, "")))[0] for _ in range(2)]
    assert isinstance(outcomes[0], Unavailable)
    assert outcomes[1] == Applied(RunState.CANCELLED, True)


async def test_a_poll_gets_its_place_back_when_the_commit_fails(one: Instance, two: Workflow) -> None:
    poll = one.wait(two, max_tasks=2)
    commands = [one.start_run(two), one.start_run(two, idempotency_key="with\0nul")]
    outcomes = [await one.submit(command) for command in commands]
    assert isinstance(outcomes[1][0], StellwerkError)
    assert len(await one.end(poll)) == 1
    assert (poll.reserved, poll.free) == (0, 0)


async def test_dead_letters_stand_there_in_the_same_transaction(one: Instance, migrated: str, two: Workflow) -> None:
    run = await one.begin(two, "input")
    (grant,) = await one.take(two)
    await one.committer.submit(fail(grant, terminal=True))
    row = await one.fetch("select run_id, step, attempt, reason, input, state from dead_letters")
    assert row == [(run, "a", 1, "NOT_RETRYABLE", b'"input"', 1)]
    with psycopg.connect(migrated) as look:
        sql = "select d.xmin = e.xmin, d.created_at = e.at from dead_letters d, events e where e.type = 23"
        assert look.execute(sql).fetchall() == [(True, True)]


async def test_a_requeue_resolves_the_dead_letter_once(one: Instance, other: Instance, two: Workflow) -> None:
    run = await one.begin(two)
    (grant,) = await one.take(two)
    await one.committer.submit(fail(grant, terminal=True))
    command = RequeueStep(run, "a", 1)
    outcomes = await asyncio.gather(*[instance.committer.submit(command) for instance in (one, other, one)])
    assert sorted(changed(outcome) for outcome in outcomes) == [False, False, True]
    assert await one.fetch("select state, requeued_run_id from dead_letters") == [(2, run)]
    (grant,) = await one.take(two)
    assert (grant.step, grant.attempt) == ("a", 2)


async def test_a_batch_that_a_deadlock_undid_goes_again(one: Instance, two: Workflow, migrated: str) -> None:
    first, second = sorted([await one.begin(two), await one.begin(two)])
    lock = b"select 1 from runs where id = %s for update"
    async with await psycopg.AsyncConnection.connect(migrated) as other:
        # It waits for ever, so that the batch is the one that finds out.
        await other.execute("set deadlock_timeout = '1h'")
        await other.execute(lock, [second])
        batch = asyncio.create_task(one.submit(CancelRun(first, ""), CancelRun(second, "")))
        await one.until("select 1 from pg_stat_activity where wait_event_type = 'Lock' and query like '%%for update%%'")
        await other.execute(lock, [first])
        await other.commit()
        assert [changed(outcome) for outcome in await batch] == [True, True]
