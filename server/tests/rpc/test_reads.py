"""The read services as a client sees them, on real tables."""

import json
import re
from dataclasses import dataclass
from typing import Any

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from psycopg_pool import AsyncConnectionPool

from server.tests.conftest import Seed
from stellwerk.v1 import admin_pb2, dead_letter_pb2, run_pb2, workflow_pb2
from stellwerk_server.commit.workflows import Workflows
from stellwerk_server.model import ids
from stellwerk_server.model.errors import InvalidArgument, NotFound
from stellwerk_server.rpc.admin import AdminServicer
from stellwerk_server.rpc.dead_letter_reads import DeadLetterReads
from stellwerk_server.rpc.fields import page_token
from stellwerk_server.rpc.run_reads import RunReads
from stellwerk_server.rpc.workflows import WorkflowServicer

Pool = AsyncConnectionPool[Any]
ORDER = {
    "name": "order",
    "steps": [
        {"id": "quote", "action": "pricing.quote"},
        {
            "id": "charge",
            "action": "billing.charge",
            "queue": "money",
            "needs": ["quote"],
            "retry": {"max_attempts": 7},
        },
        {"id": "rest", "sleep": "1h", "needs": ["charge"]},
    ],
}


@dataclass(frozen=True)
class Status:
    version: str = "0.1.0"
    started_at: int = 1_000_000
    draining: bool = False
    redis_up: bool = True
    max_payload_bytes: int = 2 << 20


@pytest.fixture
def workflows(pool: Pool) -> WorkflowServicer:
    return WorkflowServicer(pool, Workflows(pool))


@pytest.fixture
def reads(pool: Pool) -> RunReads:
    return RunReads(pool, Workflows(pool), lambda run_id, step: None)


async def order(workflows: WorkflowServicer, seed: Seed) -> int:
    await workflows.ApplyWorkflow(workflow_pb2.ApplyWorkflowRequest(definition=json.dumps(ORDER)))
    row = seed.connection.execute("select id from workflows where name = 'order'").fetchone()
    assert row is not None
    return int(row[0])


def fields_of(error: InvalidArgument) -> list[str]:
    return [problem.field for problem in error.problems]


async def test_a_run_shows_every_step_begun_or_not(reads: RunReads, workflows: WorkflowServicer, seed: Seed) -> None:
    seed("runs", id=5, workflow_id=await order(workflows, seed), input=b"[1]", seq=3)
    seed("steps", run_id=5, key="quote", position=0, state=5, output=b"2", attempt=2)
    seed("steps", run_id=5, key="charge", position=1)
    seed("leases", run_id=5, step="charge", worker="w1", lane=1)
    got = await reads.GetRun(run_pb2.GetRunRequest(run_id=ids.show(5), include_steps=True))
    run = got.run
    assert (run.run_id, run.namespace, run.workflow, run.version) == (ids.show(5), "default", "order", 1)
    assert (run.state, run.input.json, run.sequence) == (run_pb2.RUN_STATE_RUNNING, "[1]", 3)
    assert run.create_time.ToJsonString() == "2026-01-01T00:00:00Z"
    assert not run.HasField("end_time")
    assert [(s.step, s.action, s.queue, run_pb2.StepState.Name(s.state), list(s.needs)) for s in run.steps] == [
        ("quote", "pricing.quote", "default", "STEP_STATE_SUCCEEDED", []),
        ("charge", "billing.charge", "money", "STEP_STATE_LEASED", ["quote"]),
        ("rest", "", "", "STEP_STATE_PENDING", ["charge"]),
    ]
    assert [(s.attempt, s.max_attempts, s.worker_id, s.output.json) for s in run.steps] == [
        (2, 4, "", "2"), (1, 7, "w1", ""), (0, 0, "", ""),
    ]  # fmt: skip
    brief = await reads.GetRun(run_pb2.GetRunRequest(run_id=ids.show(5), namespace="default"))
    assert not brief.run.steps


async def test_steps_an_ended_run_never_began_are_cancelled(
    reads: RunReads, workflows: WorkflowServicer, seed: Seed
) -> None:
    seed("runs", id=5, workflow_id=await order(workflows, seed), state=7)
    got = await reads.GetRun(run_pb2.GetRunRequest(run_id=ids.show(5), include_steps=True))
    assert {s.state for s in got.run.steps} == {run_pb2.STEP_STATE_CANCELLED}


@pytest.mark.parametrize(
    ("worker", "said"),
    [
        (None, "no worker serves action 'pricing.quote' on queue 'default' (never seen one)"),
        ({"actions": ["pricing.quote"]}, ""),
        (
            {"actions": ["pricing.quote"], "seen_at": "2020-01-01T00:00:00Z"},
            "no worker serves action 'pricing.quote' on queue 'default' (last seen N d ago)",
        ),
        (
            {"actions": ["pricing.qoute"]},
            "no worker serves action 'pricing.quote' on queue 'default' (never seen one);"
            " 'pricing.qoute' is served there",
        ),
        (
            {"actions": ["pricing.quote"], "queue": "fast"},
            "no worker serves action 'pricing.quote' on queue 'default' (never seen one); it is served on queue 'fast'",
        ),
    ],
)
async def test_a_ready_step_says_why_nobody_runs_it(
    reads: RunReads, workflows: WorkflowServicer, seed: Seed, worker: dict[str, Any] | None, said: str
) -> None:
    seed("runs", id=5, workflow_id=await order(workflows, seed))
    seed("steps", run_id=5, key="quote")
    if worker:
        seed("workers", id="w", **worker)
    got = await reads.GetRun(run_pb2.GetRunRequest(run_id=ids.show(5), include_steps=True))
    assert re.sub(r"\d+ d ago", "N d ago", got.run.steps[0].waiting_for) == said
    assert got.run.steps[1].waiting_for == ""


async def test_another_namespace_s_run_is_not_found(reads: RunReads, seed: Seed) -> None:
    seed("runs", id=5, workflow_id=seed("workflows", name="order"))
    for namespace, number in (("other", 5), ("default", 6)):
        for call, request in (
            (reads.GetRun, run_pb2.GetRunRequest(namespace=namespace, run_id=ids.show(number))),
            (reads.GetHistory, run_pb2.GetHistoryRequest(namespace=namespace, run_id=ids.show(number))),
        ):
            with pytest.raises(NotFound) as refused:
                await call(request)  # type: ignore[operator]
            assert refused.value.reason == "RUN_NOT_FOUND"


async def test_lists_go_on_with_their_token_and_with_no_other(reads: RunReads, seed: Seed) -> None:
    workflow = seed("workflows", name="order")
    for number in range(1, 6):
        seed("runs", id=number, workflow_id=workflow, input=b"1")
    seen, token = [], ""
    for _ in range(3):
        page = await reads.ListRuns(run_pb2.ListRunsRequest(page_size=2, page_token=token))
        seen += [ids.parse(run.run_id) for run in page.runs]
        assert not any(run.HasField("input") for run in page.runs)
        last, token = token, page.next_page_token
    assert seen == [5, 4, 3, 2, 1]
    assert token == ""
    for other in (
        run_pb2.ListRunsRequest(page_token=last, workflow="order"),
        run_pb2.ListRunsRequest(page_token=last, states=[run_pb2.RUN_STATE_FAILED]),
        run_pb2.ListRunsRequest(page_token=last[:-4]),
    ):
        with pytest.raises(InvalidArgument) as refused:
            await reads.ListRuns(other)
        assert fields_of(refused.value) == ["page_token"]


async def test_a_history_is_read_page_by_page(reads: RunReads, seed: Seed) -> None:
    seed("runs", id=5, workflow_id=seed("workflows", name="order"))
    failure = '{"type":"T","message":"m","category":1}'
    for seq in range(1, 4):
        seed("events", run_id=5, seq=seq, type=22, step="quote", failure=failure, data='{"due": "soon"}')
    first = await reads.GetHistory(run_pb2.GetHistoryRequest(run_id=ids.show(5), page_size=2))
    rest = await reads.GetHistory(
        run_pb2.GetHistoryRequest(run_id=ids.show(5), page_size=2, page_token=first.next_page_token)
    )
    assert [e.sequence for e in (*first.events, *rest.events)] == [1, 2, 3]
    assert rest.next_page_token == ""
    event = rest.events[0]
    assert (event.type, event.step, event.failure.type, json.loads(event.attributes)) == (
        "STEP_ATTEMPT_FAILED", "quote", "T", {"due": "soon"},
    )  # fmt: skip


async def test_every_wrong_field_of_a_list_is_named_at_once(reads: RunReads) -> None:
    request = run_pb2.ListRunsRequest(
        namespace="No!",
        workflow="a\0",
        states=[99],  # type: ignore[list-item]
        page_size=501,
        created_after=Timestamp(seconds=10**15),
        page_token="garbage",
    )
    with pytest.raises(InvalidArgument) as refused:
        await reads.ListRuns(request)
    assert sorted(fields_of(refused.value)) == [
        "created_after", "namespace", "page_size", "page_token", "states", "workflow",
    ]  # fmt: skip
    assert "expected 1 to 500, or 0 for 50, came 501" in refused.value.message


@pytest.mark.parametrize("run_id", ["", "5", "run_", "dl_0000000000005", "run_000000000000z", "run_0000000000005\0"])
async def test_a_run_id_that_is_none_is_refused(reads: RunReads, run_id: str) -> None:
    with pytest.raises(InvalidArgument) as refused:
        await reads.GetRun(run_pb2.GetRunRequest(run_id=run_id))
    assert fields_of(refused.value) == ["run_id"]


@pytest.mark.parametrize("position", ["x", "-1", "9" * 30, "²", "1\0", ""])
async def test_a_forged_token_is_refused(reads: RunReads, position: str) -> None:
    token = page_token(position, "runs", "default", "", [], 0, 0, 0, 0)
    with pytest.raises(InvalidArgument) as refused:
        await reads.ListRuns(run_pb2.ListRunsRequest(page_token=token))
    assert fields_of(refused.value) == ["page_token"]


async def test_workflows_are_applied_validated_and_shown(workflows: WorkflowServicer) -> None:
    text = json.dumps(ORDER)
    first = await workflows.ApplyWorkflow(workflow_pb2.ApplyWorkflowRequest(definition=text))
    again = await workflows.ApplyWorkflow(workflow_pb2.ApplyWorkflowRequest(definition=text))
    assert (first.created, again.created) == (True, False)
    assert first.workflow == again.workflow
    changed = json.dumps({**ORDER, "output": "${input}"})
    second = await workflows.ApplyWorkflow(workflow_pb2.ApplyWorkflowRequest(definition=changed))
    assert (second.workflow.version, second.workflow.current) == (2, True)
    got = await workflows.GetWorkflow(workflow_pb2.GetWorkflowRequest(name="order", version=1))
    assert (got.workflow.version, got.workflow.current) == (1, False)
    assert json.loads(got.workflow.definition)["name"] == "order"
    versions = await workflows.ListWorkflows(workflow_pb2.ListWorkflowsRequest(name="order", page_size=1))
    older = await workflows.ListWorkflows(
        workflow_pb2.ListWorkflowsRequest(name="order", page_size=1, page_token=versions.next_page_token)
    )
    assert [w.version for w in (*versions.workflows, *older.workflows)] == [2, 1]
    assert older.next_page_token == ""
    listed = await workflows.ListWorkflows(workflow_pb2.ListWorkflowsRequest())
    assert [(w.name, w.version) for w in listed.workflows] == [("order", 2)]


async def test_a_bad_definition_is_refused_whole_and_stores_nothing(workflows: WorkflowServicer, seed: Seed) -> None:
    bad = json.dumps({"name": "x", "steps": [{"id": "a", "action": "a", "needs": ["b"]}, {"id": "a", "action": "a"}]})
    said = await workflows.ValidateWorkflow(workflow_pb2.ValidateWorkflowRequest(definition=bad))
    assert len(said.problems) >= 2
    with pytest.raises(InvalidArgument):
        await workflows.ApplyWorkflow(workflow_pb2.ApplyWorkflowRequest(definition=bad))
    assert seed.connection.execute("select count(*) from workflows").fetchone() == (0,)
    good = await workflows.ValidateWorkflow(workflow_pb2.ValidateWorkflowRequest(definition=json.dumps(ORDER)))
    assert not good.problems
    with pytest.raises(NotFound):
        await workflows.GetWorkflow(workflow_pb2.GetWorkflowRequest(name="x"))


async def test_dead_letters_are_listed_open_ones_first_of_all(pool: Pool, seed: Seed) -> None:
    workflow = seed("workflows", name="order")
    for number, state in ((1, 1), (2, 3), (3, 1)):
        seed("dead_letters", id=number, workflow_id=workflow, run_id=number, step="s", state=state, input=b"1")
    service = DeadLetterReads(pool)
    first = await service.ListDeadLetters(dead_letter_pb2.ListDeadLettersRequest(page_size=1))
    rest = await service.ListDeadLetters(
        dead_letter_pb2.ListDeadLettersRequest(page_size=1, page_token=first.next_page_token)
    )
    letters = [*first.dead_letters, *rest.dead_letters]
    assert [letter.dead_letter_id for letter in letters] == [ids.show(3, "dl_"), ids.show(1, "dl_")]
    assert (letters[0].workflow, letters[0].failure.type, letters[0].input.json) == ("order", "Error", "1")
    discarded = await service.ListDeadLetters(
        dead_letter_pb2.ListDeadLettersRequest(states=[dead_letter_pb2.DEAD_LETTER_STATE_DISCARDED])
    )
    assert [letter.run_id for letter in discarded.dead_letters] == [ids.show(2)]


async def test_the_operator_sees_server_workers_and_queues(pool: Pool, seed: Seed) -> None:
    lane = seed("lanes", action="mail")
    seed("workers", id="w1", actions=["mail"], slots=8, sdk="python 0.1.0")
    seed("ready", run_id=1, step="a", lane=lane, id=1)
    service = AdminServicer(pool, Status())
    server = await service.GetServer(admin_pb2.GetServerRequest())
    assert server.database_up
    assert server.now.seconds == pytest.approx(seed.now().timestamp(), abs=60)
    workers = await service.ListWorkers(admin_pb2.ListWorkersRequest())
    assert [(w.worker_id, w.slots, list(w.actions), w.sdk) for w in workers.workers] == [
        ("w1", 8, ["mail"], "python 0.1.0")
    ]
    queues = await service.ListQueues(admin_pb2.ListQueuesRequest())
    assert [(q.queue, q.action, q.ready, q.workers) for q in queues.queues] == [("default", "mail", 1, 1)]
    assert not (await service.ListQueues(admin_pb2.ListQueuesRequest(namespace="other"))).queues


async def test_the_server_answers_for_itself_without_a_database() -> None:
    closed: Pool = AsyncConnectionPool("host=127.0.0.1 port=1", open=False)
    server = await AdminServicer(closed, Status(draining=True)).GetServer(admin_pb2.GetServerRequest())
    assert (server.database_up, server.draining, server.max_payload_bytes) == (False, True, 2 << 20)
    assert not server.HasField("now")
