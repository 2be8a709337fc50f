"""Explanations from rows put there by hand: what only a moment of a real server would show."""

from __future__ import annotations

import asyncio
import json
from types import SimpleNamespace
from typing import Any

import pytest
from psycopg_pool import AsyncConnectionPool

from server.tests.conftest import Seed
from stellwerk.v1 import run_pb2, workflow_pb2
from stellwerk_server.commit.poll import Poll
from stellwerk_server.commit.waiting import Waiting
from stellwerk_server.commit.workflows import Workflows
from stellwerk_server.dispatch.causes import Cause, Kind
from stellwerk_server.dispatch.explaining import Explainer
from stellwerk_server.model import ids
from stellwerk_server.rpc.run_reads import RunReads
from stellwerk_server.rpc.workflows import WorkflowServicer

Pool = AsyncConnectionPool[Any]
DEFINITION = {"name": "plain", "steps": [{"id": "one", "action": "a"}]}
RUN = 5


class World:
    """One queued step, and whoever asks about it."""

    def __init__(self, pool: Pool, seed: Seed, lane: int) -> None:
        self.seed, self.lane = seed, lane
        self.waiting = Waiting()
        workflows = Workflows(pool)
        committer: Any = SimpleNamespace(state_here=lambda run_id, namespace: None)
        self.explainer = Explainer(pool, workflows, self.waiting, committer)
        self.reads = RunReads(pool, workflows, lambda run_id, step: None, self.waiting)

    async def cause(self) -> Cause:
        """The one there is; GetRun says the same of nobody."""
        found = await self.explainer.explain("default", RUN)
        assert found is not None
        (cause,) = found.causes
        run = (await self.reads.GetRun(run_pb2.GetRunRequest(run_id=ids.show(RUN), include_steps=True))).run
        assert bool(run.steps[0].waiting_for) == (cause.kind is Kind.NO_WORKER)
        assert run.steps[0].waiting_for in cause.sentence
        return cause

    def poll(self, max_tasks: int = 1) -> Poll:
        """Somebody asks for tasks of the lane."""
        poll = Poll("w1", (self.lane,), max_tasks, asyncio.get_running_loop().create_future())
        self.waiting.add(poll)
        return poll

    def worker(self, name: str, slots: int, held: int = 0, action: str = "a") -> None:
        """A live worker with so many tasks of other runs."""
        self.seed("workers", id=name, actions=[action], slots=slots)
        for number in range(held):
            self.seed("leases", run_id=1_000 + number, step=name, worker=name, lane=self.lane)


@pytest.fixture
async def world(pool: Pool, seed: Seed) -> World:
    service = WorkflowServicer(pool, Workflows(pool))
    await service.ApplyWorkflow(workflow_pb2.ApplyWorkflowRequest(definition=json.dumps(DEFINITION)))
    row = seed.connection.execute("select id from workflows").fetchone()
    assert row is not None
    lane = await Workflows(pool).lane(1, "default", "a")
    seed("runs", id=RUN, workflow_id=row[0])
    seed("steps", run_id=RUN, key="one")
    seed("ready", run_id=RUN, step="one", lane=lane, id=7)
    return World(pool, seed, lane)


async def test_a_poll_that_waits_is_somebody_who_serves_the_action(world: World) -> None:
    assert (await world.cause()).kind is Kind.NO_WORKER
    poll = world.poll()
    cause = await world.cause()
    assert cause.kind is Kind.QUEUED
    assert cause.sentence == "step one is on its way: a worker asks for action 'a' on queue 'default'"
    poll.reserve()
    assert (await world.cause()).kind is Kind.NO_WORKER, "a poll without room takes nothing"


async def test_slots_of_all_workers_count_and_tasks_before_too(world: World) -> None:
    world.worker("w1", slots=2, held=2)
    world.worker("w2", slots=1, held=3)
    world.worker("w3", slots=9, action="b")
    for number in range(3):
        world.seed("ready", run_id=50 + number, step="one", lane=world.lane, id=5 + number)
    cause = await world.cause()
    assert (cause.kind, cause.workers, cause.slots, cause.busy, cause.ahead) == (Kind.WORKERS_BUSY, 2, 3, 3, 2)
    world.worker("w4", slots=4, held=1)
    cause = await world.cause()
    assert (cause.kind, cause.workers, cause.slots, cause.busy) == (Kind.QUEUED, 3, 7, 4)
    world.poll()
    assert (await world.cause()).sentence.endswith("a worker asks for action 'a' on queue 'default'")


async def test_a_lane_remembers_whom_it_has_lost(world: World) -> None:
    world.seed.connection.execute("update lanes set seen_at = clock_timestamp() - interval '3 min'")
    cause = await world.cause()
    assert cause.sentence == ("step one waits: no worker serves action 'a' on queue 'default' (last seen 3 min ago)")
    assert cause.seen_at is not None


async def test_of_another_namespace_there_is_nothing(world: World) -> None:
    assert await world.explainer.explain("other", RUN) is None
    assert await world.explainer.explain("default", RUN + 1) is None
