"""Decides from the logs of a run under faults and the final database whether the invariants held.

Knows nothing of the harness. An operation without a certain answer may have happened or not: nothing is asked of it.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import psycopg

from stellwerk_server.model.events import EventType
from tests.faults.checker.clocks import Lateness, Lost, Timers
from tests.faults.checker.completions import Completions, NotAgain, Repeats, Survival, Tokens
from tests.faults.checker.database import Final, snapshot
from tests.faults.checker.findings import INVARIANTS, NOT_APPLICABLE, Finding, Verdict
from tests.faults.checker.healed import Resources, Served, Stuck
from tests.faults.checker.histories import Attempts, DeadLetters, Ends, Folds, Needs, Replays
from tests.faults.checker.logs import Logs
from tests.faults.checker.rule import Rule, Scene
from tests.faults.checker.starts import Namespaces, Starts
from tests.faults.checker.talk import Cancels, Signals

__all__ = ["INVARIANTS", "NOT_APPLICABLE", "RULES", "Finding", "Logs", "Verdict", "check", "snapshot"]

RULES: tuple[type[Rule], ...] = (
    *(Starts, Completions, NotAgain, Tokens, Repeats, Ends, Needs, Cancels, Attempts, DeadLetters, Timers, Signals),
    *(Namespaces, Replays, Survival, Stuck, Lateness, Lost, Served, Resources),
)
# Fewer acknowledged operations than this say too little about the rest.
_LEAST_OK = 0.5


def check(logs: Logs, connection: psycopg.Connection[Any]) -> Verdict:
    """Judge the logs and the database; clients and workers must have stopped."""
    scene = Scene(logs, Final(connection))
    verdict = Verdict(void=_void(logs))
    folds = Folds(scene)
    rules = [rule(scene) for rule in RULES]
    for run in scene.final.histories():
        verdict.runs += 1
        verdict.steps += sum(event.type in _DONE for event in run.events)
        found = list(folds.of_run(run))
        if run.fold is not None:
            found += [finding for rule in rules for finding in rule.of_run(run)]
            found = found or list(folds.moves(run))
        verdict.findings += found
    verdict.findings += [finding for rule in rules for finding in rule.at_end()]
    verdict.took = {kind: times for rule in rules if isinstance(rule, Lost) for kind, times in rule.took.items()}
    verdict.notes = [note for rule in rules for note in rule.notes]
    verdict.looked = Counter({rule.invariant: rule.looked for rule in (folds, *rules)})
    return verdict


def _void(logs: Logs) -> str:
    good = sum(call.ok for call in logs.calls)
    if not logs.calls:
        return "there are no operations"
    if good < _LEAST_OK * len(logs.calls):
        return f"only {good} of {len(logs.calls)} operations are OK"
    return ""


_DONE = (EventType.STEP_SUCCEEDED, EventType.STEP_RAN)
