"""ListSteps as a client sees it, on real tables: every step once, in order, whatever the page size and the filter."""

from __future__ import annotations

import json
from typing import Any

import psycopg
import pytest
from psycopg_pool import AsyncConnectionPool

from server.tests.conftest import Seed
from stellwerk.v1 import run_pb2, workflow_pb2
from stellwerk_server.commit.workflows import Workflows
from stellwerk_server.model import ids
from stellwerk_server.model.errors import InvalidArgument, NotFound
from stellwerk_server.model.payload import Payload
from stellwerk_server.rpc.fields import page_token
from stellwerk_server.rpc.step_reads import StepReads
from stellwerk_server.rpc.workflows import WorkflowServicer
from stellwerk_server.store import rows

Pool = AsyncConnectionPool[Any]
RUN = ids.show(5)
FAILURE = json.dumps(
    {"type": "Boom", "message": "no", "category": 1, "stack": "at line 1", "details": "1", "cause": {
        "type": "Cause", "message": "why", "category": 1}}
)  # fmt: skip
DEFINITION = {
    "name": "batch",
    "steps": [
        {"id": "quote", "action": "quote"},
        {"id": "each", "action": "one", "needs": ["quote"], "foreach": "${steps.quote.output}"},
        {"id": "approve", "signal": "approval", "needs": ["each"]},
        {"id": "rest", "sleep": "1h", "needs": ["approve"]},
        {"id": "child", "workflow": "other", "needs": ["rest"]},
    ],
}


@pytest.fixture
def reads(pool: Pool) -> StepReads:
    return StepReads(pool, Workflows(pool), lambda run_id, step: Payload(b'"half"') if step == "quote" else None)


@pytest.fixture
async def workflow(pool: Pool, seed: Seed) -> int:
    service = WorkflowServicer(pool, Workflows(pool))
    await service.ApplyWorkflow(workflow_pb2.ApplyWorkflowRequest(definition=json.dumps(DEFINITION)))
    row = seed.connection.execute("select id from workflows where name = 'batch'").fetchone()
    assert row is not None
    return int(row[0])


@pytest.fixture
def run(seed: Seed, workflow: int) -> None:
    """One that has come to its items: the first succeeded, the second is held, the third is ready."""
    seed("runs", id=5, workflow_id=workflow, seq=9)
    seed("steps", run_id=5, key="quote", position=0, state=5, input=b"1", output=b"[1,2,3]")
    seed("steps", run_id=5, key="each", position=1, state=4, items=3, items_finished=1, attempt=0)
    for item, state in enumerate((5, 2, 2)):
        seed("steps", run_id=5, key=f"each[{item}]", position=1, item=item, state=state)
    seed("leases", run_id=5, step="each[1]", worker="w1", lane=1)


async def listed(reads: StepReads, **fields: Any) -> run_pb2.ListStepsResponse:
    return await reads.ListSteps(run_pb2.ListStepsRequest(run_id=RUN, **fields))


async def paged(reads: StepReads, **fields: Any) -> list[run_pb2.Step]:
    found: list[run_pb2.Step] = []
    token = ""
    while True:
        page = await listed(reads, page_token=token, **fields)
        found += page.steps
        token = page.next_page_token
        if not token:
            return found


def shown(steps: Any) -> list[tuple[str, str, str]]:
    return [(s.step, s.kind, run_pb2.StepState.Name(s.state).removeprefix("STEP_STATE_")) for s in steps]


ALL = [
    ("quote", "action", "SUCCEEDED"),
    ("each", "foreach", "WAITING"),
    ("each[0]", "action", "SUCCEEDED"),
    ("each[1]", "action", "LEASED"),
    ("each[2]", "action", "READY"),
    ("approve", "signal", "PENDING"),
    ("rest", "sleep", "PENDING"),
    ("child", "workflow", "PENDING"),
]


@pytest.mark.usefixtures("run")
@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 7, 8, 9, 0])
async def test_pages_of_any_size_give_every_step_once(reads: StepReads, size: int) -> None:
    assert shown(await paged(reads, page_size=size)) == ALL


@pytest.mark.usefixtures("run")
async def test_what_a_page_says_of_its_steps(reads: StepReads) -> None:
    page = await listed(reads)
    steps = {step.step: step for step in page.steps}
    assert page.sequence == 9
    assert steps["approve"].signal == "approval"
    assert [list(steps[key].needs) for key in ("each", "each[0]", "approve")] == [["quote"], [], ["each"]]
    assert (steps["each[1]"].worker_id, steps["each[2]"].waiting_for[:9]) == ("w1", "no worker")
    assert not steps["each"].item_states


@pytest.mark.usefixtures("run")
@pytest.mark.parametrize("size", [1, 2, 0])
async def test_a_foreach_stands_for_its_items(reads: StepReads, size: int) -> None:
    steps = await paged(reads, omit_items=True, page_size=size)
    assert shown(steps) == [entry for entry in ALL if "[" not in entry[0]]
    assert dict(steps[1].item_states) == {"SUCCEEDED": 1, "LEASED": 1, "READY": 1}
    assert not any(step.item_states for step in steps if step.step != "each")


@pytest.mark.usefixtures("run")
@pytest.mark.parametrize("size", [1, 2, 0])
async def test_only_the_steps_and_states_that_are_wanted(reads: StepReads, size: int) -> None:
    named = await paged(reads, steps=["rest", "each[2]", "quote", "nobody"], page_size=size)
    assert [step.step for step in named] == ["quote", "each[2]", "rest"]
    wanted: list[Any] = [run_pb2.STEP_STATE_PENDING, run_pb2.STEP_STATE_LEASED]
    assert [step.step for step in await paged(reads, states=wanted, page_size=size)] == [
        "each[1]", "approve", "rest", "child",
    ]  # fmt: skip


async def test_payloads_and_what_is_long_of_failures_come_when_asked_for(
    reads: StepReads, seed: Seed, workflow: int
) -> None:
    seed("runs", id=5, workflow_id=workflow)
    seed("steps", run_id=5, key="quote", state=2, input=b"1", output=b"2", failure=FAILURE)
    seed("leases", run_id=5, step="quote", worker="w1", lane=1)
    brief = (await listed(reads)).steps[0]
    assert (brief.failure.type, brief.failure.message, brief.failure.stack) == ("Boom", "no", "")
    fields = ("input", "output", "progress")
    assert [brief.HasField(name) for name in fields] == [False, False, False]
    assert (brief.failure.HasField("details"), brief.failure.HasField("cause")) == (False, False)
    whole = (await listed(reads, include_payloads=True)).steps[0]
    assert [getattr(whole, name).json for name in fields] == ["1", "2", '"half"']
    assert (whole.failure.stack, whole.failure.details.json, whole.failure.cause.type) == ("at line 1", "1", "Cause")


async def test_a_page_ends_where_its_payloads_are_many_and_nothing_is_lost(
    reads: StepReads, seed: Seed, workflow: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rows, "PAGE_BYTES", 1_000)
    seed("runs", id=5, workflow_id=workflow)
    seed("steps", run_id=5, key="each", position=1, state=4, items=5, items_finished=0, attempt=0)
    for item in range(5):
        seed("steps", run_id=5, key=f"each[{item}]", position=1, item=item, input=b"1" * 900)
    first = await listed(reads, include_payloads=True)
    assert shown(first.steps)[:2] == [("quote", "action", "PENDING"), ("each", "foreach", "WAITING")]
    assert len(first.steps) < 6
    found = await paged(reads, include_payloads=True)
    assert [step.step for step in found] == [
        "quote", "each", *(f"each[{item}]" for item in range(5)), "approve", "rest", "child",
    ]  # fmt: skip
    assert all(len(step.input.json) == 900 for step in found if step.step.startswith("each["))


async def test_attempts_are_told_from_the_history_and_the_lease(reads: StepReads, seed: Seed, workflow: int) -> None:
    seed("runs", id=5, workflow_id=workflow)
    seed("steps", run_id=5, key="quote", attempt=3)
    seed("leases", run_id=5, step="quote", worker="w3", lane=1, attempt=3, leased_at="2026-01-01T00:00:05Z")
    started = "2026-01-01T00:00:01Z"
    for seq, type in ((1, 20), (3, 20), (5, 20)):
        seed("events", run_id=5, seq=seq, type=type, step="quote", attempt=(seq + 1) // 2)
    failed = {"step": "quote", "type": 22, "started_at": started, "failure": FAILURE, "at": "2026-01-01T00:00:02Z"}
    seed("events", run_id=5, seq=2, attempt=1, worker="w1", **failed)
    seed("events", run_id=5, seq=4, attempt=2, worker="w2", **failed)
    step = (await listed(reads, include_attempts=True)).steps[0]
    assert [(a.attempt, a.worker_id, a.outcome, a.failure.type, a.failure.stack) for a in step.attempts] == [
        (1, "w1", "FAILED", "Boom", ""), (2, "w2", "FAILED", "Boom", ""), (3, "w3", "", "", ""),
    ]  # fmt: skip
    assert [a.start_time.ToJsonString() for a in step.attempts] == [started, started, "2026-01-01T00:00:05Z"]
    assert [a.HasField("end_time") for a in step.attempts] == [True, True, False]
    whole = (await listed(reads, include_attempts=True, include_payloads=True)).steps[0]
    assert whole.attempts[0].failure.stack == "at line 1"
    assert not (await listed(reads)).steps[0].attempts


async def test_how_attempts_end(reads: StepReads, seed: Seed, workflow: int) -> None:
    """A dead one, one that ended with its run, one of a child run, and steps that have none."""
    seed("runs", id=5, workflow_id=workflow, state=7)
    ended = "2026-01-01T00:00:09Z"
    seed("steps", run_id=5, key="quote", state=9, attempt=1)
    seed("events", run_id=5, seq=1, type=23, step="quote", attempt=1, worker="w1", failure=FAILURE)
    seed("steps", run_id=5, key="each", position=1, state=8, attempt=2, ended_at=ended)
    seed("events", run_id=5, seq=2, type=22, step="each", attempt=1, worker="w1", failure=FAILURE)
    seed("steps", run_id=5, key="approve", position=2, state=5, attempt=0)
    seed("events", run_id=5, seq=3, type=21, step="approve")
    seed("steps", run_id=5, key="child", position=4, state=8, attempt=1, ended_at=ended)
    seed("events", run_id=5, seq=4, type=31, step="child", attempt=1)
    steps = (await listed(reads, include_attempts=True)).steps
    assert {step.step: [(a.attempt, a.outcome) for a in step.attempts] for step in steps} == {
        "quote": [(1, "DEAD")],
        "each": [(1, "FAILED"), (2, "CANCELLED")],
        "approve": [],
        "rest": [],
        "child": [(1, "CANCELLED")],
    }
    child = steps[4].attempts[0]
    assert (child.start_time.ToJsonString(), child.end_time.ToJsonString()) == ("2026-01-01T00:00:00Z", ended)


async def test_the_steps_of_code_are_listed_page_by_page(reads: StepReads, seed: Seed) -> None:
    row = seed("workflows", name="signup", definition='{"code":{"queue":"default"},"name":"signup"}')
    seed("runs", id=5, workflow_id=row, decided=3, seq=4)
    kinds = [{"action": "mail.send"}, {"sleep_s": 5}, {"signal": "go"}, {"workflow": "order"}, {"local": True}]
    for position, definition in enumerate(kinds):
        seed("steps", run_id=5, key=f"s{position}", position=position, definition=json.dumps(definition), state=4)
    assert [(step.step, step.kind, step.signal) for step in await paged(reads, page_size=2)] == [
        ("s0", "action", ""),
        ("s1", "sleep", ""),
        ("s2", "signal", "go"),
        ("s3", "workflow", ""),
        ("s4", "local", ""),
    ]


async def test_a_run_elsewhere_is_not_found_and_wrong_fields_are_named(reads: StepReads, seed: Seed) -> None:
    seed("runs", id=5, workflow_id=seed("workflows", name="order"))
    for request in (
        run_pb2.ListStepsRequest(run_id=RUN, namespace="other"),
        run_pb2.ListStepsRequest(run_id=ids.show(6)),
    ):
        with pytest.raises(NotFound) as missing:
            await reads.ListSteps(request)
        assert missing.value.reason == "RUN_NOT_FOUND"
    states: list[Any] = [77]
    with pytest.raises(InvalidArgument) as refused:
        await listed(reads, steps=["x"] * 1001, states=states, page_size=10_001, page_token="x")
    named = [problem.field for problem in refused.value.problems]
    assert named == ["page_size", "steps", "states", "page_token"]


@pytest.mark.usefixtures("run")
@pytest.mark.parametrize("position", ["-1", "x", str(1 << 63)])
async def test_a_forged_token_is_refused(reads: StepReads, position: str) -> None:
    token = page_token(position, "steps", 5, [], [], False)
    with pytest.raises(InvalidArgument) as refused:
        await listed(reads, page_token=token)
    assert [problem.field for problem in refused.value.problems] == ["page_token"]


@pytest.mark.usefixtures("run")
@pytest.mark.parametrize("position", [(1 << 63) - 1, 1 << 62])
async def test_behind_the_last_step_there_is_nothing(reads: StepReads, position: int) -> None:
    token = page_token(position, "steps", 5, [], [], False)
    assert not (await listed(reads, page_token=token)).steps


@pytest.mark.usefixtures("run")
async def test_payloads_are_not_even_read_unless_asked_for(
    reads: StepReads, seed: Seed, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Any] = []
    whole_page = rows.page

    async def page(*arguments: Any) -> Any:
        found = await whole_page(*arguments)
        seen.extend(found.rows)
        return found

    monkeypatch.setattr(rows, "page", page)
    await listed(reads)
    assert [(row.input, row.output) for row in seen] == [(None, None)] * 5


async def test_a_foreach_of_ten_thousand_is_one_step_of_its_run(reads: StepReads, seed: Seed, workflow: int) -> None:
    seed("runs", id=5, workflow_id=workflow, seq=9)
    seed("steps", run_id=5, key="each", position=1, state=4, items=10_000, items_finished=0, attempt=0)
    many(seed.connection)
    page = await listed(reads, omit_items=True)
    assert [step.step for step in page.steps] == ["quote", "each", "approve", "rest", "child"]
    assert dict(page.steps[1].item_states) == {"READY": 5_000, "SUCCEEDED": 5_000}
    last = await listed(reads, page_size=10_000)
    assert (len(last.steps), bool(last.next_page_token)) == (10_000, True)


def many(connection: psycopg.Connection[Any]) -> None:
    """Ten thousand items, half of them done."""
    connection.execute(
        "insert into steps (run_id, key, position, item, state, attempt, input)"
        " select 5, 'each[' || i || ']', 1, i, case when i % 2 = 0 then 2 else 5 end, 1, '1'"
        " from generate_series(0, 9999) i"
    )
