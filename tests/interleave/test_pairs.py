"""Every pair of commands in every setting where they conflict: all orders of their statements.

A schedule may switch once away from a side that could go on; who must wait for a lock is no switch, so that most pairs
on one run have no other schedules. `STELLWERK_INTERLEAVE=all` lifts that, or allows two more where there are millions;
without it each run takes a quarter of the pairs (`STELLWERK_INTERLEAVE_SEED` says which), and those that found a bug.
"""

from __future__ import annotations

import os
import random
from collections import Counter
from itertools import combinations_with_replacement

import pytest

from tests.interleave.crew import Crew
from tests.interleave.scenes import SCENES, Scene
from tests.interleave.trials import Trial
from tests.support.seeds import seeded

EVERYTHING = os.environ.get("STELLWERK_INTERLEAVE") == "all"
Pair = tuple[str, str]
FOUND_A_BUG: dict[str, list[Pair]] = {
    "held": [("complete", "append"), ("expire", "append"), ("cancel", "append"), ("complete", "cancel")],
    "queued": [("claim", "fire start")],
    "two runs": [("complete and cancel", "extend")],
    "fan-in": [("complete a", "complete b"), ("complete item 0", "complete item 1")],
}


def _bound(scene: Scene) -> int | None:
    if not EVERYTHING:
        return scene.bound or 1
    return None if scene.bound is None else scene.bound + 2


def _pairs(scene: Scene, chance: random.Random) -> list[Pair]:
    every = list(combinations_with_replacement(scene.acts, 2))
    if EVERYTHING:
        return every
    return list(dict.fromkeys([*FOUND_A_BUG.get(scene.name, []), *chance.sample(every, len(every) // 4)]))


@pytest.mark.timeout(7_200 if EVERYTHING else 600)
@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.name)
async def test_two_commands_are_as_if_one_came_after_the_other(crew: Crew, scene: Scene, counts: Counter[str]) -> None:
    with seeded("STELLWERK_INTERLEAVE_SEED", anew=EVERYTHING) as seed:
        for number, pair in enumerate(_pairs(scene, random.Random(seed))):
            crew.host = number % 2
            trial = Trial(crew, scene, pair)
            await trial.serial_orders()
            await trial.explore(_bound(scene))
            await crew.bring_news()
            trial.judge()
            counts["pairs"] += 1
            counts["schedules of pairs"] += trial.schedules
            counts["more that are equal to one of them"] += trial.equal
