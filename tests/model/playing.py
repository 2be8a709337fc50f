"""Runs a machine of rules with a seed that is printed when it fails. Knows no rules."""

from __future__ import annotations

import os
import random

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import RuleBasedStateMachine, run_state_machine_as_test

STEPS = int(os.environ.get("STELLWERK_MODEL_STEPS", "50"))
_CHECKS = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]


def examples(short: int) -> int:
    """How many examples to play: few in `make test`, as many as the environment says in `make soak`."""
    return int(os.environ.get("STELLWERK_MODEL_EXAMPLES", str(short)))


def play(machine: type[RuleBasedStateMachine], most: int) -> None:
    """Play that many examples; what fails is made smaller and says its seed."""
    number = int(os.environ.get("STELLWERK_MODEL_SEED", random.SystemRandom().randrange(1 << 32)))
    bounds = settings(
        max_examples=most, stateful_step_count=STEPS, deadline=None, suppress_health_check=_CHECKS, print_blob=True
    )
    try:
        run_state_machine_as_test(seed(number)(machine), settings=bounds)
    except BaseException as error:
        error.add_note(f"run it again with STELLWERK_MODEL_SEED={number}")
        raise


def first_failure(machine: type[RuleBasedStateMachine], most: int, number: int) -> BaseException | None:
    """What fails within that many examples, as it was met; None when nothing does."""
    bounds = settings(
        max_examples=most,
        stateful_step_count=STEPS,
        deadline=None,
        suppress_health_check=_CHECKS,
        phases=[Phase.generate],
        database=None,
    )
    try:
        run_state_machine_as_test(seed(number)(machine), settings=bounds)
    except (Exception, pytest.fail.Exception) as error:
        return error
    return None
