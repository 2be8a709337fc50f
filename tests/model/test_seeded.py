"""The suites themselves on trial: with a bug put in, the machine that looks for it must fail."""

from __future__ import annotations

import os
import random

import pytest

from tests.model.code import Code
from tests.model.heart import Heart
from tests.model.planting import Bug, Restate, Rewrite
from tests.model.playing import first_failure
from tests.model.seeded import BUGS
from tests.model.virtual import Database

MACHINES = {"heart": Heart, "code": Code}
# In `make soak` each bug must be found from any seed, not only from the one that finds it soon.
ROUNDS = int(os.environ.get("STELLWERK_SEEDED_ROUNDS", "0"))
MOST = 150


@pytest.mark.timeout(900)
@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.name.replace(" ", "-"))
def test_a_bug_is_caught(bug: Bug, virtual_database: Database) -> None:
    seeds = [random.SystemRandom().randrange(1 << 32) for _ in range(ROUNDS)] or [bug.seed]
    for seed in seeds:
        with bug.planted():
            caught = first_failure(MACHINES[bug.machine], MOST, seed)
        assert caught is not None, f"{bug.name!r} is not seen in {MOST} examples of seed {seed}"


def test_names_are_told_apart() -> None:
    assert len({bug.name for bug in BUGS}) == len(BUGS) >= 24


def _twice(number: int) -> int:
    return number * 2


def test_a_planted_bug_is_there_and_goes_again() -> None:
    bug = Bug("x", "heart", 1, (Rewrite(_twice, "* 2", "* 3"), Rewrite(_twice, "* 3", "* 4")))
    with bug.planted():
        assert _twice(1) == 4
    assert _twice(1) == 2


def test_a_stale_bug_says_so() -> None:
    for change in (Rewrite(_twice, "* 7", "* 3"), Restate("commit", "clock", "now()", "")):
        with pytest.raises(LookupError, match="stale"), Bug("x", "heart", 1, (change,)).planted():
            pass
