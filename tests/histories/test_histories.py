"""Every recorded history replays, whole and cut after every event, with every SDK; a changed workflow is refused.

HISTORIES_LANGUAGES=python,node limits the SDKs while somebody works on one of them."""

from __future__ import annotations

import json
import os
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from tests.conformance.programs import ROOT
from tests.histories.programs import COMMANDS, HERE, replayed
from tests.histories.record import SCENARIOS

POM = ROOT / "pom.xml"
FILES = sorted(HERE.glob("*/*.json"))
ENDS = {"broken": "FAILED", "trip": "CANCELLED", "relay-1": "CONTINUED", "unpatched-1": "CONTINUED"}
DIFFERENCE = 'NonDeterminism: step 2: recorded ship("ink"), now reserve("ink")'


def chosen_languages() -> list[str]:
    """Those of the environment, all without."""
    named = os.environ.get("HISTORIES_LANGUAGES", "")
    return [language for language in COMMANDS if not named or language in named.split(",")]


def name_of(file: Path) -> str:
    return f"{file.parent.name}/{file.stem}"


def code_of(file: Path) -> str:
    """Those that went on as new runs are numbered."""
    return file.stem.partition("-")[0]


def events_of(file: Path) -> list[dict[str, Any]]:
    events: list[dict[str, Any]] = json.loads(file.read_text(encoding="utf-8"))["events"]
    return events


@pytest.mark.parametrize("language", chosen_languages())
def test_every_history_replays_whole_and_cut_after_every_event(language: str) -> None:
    outcomes = replayed(language, [(code_of(file), file) for file in FILES])
    # A run is one for all workers: what one SDK has recorded another may have to go on with.
    expected = [["RUNNING"] * (len(events_of(file)) - 1) + [ENDS.get(file.stem, "SUCCEEDED")] for file in FILES]
    came = dict(zip(map(name_of, FILES), outcomes, strict=True))
    assert came == dict(zip(map(name_of, FILES), expected, strict=True))


@pytest.mark.parametrize("language", chosen_languages())
def test_changed_code_does_not_replay(language: str) -> None:
    orders = [file for file in FILES if file.stem == "order"]
    for file, outcomes in zip(orders, replayed(language, [("changed", file) for file in orders]), strict=True):
        # A decision may be recorded in parts: what was not recorded yet is not a difference.
        first = [event.get("step") for event in events_of(file)].index("ship")
        assert outcomes == ["RUNNING"] * first + [DIFFERENCE] * (len(outcomes) - first), name_of(file)


def versions() -> dict[str, str]:
    """What each SDK's own build says; a worker tells the server the same."""
    python = tomllib.loads((ROOT / "sdk/python/pyproject.toml").read_text(encoding="utf-8"))
    node = json.loads((ROOT / "sdk/node/package.json").read_text(encoding="utf-8"))
    java = re.search(r"<artifactId>stellwerk-parent</artifactId>\s*<version>(.*)</version>", POM.read_text("utf-8"))
    assert java is not None
    return {"python": python["project"]["version"], "node": node["version"], "java": java[1]}


@pytest.mark.parametrize("language", COMMANDS)
def test_the_version_of_an_sdk_has_its_histories(language: str) -> None:
    folder = HERE / f"{language}-{versions()[language]}"
    recorded = {code_of(file) for file in folder.glob("*.json")}
    assert recorded == set(SCENARIOS), f"python -m tests.histories.record {language}"


def test_the_histories_have_all_that_is_recorded() -> None:
    seen = {event["type"] for file in FILES for event in events_of(file)}
    assert {"STEP_ATTEMPT_FAILED", "STEP_RAN", "STEP_CHILD_STARTED", "RUN_PATCHED", "DECISION_COMPLETED"} <= seen
