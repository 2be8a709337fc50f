"""The state tables of ARCHITECTURE.md are those of model/states.py."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from pathlib import Path

from stellwerk_server.model.states import RUN_TRANSITIONS, STEP_TRANSITIONS

PAGE = Path(__file__).parents[2] / "ARCHITECTURE.md"
BEGIN, END = "<!-- states -->\n", "<!-- /states -->"


def drawn(title: str, transitions: Mapping[Enum, frozenset[Enum]]) -> str:
    """One table as Markdown."""
    rows = [
        f"| {before.name} | {', '.join(s.name for s in sorted(after, key=lambda s: s.value))} |"
        for before, after in transitions.items()
    ]
    return "\n".join([f"| {title} | may become |", "|---|---|", *rows]) + "\n"


def test_the_page_shows_the_tables() -> None:
    expected = drawn("Run", RUN_TRANSITIONS) + "\n" + drawn("Step", STEP_TRANSITIONS)
    shown = PAGE.read_text("utf-8").split(BEGIN)[1].split(END)[0]
    assert shown == expected, f"put this between the marks in {PAGE.name}:\n{expected}"
