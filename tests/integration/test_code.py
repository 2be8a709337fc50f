"""Workflows as code over the wire, with the code played by hand: decisions out, commands in, nothing lost between."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from stellwerk.v1 import admin_pb2, payload_pb2, run_pb2, worker_pb2
from tests.integration.api import Api, Line, Refused, call, duration, eventually, payload
from tests.integration.code_api import (
    CANCELLED,
    CODE,
    action,
    begun,
    cancel,
    cancel_run,
    child,
    decide,
    failed_by,
    goes_on,
    local,
    ran_at,
    register,
    signal,
    sleep,
    succeed,
    told,
    verdict,
)


async def test_steps_follow_each_other_and_the_code_sees_what_they_gave(api: Api) -> None:
    run_id, task = await begun(api, {"to": "ann"})
    assert (task.step, task.workflow, task.input.json) == ("$decision", "signup", '{"to": "ann"}')
    assert (task.journal.after_sequence, told(task)) == (0, ["RUN_STARTED"])
    await decide(api, task, action("mail", value={"n": 1}), build="b1")
    mail = await api.take("mail")
    assert (mail.step, mail.attempt, mail.input.json) == ("mail", 1, '{"n": 1}')
    await api.complete(mail, "sent")
    task = await api.take(CODE)
    assert (task.journal.after_sequence, told(task)) == (1, ["STEP_SUCCEEDED"])
    assert task.journal.events[0].payload.json == '"sent"'
    assert not task.input.json or task.input.json == "null"
    await decide(api, task, action("mail#2", "mail"), sleep("sleep", 0.2), build="b1")
    await api.complete(await api.take("mail"), "again")
    seen: list[str] = []
    while len(seen) < 2:
        task = await api.take(CODE)
        seen += [event.step for event in task.journal.events]
        await decide(api, task, *([succeed({"ok": True})] if len(seen) == 2 else []), build="b1")
    assert sorted(seen) == ["mail#2", "sleep"]
    result = await api.wait(run_id)
    assert (result.state, result.output.json) == (run_pb2.RUN_STATE_SUCCEEDED, '{"ok": true}')
    events = await api.history(run_id)
    assert [event.sequence for event in events] == list(range(1, len(events) + 1))
    assert json.loads(events[1].attributes) == {"action": "mail", "decision": 1, "build": "b1"}


async def test_what_comes_while_a_decision_is_out_is_told_with_the_next_one(api: Api) -> None:
    run_id, task = await begun(api)
    await decide(api, task, action("a"), action("b"), action("c"))
    a, b, c = [await api.take(name) for name in "abc"]
    await api.complete(a, 1)
    task = await api.take(CODE)
    assert [event.step for event in task.journal.events] == ["a"]
    await api.complete(b, 2)
    await api.complete(c, 3)
    assert await api.poll(CODE, wait_s=0.3) == []
    await decide(api, task)
    task = await api.take(CODE)
    assert [event.step for event in task.journal.events] == ["b", "c"]
    await decide(api, task, succeed())
    assert (await api.wait(run_id)).state == run_pb2.RUN_STATE_SUCCEEDED


@pytest.mark.parametrize("seconds", [0, 253_402_300_799])
async def test_a_local_step_may_have_begun_at_any_time_that_can_be_told(api: Api, seconds: int) -> None:
    run_id, task = await begun(api)
    await decide(api, task, ran_at(seconds), succeed())
    ran = next(event for event in await api.history(run_id) if event.type == "STEP_RAN")
    assert ran.start_time.seconds == seconds


async def test_a_local_result_is_durable_and_the_verdict_tells_what_came_before_it(api: Api) -> None:
    run_id, task = await begun(api)
    answer = await verdict(api, task, local("one", 1), action("a"), keep=True)
    assert (answer.journal.after_sequence, answer.journal.sequence, len(answer.journal.events)) == (1, 3, 0)
    await api.complete(await api.take("a"), "done")
    answer = await verdict(api, task, local("two", 2), sequence=3, keep=True)
    assert [event.step for event in answer.journal.events] == ["a"]
    assert answer.journal.sequence == 5
    await decide(api, task, succeed(), sequence=5)
    await api.wait(run_id)
    run = await api.get(run_id)
    assert [(s.step, run_pb2.StepState.Name(s.state)[11:]) for s in run.steps] == [
        ("one", "SUCCEEDED"),
        ("a", "SUCCEEDED"),
        ("two", "SUCCEEDED"),
    ]


async def test_a_kept_decision_sent_again_says_that_the_history_is_to_be_read(api: Api) -> None:
    _, task = await begun(api)
    await verdict(api, task, local("one", 1), keep=True)
    again = await verdict(api, task, local("one", 1), keep=True)
    assert not again.HasField("refusal")
    assert again.journal.after_sequence != task.journal.sequence
    await decide(api, task, succeed(), sequence=again.journal.sequence)


async def test_a_decision_sent_twice_is_right_and_another_one_is_refused(api: Api) -> None:
    run_id, task = await begun(api)
    await decide(api, task, action("a"))
    await decide(api, task, action("a"))
    answer = await verdict(api, task, action("b"))
    assert answer.refusal.reason == "LEASE_LOST"
    await api.complete(await api.take("a"))
    task = await api.take(CODE)
    await decide(api, task, succeed(7))
    await decide(api, task, succeed(7))
    assert (await verdict(api, task, succeed(8))).refusal.reason == "LEASE_LOST"
    assert (await api.wait(run_id)).output.json == "7"


async def test_a_failed_step_is_told_to_the_code_and_is_no_dead_letter(api: Api) -> None:
    run_id, task = await begun(api)
    await decide(api, task, action("a", retry=worker_pb2.RetryPolicy(max_attempts=2, initial=duration(0.01))))
    await api.fail(await api.take("a"))
    await api.fail(await api.take("a"))
    task = await api.take(CODE)
    assert told(task) == ["STEP_FAILED"]
    assert (task.journal.events[0].failure.type, task.journal.events[0].attempt) == ("Boom", 2)
    await decide(api, task, failed_by("a", 2))
    failure = (await api.wait(run_id)).failure
    assert (failure.type, failure.step, failure.attempt, failure.worker_id) == ("StepFailed", "a", 2, "w1")


async def test_signals_early_late_and_never(api: Api) -> None:
    run_id, task = await begun(api)
    request = run_pb2.SignalRunRequest(run_id=run_id, signal=run_pb2.Signal(name="ok", payload=payload(1)))
    await call(api.runs.SignalRun(request))
    await decide(api, task, signal("ok"), signal("no", 0.2))
    task = await api.take(CODE)
    assert [(e.type, e.step, e.payload.json) for e in task.journal.events] == [("STEP_SUCCEEDED", "ok", "1")]
    await decide(api, task)
    task = await api.take(CODE)
    assert task.journal.events[0].failure.type == "SignalTimeout"
    await decide(api, task, succeed())
    await api.wait(run_id)


async def test_cancel_is_told_to_the_code_which_may_clean_up(api: Api) -> None:
    run_id, task = await begun(api)
    await decide(api, task, action("a"), sleep("sleep", 3600))
    working = await api.take("a", worker="w2")
    assert await cancel_run(api, run_id) == "RUNNING"
    assert await cancel_run(api, run_id) == "RUNNING"
    task = await api.take(CODE)
    assert told(task) == ["RUN_CANCEL_REQUESTED"]
    await decide(api, task, cancel("a"), cancel("sleep"), action("undo"))
    refused = await api.complete(working)
    assert refused is not None
    assert refused.reason == "LEASE_LOST"
    await api.complete(await api.take("undo"))
    await decide(api, await api.take(CODE), CANCELLED)
    assert (await api.wait(run_id)).state == run_pb2.RUN_STATE_CANCELLED
    states = {s.step: run_pb2.StepState.Name(s.state)[11:] for s in (await api.get(run_id)).steps}
    assert states == {"a": "CANCELLED", "sleep": "CANCELLED", "undo": "SUCCEEDED"}


async def test_whoever_works_on_a_step_hears_that_the_code_no_longer_wants_it(api: Api) -> None:
    run_id, task = await begun(api)
    await decide(api, task, action("a"), sleep("sleep", 0))
    async with api.line("w2", "a") as line:
        working = await api.take("a", worker="w2")
        async with line.beating(working.token):
            await decide(api, await api.take(CODE), cancel("a"), sleep("long", 3600))
            stopped = [(told.token, told.reason) for told in await _stopped(line)]
    assert stopped == [(working.token, "STEP_CANCELLED")]
    await cancel_run(api, run_id)
    await decide(api, await api.take(CODE), CANCELLED)


async def _stopped(line: Line) -> list[Any]:
    while not (heard := list((await line.hear()).cancelled)):
        pass
    return heard


async def test_code_that_only_runs_something_in_its_worker_is_told_of_a_cancel(api: Api) -> None:
    run_id, task = await begun(api)
    answer = await verdict(api, task, keep=True)
    assert (answer.journal.after_sequence, answer.journal.sequence) == (1, 2)
    assert [event.type for event in await api.history(run_id)] == ["RUN_STARTED", "DECISION_COMPLETED"]
    assert await cancel_run(api, run_id) == "RUNNING"
    answer = await verdict(api, task, local("one", 1), sequence=2, keep=True)
    assert [event.type for event in answer.journal.events] == ["RUN_CANCEL_REQUESTED"]
    await decide(api, task, CANCELLED, sequence=answer.journal.sequence)
    assert (await api.wait(run_id)).state == run_pb2.RUN_STATE_CANCELLED


async def test_the_code_of_a_fork_is_told_what_is_kept(api: Api) -> None:
    run_id, task = await begun(api, "first")
    await decide(api, task, action("a"))
    await api.complete(await api.take("a"), {"n": 1})
    await decide(api, await api.take(CODE), local("one", 2), failed_by("a", 1))
    await api.wait(run_id)
    fork = (await call(api.runs.RetryRun(run_pb2.RetryRunRequest(run_id=run_id)))).run_id
    task = await api.take(CODE)
    assert (task.run_id, task.journal.after_sequence, task.input.json) == (fork, 0, '"first"')
    said = [(event.type, event.step, event.payload.json) for event in task.journal.events]
    assert said[1:] == [("STEP_KEPT", "a", '{"n": 1}'), ("STEP_KEPT", "one", "2")]
    assert said[0][0] == "RUN_STARTED"
    await decide(api, task, succeed())
    await api.wait(fork)


async def test_a_run_whose_code_never_looked_is_cancelled_at_once(api: Api) -> None:
    run_id, task = await begun(api)
    assert await cancel_run(api, run_id) == "CANCELLED"
    assert (await verdict(api, task, succeed())).refusal.reason == "LEASE_LOST"
    assert (await api.wait(run_id)).state == run_pb2.RUN_STATE_CANCELLED


async def test_a_decision_that_keeps_failing_parks_the_run_until_another_build_comes(api: Api) -> None:
    run_id, task = await begun(api)
    await api.fail(task, "WaitsForNothing")
    for attempt in range(2, 7):
        task = await api.take(CODE)
        assert (task.attempt, told(task)) == (attempt, ["RUN_STARTED"])
        await api.fail(task, "WaitsForNothing")
    run = await api.get(run_id)
    assert run.state == run_pb2.RUN_STATE_BLOCKED
    assert run.block_reason == "DECISION_FAILED: WaitsForNothing: no"
    await register(api, build="b1")
    assert await api.poll(CODE, wait_s=0.3) == []
    await register(api, worker="w2", build="b2")
    task = await api.take(CODE, worker="w2")
    assert task.attempt == 1
    await decide(api, task, succeed(), worker="w2")
    assert (await api.wait(run_id)).state == run_pb2.RUN_STATE_SUCCEEDED


async def test_a_mismatch_parks_at_once_and_resume_has_it_decided_again(api: Api) -> None:
    run_id, task = await begun(api)
    failure = payload_pb2.Failure(type="NonDeterminism", message="step 4: recorded a(1), now b(2)")
    await api.finish(worker_pb2.TaskResult(token=task.token, failure=failure))
    assert (await api.get(run_id)).block_reason == "NON_DETERMINISM: step 4: recorded a(1), now b(2)"
    response = await call(api.runs.ResumeRun(run_pb2.ResumeRunRequest(run_id=run_id)))
    assert response.state == run_pb2.RUN_STATE_RUNNING
    await decide(api, await api.take(CODE), succeed())
    await api.wait(run_id)
    with pytest.raises(Refused, match="RUN_TERMINAL"):
        await call(api.runs.ResumeRun(run_pb2.ResumeRunRequest(run_id=run_id)))


async def test_a_lost_workers_decision_goes_to_another_with_the_same_journal(api: Api) -> None:
    await register(api)
    run_id = await api.start("signup")
    async with api.line("w1", "x"):
        task = await api.take(CODE)
        await decide(api, task, action("a"))
        await api.complete(await api.take("a"))
        await api.take(CODE)
    task = await api.take(CODE, worker="w2")
    assert (task.attempt, told(task)) == (2, ["STEP_SUCCEEDED"])
    await decide(api, task, succeed(), worker="w2")
    await api.wait(run_id)


async def test_the_worker_that_decided_last_is_preferred_and_no_one_is_waited_for(api: Api) -> None:
    _, task = await begun(api)
    await decide(api, task, *[action(f"a#{n}", "a") for n in range(2, 10)], signal("later"))
    for _ in range(8):
        polls = {name: asyncio.create_task(api.take(CODE, worker=name)) for name in ("w0", "w1", "w2")}
        await asyncio.sleep(0.05)
        await api.complete(await api.take("a", worker="other"))
        done, _ = await asyncio.wait(polls.values(), return_when=asyncio.FIRST_COMPLETED)
        assert done == {polls["w1"]}
        for poll in polls.values():
            poll.cancel()
        await decide(api, polls["w1"].result())


async def test_a_pinned_run_waits_for_its_build_while_a_worker_of_that_is_there(api: Api) -> None:
    hello: dict[str, Any] = {"workflows": ["signup"], "pin_runs": True}
    async with api.line("w1", "x", build="b1", **hello):
        run_id = await api.start("signup")
        task = (await api.poll(CODE, pinned_build="b1"))[0]
        await decide(api, task, action("a"), action("b"), build="b1", pin_run=True)
        async with api.line("w2", "x", build="b2", **hello):
            await eventually(lambda: _served(api, "workflow:signup@b1"))
            await api.complete(await api.take("a"))
            assert await api.poll(CODE, worker="w2", pinned_build="b2", wait_s=1.5) == []
            task = (await api.poll(CODE, pinned_build="b1"))[0]
            await decide(api, task, build="b1", pin_run=True)
            await api.complete(await api.take("b"))
    async with api.line("w2", "x", build="b2", **hello):
        task = (await api.poll(CODE, worker="w2", pinned_build="b2"))[0]
        await decide(api, task, succeed(), worker="w2", build="b2", pin_run=True)
    assert (await api.wait(run_id)).state == run_pb2.RUN_STATE_SUCCEEDED


async def _served(api: Api, action: str) -> bool:
    workers = (await call(api.admin.ListWorkers(admin_pb2.ListWorkersRequest()))).workers
    return any(action in worker.actions for worker in workers)


async def test_a_child_run_and_what_becomes_of_it(api: Api) -> None:
    await api.apply("name: child\nsteps: [{id: work, action: act}]")
    run_id, task = await begun(api)
    await decide(api, task, child("child", {"n": 1}))
    work = await api.take("act")
    assert work.input.json == '{"n": 1}'
    await api.complete(work, "grown")
    task = await api.take(CODE)
    assert [(e.step, e.payload.json) for e in task.journal.events] == [("child", '"grown"')]
    second = worker_pb2.ChildCommand(workflow="child", parent_close="terminate")
    await decide(api, task, worker_pb2.Command(step="child#2", child=second), sleep("sleep", 0))
    left = await api.take("act")
    await decide(api, await api.take(CODE), succeed())
    await api.wait(run_id)
    await eventually(lambda: _ended(api, left.run_id, run_pb2.RUN_STATE_TERMINATED))


async def _ended(api: Api, run_id: str, state: int) -> bool:
    return (await api.get(run_id)).state == state


async def test_continue_as_new_takes_signals_along_and_the_parent_hears_the_end(api: Api) -> None:
    await register(api, "signup", "family")
    parent = await api.start("family")
    await decide(api, await api.take("workflow:family"), child("signup", 1))
    task = await api.take(CODE)
    run_id = task.run_id
    tell = run_pb2.Signal(name="later", payload=payload("kept"), signal_id="s1")
    await call(api.runs.SignalRun(run_pb2.SignalRunRequest(run_id=run_id, signal=tell)))
    await decide(api, task, goes_on(2))
    result = await api.wait(run_id)
    assert result.state == run_pb2.RUN_STATE_CONTINUED
    task = await api.take(CODE)
    assert (result.continued_as, task.input.json) == (task.run_id, "2")
    late = run_pb2.Signal(name="later", payload=payload("late"), signal_id="s2")
    answer = await call(api.runs.SignalRun(run_pb2.SignalRunRequest(run_id=run_id, signal=late)))
    assert answer.run_id == task.run_id
    await decide(api, task, signal("later"))
    task = await api.take(CODE)
    assert task.journal.events[0].payload.json == '"kept"'
    await decide(api, task, goes_on(3))
    await decide(api, await api.take(CODE), succeed("at last"))
    told_parent = await api.take("workflow:family")
    assert [(e.type, e.payload.json) for e in told_parent.journal.events] == [("STEP_SUCCEEDED", '"at last"')]
    await decide(api, told_parent, succeed())
    await api.wait(parent)
