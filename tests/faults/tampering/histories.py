"""Ways to break a history or what follows from it: I6 to I8, I10 to I12 and I18."""

from __future__ import annotations

import json

from stellwerk_server.model.events import EventType as E
from tests.faults.records import OPERATIONS
from tests.faults.tampering.stage import LEDGER, Line, Stage, at, breaks, data
from tests.support.folds import Row


@breaks("I6")
def something_follows_the_end(stage: Stage) -> None:
    def change(events: list[Row]) -> list[Row]:
        told = next(event for event in events if event["type"] == E.RUN_SIGNALLED)
        return [*events, data(told, id="s9")]

    stage.history("told", change)


@breaks("I6")
def a_run_ends_twice(stage: Stage) -> None:
    stage.history("told", lambda events: [*events, events[-1]])


@breaks("I6")
def an_end_was_read_otherwise(stage: Stage) -> None:
    stage.calls(lambda c: c["f"] == "get" and c["args"]["run_id"] == stage.runs["keyed"], result={"state": "FAILED"})


@breaks("I7")
def an_event_is_gone(stage: Stage) -> None:
    stage.sql("delete from events where run_id = %s and seq = 3", stage.number("plain"))


@breaks("I7")
def a_history_is_gone(stage: Stage) -> None:
    stage.sql("delete from events where run_id = %s", stage.number("brief"))


@breaks("I7")
def a_history_names_an_unknown_step(stage: Stage) -> None:
    stage.sql("update events set step = 'ghost' where run_id = %s and seq = 2", stage.number("plain"))


@breaks("I7")
def a_step_is_not_what_happened(stage: Stage) -> None:
    stage.sql("update steps set output = null where run_id = %s and key = 'a'", stage.number("plain"))


@breaks("I7")
def a_step_has_no_row(stage: Stage) -> None:
    stage.sql("delete from steps where run_id = %s and key = 'nap'", stage.number("plain"))


@breaks("I7")
def a_move_is_in_no_table(stage: Stage) -> None:
    """A dead letter that was given up on is tried again: all else fits."""

    def change(events: list[Row]) -> list[Row]:
        place = at(events, E.STEP_SCHEDULED, "a")
        skipped = {**events[place], "type": E.STEP_SKIPPED, "attempt": None, "payload": None, "data": '{"reason": ""}'}
        return [*events[:place], skipped, *events[place:]]

    stage.history("beta", change)


@breaks("I8")
def a_step_begins_before_its_needs_end(stage: Stage) -> None:
    def change(events: list[Row]) -> list[Row]:
        early = events.pop(at(events, E.STEP_SCHEDULED, "b"))
        return [*events[: (place := at(events, E.STEP_SUCCEEDED, "a"))], early, *events[place:]]

    stage.history("plain", change)


@breaks("I8")
def a_skipped_step_is_begun(stage: Stage) -> None:
    stage.effect("plain", "never")


@breaks("I8")
def a_step_is_begun_before_it_is_ready(stage: Stage) -> None:
    stage.effect("plain", "b", later_s=-60, attempt=1)


@breaks("I10")
def a_retry_comes_too_early(stage: Stage) -> None:
    def change(events: list[Row]) -> list[Row]:
        place = at(events, E.STEP_ATTEMPT_FAILED, "b")
        due_at = json.loads(events[place]["data"])["due_at"] + 60_000_000
        return [*events[:place], data(events[place], due_at=due_at), *events[place + 1 :]]

    stage.history("plain", change)


@breaks("I10")
def a_delay_is_too_short(stage: Stage) -> None:
    def change(events: list[Row]) -> list[Row]:
        place = at(events, E.STEP_ATTEMPT_FAILED, "b")
        due_at = json.loads(events[place]["data"])["due_at"] - 60_000
        return [*events[:place], data(events[place], due_at=due_at), *events[place + 1 :]]

    stage.history("plain", change)


@breaks("I10")
def a_step_has_too_many_attempts(stage: Stage) -> None:
    stage.sql("update workflows set definition = replace(definition, '\"max_attempts\":2', '\"max_attempts\":1')"
              " where name = 'plain'")  # fmt: skip


@breaks("I10")
def what_must_not_be_retried_is(stage: Stage) -> None:
    def change(events: list[Row]) -> list[Row]:
        place = at(events, E.STEP_ATTEMPT_FAILED, "b")
        failure = json.dumps({**json.loads(events[place]["failure"]), "terminal": True})
        return [*events[:place], {**events[place], "failure": failure}, *events[place + 1 :]]

    stage.history("plain", change)


@breaks("I10")
def an_attempt_is_left_out(stage: Stage) -> None:
    def change(events: list[Row]) -> list[Row]:
        later = at(events, E.STEP_SCHEDULED, "a", 1)
        return [*events[:later], *({**e, "attempt": 3} if e["step"] else e for e in events[later:])]

    stage.sql("update workflows set definition = replace(definition, '\"max_attempts\":2', '\"max_attempts\":9')")
    stage.edit(LEDGER, lambda lines: [{**x, "attempt": x["attempt"] + (x["attempt"] == 2)} if x["run_id"] ==
                                      stage.runs["lost"] else x for x in lines])  # fmt: skip
    stage.edit(OPERATIONS, lambda lines: [x for x in lines if x["f"] not in ("complete", "get")])
    stage.history("lost", change)


@breaks("I10")
def an_attempt_is_begun_that_is_none(stage: Stage) -> None:
    stage.effect("dies", "d", attempt=9)


@breaks("I10")
def an_attempt_is_begun_before_its_delay_is_over(stage: Stage) -> None:
    stage.effect("plain", "b", later_s=0.001, after="failed", attempt=2)


@breaks("I11")
def a_dead_letter_is_missing(stage: Stage) -> None:
    stage.sql("delete from dead_letters where run_id = %s", stage.number("dies"))


@breaks("I11")
def a_dead_letter_is_doubled(stage: Stage) -> None:
    stage.sql(
        "insert into dead_letters select 1, namespace_id, workflow_id, run_id, step, 7, queue, action, reason, failure,"
        " input, state, created_at, resolved_at, requeued_run_id from dead_letters where run_id = %s",
        stage.number("dies"),
    )


@breaks("I11")
def a_dead_letter_is_settled_otherwise(stage: Stage) -> None:
    stage.sql("update dead_letters set state = 3 where run_id = %s", stage.number("parks"))


@breaks("I11")
def a_dead_letter_is_redriven_twice(stage: Stage) -> None:
    def change(lines: list[Line]) -> list[Line]:
        forks = [x for x in lines if x["f"] == "requeue" and x["result"].get("run_id") == stage.runs["fork"]]
        forks[1]["result"]["run_id"] = stage.runs["dies"]
        return lines

    stage.edit(OPERATIONS, change)


@breaks("I12")
def a_sleep_ends_too_early(stage: Stage) -> None:
    def change(events: list[Row]) -> list[Row]:
        place = at(events, E.STEP_SLEEPING)
        due_at = json.loads(events[place]["data"])["due_at"] + 60_000_000
        return [*events[:place], data(events[place], due_at=due_at), *events[place + 1 :]]

    stage.history("plain", change)


@breaks("I12")
def a_sleep_ends_twice(stage: Stage) -> None:
    def change(events: list[Row]) -> list[Row]:
        place = at(events, E.STEP_SUCCEEDED, "nap")
        return [*events[: place + 1], *events[place:]]

    stage.history("plain", change)


@breaks("I12")
def a_deadline_comes_too_early(stage: Stage) -> None:
    stage.sql("update runs set deadline = deadline + interval '1 hour' where id = %s", stage.number("brief"))


@breaks("I12")
def a_timer_is_left_behind(stage: Stage) -> None:
    stage.sql("insert into timers values (%s, 'nap', 2, now())", stage.number("plain"))


@breaks("I18")
def a_replay_differs(stage: Stage) -> None:
    reason = "NON_DETERMINISM: expected a sleep, came an action"
    insert = "insert into parked select id, namespace_id, 'code', 'b1', %s from runs where id = %s"
    stage.sql(insert, reason, stage.number("code"))
