"""Claims of queued tasks: their order, the low-water mark, and two instances that take from one queue."""

from __future__ import annotations

import asyncio

import psycopg
import pytest

from stellwerk_server.commit.poll import Grant, Poll
from stellwerk_server.model.commands import Workflow
from tests.support.instance import Instance, release


async def all_of(instance: Instance, workflow: Workflow, count: int, size: int = 3) -> list[Grant]:
    """Poll until that many tasks have come."""
    found: list[Grant] = []
    while len(found) < count:
        found += await instance.take(workflow, size)
    return found


@pytest.fixture
async def single(one: Instance) -> Workflow:
    return await one.register("name: single\nsteps: [{id: a, action: x}]")


async def test_priority_goes_first_and_then_age(one: Instance) -> None:
    text = "name: p{1}\nsteps: [{{id: a, action: x, priority: {0}}}]"
    workflows = {p: await one.register(text.format(p, abs(p))) for p in (0, -7, 9)}
    expected = []
    for n in range(12):
        priority = (0, -7, 9)[n % 3]
        expected.append((-priority, await one.begin(workflows[priority])))
    found = await all_of(one, workflows[0], 12)
    assert [grant.run_id for grant in found] == [run for _, run in sorted(expected)]


async def test_rows_below_the_mark_that_came_late_are_found(one: Instance, single: Workflow) -> None:
    for _ in range(4):
        await one.begin(single)
    await all_of(one, single, 2, size=2)
    # Another server's clock is behind: its row has a smaller id than any that was claimed.
    late = await one.begin(single)
    await one.fetch("update ready set id = 1 where run_id = %s returning 1", late)
    rest = await all_of(one, single, 3, size=1)
    assert late in [grant.run_id for grant in rest]
    assert await one.fetch("select count(*) from ready") == [(0,)]


async def test_a_held_snapshot_does_not_hide_rows(one: Instance, single: Workflow, migrated: str) -> None:
    with psycopg.connect(migrated) as holder:
        holder.execute("begin isolation level repeatable read")
        holder.execute("select count(*) from ready")
        for _ in range(20):
            await one.begin(single)
        assert len({grant.run_id for grant in await all_of(one, single, 20)}) == 20


async def test_two_instances_share_a_queue_without_a_task_twice(
    one: Instance, other: Instance, single: Workflow
) -> None:
    runs = [await one.begin(single) for _ in range(60)]

    async def worker(instance: Instance) -> list[Grant]:
        found: list[Grant] = []
        while len(found) < len(runs) // 2:
            found += await instance.take(single, 2)
        return found

    both = await asyncio.gather(worker(one), worker(other))
    assert sorted(grant.run_id for grants in both for grant in grants) == sorted(runs)
    secrets = {grant.secret for grants in both for grant in grants}
    assert len(secrets) == 60


async def test_a_row_somebody_else_is_claiming_is_passed_by(one: Instance, single: Workflow, migrated: str) -> None:
    first, second = [await one.begin(single) for _ in range(2)]
    with psycopg.connect(migrated) as holder:
        holder.execute("select * from ready where run_id = %s for update", [first])
        (grant,) = await one.take(single)
        assert grant.run_id == second
    (grant,) = await all_of(one, single, 1)
    assert grant.run_id == first


async def test_a_released_task_goes_out_under_the_same_attempt(
    one: Instance, other: Instance, single: Workflow
) -> None:
    run = await one.begin(single, {"n": 1})
    (grant,) = await one.take(single)
    await other.committer.submit(release(grant))
    (again,) = await other.take(single)
    assert (again.run_id, again.attempt, again.input) == (run, 1, b'{"n":1}')
    assert again.secret != grant.secret


async def test_several_workers_share_what_is_queued(one: Instance, single: Workflow) -> None:
    polls: list[Poll] = []
    for _ in range(6):
        await one.begin(single)
    for n in range(3):
        polls.append(one.wait(single, 4, worker=f"w{n}"))
    await asyncio.gather(*[poll.future for poll in polls])
    assert [len(await one.end(poll)) for poll in polls] == [2, 2, 2]


async def test_claims_outlive_an_error_of_any_kind(
    one: Instance, single: Workflow, monkeypatch: pytest.MonkeyPatch
) -> None:
    await one.begin(single)
    asked = asyncio.Event()

    async def broken(workflow_id: int) -> Workflow:
        asked.set()
        raise LookupError("the workflow is gone")

    with monkeypatch.context() as patched:
        patched.setattr(one.workflows, "by_id", broken)
        poll = one.wait(single)
        await asked.wait()
    await one.begin(single)
    one.claims.hint(poll.lanes)
    async with asyncio.timeout(5):
        await poll.future
    assert len(await one.end(poll)) == 1
