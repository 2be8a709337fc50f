"""Ways to break what callers and workers were told: I1 to I5, I9, I13, I15 and I19."""

from __future__ import annotations

import json

from stellwerk_server.model.events import EventType as E
from tests.faults.records import OPERATIONS
from tests.faults.tampering.stage import LEDGER, Line, Stage, at, breaks
from tests.support.folds import Row


@breaks("I1")
def a_start_is_lost(stage: Stage) -> None:
    stage.gone("keyed")


@breaks("I1")
def a_key_has_two_runs(stage: Stage) -> None:
    stage.sql("update runs set idempotency_key = 'k' where id = %s", stage.number("lost"))


@breaks("I1")
def a_repeated_start_names_another_run(stage: Stage) -> None:
    stage.calls(lambda c: c["f"] == "start" and c["client"] == "client-2" and c["kind"] == "ok",
                result={"run_id": stage.runs["told"]})  # fmt: skip


@breaks("I1")
def a_start_got_another_input(stage: Stage) -> None:
    stage.sql("update runs set input = '{}' where id = %s", stage.number("keyed"))
    stage.sql("update steps set input = '{}' where run_id = %s", stage.number("keyed"))


@breaks("I1")
def one_key_is_new_twice(stage: Stage) -> None:
    stage.calls(lambda c: c["f"] == "start" and c["client"] == "client-2" and c["kind"] == "ok",
                result={"deduplicated": False})  # fmt: skip


@breaks("I1")
def a_child_run_is_lost(stage: Stage) -> None:
    stage.gone("child")


@breaks("I1")
def a_step_has_two_child_runs(stage: Stage) -> None:
    origin = {"parent": stage.runs["family"], "step": "k", "depth": 1}
    stage.sql("update events set data = %s where run_id = %s and seq = 1", json.dumps(origin), stage.number("lost"))


@breaks("I1")
def a_refused_start_has_made_a_run(stage: Stage) -> None:
    stage.calls(lambda c: c["f"] == "start" and c["result"].get("run_id") == stage.runs["told"], kind="fail", result={})


@breaks("I2")
def another_output_is_recorded(stage: Stage) -> None:
    stage.history("plain", lambda events: _with(events, E.STEP_SUCCEEDED, "b", payload=b'"a/forged/1"'))


@breaks("I2")
def an_output_is_recorded_that_nobody_returned(stage: Stage) -> None:
    stage.edit(LEDGER, lambda lines: [x for x in lines if (x["run_id"], x["phase"]) != (stage.runs["keyed"], "done")])


@breaks("I2")
def an_output_of_a_local_step_is_nobodys(stage: Stage) -> None:
    stage.edit(LEDGER, lambda lines: [x for x in lines if (x["action"], x["phase"]) != ("$local", "done")])


@breaks("I2")
def a_completion_is_recorded_twice(stage: Stage) -> None:
    def change(events: list[Row]) -> list[Row]:
        place = at(events, E.STEP_SUCCEEDED, "a")
        return [*events[: place + 1], *events[place:]]

    stage.history("plain", change)


@breaks("I2")
def a_parent_has_another_output_than_its_child(stage: Stage) -> None:
    stage.history("family", lambda events: _with(events, E.STEP_SUCCEEDED, "k", payload=b'"a/forged/2"'))
    stage.edit(OPERATIONS, lambda lines: [x for x in lines if x["args"].get("run_id") != stage.runs["family"]])


@breaks("I2")
def a_read_shows_another_output(stage: Stage) -> None:
    stage.calls(lambda c: c["f"] == "wait" and c["args"]["run_id"] == stage.runs["keyed"], result={"output": "a/x"})


@breaks("I3")
def a_completed_step_is_begun_again(stage: Stage) -> None:
    stage.effect("plain", "a", attempt=2)


@breaks("I3")
def a_completed_attempt_is_begun_much_later(stage: Stage) -> None:
    stage.calm()
    stage.effect("plain", "a", later_s=30)


@breaks("I3")
def a_completed_step_goes_to_a_later_poll(stage: Stage) -> None:
    task = {"token": "77", "run_id": stage.runs["plain"], "step": "a", "attempt": 1, "action": "touch"}
    stage.call("poll", {"worker": "bare-1"}, {"tasks": [task]})


@breaks("I3")
def a_completed_step_is_still_queued(stage: Stage) -> None:
    stage.sql("insert into ready values (%s, 'a', 1, 1, 0, 1, null, now())", stage.number("plain"))


@breaks("I4")
def a_token_is_handed_out_twice(stage: Stage) -> None:
    def change(lines: list[Line]) -> list[Line]:
        polls = [line for line in lines if line["f"] == "poll" and line["result"].get("tasks")]
        polls[1]["result"]["tasks"].append({**polls[1]["result"]["tasks"][0], **_token(polls[0])})
        return lines

    stage.edit(OPERATIONS, change)


@breaks("I4")
def a_refused_completion_is_recorded(stage: Stage) -> None:
    stage.calls(lambda c: _completes(stage, c, "plain", "b"), result={"verdict": "LEASE_LOST"})


@breaks("I5")
def a_contradiction_is_accepted(stage: Stage) -> None:
    stage.calls(lambda c: c["result"].get("verdict") == "LEASE_LOST" and str(c["args"]["value"]).endswith("other"),
                result={"verdict": "OK"})  # fmt: skip


@breaks("I5")
def a_repeat_is_refused(stage: Stage) -> None:
    def change(lines: list[Line]) -> list[Line]:
        good = [x for x in lines if _completes(stage, x, "plain", "a") and x["result"].get("verdict") == "OK"]
        good[1]["result"]["verdict"] = "LEASE_LOST"
        return lines

    stage.edit(OPERATIONS, change)


@breaks("I9")
def an_acknowledged_cancel_did_nothing(stage: Stage) -> None:
    stage.call("cancel", {"run_id": stage.runs["plain"]}, {"state": "SUCCEEDED"})


@breaks("I9")
def a_cancelled_run_begins_something(stage: Stage) -> None:
    stage.calm()
    stage.effect("cancelled", "a", later_s=30)


@breaks("I9")
def a_cancelled_run_goes_to_a_later_poll(stage: Stage) -> None:
    task = {"token": "78", "run_id": stage.runs["cancelled"], "step": "a", "attempt": 1, "action": "touch"}
    stage.call("poll", {"worker": "bare-1"}, {"tasks": [task]})


@breaks("I9")
def a_cancelled_run_is_still_queued(stage: Stage) -> None:
    stage.sql("insert into ready values (%s, 'a', 1, 1, 0, 1, null, now())", stage.number("cancelled"))


@breaks("I13")
def a_signal_is_lost(stage: Stage) -> None:
    args = {"run_id": stage.runs["plain"], "name": "go", "id": "s7", "value": "a/s7"}
    stage.call("signal", args, {"deduplicated": False})


@breaks("I13")
def a_key_leads_to_another_run(stage: Stage) -> None:
    args = {"run_id": stage.runs["told"], "name": "go", "id": "s1", "value": "a/s1", "key": "k9"}
    stage.call("signal", args, {"run_id": stage.runs["plain"], "deduplicated": True})


@breaks("I13")
def signals_change_places(stage: Stage) -> None:
    def change(events: list[Row]) -> list[Row]:
        """Told and taken in the other order."""
        told = [n for n, e in enumerate(events) if e["type"] == E.RUN_SIGNALLED]
        taken = [n for n, e in enumerate(events) if e["type"] == E.STEP_SUCCEEDED]
        for (first, second), names in ((told, ("payload", "data")), (taken, ("payload",))):
            for name in names:
                events[first][name], events[second][name] = events[second][name], events[first][name]
        return events

    stage.history("told", change)


@breaks("I13")
def a_signal_is_told_twice(stage: Stage) -> None:
    def change(events: list[Row]) -> list[Row]:
        place = at(events, E.RUN_SIGNALLED, which=1)
        return [*events[: place + 1], *events[place:]]

    stage.history("told", change)


@breaks("I13")
def another_signal_is_taken(stage: Stage) -> None:
    stage.history("told", lambda events: _with(events, E.STEP_SUCCEEDED, "first", payload=b'"a/s2"'))


@breaks("I13")
def a_refused_signal_is_told(stage: Stage) -> None:
    stage.calls(lambda c: c["f"] == "signal" and c["args"]["id"] == "s1", kind="fail", error="RUN_TERMINAL")


@breaks("I15")
def a_payload_strays(stage: Stage) -> None:
    stage.sql("insert into chunks values (%s, 'a', 1, 1, '\"b/bare-1/1\"', now())", stage.number("plain"))


@breaks("I15")
def a_look_over_the_fence_shows_something(stage: Stage) -> None:
    stage.calls(lambda c: c["f"] == "peek", kind="ok", error="")


@breaks("I15")
def a_look_over_the_fence_is_refused_otherwise(stage: Stage) -> None:
    stage.calls(lambda c: c["f"] == "peek", error="FAILED_PRECONDITION RUN_TERMINAL")


@breaks("I15")
def a_worker_gets_what_is_not_its_own(stage: Stage) -> None:
    stage.effect("plain", "b", attempt=2, namespace="beta")


@breaks("I15")
def a_run_answers_in_another_namespace(stage: Stage) -> None:
    stage.call("get", {"run_id": stage.runs["plain"]}, {"state": "SUCCEEDED", "steps": {}}, namespace="beta")


@breaks("I19")
def a_completion_is_lost(stage: Stage) -> None:
    args = {"token": "79", "run_id": stage.runs["plain"], "step": "b", "attempt": 7, "outcome": "failed", "value": ""}
    stage.call("complete", args, {"verdict": "OK"})


@breaks("I19")
def a_step_is_undone_that_was_read(stage: Stage) -> None:
    def change(lines: list[Line]) -> list[Line]:
        for line in lines:
            if line["f"] == "get" and line["args"]["run_id"] == stage.runs["plain"] and line["result"]:
                line["result"]["steps"]["never"]["state"] = "SUCCEEDED"
        return lines

    stage.edit(OPERATIONS, change)


@breaks("I19")
def a_fork_is_lost(stage: Stage) -> None:
    stage.gone("fork")


@breaks("I19")
def a_discard_is_lost(stage: Stage) -> None:
    args = {"dead_letter_id": "dl_0000000000000", "run_id": stage.runs["dies"], "step": "d"}
    stage.call("discard", args, {"run_id": stage.runs["dies"]})


@breaks("I19")
def a_chunk_is_lost(stage: Stage) -> None:
    stage.sql("delete from chunks where run_id = %s and seq = 3", stage.number("streamed"))


@breaks("I19")
def a_chunk_is_of_another_hand_out(stage: Stage) -> None:
    stage.sql("update chunks set payload = '\"a/other#1\"' where run_id = %s and seq = 2", stage.number("streamed"))


def _with(events: list[Row], type: E, step: str, **changed: object) -> list[Row]:
    place = at(events, type, step)
    return [*events[:place], {**events[place], **changed}, *events[place + 1 :]]


def _completes(stage: Stage, line: Line, story: str, step: str) -> bool:
    place = (line["f"], line["args"].get("run_id"), line["args"].get("step"), line["args"].get("outcome"))
    return place == ("complete", stage.runs[story], step, "succeeded")


def _token(poll: Line) -> Line:
    return {"token": poll["result"]["tasks"][0]["token"]}
