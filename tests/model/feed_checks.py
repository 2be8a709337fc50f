"""What must hold of commits as readers see them: each event in the feed exactly once, those of a run in order."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.model.checks import Tables


def check_feed(tables: Tables) -> None:
    """The commits that have a place in the feed, and those that wait for one, tell of every event once."""
    told: dict[int, int] = defaultdict(int)
    for row in tables.commits:
        for run, namespace, first, last in zip(
            row["runs"], row["namespaces"], row["firsts"], row["lasts"], strict=True
        ):
            assert first == told[run] + 1, f"of run {run} event {told[run]} is followed by {first}"
            assert last >= first
            assert namespace == tables.runs[run]["namespace_id"]
            told[run] = last
    assert told == {run: row["seq"] for run, row in tables.runs.items()}
