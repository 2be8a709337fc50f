"""Decisions against real tables and two instances: taken here, answered there, claimed while news come in."""

from __future__ import annotations

import asyncio
import random
import zlib
from typing import Any

import pytest

from stellwerk_server import definition
from stellwerk_server.commit.outcome import Applied, Decided
from stellwerk_server.commit.poll import Grant, Journal, Poll
from stellwerk_server.commit.rows import SQL, event_of
from stellwerk_server.model import code as m
from stellwerk_server.model import commands as c
from stellwerk_server.model.commands import Workflow
from stellwerk_server.model.errors import Refused
from stellwerk_server.model.events import NEWS, Event, TimerKind
from stellwerk_server.model.payload import from_value
from stellwerk_server.model.states import RunState
from stellwerk_server.store import workflows as workflow_rows
from stellwerk_server.store.arrays import Int4s, Int8s
from tests.support.instance import Instance, complete, fail


class Code:
    """A workflow that is code, and the lanes of its decisions and of the action 'x'."""

    def __init__(self, workflow: Workflow, action_lane: int) -> None:
        self.workflow = workflow
        self.actions = workflow._replace(lanes=(action_lane,))
        self._lane = action_lane
        self._names = 0

    def action(self, **data: Any) -> m.MakeStep:
        """Another step of the action 'x'."""
        self._names += 1
        return m.MakeStep(f"s#{self._names}", {"action": "x", "lane": self._lane, **data}, from_value(self._names))


async def registered(one: Instance, name: str = "code") -> Code:
    made = definition.of_code(name, "default")
    namespace = await one.workflows.namespace_id("default")
    async with one.pool.connection() as connection:
        row, _ = await workflow_rows.apply(connection, namespace, name, definition.digest(made), made.canonical)
    lane = await one.workflows.lane(namespace, "default", "x")
    return Code(await one.workflows.by_id(row.id), lane)


@pytest.fixture
async def code(one: Instance) -> Code:
    return await registered(one)


def answer(grant: Grant, *commands: m.CodeCommand, sequence: int = 0, keep: bool = False) -> c.CompleteDecision:
    assert grant.journal is not None
    place = (grant.run_id, grant.step, grant.attempt, grant.secret)
    seen = sequence or grant.journal.sequence
    checksum = zlib.crc32(repr((place, seen, commands, keep)).encode())
    return c.CompleteDecision(*place, seen, commands, keep, "b1", checksum)


async def decided(instance: Instance, command: c.CompleteDecision) -> Journal | None:
    (outcome,) = await instance.submit(command)
    assert isinstance(outcome, Decided), outcome
    return outcome.journal


async def history(one: Instance, run: int) -> list[Event]:
    async with one.pool.connection() as connection:
        cursor = await connection.execute(SQL.read_events, {"runs": Int8s([run]), "after": Int4s([0])}, binary=True)
        return [event_of(row[1:]) for row in await cursor.fetchall()]


def seqs(journal: Journal | None) -> tuple[int, int, list[int]]:
    assert journal is not None
    return journal.after, journal.sequence, [event.seq for event in journal.events]


async def test_a_decision_taken_here_is_answered_there_with_what_neither_has_cached(
    one: Instance, other: Instance, code: Code
) -> None:
    run = await one.begin(code.workflow, 1)
    (task,) = await one.take(code.workflow)
    assert (task.input, seqs(task.journal)) == (b"1", (0, 1, [1]))
    verdict = await decided(other, answer(task, code.action(), code.action(), keep=True))
    assert seqs(verdict) == (1, 3, [])
    first, second = await other.take(code.actions, 2)
    await one.submit(complete(first, 1))
    verdict = await decided(other, answer(task, code.action(), sequence=3, keep=True))
    assert seqs(verdict) == (3, 5, [4])
    await one.submit(complete(second, 2))
    verdict = await decided(one, answer(task, sequence=5, keep=True))
    assert seqs(verdict) == (5, 6, [6])
    verdict = await decided(other, answer(task, sequence=5, keep=True))
    assert seqs(verdict) == (5, 6, [6])
    assert await decided(one, answer(task, sequence=6)) is None
    assert await one.fetch("select 1 from leases where step = '$decision'") == []
    (third,) = await one.take(code.actions)
    await other.submit(complete(third, 3))
    (task,) = await one.take(code.workflow)
    assert (task.input, seqs(task.journal)) == (b"null", (6, 8, [8]))
    await decided(other, answer(task, m.Succeed(from_value(3))))
    assert await one.fetch("select state from runs where id = %s", run) == [(RunState.SUCCEEDED,)]
    assert await one.fetch("select 1 from leases union all select 1 from ready union all select 1 from timers") == []


async def test_an_answer_lost_on_one_instance_is_repeated_on_the_other(
    one: Instance, other: Instance, code: Code
) -> None:
    await one.begin(code.workflow)
    (task,) = await one.take(code.workflow)
    command = answer(task, code.action())
    await decided(one, command)
    await decided(other, command)
    (refused,) = await other.submit(answer(task, code.action()))
    assert isinstance(refused, Refused)


async def test_the_worker_that_decided_last_is_preferred_by_the_instance_it_polls(
    one: Instance, other: Instance, code: Code
) -> None:
    await one.begin(code.workflow)
    (task,) = await one.take(code.workflow, worker="w1")
    await decided(other, answer(task, *[code.action() for _ in range(5)]))
    for step in await other.take(code.actions, 4):
        polls = [one.wait(code.workflow, worker=name) for name in ("w0", "w1", "w2")]
        await one.submit(complete(step))
        assert [len(await one.end(poll)) for poll in polls] == [0, 1, 0]
        await decided(one, answer(polls[1].tasks[0]))


class Line:
    """What the code of one run has been told, over all its decisions."""

    def __init__(self) -> None:
        self.seen = 0
        self.told: list[int] = []
        self.open = 0

    def hear(self, journal: Journal | None) -> None:
        after, sequence, events = seqs(journal)
        assert after == self.seen
        self.told += events
        self.seen = sequence


class Play:
    """Code of many runs at once: six actions each, one more for each of the first that ends, kept answers between."""

    def __init__(self, instances: list[Instance], code: Code, seed: int) -> None:
        self.instances = instances
        self.code = code
        self.lines: dict[int, Line] = {}
        self.random = random.Random(seed)
        self.left = 0

    def any(self) -> Instance:
        return self.random.choice(self.instances)

    async def decide(self, worker: str) -> None:
        """One worker of decisions, until all runs have ended."""
        while self.left:
            for grant in await self._take(self.code.workflow, worker):
                await self._answer(grant, self.lines[grant.run_id])

    async def act(self, worker: str) -> None:
        while self.left:
            for grant in await self._take(self.code.actions, worker):
                how = complete(grant, 1) if self.random.random() < 0.9 else fail(grant, terminal=True)
                await self.any().submit(how)

    async def _take(self, workflow: Workflow, worker: str) -> list[Grant]:
        instance = self.any()
        poll: Poll = instance.wait(workflow, 3, worker)
        instance.pulse(poll)
        await asyncio.wait([poll.future], timeout=0.01)
        return await instance.end(poll)

    async def _answer(self, grant: Grant, line: Line) -> None:
        line.hear(grant.journal)
        begun = line.told == [1]
        new = len(grant.journal.events) if grant.journal is not None else 0
        line.open += (6 if begun else 0) - (0 if begun else new)
        wanted = [self.code.action() for _ in range(6)] if begun else []
        if self.random.random() < 0.5:
            publish = m.RanStep(f"l#{grant.run_id}-{line.seen}", 1, None, None, None)
            command = answer(grant, *wanted, publish, sequence=line.seen, keep=True)
            journal = await decided(self.any(), command)
            line.hear(journal)
            line.open -= len(journal.events) if journal is not None else 0
            wanted = []
        if line.open == 0:
            self.left -= 1
            wanted = [m.Succeed(from_value(line.told))]  # type: ignore[list-item]
        await decided(self.any(), answer(grant, *wanted, sequence=line.seen))


async def test_code_of_many_runs_is_told_everything_once_whoever_claims_and_answers(
    one: Instance, other: Instance, code: Code
) -> None:
    seed = random.SystemRandom().randrange(1 << 32)
    play = Play([one, other], code, seed)
    for _ in range(25):
        run = await play.any().begin(code.workflow)
        play.lines[run] = Line()
    play.left = len(play.lines)
    async with asyncio.timeout(60):
        await asyncio.gather(*[play.decide(f"w{n}") for n in range(3)], *[play.act(f"x{n}") for n in range(3)])
    for run, line in play.lines.items():
        events = await history(one, run)
        assert line.told == [event.seq for event in events if event.type in NEWS], f"seed {seed}"
        assert [event.seq for event in events] == list(range(1, len(events) + 1))
    assert await one.fetch("select 1 from leases union all select 1 from ready union all select 1 from timers") == []


async def test_a_decision_that_is_claimed_is_told_what_came_in_up_to_that_moment(
    one: Instance, other: Instance, code: Code
) -> None:
    await one.begin(code.workflow)
    (task,) = await one.take(code.workflow)
    await decided(one, answer(task, *[code.action() for _ in range(3)]))
    steps = await one.take(code.actions, 3)
    await one.submit(complete(steps[0]))
    await other.submit(complete(steps[1]))
    (task,) = await other.take(code.workflow)
    assert seqs(task.journal) == (1, 6, [5, 6])
    await one.submit(complete(steps[2]))
    await decided(one, answer(task))
    (task,) = await one.take(code.workflow)
    assert seqs(task.journal) == (6, 8, [7])


async def test_a_run_that_goes_on_begins_where_its_parent_finds_it(one: Instance, other: Instance, code: Code) -> None:
    child = await registered(one, "child")
    await one.begin(code.workflow)
    (task,) = await one.take(code.workflow)
    await decided(one, answer(task, m.MakeStep("k", {"workflow": "child"}, from_value(1))))
    for n in range(3):
        (grown,) = await other.take(child.workflow)
        assert grown.input == str(n + 1).encode()
        goes_on = m.Continue(None, from_value(n + 2))
        await decided(one if n % 2 else other, answer(grown, goes_on))
    ((parent,),) = await one.fetch("select distinct parent_run_id from children")
    outcomes = [*await one.submit(c.FireTimer(parent, "k", TimerKind.CHILD_ENDED, 0))]
    assert [isinstance(outcome, Applied) and outcome.changed for outcome in outcomes] == [True]
    (grown,) = await other.take(child.workflow)
    await decided(one, answer(grown, m.Succeed(from_value("grown"))))
    await other.submit(c.FireTimer(parent, "k", TimerKind.CHILD_ENDED, 0))
    (task,) = await one.take(code.workflow)
    assert task.journal is not None
    assert [(event.step, event.payload) for event in task.journal.events] == [("k", b'"grown"')]


@pytest.mark.parametrize("close", ["cancel", "terminate"])
async def test_a_parent_that_ends_before_it_hears_that_its_child_goes_on_ends_the_one_that_does(
    one: Instance, code: Code, close: str
) -> None:
    child = await registered(one, "child")
    parent = await one.begin(code.workflow)
    (task,) = await one.take(code.workflow)
    wanted = m.MakeStep("k", {"workflow": "child", "parent_close": close}, from_value(1))
    await decided(one, answer(task, wanted))
    for _ in range(2):
        (grown,) = await one.take(child.workflow)
        await decided(one, answer(grown, m.Continue(None, from_value(2))))
    await one.submit(c.TerminateRun(parent, ""))
    for _ in range(3):
        rows = await one.fetch("select run_id, step, kind, due_at from timers")
        await one.submit(*[c.FireTimer(run, step, TimerKind(kind), 0) for run, step, kind, _ in rows])
    assert await one.fetch("select state from runs where state < 5") == []
