"""What commits leave for readers of live events: every event once, of each run in the order of its history."""

from __future__ import annotations

import asyncio
from collections import defaultdict

from stellwerk_server.loops.broom import Broom
from stellwerk_server.loops.moves import Moves
from stellwerk_server.model.commands import CancelRun, Signal, SignalRun, Workflow
from stellwerk_server.store.database import read_pool
from tests.support.instance import Instance

SPANS = """
select r.run, r.first, r.last
from moves m, unnest(m.runs, m.firsts, m.lasts) with ordinality as r(run, first, last, place)
order by m.id, r.place
"""


def signal(run_id: int, name: str) -> SignalRun:
    return SignalRun(run_id, Signal(name, name, b"1"))


async def test_every_event_is_in_one_move_in_order(one: Instance, other: Instance, two: Workflow) -> None:
    runs = [await one.begin(two) for _ in range(8)]
    told = [
        instance.submit(*(signal(run, f"{instance is one}-{turn}-{n}") for n in range(3) for run in runs))
        for turn in range(5)
        for instance in (one, other)
    ]
    await asyncio.gather(*told)
    await one.submit(*(CancelRun(run, "") for run in runs))
    moved = defaultdict(list)
    for run, first, last in await one.fetch(SPANS):
        moved[run] += range(first, last + 1)
    seq = 2 + 2 * 5 * 3 + 1
    lasts = dict(await one.fetch("select id, seq from runs"))
    assert lasts == dict.fromkeys(runs, seq)
    assert moved == {run: list(range(1, seq + 1)) for run in runs}


async def test_a_move_names_the_namespace_of_each_run(one: Instance, two: Workflow) -> None:
    await one.begin(two)
    [[namespaces]] = await one.fetch("select namespaces from moves")
    assert namespaces == [two.namespace_id]


async def test_moves_find_their_place_without_a_reader(one: Instance, two: Workflow, migrated: str) -> None:
    runs = [await one.begin(two) for _ in range(3)]
    pool = read_pool(migrated, 2)
    await pool.open()
    try:
        await Moves(pool).run_once()
    finally:
        await pool.close()
    assert await one.fetch("select runs from feed order by position") == [([run],) for run in runs]
    assert await one.fetch("select count(*) from moves") == [(0,)]


async def test_moves_are_swept_out_when_they_are_old(one: Instance, two: Workflow, migrated: str) -> None:
    await one.begin(two)
    await one.fetch(
        "insert into feed (at, runs, namespaces, firsts, lasts) select at, runs, namespaces, firsts, lasts "
        "from moves returning 1"
    )
    pool = read_pool(migrated, 2)
    await pool.open()
    try:
        await Broom(pool, feed_retention_s=60).run_once()
        assert await one.fetch("select (select count(*) from moves), (select count(*) from feed)") == [(1, 1)]
        await one.fetch("update moves set at = at - interval '1 hour' returning 1")
        await one.fetch("update feed set at = at - interval '1 hour' returning 1")
        await Broom(pool, feed_retention_s=60).run_once()
    finally:
        await pool.close()
    assert await one.fetch("select (select count(*) from moves), (select count(*) from feed)") == [(0, 0)]
