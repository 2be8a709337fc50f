"""What a client sees of runs that are code: their steps, what they show, what they are found by, what they wait for."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from psycopg_pool import AsyncConnectionPool

from server.tests.conftest import Seed
from stellwerk.v1 import run_pb2
from stellwerk_server.commit.workflows import Workflows
from stellwerk_server.model import ids, payload
from stellwerk_server.model.attributes import canonical
from stellwerk_server.model.errors import InvalidArgument
from stellwerk_server.rpc.run_reads import RunReads
from stellwerk_server.store import rows, sql, steps

Pool = AsyncConnectionPool[Any]
RUN = ids.show(5)


@pytest.fixture
def reads(pool: Pool) -> RunReads:
    return RunReads(pool, Workflows(pool), lambda run_id, step: None)


@pytest.fixture
def workflow(seed: Seed) -> int:
    definition = '{"code":{"queue":"default"},"name":"signup"}'
    return int(seed("workflows", name="signup", definition=definition))


def code_step(seed: Seed, position: int, key: str, definition: dict[str, Any], **columns: Any) -> None:
    seed("steps", run_id=5, key=key, position=position, definition=json.dumps(definition), **columns)


async def get(reads: RunReads, *, include_steps: bool = True) -> run_pb2.Run:
    return (await reads.GetRun(run_pb2.GetRunRequest(run_id=RUN, include_steps=include_steps))).run


async def listed(reads: RunReads, attributes: dict[str, Any] | str, **filters: Any) -> list[int | None]:
    text = attributes if isinstance(attributes, str) else json.dumps(attributes)
    page = await reads.ListRuns(run_pb2.ListRunsRequest(attributes=text, **filters))
    return [ids.parse(run.run_id) for run in page.runs]


async def test_the_steps_are_those_its_code_has_begun(reads: RunReads, seed: Seed, workflow: int) -> None:
    seed("runs", id=5, workflow_id=workflow, decided=9, seq=12)
    code_step(seed, 1, "charge", {"action": "billing.charge", "queue": "money", "retry": {"max_attempts": 7}})
    code_step(seed, 0, "mail", {"action": "mail.send"}, state=5, output=b"1")
    code_step(seed, 2, "sleep", {"sleep_s": 3600}, state=4, due_at="2026-01-01T01:00:00Z")
    code_step(seed, 3, "approval", {"signal": "approval", "timeout": {"total_s": 60}}, state=4)
    code_step(seed, 4, "invoice", {"workflow": "invoice", "parent_close": "abandon"}, state=4)
    code_step(seed, 5, "look up", {"local": True}, state=5, output=b'{"found": 1}')
    run = await get(reads)
    assert [(s.step, s.action, s.queue, s.max_attempts, list(s.needs)) for s in run.steps] == [
        ("mail", "mail.send", "default", 4, []),
        ("charge", "billing.charge", "money", 7, []),
        ("sleep", "", "", 0, []),
        ("approval", "", "", 0, []),
        ("invoice", "", "", 0, []),
        ("look up", "", "", 0, []),
    ]
    assert [s.waiting_for for s in run.steps] == [
        "",
        "no worker serves action 'billing.charge' on queue 'money' (never seen one)",
        "",
        "signal 'approval' has not come",
        "",
        "",
    ]
    assert (run.steps[0].output.json, run.steps[5].output.json) == ("1", '{"found": 1}')


async def test_of_very_many_steps_the_last_are_shown(
    reads: RunReads, seed: Seed, workflow: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(steps, "MOST_OF_CODE", 3)
    seed("runs", id=5, workflow_id=workflow, decided=9)
    for position in range(5):
        code_step(seed, position, f"s{position}", {"sleep_s": 1})
    assert [step.step for step in (await get(reads)).steps] == ["s2", "s3", "s4"]


async def test_what_it_shows_is_there_with_and_without_steps(reads: RunReads, seed: Seed, workflow: int) -> None:
    seed("runs", id=5, workflow_id=workflow, decided=0)
    seed("published", run_id=5, key="stage", value=b'"half"')
    seed("published", run_id=5, key="image", value=payload.pack(b"\xff", "image/png", {}))
    seed("published", run_id=6, key="other", value=b"1")
    seed("attributes", run_id=5, key='a"b', value='"x"')
    seed("attributes", run_id=5, key="total", value="12.5")
    for include_steps in (True, False):
        run = await get(reads, include_steps=include_steps)
        assert {key: value.json or value.data for key, value in run.published.items()} == {
            "stage": '"half"', "image": b"\xff",
        }  # fmt: skip
        assert json.loads(run.attributes) == {'a"b': "x", "total": 12.5}


async def test_what_it_shows_and_its_steps_fit_into_one_answer(
    reads: RunReads, seed: Seed, workflow: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rows, "PAGE_BYTES", 1_000)
    seed("runs", id=5, workflow_id=workflow, decided=0)
    for key in "abc":
        seed("published", run_id=5, key=key, value=b"1" * 400)
    code_step(seed, 0, "small", {"local": True}, output=b"1" * 100)
    code_step(seed, 1, "large", {"local": True}, output=b"1" * 400)
    run = await get(reads)
    assert sorted(run.published) == ["a", "b"]
    assert [step.HasField("output") for step in run.steps] == [True, False]


async def test_a_run_without_code_has_none_of_it(reads: RunReads, seed: Seed) -> None:
    seed("runs", id=5, workflow_id=seed("workflows", name="order"), output=b"1", state=5)
    run = await get(reads, include_steps=False)
    assert (dict(run.published), run.attributes, run.waiting_for, run.continued_as) == ({}, "", "", "")
    assert run.output.json == "1"


async def test_a_continued_run_names_the_next_one(reads: RunReads, seed: Seed, workflow: int) -> None:
    seed("runs", id=5, workflow_id=workflow, decided=3, state=10, output=json.dumps(ids.show(6)).encode())
    page = await reads.ListRuns(run_pb2.ListRunsRequest())
    for run in (await get(reads), *page.runs):
        assert (run.state, run.continued_as) == (run_pb2.RUN_STATE_CONTINUED, ids.show(6))
        assert not run.HasField("output")


NOBODY = "no worker serves workflow 'signup' on queue 'default'"


@pytest.mark.parametrize(
    ("worker", "said"),
    [
        (None, f"{NOBODY} (never seen one)"),
        ({"actions": ["workflow:signup"]}, ""),
        (
            {"actions": ["workflow:signup"], "seen_at": "2020-01-01T00:00:00Z"},
            f"{NOBODY} (last seen N d ago)",
        ),
        (
            {"actions": ["workflow:sign-up", "signup"]},
            f"{NOBODY} (never seen one); 'sign-up' is served there",
        ),
        (
            {"actions": ["workflow:signup"], "queue": "fast"},
            f"{NOBODY} (never seen one); it is served on queue 'fast'",
        ),
    ],
)
@pytest.mark.parametrize("include_steps", [True, False])
async def test_it_says_that_nobody_decides_it(
    reads: RunReads, seed: Seed, workflow: int, worker: dict[str, Any] | None, said: str, include_steps: bool
) -> None:
    seed("runs", id=5, workflow_id=workflow, decided=0)
    seed("ready", run_id=5, step="$decision", lane=seed("lanes", action="workflow:signup"), id=1)
    if worker:
        seed("workers", id="w", **worker)
    run = await get(reads, include_steps=include_steps)
    assert re.sub(r"\d+ d ago", "N d ago", run.waiting_for) == said


async def test_without_an_open_decision_it_waits_for_nobody(reads: RunReads, seed: Seed, workflow: int) -> None:
    seed("runs", id=5, workflow_id=workflow, decided=3, state=4, block_reason="DECISION_FAILED: boom")
    seed("ready", run_id=6, step="$decision", lane=seed("lanes", action="workflow:signup"), id=1)
    run = await get(reads)
    assert (run.waiting_for, run.block_reason) == ("", "DECISION_FAILED: boom")


async def test_runs_are_found_by_all_their_attributes(reads: RunReads, seed: Seed, workflow: int) -> None:
    other = seed("namespaces", name="other")
    for number in range(1, 8):
        seed("runs", id=number, workflow_id=workflow, decided=1, state=2 if number % 2 else 5)
        for key, value in (("kind", '"order"'), ("total", str(number % 3)), ("paid", "true")):
            seed("attributes", run_id=number, key=key, value=value)
    seed("runs", id=8, workflow_id=workflow, namespace_id=other)
    seed("attributes", run_id=8, key="kind", value='"order"', namespace_id=other)
    assert await listed(reads, {"kind": "order"}) == [7, 6, 5, 4, 3, 2, 1]
    assert await listed(reads, {"kind": "order"}, namespace="other") == [8]
    assert await listed(reads, {"kind": "order", "total": 1}) == [7, 4, 1]
    assert await listed(reads, {"total": 1.0, "kind": "order", "paid": True}) == [7, 4, 1]
    assert await listed(reads, {"total": 1, "paid": False}) == []
    assert await listed(reads, {"total": "1"}) == []
    assert await listed(reads, {"total": 1}, states=[run_pb2.RUN_STATE_RUNNING]) == [7, 1]
    assert await listed(reads, {"total": 1}, workflow="signup") == [7, 4, 1]
    assert await listed(reads, {"total": 1}, workflow="order") == []
    assert await listed(reads, "{}") == [7, 6, 5, 4, 3, 2, 1]


async def test_pages_of_an_attribute_go_on_and_with_no_other(reads: RunReads, seed: Seed, workflow: int) -> None:
    for number in range(1, 6):
        seed("runs", id=number, workflow_id=workflow, decided=1)
        seed("attributes", run_id=number, key="kind", value='"order"')
    first = await reads.ListRuns(run_pb2.ListRunsRequest(page_size=3, attributes='{"kind": "order"}'))
    token = first.next_page_token
    assert await listed(reads, '{"kind":"order"}', page_size=3, page_token=token) == [2, 1]
    for other in ("", '{"kind": "other"}', '{"kind": "order", "a": 1}'):
        with pytest.raises(InvalidArgument) as refused:
            await listed(reads, other, page_size=3, page_token=token)
        assert [problem.field for problem in refused.value.problems] == ["page_token"]


def test_a_search_by_attribute_reads_the_index_and_no_table_through(seed: Seed, workflow: int) -> None:
    seed.connection.execute(
        "insert into runs (id, namespace_id, workflow_id, state, seq, created_at)"
        " select n, 1, %s, 2, 1, now() from generate_series(1, 20000) n",
        [workflow],
    )
    seed.connection.execute(
        "insert into attributes select n, 'kind', to_json('k' || n %% 10)::text, 1 from generate_series(1, 20000) n", []
    )
    seed.connection.execute("analyze attributes, runs")
    wanted = {"namespace": "default", "workflow": "", "states": None, "created_after": None, "created_before": None}
    place = {"from_id": 0, "to_id": 20_000, "limit": 51, "max_bytes": 1 << 20}
    attribute = {"key": "kind", "value": '"k7"', "keys": [], "values": []}
    statement = b"explain " + sql.load("read").list_runs_by_attributes
    plan = seed.connection.execute(statement, {**wanted, **place, **attribute}).fetchall()
    said = "\n".join(row[0] for row in plan)
    assert "Index Only Scan Backward using attributes_value" in said
    assert not re.search(r"Seq Scan on (attributes|runs)", said)


@pytest.mark.parametrize(
    ("text", "field", "came"),
    [
        ("kind=order", "attributes", "expected a JSON object of texts, numbers and booleans, came 'kind=order'"),
        ("[1]", "attributes", "expected a JSON object of texts, numbers and booleans, came '[1]'"),
        ('{"a": NaN}', "attributes", "expected a JSON object of texts, numbers and booleans"),
        ('{"a": null}', "attributes.a", "expected a text, a number or a boolean, came None"),
        ('{"a": [1]}', "attributes.a", "expected a text, a number or a boolean, came [1]"),
        ('{"": 1}', "attributes", "expected 1 to 200 of A-Z"),
        ('{"a\\u0000": 1}', "attributes", "expected 1 to 200 of A-Z"),
        (json.dumps({"a": "ä" * 600}), "attributes.a", "expected at most 1000 bytes of JSON"),
        (json.dumps({f"a{number}": 1 for number in range(101)}), "attributes", "expected at most 100 attributes"),
    ],
)
async def test_attributes_that_cannot_be_are_refused(reads: RunReads, text: str, field: str, came: str) -> None:
    with pytest.raises(InvalidArgument) as refused:
        await listed(reads, text)
    assert [problem.field for problem in refused.value.problems] == [field]
    assert came in refused.value.message


@pytest.mark.parametrize(
    ("one", "same"), [(1, 1.0), (-0.0, 0), (1e20, 1e20), (True, True), ("ä", "ä"), (2**53, float(2**53))]
)
def test_equal_values_are_one_text(one: Any, same: Any) -> None:
    assert canonical(one) == canonical(same)


def test_different_values_are_different_texts() -> None:
    values: list[Any] = [1, "1", True, "true", 1.5, "1.5", 0, False, ""]
    assert len({canonical(value) for value in values}) == len(values)


@pytest.mark.parametrize("decided", [None, 1])
async def test_a_history_begins_with_what_was_started(
    reads: RunReads, seed: Seed, workflow: int, decided: int | None
) -> None:
    seed("runs", id=5, workflow_id=workflow, decided=decided, input=b'{"mail": "a@b"}')
    seed("events", run_id=5, seq=1, type=1, data='{"key": "k"}')
    seed("events", run_id=5, seq=2, type=20, step="a", payload=b"2", data='{"action": "a", "decision": 1}')
    got = await reads.GetHistory(run_pb2.GetHistoryRequest(run_id=RUN))
    assert [(e.type, e.payload.json, json.loads(e.attributes)) for e in got.events] == [
        ("RUN_STARTED", '{"mail": "a@b"}', {"key": "k", "workflow": "signup"}),
        ("STEP_SCHEDULED", "2", {"action": "a", "decision": 1}),
    ]
