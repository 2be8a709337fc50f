"""Three servers at once, in settings where two are not enough to go wrong."""

from __future__ import annotations

import os
from collections import Counter

import pytest

from tests.interleave.crew import Crew
from tests.interleave.scenes import TRIPLES, Scene
from tests.interleave.trials import Trial

EVERYTHING = os.environ.get("STELLWERK_INTERLEAVE") == "all"


@pytest.mark.timeout(7_200 if EVERYTHING else 600)
@pytest.mark.parametrize(("scene", "names"), TRIPLES, ids=lambda value: value if isinstance(value, str) else "")
async def test_three_commands_are_as_if_one_came_after_the_other(
    crew: Crew, scene: Scene, names: tuple[str, ...], counts: Counter[str]
) -> None:
    trial = Trial(crew, scene, names)
    await trial.serial_orders()
    await trial.explore(3 if EVERYTHING else 1)
    await crew.bring_news()
    trial.judge()
    counts["schedules of triples"] += trial.schedules
