"""Parents and children against real tables: made in one transaction, told of each other's end once, by any instance."""

from __future__ import annotations

from stellwerk_server.commit.cache import lane_of
from stellwerk_server.model.commands import CancelRun, FireTimer, Workflow
from stellwerk_server.model.events import TimerKind
from stellwerk_server.model.states import RunState
from tests.support.instance import Instance, changed, complete

CHILD = "name: child\nsteps: [{id: s, action: x}]"
PARENT = "name: parent\nsteps: [{id: k, workflow: child}]"


async def family(one: Instance) -> tuple[Workflow, int, int]:
    """The child's workflow, the parent and the child."""
    workflow = await one.register(CHILD)
    parent = await one.begin(await one.register(PARENT))
    ((child,),) = await one.fetch("select run_id from children where parent_run_id = %s and step = 'k'", parent)
    return workflow, parent, child


async def test_a_child_is_of_its_parents_commit_lane(one: Instance) -> None:
    for _ in range(20):
        _, parent, child = await family(one)
        assert lane_of(child, 2) == lane_of(parent, 2)
        assert one.caches[lane_of(child, 2)].get(child) is not None


async def test_the_end_of_a_child_is_said_once(one: Instance, other: Instance) -> None:
    workflow, parent, child = await family(one)
    (grant,) = await one.take(workflow)
    await one.submit(complete(grant, 1))
    said = [(parent, "k", TimerKind.CHILD_ENDED)]
    assert await one.fetch("select run_id, step, kind from timers") == said
    (again,) = await other.submit(complete(grant, 1))
    assert not changed(again)
    news = FireTimer(parent, "k", TimerKind.CHILD_ENDED, 0)
    outcomes = [*await other.submit(news), *await one.submit(news)]
    assert [changed(outcome) for outcome in outcomes] == [True, False]
    await one.submit(complete(grant, 1))
    assert await one.fetch("select run_id, step, kind from timers") == []
    assert await one.fetch("select state from runs where id in (%s, %s)", parent, child) == [(RunState.SUCCEEDED,)] * 2


async def test_the_end_of_a_parent_ends_its_child_wherever_that_is_heard(one: Instance, other: Instance) -> None:
    workflow, parent, child = await family(one)
    (grant,) = await one.take(workflow)
    await other.submit(CancelRun(parent, ""))
    assert await one.fetch("select run_id, kind from timers") == [(child, TimerKind.PARENT_CANCELS)]
    await other.submit(FireTimer(child, "", TimerKind.PARENT_CANCELS, 0))
    assert await one.fetch("select state from runs where id = %s", child) == [(RunState.CANCELLED,)]
    assert [voided.secret for voided in other.committed[-1].voided] == [grant.secret]
