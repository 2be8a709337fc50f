"""Workflows as code over the wire, with the code played by hand: decisions out, commands in, nothing lost between."""

from __future__ import annotations

import json
from typing import Any

import pytest

from stellwerk.v1 import admin_pb2, payload_pb2, run_pb2, worker_pb2
from tests.integration.api import Api, Refused, call, duration, eventually, payload

CODE = "workflow:signup"


def action(step: str, name: str = "", value: Any = None, **fields: Any) -> worker_pb2.Command:
    made = worker_pb2.ActionCommand(action=name or step.partition("#")[0], input=payload(value), **fields)
    return worker_pb2.Command(step=step, action=made)


def sleep(step: str, seconds: float) -> worker_pb2.Command:
    return worker_pb2.Command(step=step, sleep=worker_pb2.SleepCommand(duration=duration(seconds)))


def signal(name: str, timeout_s: float | None = None) -> worker_pb2.Command:
    timeout = None if timeout_s is None else duration(timeout_s)
    return worker_pb2.Command(step=name, signal=worker_pb2.SignalCommand(signal=name, timeout=timeout))


def child(workflow: str, value: Any = None, **fields: Any) -> worker_pb2.Command:
    made = worker_pb2.ChildCommand(workflow=workflow, input=payload(value), **fields)
    return worker_pb2.Command(step=workflow, child=made)


def local(step: str, value: Any) -> worker_pb2.Command:
    return worker_pb2.Command(step=step, local=worker_pb2.LocalCommand(output=payload(value), attempts=1))


def cancel(step: str) -> worker_pb2.Command:
    return worker_pb2.Command(step=step, cancel=worker_pb2.CancelCommand())


def succeed(value: Any = None) -> worker_pb2.Command:
    return worker_pb2.Command(succeed=worker_pb2.SucceedCommand(output=payload(value)))


def goes_on(value: Any = None, workflow: str = "") -> worker_pb2.Command:
    command = worker_pb2.Command()
    getattr(command, "continue").CopyFrom(worker_pb2.ContinueCommand(workflow=workflow, input=payload(value)))
    return command


CANCELLED = worker_pb2.Command(cancelled=worker_pb2.CancelledCommand())


async def verdict(
    api: Api, task: worker_pb2.Task, *commands: worker_pb2.Command, sequence: int = 0, **fields: Any
) -> worker_pb2.TaskVerdict:
    """Answer a decision; as of all that its task told unless `sequence` says otherwise."""
    worker = fields.pop("worker", "w1")
    decision = worker_pb2.Decision(sequence=sequence or task.journal.sequence, commands=commands, **fields)
    request = worker_pb2.CompleteTaskRequest(
        namespace=api.namespace,
        worker_id=worker,
        results=[worker_pb2.TaskResult(token=task.token, decision=decision)],
    )
    return (await call(api.workers.CompleteTask(request))).verdicts[0]


async def decide(api: Api, task: worker_pb2.Task, *commands: worker_pb2.Command, **fields: Any) -> None:
    answer = await verdict(api, task, *commands, **fields)
    assert not answer.HasField("refusal"), answer


async def register(api: Api, *names: str, worker: str = "w1", build: str = "b1", **hello: Any) -> None:
    async with api.line(worker, "x", workflows=names or ["signup"], build=build, **hello):
        pass


async def begun(api: Api, value: Any = None) -> tuple[str, worker_pb2.Task]:
    """A run of the workflow with its first decision."""
    await register(api)
    run_id = await api.start("signup", value)
    return run_id, await api.take(CODE)


def told(task: worker_pb2.Task) -> list[str]:
    return [event.type for event in task.journal.events]


async def cancel_run(api: Api, run_id: str) -> str:
    request = run_pb2.CancelRunRequest(namespace=api.namespace, run_id=run_id, reason="why not")
    return run_pb2.RunState.Name((await call(api.runs.CancelRun(request))).state)[10:]


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
    failure = payload_pb2.Failure(type="StepFailed", message="a failed")
    await decide(api, task, worker_pb2.Command(fail=worker_pb2.FailCommand(failure=failure)))
    assert (await api.wait(run_id)).failure.type == "StepFailed"


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
    working = await api.take("a")
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
    import asyncio

    _, task = await begun(api)
    await decide(api, task, *[action(f"a#{n}", "a") for n in range(2, 10)])
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


@pytest.mark.parametrize(
    ("command", "field"),
    [
        (action("", "a"), "commands[0].step"),
        (action("$x", "a"), "commands[0].step"),
        (action("a", "no spaces"), "commands[0].action.action"),
        (action("a", priority=1_000), "commands[0].action.priority"),
        (action("a", retry=worker_pb2.RetryPolicy(max_attempts=0)), "commands[0].action.retry.max_attempts"),
        (action("a", timeout=worker_pb2.Timeouts(start=duration(0))), "commands[0].action.timeout.start"),
        (sleep("s", -1), "commands[0].sleep.duration"),
        (worker_pb2.Command(step="s", signal=worker_pb2.SignalCommand()), "commands[0].signal.signal"),
        (child("c", parent_close="what"), "commands[0].child.parent_close"),
        (cancel("nothing"), "commands[0].step"),
        (goes_on(1, "nowhere"), "commands[0].continue.workflow"),
        (worker_pb2.Command(publish=worker_pb2.PublishCommand(key="")), "commands[0].publish.key"),
        (worker_pb2.Command(attributes=worker_pb2.AttributesCommand(values="[1]")), "commands[0].attributes.values"),
        (
            worker_pb2.Command(attributes=worker_pb2.AttributesCommand(values='{"a": [1]}')),
            "commands[0].attributes.values.a",
        ),
        (worker_pb2.Command(), "commands[0]"),
    ],
)
async def test_a_bad_command_is_refused_by_name_and_the_decision_stays_out(
    api: Api, command: worker_pb2.Command, field: str
) -> None:
    run_id, task = await begun(api)
    refusal = (await verdict(api, task, command)).refusal
    assert refusal.reason == "INVALID_ARGUMENT"
    assert [problem.field.partition("decision.")[2] for problem in refusal.fields] == [field]
    await decide(api, task, succeed())
    await api.wait(run_id)


async def test_too_many_commands_an_id_twice_and_a_command_after_the_end(api: Api) -> None:
    run_id, task = await begun(api)
    assert "at most 1000" in (await verdict(api, task, *[sleep(f"s{n}", 1) for n in range(1_001)])).refusal.message
    assert "again" in (await verdict(api, task, action("a"), action("a"))).refusal.message
    assert "last command" in (await verdict(api, task, succeed(), action("a"))).refusal.message
    assert "expected 1 to 1" in (await verdict(api, task, action("a"), sequence=9)).refusal.message
    sequence = 1
    async with api.line("w1", "x") as line, line.beating(task.token):
        for part in range(10):
            sleeps = [sleep(f"s{part}-{n}", 60) for n in range(1_000)]
            answer = await verdict(api, task, *sleeps, keep=True, sequence=sequence)
            sequence = answer.journal.sequence
        await _cannot_open_more(api, run_id, task, sequence)


async def _cannot_open_more(api: Api, run_id: str, task: worker_pb2.Task, sequence: int) -> None:
    refusal = (await verdict(api, task, sleep("more", 1), sequence=sequence)).refusal
    assert (refusal.reason, refusal.message) == (
        "TooManyCommands",
        "10001 commands are open, at most 10000 may be: wait for some first",
    )
    await decide(api, task, succeed(), sequence=sequence)
    await api.wait(run_id)


@pytest.mark.parametrize(
    ("values", "wrong"),
    [
        ('{"a": NaN}', "values: expected a JSON object"),
        ('{"a": 1e400}', "values"),
        ("[]", "values: expected a JSON object"),
        ('{"a": [1]}', "values.a: expected a text, a number or a boolean"),
        (json.dumps({"a": "\U0001f686" * 400}, ensure_ascii=False), "values.a: expected at most 1000 bytes of JSON"),
    ],
)
async def test_attributes_that_cannot_be_searched_for_are_refused(api: Api, values: str, wrong: str) -> None:
    _, task = await begun(api)
    command = worker_pb2.Command(attributes=worker_pb2.AttributesCommand(values=values))
    answer = await verdict(api, task, command, succeed())
    assert wrong in answer.refusal.message
    await decide(api, task, succeed())


async def test_the_longest_attribute_fits_into_the_index(api: Api) -> None:
    run_id, task = await begun(api)
    values = {"n" * 200: "\U0001f686" * 249}
    command = worker_pb2.Command(attributes=worker_pb2.AttributesCommand(values=json.dumps(values, ensure_ascii=False)))
    await decide(api, task, command, succeed())
    assert json.loads((await api.get(run_id)).attributes) == values
