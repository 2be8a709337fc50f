"""The commands about runs of code, against a real server; the test plays the worker that has the code."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from stellwerk import Client
from stellwerk.v1 import payload_pb2, worker_pb2
from tests.e2e.conftest import ask
from tests.support.programs import wait_until
from tests.support.servers import RunningServer

WORKER = "e2e-code"


def payload(value: Any) -> payload_pb2.Payload:
    return payload_pb2.Payload(json=json.dumps(value))


def publish(key: str, value: Any) -> worker_pb2.Command:
    return worker_pb2.Command(publish=worker_pb2.PublishCommand(key=key, value=payload(value)))


def attributes(**values: Any) -> worker_pb2.Command:
    return worker_pb2.Command(attributes=worker_pb2.AttributesCommand(values=json.dumps(values)))


def signal(name: str) -> worker_pb2.Command:
    return worker_pb2.Command(step=name, signal=worker_pb2.SignalCommand(signal=name))


SUCCEED = worker_pb2.Command(succeed=worker_pb2.SucceedCommand(output=payload("done")))
CANCELLED = worker_pb2.Command(cancelled=worker_pb2.CancelledCommand())
CONTINUE = worker_pb2.Command()
getattr(CONTINUE, "continue").input.CopyFrom(payload(2))


class Code:
    """A workflow that is code; `decide` is what its code does next."""

    def __init__(self, server: RunningServer, name: str) -> None:
        self.server = server
        self.name = name

    def register(self) -> None:
        """Say hello as a worker that has the code does."""
        ask(self.server, self._hello)

    def start(self, value: Any = None) -> str:
        return ask(self.server, lambda client: client.start(self.name, value)).run_id

    def decide(self, *commands: worker_pb2.Command) -> None:
        """Take the next decision and answer it with these commands."""
        ask(self.server, lambda client: self._answer(client, commands, None))

    def fail(self, type: str, message: str) -> None:
        """Take the next decision and fail for good."""
        failure = payload_pb2.Failure(type=type, message=message, terminal=True)
        ask(self.server, lambda client: self._answer(client, (), failure))

    async def _hello(self, client: Client) -> None:
        async def beats() -> AsyncIterator[worker_pb2.HeartbeatRequest]:
            yield worker_pb2.HeartbeatRequest(worker_id=WORKER, workflows=[self.name], build="b1", leaving=True)

        line = client.stubs.workers.Heartbeat(beats(), metadata=client.metadata)
        assert [answer async for answer in line]

    async def _answer(
        self, client: Client, commands: tuple[worker_pb2.Command, ...], failure: payload_pb2.Failure | None
    ) -> None:
        workers, metadata = client.stubs.workers, client.metadata
        poll = worker_pb2.PollTaskRequest(worker_id=WORKER, actions=[f"workflow:{self.name}"], max_tasks=1)
        [task] = (await workers.PollTask(poll, metadata=metadata)).tasks
        result = worker_pb2.TaskResult(token=task.token)
        if failure is not None:
            result.failure.CopyFrom(failure)
        else:
            decision = worker_pb2.Decision(sequence=task.journal.sequence, commands=commands, build="b1")
            result.decision.CopyFrom(decision)
        request = worker_pb2.CompleteTaskRequest(worker_id=WORKER, results=[result])
        [verdict] = (await workers.CompleteTask(request, metadata=metadata)).verdicts
        assert not verdict.HasField("refusal"), verdict


@pytest.fixture
def code(stellwerk_server: RunningServer, request: pytest.FixtureRequest) -> Code:
    code = Code(stellwerk_server, request.node.name[:60])
    code.register()
    return code


def test_a_workflow_that_is_code_is_shown_as_that(stellwerk_server: RunningServer, code: Code) -> None:
    shown = stellwerk_server.cli("workflow", "show", code.name).out
    assert shown == (
        f"{code.name} version 1 (current)\ncode: workers on queue 'default' that have it decide what its runs do\n"
    )
    definition = stellwerk_server.cli("workflow", "show", code.name, "--json").document["definition"]
    assert json.loads(definition) == {"code": {"queue": "default"}, "name": code.name}


def test_what_a_run_shows_is_asked_for_by_key_or_whole(stellwerk_server: RunningServer, code: Code) -> None:
    run_id = code.start()
    # The worker that brought the code has just left, and is missed in a moment.
    waits = f"waits    no worker serves workflow '{code.name}'"
    assert wait_until(lambda: waits in stellwerk_server.cli("run", "show", run_id).out, 20.0)
    assert stellwerk_server.cli("run", "query", run_id).out == "{}\n"
    code.decide(publish("stage", "half\x9b"), publish("total", {"n": 12}), attributes(total=12), signal("go"))
    query = ("run", "query", run_id)
    assert json.loads(stellwerk_server.cli(*query, "total").out) == {"n": 12}
    assert stellwerk_server.cli(*query, "total", "--json").out == '{"n": 12}\n'
    assert stellwerk_server.cli(*query, "stage").out == '"half\\x9b"\n'
    assert stellwerk_server.cli(*query, "--json").document == {"stage": "half\x9b", "total": {"n": 12}}
    missing = stellwerk_server.cli(*query, "nothing")
    assert (missing.status, missing.out) == (1, "")
    assert "expected a key it has published ('stage', 'total'), came 'nothing'" in missing.err
    people = stellwerk_server.cli("run", "show", run_id).out
    for expected in ('found by {"total": 12}', 'shows    total  {"n": 12}', "signal 'go' has not come"):
        assert expected in people
    shown = stellwerk_server.cli("run", "show", run_id, "--json").document
    assert (shown["attributes"], shown["published"]["total"]) == ({"total": 12}, {"n": 12})


def test_runs_are_listed_by_attribute(stellwerk_server: RunningServer, code: Code) -> None:
    ids = []
    for total in (1, 2, 1.0):
        ids.append(code.start())
        code.decide(attributes(total=total, paid=True, zip="01234"), signal("go"))
    command = ("run", "list", "--workflow", code.name, "--json", "--attribute")

    def found(*pairs: str) -> list[str]:
        more = [word for pair in pairs[1:] for word in ("--attribute", pair)]
        return [run["run_id"] for run in stellwerk_server.cli(*command, pairs[0], *more).documents]

    assert found("total=1") == [ids[2], ids[0]]
    assert found("total=2", "paid=true", "zip=01234") == [ids[1]]
    assert found("total=2", "paid=false") == []
    assert found('total="1"') == []
    refused = stellwerk_server.cli("run", "list", "--attribute", "total=[1]")
    assert (refused.status, "attributes.total: expected a text" in refused.err) == (1, True)


def test_a_blocked_run_is_resumed(stellwerk_server: RunningServer, code: Code) -> None:
    run_id = code.start()
    code.fail("NonDeterminism", "step 1: recorded charge(12), now nothing")
    assert "blocked  NON_DETERMINISM: step 1: recorded charge(12)" in stellwerk_server.cli("run", "show", run_id).out
    assert stellwerk_server.cli("run", "list", "--workflow", code.name, "--state", "BLOCKED").out.count(run_id) == 1
    assert stellwerk_server.cli("run", "resume", run_id).out == f"{run_id} RUNNING\n"
    code.decide(SUCCEED)
    assert stellwerk_server.cli("run", "show", run_id, "--json").document["output"] == "done"
    late = stellwerk_server.cli("run", "resume", run_id)
    assert (late.status, "SUCCEEDED" in late.err) == (1, True)


def test_a_run_without_code_is_not_resumed(stellwerk_server: RunningServer) -> None:
    ask(stellwerk_server, lambda client: client.apply_workflow("name: no-code\nsteps: [{id: a, action: test.nobody}]"))
    run_id = ask(stellwerk_server, lambda client: client.start("no-code")).run_id
    answer = stellwerk_server.cli("run", "resume", run_id)
    assert (answer.status, "is no run of code" in answer.err) == (1, True)


def test_cancel_says_that_the_code_was_told(stellwerk_server: RunningServer, code: Code) -> None:
    fresh = code.start()
    assert stellwerk_server.cli("run", "cancel", fresh).out == f"{fresh} CANCELLED\n"
    run_id = code.start()
    code.decide(signal("go"))
    told = stellwerk_server.cli("run", "cancel", run_id).out
    assert told == f"{run_id} RUNNING: its code is told and decides how it ends\n"
    code.decide(CANCELLED)
    assert stellwerk_server.cli("run", "cancel", run_id, "--json").document["state"] == "CANCELLED"


def test_a_history_is_one_document_that_says_what_it_is_of(stellwerk_server: RunningServer, code: Code) -> None:
    run_id = code.start({"mail": "ann@example.org"})
    code.decide(publish("stage", 1), SUCCEED)
    whole = stellwerk_server.cli("run", "history", run_id, "--json").document
    assert (whole["run_id"], whole["workflow"], whole["version"]) == (run_id, code.name, 1)
    types = [event["type"] for event in whole["events"]]
    assert types == ["RUN_STARTED", "RUN_PUBLISHED", "RUN_SUCCEEDED"]
    first = whole["events"][0]
    assert json.loads(first["payload"]["json"]) == {"mail": "ann@example.org"}
    assert json.loads(first["attributes"])["workflow"] == code.name
    people = stellwerk_server.cli("run", "history", run_id).out
    assert "RUN_PUBLISHED" in people


def test_a_continued_run_leads_to_the_next(stellwerk_server: RunningServer, code: Code) -> None:
    run_id = code.start(1)
    code.decide(CONTINUE)
    shown = stellwerk_server.cli("run", "show", run_id, "--json").document
    assert shown["state"] == "CONTINUED"
    assert f"goes on as {shown['continued_as']}" in stellwerk_server.cli("run", "show", run_id).out
    watched = stellwerk_server.cli("run", "watch", run_id)
    assert (watched.status, f"goes on as {shown['continued_as']}" in watched.out) == (0, True)
    code.decide(SUCCEED)
    followed = stellwerk_server.cli("run", "show", shown["continued_as"], "--json").document
    assert (followed["input"], followed["output"], followed["state"]) == (2, "done", "SUCCEEDED")
