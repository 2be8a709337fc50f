"""Ways to break how everything stands when the faults are over: I20 to I24."""

from __future__ import annotations

import json
from datetime import timedelta

from stellwerk_server.model.events import EventType as E
from tests.faults.records import FAULTS, OPERATIONS, RESOURCES, RUN
from tests.faults.tampering.stage import LEDGER, Line, Stage, at, breaks, data
from tests.support.folds import Row


@breaks("I20")
def a_run_is_stalled(stage: Stage) -> None:
    _reopen(stage, queued=False)


@breaks("I20")
def a_run_is_left_open(stage: Stage) -> None:
    _reopen(stage, queued=True)


@breaks("I20")
def the_auditor_had_to_mend(stage: Stage) -> None:
    about = json.loads((stage.folder / RUN).read_text())
    (stage.folder / RUN).write_text(json.dumps({**about, "mended": 1}))


@breaks("I21")
def timers_are_late(stage: Stage) -> None:
    def change(events: list[Row]) -> list[Row]:
        place = at(events, E.STEP_SLEEPING)
        due_at = json.loads(events[place]["data"])["due_at"] - 1_500_000
        return [*events[:place], data(events[place], due_at=due_at), *events[place + 1 :]]

    stage.history("plain", change)


@breaks("I21")
def everything_stands_still(stage: Stage) -> None:
    def probed(lines: list[Line]) -> list[Line]:
        begun = {
            **lines[-1],
            "id": 10_000,
            "client": "prober",
            "f": "probe",
            "kind": "invoke",
            "at": lines[-1]["at"] + 60_000_000,
        }
        return [*lines, begun, {**begun, "kind": "ok", "at": begun["at"] + 4_000_000}]

    stage.edit(OPERATIONS, probed)


@breaks("I22")
def a_lost_task_goes_out_late(stage: Stage) -> None:
    """All that came before the death of its worker did so ten seconds earlier."""

    def earlier(lines: list[Line]) -> list[Line]:
        for line in lines:
            if line["phase"] == "begin" and "bare-2" in (line.get("worker"), line.get("target")):
                line["at"] -= 10_000_000
        return lines

    def change(events: list[Row]) -> list[Row]:
        for event in events[:2]:
            event["at"] -= timedelta(seconds=10)
        return events

    stage.edit(LEDGER, earlier)
    stage.edit(FAULTS, earlier)
    stage.history("lost", change)


@breaks("I23")
def a_client_is_not_served(stage: Stage) -> None:
    def change(lines: list[Line]) -> list[Line]:
        last = {**lines[-1], "id": 9_999, "f": "get", "args": {}, "result": {}, "client": "client-1"}
        return [*lines, {**last, "kind": "invoke"}, {**last, "kind": "info", "error": "UNAVAILABLE"}]

    stage.edit(OPERATIONS, change)


@breaks("I23")
def a_client_is_not_answered(stage: Stage) -> None:
    stage.edit(OPERATIONS, lambda lines: [*lines, {**lines[-1], "id": 9_999, "kind": "invoke", "result": {}}])


@breaks("I24")
def memory_does_not_come_back(stage: Stage) -> None:
    stage.edit(RESOURCES, lambda lines: [{**x, "rss_bytes": x["rss_bytes"] * (1 + 3 * (x["phase"] == "final"))}
                                         for x in lines])  # fmt: skip


@breaks("I24")
def descriptors_do_not_come_back(stage: Stage) -> None:
    stage.edit(RESOURCES, lambda lines: [{**x, "descriptors": 60 + 200 * (x["phase"] == "final")} for x in lines])


def _reopen(stage: Stage, queued: bool) -> None:
    """Let what `keyed` has done be undone, and nobody have read it."""
    run = stage.runs["keyed"]
    stage.edit(OPERATIONS, lambda lines: [x for x in lines if x["args"].get("run_id") != run])
    stage.history("keyed", lambda events: events[:2])
    if queued:
        stage.sql("insert into ready values (%s, 'a', 1, 1, 0, 1, null, now())", stage.number("keyed"))
