"""A server gone at each boundary of a command, or its answer lost; the caller then asks another one.

Each run of `make test` strikes a third of the commands, each beside one other (`STELLWERK_INTERLEAVE_SEED` says which);
`STELLWERK_INTERLEAVE=all` takes every pair.
"""

from __future__ import annotations

import os
import random
from collections import Counter

import pytest

from tests.interleave.crew import Crew
from tests.interleave.scenes import SCENES, Scene
from tests.interleave.trials import Trial
from tests.support.seeds import seeded

EVERYTHING = os.environ.get("STELLWERK_INTERLEAVE") == "all"


@pytest.mark.timeout(7_200 if EVERYTHING else 600)
@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.name)
async def test_a_crash_or_a_lost_reply_does_nothing_twice_and_loses_nothing(
    crew: Crew, scene: Scene, counts: Counter[str]
) -> None:
    # The other server makes the settings, so that the one that is struck is as new in each of them.
    crew.host = 1
    with seeded("STELLWERK_INTERLEAVE_SEED", anew=EVERYTHING) as seed:
        chance = random.Random(seed)
        for struck in scene.acts if EVERYTHING else chance.sample(list(scene.acts), len(scene.acts) // 3):
            for partner in scene.acts if EVERYTHING else [chance.choice(list(scene.acts))]:
                trial = Trial(crew, scene, (struck, partner))
                await trial.serial_orders()
                await trial.repeated_orders()
                await trial.faults()
                await crew.bring_news()
                trial.judge()
                counts["schedules with a crash or a lost reply"] += trial.schedules
