"""What the read side finds in real tables."""

import asyncio
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest
from psycopg_pool import AsyncConnectionPool

from server.tests.conftest import Seed
from stellwerk_server.model.events import EventType
from stellwerk_server.model.states import DeadLetterState, RunState, StepState
from stellwerk_server.store import chunks, dead_letters, events, queues, rows, runs, steps, workers, workflows
from stellwerk_server.store.dead_letters import DeadLetterFilter
from stellwerk_server.store.runs import RunFilter

Pool = AsyncConnectionPool[Any]
NEW_YEAR_2026 = 1_767_225_600_000_000


def id_at(moment: str, counter: int = 0) -> int:
    return (int(datetime.fromisoformat(moment).timestamp() * 1000) - 1_735_689_600_000 << 22) + counter


async def test_a_run_belongs_to_its_namespace(pool: Pool, seed: Seed) -> None:
    other = seed("namespaces", name="other")
    workflow = seed("workflows", name="order")
    seed("runs", id=5, workflow_id=workflow, input=b"{}", ended_at="2026-01-01T00:00:01.000001Z")
    seed("runs", id=6, workflow_id=workflow, namespace_id=other)
    async with pool.connection() as connection:
        run = await runs.get(connection, "default", 5)
        assert run is not None
        assert (run.workflow, run.version, run.state, run.input) == ("order", 1, RunState.RUNNING, b"{}")
        assert (run.created_at, run.ended_at) == (NEW_YEAR_2026, NEW_YEAR_2026 + 1_000_001)
        assert await runs.get(connection, "default", 6) is None
        assert await runs.get(connection, "nowhere", 5) is None


async def pages(pool: Pool, wanted: RunFilter, size: int) -> list[list[int]]:
    found: list[list[int]] = []
    more = True
    while more:
        async with pool.connection() as connection:
            before = found[-1][-1] if found else None
            page = await runs.list_page(connection, RunFilter(**{**_fields(wanted), "before_id": before}), size)
        found.append([run.id for run in page.rows])
        more = page.more
    return found


def _fields(wanted: RunFilter) -> dict[str, Any]:
    return {name: getattr(wanted, name) for name in RunFilter.__dataclass_fields__}


async def test_runs_come_newest_first_page_by_page(pool: Pool, seed: Seed) -> None:
    workflow = seed("workflows", name="order")
    for number in range(1, 8):
        seed("runs", id=number, workflow_id=workflow)
    assert await pages(pool, RunFilter("default"), 3) == [[7, 6, 5], [4, 3, 2], [1]]
    assert await pages(pool, RunFilter("default"), 7) == [[7, 6, 5, 4, 3, 2, 1]]
    assert await pages(pool, RunFilter("nowhere"), 3) == [[]]


async def test_runs_of_a_workflow_are_those_of_all_its_versions(pool: Pool, seed: Seed) -> None:
    first, second = (seed("workflows", name="order", version=v, digest=bytes([v])) for v in (1, 2))
    other = seed("workflows", name="other")
    for number, workflow in enumerate([first, second, other, first, second, other], 1):
        seed("runs", id=number, workflow_id=workflow)
    assert await pages(pool, RunFilter("default", workflow="order"), 3) == [[5, 4, 2], [1]]
    assert await pages(pool, RunFilter("default", workflow="none"), 3) == [[]]


@pytest.mark.parametrize("workflow", ["", "order"])
async def test_runs_can_be_picked_by_state_and_time(pool: Pool, seed: Seed, workflow: str) -> None:
    row = seed("workflows", name="order")
    days = ["2026-03-01T00:00:00+00:00", "2026-03-02T00:00:00+00:00", "2026-03-03T00:00:00+00:00"]
    ids = [id_at(day) for day in days]
    for number, day, state in zip(ids, days, (5, 6, 2), strict=True):
        seed("runs", id=number, workflow_id=row, created_at=day, state=state)
    second = datetime(2026, 3, 2, tzinfo=UTC)
    wanted = {"namespace": "default", "workflow": workflow}
    states = (RunState.FAILED, RunState.SUCCEEDED)
    assert await pages(pool, RunFilter(**wanted, states=states), 9) == [[ids[1], ids[0]]]  # type: ignore[arg-type]
    assert await pages(pool, RunFilter(**wanted, created_after=second), 9) == [[ids[2]]]  # type: ignore[arg-type]
    assert await pages(pool, RunFilter(**wanted, created_before=second), 9) == [[ids[0]]]  # type: ignore[arg-type]


async def test_steps_know_who_holds_them(pool: Pool, seed: Seed) -> None:
    seed("steps", run_id=1, key="b", position=1, worker="before")
    seed("steps", run_id=1, key="a[1]", position=0, item=1)
    seed("steps", run_id=1, key="a", position=0, items=2, items_finished=0)
    seed("leases", run_id=1, step="b", worker="now", lane=1)
    async with pool.connection() as connection:
        found = await steps.of_run(connection, 1)
    assert [step.key for step in found] == ["a", "a[1]", "b"]
    assert [step.state for step in found] == [StepState.READY, StepState.READY, StepState.LEASED]
    assert (found[2].worker, found[2].started_at) == ("now", NEW_YEAR_2026)


async def test_steps_leave_out_payloads_beyond_the_bound(
    pool: Pool, seed: Seed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rows, "PAGE_BYTES", 1_000)
    seed("steps", run_id=1, key="each", position=0, items=1, input=b"x" * 400)
    seed("steps", run_id=1, key="each[0]", position=0, item=0, input=b"x" * 400)
    seed("steps", run_id=1, key="last", position=1, output=b"x" * 400)
    async with pool.connection() as connection:
        found = {step.key: step for step in await steps.of_run(connection, 1)}
    assert found["each"].input is not None
    assert found["last"].output is not None
    assert found["each[0]"].input is None


async def test_histories_come_in_order_and_in_pages(pool: Pool, seed: Seed) -> None:
    for seq in range(1, 6):
        seed("events", run_id=1, seq=seq, type=21, step="a", payload=b"1", data='{"k": 1}')
    seed("events", run_id=2, seq=1)
    async with pool.connection() as connection:
        page = await events.after(connection, 1, 1, 3)
        rest = await events.after(connection, 1, 4, 3)
    assert [event.seq for event in page.rows] == [2, 3, 4]
    assert page.more
    assert [event.seq for event in rest.rows] == [5]
    assert not rest.more
    assert (rest.rows[0].type, rest.rows[0].data, rest.rows[0].at) == (
        EventType.STEP_SUCCEEDED,
        {"k": 1},
        NEW_YEAR_2026,
    )


async def test_a_page_ends_at_its_bytes_but_never_empty(
    pool: Pool, seed: Seed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rows, "PAGE_BYTES", 3_000)
    for seq in range(1, 6):
        seed("events", run_id=1, seq=seq, payload=b"x" * (10_000 if seq == 1 else 1_500))
    seen: list[list[int]] = []
    async with pool.connection() as connection:
        more = True
        while more:
            page = await events.after(connection, 1, seen[-1][-1] if seen else 0, 100)
            seen.append([event.seq for event in page.rows])
            more = page.more
    assert seen == [[1], [2, 3], [4, 5]]


async def test_chunks_are_found_beyond_a_position_in_each_stream(pool: Pool, seed: Seed) -> None:
    for step, attempt, count in (("a", 1, 3), ("a", 2, 2), ("b", 1, 2)):
        for seq in range(1, count + 1):
            seed("chunks", run_id=1, step=step, attempt=attempt, seq=seq, payload=b"%d" % seq)
    seed("chunks", run_id=2, step="a", seq=1, payload=b"1")
    async with pool.connection() as connection:
        everything = await chunks.after(connection, 1, {}, 100)
        new = await chunks.after(connection, 1, {("a", 1): 2, ("b", 1): 2}, 100)
        few = await chunks.after(connection, 1, {("a", 1): 2}, 2)
        nothing = await chunks.after(connection, 3, {}, 100)
    keys = [[(c.step, c.attempt, c.seq) for c in found] for found in (everything, new, few, nothing)]
    assert keys[0] == [("a", 1, 1), ("a", 1, 2), ("a", 1, 3), ("a", 2, 1), ("a", 2, 2), ("b", 1, 1), ("b", 1, 2)]
    assert keys[1] == [("a", 1, 3), ("a", 2, 1), ("a", 2, 2)]
    assert keys[2] == [("a", 1, 3), ("a", 2, 1)]
    assert keys[3] == []


async def test_dead_letters_are_open_ones_unless_asked(pool: Pool, seed: Seed) -> None:
    order, other = seed("workflows", name="order"), seed("workflows", name="other")
    for number, workflow, action, state in ((1, order, "a", 1), (2, order, "b", 2), (3, other, "a", 1)):
        seed("dead_letters", id=number, workflow_id=workflow, run_id=number, step="s", action=action, state=state)
    found = {}
    filters = {
        "open": DeadLetterFilter("default"),
        "order": DeadLetterFilter("default", workflow="order"),
        "all": DeadLetterFilter("default", states=list(DeadLetterState)),
        "action": DeadLetterFilter("default", action="b", states=list(DeadLetterState)),
        "run": DeadLetterFilter("default", run_id=3),
        "page": DeadLetterFilter("default", before_id=3),
        "elsewhere": DeadLetterFilter("nowhere"),
    }
    async with pool.connection() as connection:
        for name, wanted in filters.items():
            found[name] = [letter.id for letter in (await dead_letters.list_page(connection, wanted, 9)).rows]
        got = await dead_letters.get(connection, "default", 2)
        assert await dead_letters.get(connection, "nowhere", 2) is None
    assert found == {
        "open": [3, 1], "order": [1], "all": [3, 2, 1], "action": [2], "run": [3], "page": [1], "elsewhere": [],
    }  # fmt: skip
    assert got is not None
    assert (got.workflow, got.state) == ("order", DeadLetterState.REQUEUED)


async def test_workers_and_queues_count_what_is_held_and_what_waits(pool: Pool, seed: Seed) -> None:
    lane = seed("lanes", action="mail")
    seed("lanes", action="idle")
    seed("workers", id="w1", actions=["mail", "other"])
    seed("workers", id="gone", actions=["mail"], seen_at="2026-01-01T00:00:00Z")
    seed("ready", run_id=1, step="a", lane=lane, id=1)
    seed("ready", run_id=1, step="b", lane=lane, id=2, at="2025-12-31T23:59:59Z")
    seed("leases", run_id=1, step="c", worker="w1", lane=lane)
    async with pool.connection() as connection:
        present = await workers.list_all(connection, "default")
        served = await workers.list_served(connection, "default")
        waiting = await queues.list_all(connection, "default")
    assert [(w.id, w.leased, w.live) for w in present] == [("w1", 1, True), ("gone", 0, False)]
    assert {(s.action, s.live) for s in served} == {("mail", True), ("other", True)}
    counted = [(q.action, q.ready, q.leased, q.workers, q.oldest_ready_at) for q in waiting]
    assert counted == [("idle", 0, 0, 0, None), ("mail", 2, 1, 1, NEW_YEAR_2026 - 1_000_000)]


async def test_the_same_content_is_the_same_version_and_current_again(pool: Pool) -> None:
    async with pool.connection() as connection:

        async def apply(content: str) -> tuple[int, bool]:
            row, created = await workflows.apply(connection, 1, "order", content.encode(), content)
            assert row.current
            return row.version, created

        applied = [await apply(content) for content in ("one", "one", "two", "one", "three", "two")]
        current = await workflows.get(connection, "default", "order")
        first = await workflows.get(connection, "default", "order", 1)
        versions = await workflows.list_versions(connection, "default", "order", 2)
    assert applied == [(1, True), (1, False), (2, True), (1, False), (3, True), (2, False)]
    assert current is not None
    assert (current.version, current.definition) == (2, "two")
    assert first is not None
    assert not first.current
    assert [(v.version, v.current) for v in versions.rows] == [(3, False), (2, True)]
    assert versions.more


async def test_applying_at_once_gives_out_each_version_once(pool: Pool) -> None:
    async def apply(content: str) -> int:
        async with pool.connection() as connection:
            row, _ = await workflows.apply(connection, 1, "order", content.encode(), content)
            return row.version

    contents = [f"content {number}" for number in range(6)] * 2
    versions = await asyncio.gather(*map(apply, contents))
    assert versions[:6] == versions[6:]
    assert sorted(versions[:6]) == [1, 2, 3, 4, 5, 6]


async def test_workflows_are_listed_by_name_with_their_current_version(pool: Pool) -> None:
    async with pool.connection() as connection:
        for name in ("b", "a", "c", "a"):
            content = f"{name}{await _count(connection)}"
            await workflows.apply(connection, 1, name, content.encode(), content)
        page = await workflows.list_current(connection, "default", 2)
        rest = await workflows.list_current(connection, "default", 2, "b")
        assert await workflows.get(connection, "default", "nothing") is None
    assert [(w.name, w.version) for w in page.rows] == [("a", 2), ("b", 1)]
    assert page.more
    assert [w.name for w in rest.rows] == ["c"]
    assert not rest.more


async def _count(connection: psycopg.AsyncConnection[Any]) -> int:
    row = await (await connection.execute("select count(*) from workflows")).fetchone()
    assert row is not None
    return int(row[0])
