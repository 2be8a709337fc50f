"""Every pair of commands in every setting where they conflict: all orders of their statements.

A schedule may switch once away from a side that could go on; who must wait for a lock is no switch, so that most pairs
on one run have no other schedules. `STELLWERK_INTERLEAVE=all` lifts that, or allows two more where there are millions.
"""

from __future__ import annotations

import os
from collections import Counter
from itertools import combinations_with_replacement

import pytest

from tests.interleave.crew import Crew
from tests.interleave.scenes import SCENES, Scene
from tests.interleave.trials import Trial

EVERYTHING = os.environ.get("STELLWERK_INTERLEAVE") == "all"


def _bound(scene: Scene) -> int | None:
    if not EVERYTHING:
        return scene.bound or 1
    return None if scene.bound is None else scene.bound + 2


@pytest.mark.timeout(3_600 if EVERYTHING else 120)
@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.name)
async def test_two_commands_are_as_if_one_came_after_the_other(crew: Crew, scene: Scene, counts: Counter[str]) -> None:
    for number, pair in enumerate(combinations_with_replacement(scene.acts, 2)):
        crew.host = number % 2
        trial = Trial(crew, scene, pair)
        await trial.serial_orders()
        await trial.explore(scene.bound, walls=not EVERYTHING)
        await crew.bring_news()
        trial.judge()
        counts["pairs"] += 1
        counts["schedules of pairs"] += trial.schedules
        counts["more that are equal to one of them"] += trial.equal
