"""The fence: only the current token changes anything, and what is handed out is never handed out twice."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from stellwerk_server.commit.outcome import Applied
from stellwerk_server.commit.poll import Grant
from stellwerk_server.model.commands import CancelRun, Command, TerminateRun, Workflow
from stellwerk_server.model.errors import Refused
from stellwerk_server.model.states import RunState
from tests.support.instance import CUT_LANES, Instance, changed, complete, fail, release

FORGERIES: dict[str, Callable[[Grant], Command]] = {
    "secret": lambda grant: complete(grant, 1, token=bytes(16)),
    "attempt above": lambda grant: complete(grant, 1, attempt=grant.attempt + 1),
    "attempt below": lambda grant: complete(grant, 1, attempt=grant.attempt - 1),
    "step": lambda grant: complete(grant, 1, step="b"),
    "run": lambda grant: complete(grant, 1, run_id=grant.run_id + 1),
    "failure with another attempt": lambda grant: fail(grant)._replace(attempt=grant.attempt + 1),
    "release with another attempt": lambda grant: release(grant)._replace(attempt=grant.attempt + 1),
}
EVERYTHING = """
select md5(string_agg(t, '|' order by t)) from (
  select r::text t from runs r union all select s::text from steps s union all select e::text from events e
  union all select l::text from leases l union all select q::text from ready q union all select x::text from timers x
) all_rows
"""


@pytest.mark.parametrize("forgery", FORGERIES)
async def test_a_forged_token_changes_nothing(one: Instance, two: Workflow, forgery: str) -> None:
    await one.begin(two)
    (grant,) = await one.take(two)
    before = await one.fetch(EVERYTHING)
    (outcome,) = await one.submit(FORGERIES[forgery](grant))
    assert not changed(outcome)
    assert await one.fetch(EVERYTHING) == before
    assert changed(await one.committer.submit(complete(grant, 1)))


async def test_a_stale_token_changes_nothing(one: Instance, two: Workflow) -> None:
    await one.begin(two)
    (old,) = await one.take(two)
    await one.committer.submit(release(old))
    (new,) = await one.take(two)
    assert (new.step, new.attempt) == (old.step, old.attempt)
    before = await one.fetch(EVERYTHING)
    outcomes = await one.submit(complete(old, "old"), fail(old), release(old))
    assert not any(changed(outcome) for outcome in outcomes)
    assert isinstance(outcomes[0], Refused)
    assert await one.fetch(EVERYTHING) == before
    assert changed(await one.committer.submit(complete(new, "new")))


async def test_of_many_completions_in_one_batch_one_counts(one: Instance, two: Workflow) -> None:
    await one.begin(two)
    (grant,) = await one.take(two)
    outcomes = await one.submit(complete(grant, 1), complete(grant, 1), complete(grant, 2), fail(grant))
    assert [changed(outcome) for outcome in outcomes] == [True, False, False, False]
    assert isinstance(outcomes[1], Applied)
    assert [type(outcome) for outcome in outcomes[2:]] == [Refused, Refused]


async def test_an_eager_lease_leaves_no_ready_row(one: Instance, two: Workflow) -> None:
    poll = await one.wait_in_vain(two)
    await one.begin(two)
    await poll.future
    assert await one.fetch("select (select count(*) from ready), (select count(*) from leases)") == [(0, 1)]
    one.waiting.remove(poll)
    await one.begin(two)
    assert await one.fetch("select (select count(*) from ready), (select count(*) from leases)") == [(1, 1)]


@pytest.mark.parametrize("end", [CancelRun, TerminateRun])
@pytest.mark.parametrize("at", ["queued", "eager", "claimed", "elsewhere"])
async def test_after_an_end_nothing_is_handed_out_or_taken_back(
    one: Instance, other: Instance, two: Workflow, at: str, end: type[CancelRun]
) -> None:
    poll = await one.wait_in_vain(two) if at == "eager" else None
    run = await one.begin(two)
    grants: list[Grant] = []
    if poll is not None:
        grants = await one.end(poll)
    elif at != "queued":
        grants = await (one if at == "claimed" else other).take(two)
    assert changed(await one.committer.submit(end(run, "enough")))
    assert await one.fetch("select (select count(*) from ready), (select count(*) from leases)") == [(0, 0)]
    voided = [lease.step for committed in one.committed for lease in committed.voided]
    assert voided == [grant.step for grant in grants]
    for grant in grants:
        with pytest.raises(Refused):
            await other.committer.submit(complete(grant, 1))
    last = one.wait(two)
    one.claims.hint(last.lanes)
    await other.begin(two)
    async with asyncio.timeout(5):
        one.claims.hint(last.lanes)
        await last.future
    assert last.tasks[0].run_id != run


async def test_cancel_against_completion_has_one_winner(one: Instance, other: Instance) -> None:
    workflow = await one.register("name: w\nsteps: [{id: a, action: x}]")
    seen = set()
    for n in range(40):
        run = await one.begin(workflow)
        (grant,) = await one.take(workflow)
        completion = asyncio.create_task(other.submit(complete(grant, 1)))
        await asyncio.sleep(n % 8 * 0.0007)
        outcomes = [await one.submit(CancelRun(run, "")), await completion]
        won = [changed(outcome) for (outcome,) in outcomes]
        assert sorted(won) == [False, True]
        ended = RunState.CANCELLED if won[0] else RunState.SUCCEEDED
        assert await one.fetch("select state from runs where id = %s", run) == [(ended,)]
        seen.add(ended)
    assert seen == {RunState.CANCELLED, RunState.SUCCEEDED}


async def test_a_task_nobody_waits_for_any_more_goes_back(one: Instance, two: Workflow) -> None:
    poll = one.wait(two)
    poll.future.cancel()
    await one.begin(two)
    one.waiting.remove(poll)
    await one.dispatcher.settle()
    (grant,) = await one.take(two)
    assert (grant.step, grant.attempt) == ("a", 1)


async def test_a_lease_that_ran_out_is_a_new_attempt(one: Instance, two: Workflow) -> None:
    await one.begin(two)
    (old,) = await one.take(two)
    await one.fetch("update leases set expires_at = clock_timestamp() - interval '1 ms' returning 1")
    await one.leases.run_once()
    (new,) = await one.take(two)
    assert (new.attempt, new.secret != old.secret) == (2, True)
    with pytest.raises(Refused):
        await one.committer.submit(complete(old, 1))


async def test_every_lease_that_ran_out_is_found_also_those_of_one_moment(
    one: Instance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stellwerk_server.loops.leases._BATCH", 4)
    workflow = await one.register("name: w\nsteps: [{id: a, action: x}]")
    for _ in range(10):
        await one.begin(workflow)
    poll = one.wait(workflow, 10)
    one.claims.hint(poll.lanes)
    await poll.future
    count = len(await one.end(poll))
    while count < 10:
        count += len(await one.take(workflow, 10))
    await one.fetch("update leases set expires_at = '2026-01-01' returning 1")
    await one.leases.run_once()
    assert await one.fetch("select count(*) from leases") == [(0,)]


async def test_leases_that_could_not_be_taken_are_found_next_time(one: Instance, two: Workflow) -> None:
    await one.begin(two)
    await one.take(two)
    await one.fetch("update leases set expires_at = '2026-01-01' returning 1")
    await one.fetch(CUT_LANES)
    await one.leases.run_once()
    assert await one.fetch("select count(*) from leases") == [(1,)]
    await one.leases.run_once()
    assert await one.fetch("select count(*) from leases") == [(0,)]
