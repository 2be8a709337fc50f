"""Bugs of tests/model/seeded.py that only an order of statements shows: with one put in, its pair is judged wrong."""

from __future__ import annotations

import pytest

from stellwerk_server.store import sql
from tests.interleave import stepping
from tests.interleave.crew import Crew
from tests.interleave.scenes import SCENES
from tests.interleave.trials import Trial
from tests.model.planting import Bug, Restate
from tests.model.seeded import INTERLEAVED


@pytest.mark.timeout(300)
@pytest.mark.parametrize("planted", [False, True], ids=["without", "with"])
@pytest.mark.parametrize("bug", INTERLEAVED, ids=lambda bug: bug.name.replace(" ", "-"))
async def test_a_bug_is_caught(crew: Crew, bug: Bug, planted: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    name, one, other = bug.machine.split("/")
    trial = Trial(crew, next(scene for scene in SCENES if scene.name == name), (one, other))
    if not planted:
        await _judged(crew, trial)
        return
    with bug.planted():
        for change in bug.changes:
            if isinstance(change, Restate):
                statement = getattr(sql.load(change.file), change.statement)
                monkeypatch.setitem(stepping.NAMES, statement, change.statement)
        with pytest.raises(AssertionError) as caught:
            await _judged(crew, trial)
    assert "the server failed" not in str(caught.value), "caught by an error of the harness"


async def _judged(crew: Crew, trial: Trial) -> None:
    await trial.serial_orders()
    await trial.explore(2)
    await crew.bring_news()
    trial.judge()
