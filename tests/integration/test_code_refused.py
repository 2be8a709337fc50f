"""Decisions the server does not take, over the wire: what they are told, and that the decision stays out."""

from __future__ import annotations

import json

import pytest

from stellwerk.v1 import run_pb2, worker_pb2
from tests.integration.api import Api, call, duration
from tests.integration.code_api import (
    CODE,
    action,
    begun,
    cancel,
    child,
    decide,
    failed_by,
    goes_on,
    local,
    ran_at,
    sleep,
    succeed,
    verdict,
)


async def test_code_that_waits_for_nothing_is_refused_and_the_decision_stays_out(api: Api) -> None:
    run_id, task = await begun(api)
    for commands in ((), (local("one", 1),), (action("a"), cancel("a"))):
        refusal = (await verdict(api, task, *commands)).refusal
        assert (refusal.reason, refusal.message) == (
            "WaitsForNothing",
            "the code waits for something that is not ctx's: nothing is open and it has not ended",
        )
    await api.fail(task, refusal.reason, terminal=True)
    assert (await api.get(run_id)).block_reason == "DECISION_FAILED: WaitsForNothing: no"
    await call(api.runs.ResumeRun(run_pb2.ResumeRunRequest(run_id=run_id)))
    await decide(api, await api.take(CODE), succeed())
    await api.wait(run_id)


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
        (ran_at(-1), "commands[0].local.start_time"),
        (ran_at(253_402_300_800), "commands[0].local.start_time"),
        (failed_by("s" * 201, 1), "commands[0].fail.failure.step"),
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
