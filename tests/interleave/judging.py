"""Whether a schedule came to what some serial order comes to. Knows rows and outcomes, and not how they came about."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

from stellwerk_server.commit.outcome import Applied, Decided, Started
from stellwerk_server.model import ids
from stellwerk_server.model.code import DECISION
from stellwerk_server.model.errors import StellwerkError
from stellwerk_server.model.events import Event, EventType, TimerKind
from tests.interleave.crew import Slot
from tests.model.checks import Tables

_SLOT = re.compile(r"_s\d+_")
_RUN = re.compile(r"run_[0-9a-v]{13}")
# When that is, is drawn by lot from the run's id.
_DECISION_RETRY = (DECISION, TimerKind.RETRY)


class Verdict:
    """What became of each slot, in words that are the same for all slots."""

    def __init__(self, tables: Tables, chunks: list[dict[str, Any]], keys: list[dict[str, Any]]) -> None:
        self._tables = tables
        self._chunks = chunks
        self._keys = keys

    def outcome(self, slot: Slot, told: Any) -> str:
        """What a caller heard."""
        return self._named(slot)(repr(_plain(told)))

    def final(self, slot: Slot) -> str:
        """Every row there is of the slot's runs."""
        tables, runs = self._tables, self._runs(slot)
        lines: list[Any] = []
        for run in runs:
            row = tables.runs[run]
            shown = {name: row[name] for name in ("id", "state", "seq", "output", "block_reason", "failure", "decided")}
            lines.append(("run", {**shown, "id": ids.show(run), "parked": run in tables.parked}))
            lines += [("event", ids.show(run), _event(event)) for event in tables.events[run]]
        for place, row in tables.steps.items():
            if place[0] in runs:
                facts = {name: row[name] for name in ("state", "attempt", "output", "failure", "due_at")}
                lines.append(("step", ids.show(place[0]), place[1], facts))
        for name in ("ready", "leases", "timers", "dead", "children", "published"):
            lines += [_line(name, place, row) for place, row in _mine(getattr(tables, name), runs)]
        lines += [("chunk", x["step"], x["attempt"], x["seq"]) for x in self._chunks if x["run_id"] in runs]
        mine = {workflow.name for workflow in slot.workflows}
        lines += [("key", x["key"], ids.show(x["run_id"])) for x in self._keys if x["workflow"] in mine]
        named = self._named(slot)
        return "\n".join(sorted(named(repr(line)) for line in lines))

    def _runs(self, slot: Slot) -> list[int]:
        mine = {workflow.id for workflow in slot.workflows}
        rows = [row for row in self._tables.runs.values() if row["workflow_id"] in mine]
        # Which start made its id first says nothing.
        return [row["id"] for row in sorted(rows, key=lambda row: (row["request_id"] or b"", row["id"]))]

    def _named(self, slot: Slot) -> Callable[[str], str]:
        names = {ids.show(run): f"run {place}" for place, run in enumerate(self._runs(slot))}
        return lambda text: _SLOT.sub("", _RUN.sub(lambda found: names.get(found[0], "no run"), text))


def _mine(table: dict[Any, Any], runs: list[int]) -> list[tuple[Any, Any]]:
    return [(k, row) for k, row in table.items() if (k[0] if isinstance(k, tuple) else k) in runs]


def _line(name: str, place: Any, row: Any) -> tuple[Any, ...]:
    key = place if isinstance(place, tuple) else (place,)
    shown = (name, ids.show(key[0]), *key[1:])
    if name == "dead":
        return (*shown, row["reason"], row["state"])
    if name == "children":
        return (*shown, ids.show(row[0]), row[1])
    if shown[2:] == _DECISION_RETRY:
        return shown
    return (*shown, row["attempt"]) if name in ("ready", "leases") else (*shown, row)


def _event(event: Event) -> tuple[Any, ...]:
    data = None if event.data is None else json.loads(json.dumps(event.data), object_hook=_without_lane)
    if event.type is EventType.DECISION_FAILED:
        data = None
    failure = None if event.failure is None else (event.failure.type, event.failure.attempt)
    return event.seq, event.type.name, event.at, event.step, event.attempt, event.payload, failure, data


def _without_lane(value: dict[str, Any]) -> dict[str, Any]:
    return {name: each for name, each in value.items() if name != "lane"}


def _plain(told: Any) -> Any:
    if isinstance(told, list):
        return [_plain(each) for each in told]
    if isinstance(told, Started):
        return "started", ids.show(told.run_id), told.deduplicated, bool(told.expires_at)
    if isinstance(told, Applied):
        return told.state.name, told.changed
    if isinstance(told, Decided):
        journal = told.journal
        return journal and (journal.after, journal.sequence, [_event(event) for event in journal.events])
    return (type(told).__name__, told.reason) if isinstance(told, StellwerkError) else told
