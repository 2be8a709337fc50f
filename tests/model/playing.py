"""Runs a machine of rules with a seed that is printed when it fails. Knows no rules.

A test that is part of every commit plays what it played the last time: what it finds is the change's own.
"""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import RuleBasedStateMachine, run_state_machine_as_test

from tests.support.seeds import seeded

_SOAKS = "STELLWERK_MODEL_EXAMPLES" in os.environ
STEPS = int(os.environ.get("STELLWERK_MODEL_STEPS", "50"))
_CHECKS = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]


def examples(short: int) -> int:
    """How many examples to play: few in `make test`, as many as the environment says in `make soak`."""
    return int(os.environ.get("STELLWERK_MODEL_EXAMPLES", str(short)))


def play(machine: type[RuleBasedStateMachine], most: int) -> None:
    """Play that many examples. In `make test` always the same ones; in `make soak` others each time, made smaller."""
    phases = [Phase.generate, Phase.shrink] if _SOAKS else [Phase.generate]
    bounds = settings(_bounds(most), phases=phases, print_blob=True)
    with seeded("STELLWERK_MODEL_SEED", anew=_SOAKS) as number:
        run_state_machine_as_test(seed(number)(machine), settings=bounds)


def first_failure(machine: type[RuleBasedStateMachine], most: int, number: int) -> BaseException | None:
    """What fails within that many examples, as it was met; None when nothing does."""
    bounds = settings(_bounds(most), phases=[Phase.generate], database=None)
    try:
        run_state_machine_as_test(seed(number)(machine), settings=bounds)
    except (Exception, pytest.fail.Exception) as error:
        return error
    return None


def _bounds(most: int) -> settings:
    return settings(max_examples=most, stateful_step_count=STEPS, deadline=None, suppress_health_check=_CHECKS)
