"""The cases themselves: the schema refuses what it does not know, every subject is there, no list is stale."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conformance.python import calls
from tests.conformance.schema import HERE, LANGUAGES, BadCase, cases
from tests.conformance.test_conformance import known_failing

CASES_MIN = 60
README = (HERE / "README.md").read_text(encoding="utf-8")


def write(folder: Path, text: str) -> Path:
    (folder / "x.yaml").write_text(text, encoding="utf-8")
    return folder


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("cases: [{name: a, expct: {output: 1}}]", "expct"),
        ("cases: [{name: a, expect: {outputs: 1}}]", "outputs"),
        ("cases: [{name: a, acts: [{wait: {nota: x}}]}]", "nota"),
        ("cases: [{name: a, server: BIG}]", "BIG"),
        ("cases: [{name: a}, {name: a}]", "came a second"),
        ("cases: [{name: a, program: {do: [], value: 9007199254740993}}]", "does not fit a double"),
        ("case: [{name: a}]", "expected a list `cases`"),
    ],
)
def test_what_the_schema_does_not_know_is_refused(tmp_path: Path, text: str, problem: str) -> None:
    with pytest.raises(BadCase, match=problem):
        cases(write(tmp_path, text))


def test_there_are_enough_cases_and_each_says_what_it_checks() -> None:
    found = cases()
    assert len(found) >= CASES_MIN
    assert [raw.name for raw in found if not raw.message.about or not raw.message.HasField("expect")] == []


def test_every_word_of_the_readme_is_used() -> None:
    used = set(words_of([raw.fields for raw in cases()]))
    assert words_of_readme() - used == set(), "no case uses it"
    assert used - words_of_readme() == set(), "README.md does not know it"


def test_every_call_of_the_readme_is_one_of_the_interpreter() -> None:
    known = {f"call {name}" for name in calls.CALLS} | {f"what {name}" for name in calls.MISUSES}
    assert known == {word for word in words_of_readme() if word.startswith(("call ", "what "))}


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_lists_of_known_failures_name_cases(language: str) -> None:
    names = {raw.name for raw in cases() if not raw.message.once}
    known = known_failing(language)
    assert set(known) - names == set(), f"known_failing/{language}.txt: no such case"
    assert [name for name, reason in known.items() if not reason] == [], f"known_failing/{language}.txt: no reason"


def words_of(value: Any) -> Iterator[str]:
    """Every op, kind, call and mistake the cases have, as "op sleep"."""
    if isinstance(value, dict) and "op" in value:
        yield f"op {value['op']}"
        kinds = {"make": "make", "fail": "fail"}
        yield from (f"{kinds[value['op']]} {value['kind']}" for _ in [0] if value["op"] in kinds)
        yield from (f"{name} {value[name]}" for name in ("call", "what", "rule") if name in value)
    for child in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from words_of(child)


def words_of_readme() -> set[str]:
    """The same words as README.md lists them."""
    rows = re.findall(r'^\| `\{"op": "(\w+)".*?\| (.*) \|$', README, re.MULTILINE)
    said = dict(rows)
    listed = {kind: re.findall(r"`(\w+)`", said[kind]) for kind in ("make", "fail", "misuse")}
    calls_said = re.sub(r"\([^)]*\)", "", _calls_told())
    return {
        *(f"op {op}" for op in said),
        *(f"make {kind}" for kind in listed["make"]),
        *(f"fail {kind}" for kind in listed["fail"] if kind not in ("Boom", "cause", "NotAnError")),
        *(f"what {what}" for what in listed["misuse"]),
        *(f"rule {rule}" for rule in re.findall(r"`(\w+)`", said["break"])),
        *(f"call {call}" for call in re.findall(r"`(\w+)`", calls_said)),
    }


def _calls_told() -> str:
    return README.partition("Calls and what their value is:")[2].partition("\n## ")[0]
