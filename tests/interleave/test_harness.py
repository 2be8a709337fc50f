"""The suite itself: equal schedules left out hide nothing, and a lock that is not taken is noticed."""

from __future__ import annotations

import pytest

from stellwerk_server.store import sql
from tests.interleave import stepping
from tests.interleave.crew import Crew
from tests.interleave.scenes import HELD, QUEUED, Scene
from tests.interleave.trials import Trial

COMMIT = sql.load("commit")


async def explored(crew: Crew, scene: Scene, names: tuple[str, str], bound: int | None, *, walls: bool = True) -> Trial:
    trial = Trial(crew, scene, names)
    await trial.serial_orders()
    await trial.explore(bound, walls=walls)
    return trial


@pytest.mark.parametrize("names", [("complete", "cancel"), ("release", "expire")])
async def test_schedules_that_are_left_out_come_to_nothing_else(crew: Crew, names: tuple[str, str]) -> None:
    few = await explored(crew, HELD, names, None)
    endings = few.endings()
    few.judge()
    every = await explored(crew, HELD, names, None, walls=False)
    assert every.endings() == endings
    every.judge()
    assert every.equal == 0
    assert few.schedules < every.schedules


@pytest.mark.parametrize(
    ("statement", "lock", "scene", "names"),
    [
        ("hold_ready", " for update", QUEUED, ("claim", "fire start")),
        ("lock_runs", " for update", HELD, ("complete", "cancel")),
    ],
)
async def test_a_lock_that_is_not_taken_is_noticed(
    crew: Crew, monkeypatch: pytest.MonkeyPatch, statement: str, lock: str, scene: Scene, names: tuple[str, str]
) -> None:
    before = getattr(COMMIT, statement).decode()
    without = before.replace(lock, "")
    assert without != before
    monkeypatch.setitem(COMMIT._statements, statement, without.encode())
    monkeypatch.setitem(stepping.NAMES, without.encode(), statement)
    with pytest.raises((AssertionError, RuntimeError)):
        (await explored(crew, scene, names, 1)).judge()
