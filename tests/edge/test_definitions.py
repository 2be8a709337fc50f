"""Definitions of every shape: each is taken, or refused with the path of every problem; nothing else ever happens.

`STELLWERK_EDGE_DEFINITIONS` says how many (1,000,000 in `make soak`), `STELLWERK_EDGE_SEED` which.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from contextlib import suppress

import pytest
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

from stellwerk_server import definition
from stellwerk_server.model.definition import StepDefinition
from stellwerk_server.model.errors import ExpressionError, InvalidArgument, Problem
from tests.edge.definitions import CEL, TEMPLATES, texts
from tests.support.seeds import seeded

SOAKS = "STELLWERK_EDGE_DEFINITIONS" in os.environ
EXAMPLES = int(os.environ.get("STELLWERK_EDGE_DEFINITIONS", "400"))
# A definition of these sizes takes milliseconds; a second means that something is not linear.
PATIENCE_S = 5.0
# Hypothesis remembers every example until it has found enough: so many at a time.
ROUND = 20_000
SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large]
VALUES = st.sampled_from([None, 1, "t", {}, {"n": 1, "items": [1, "a", None]}, [[1.5]], {"n": 1 << 62}])


def fuzz(check: Callable[..., None], *made: st.SearchStrategy[object]) -> None:
    """Play the check with as many examples as are asked for."""
    with seeded("STELLWERK_EDGE_SEED", anew=SOAKS) as first:
        for done in range(0, EXAMPLES, ROUND):
            bounds = settings(max_examples=min(ROUND, EXAMPLES - done), deadline=None, suppress_health_check=SLOW)
            bounds(seed(first + done)(given(*made)(check)))()


@pytest.mark.timeout(max(900, EXAMPLES))
def test_a_definition_is_taken_or_every_problem_has_a_path() -> None:
    fuzz(_is_taken_or_refused, texts())


def _is_taken_or_refused(text: str) -> None:
    began = time.monotonic()
    problems: list[Problem] | None = None
    try:
        made = definition.parse(text)
    except InvalidArgument as refused:
        problems = refused.problems
    else:
        again = definition.compile(made.canonical)
        assert definition.digest(again) == definition.digest(made)
        assert json.loads(made.canonical)["name"] == made.name
    assert problems != []
    assert all(problem.field and problem.description for problem in problems or ()), problems
    assert time.monotonic() - began < PATIENCE_S


@pytest.mark.timeout(max(900, EXAMPLES))
def test_an_expression_gives_a_value_or_says_why_not() -> None:
    fuzz(_gives_a_value_or_says_why_not, CEL, TEMPLATES, VALUES)


def _gives_a_value_or_says_why_not(when: str, template: str, value: object) -> None:
    step = {"id": "b", "action": "x", "needs": ["a"], "when": when, "input": {"t": template}}
    text = json.dumps({"name": "w", "steps": [{"id": "a", "action": "x"}, step]})
    try:
        made = definition.parse(text).steps[1]
    except InvalidArgument as refused:
        fields = [problem.field for problem in refused.problems]
    else:
        _evaluate(made, value)
        fields = []
    assert all(field.startswith("steps[1].") for field in fields), fields


def _evaluate(made: StepDefinition, value: object) -> None:
    """Nothing but a value that is JSON, or the reason why there is none."""
    scope = {"input": value, "steps": {"a": {"output": value}}, "item": value, "run": {"id": "run_0000000000000"}}
    assert made.when is not None
    assert made.input is not None
    for evaluate in (made.when.evaluate, made.input.render):
        with suppress(ExpressionError):
            json.dumps(evaluate(scope))
