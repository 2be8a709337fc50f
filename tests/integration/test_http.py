"""Every route of HTTP against a real server: the same answers, checks and refusals as over gRPC."""

from __future__ import annotations

import asyncio
import base64
from typing import Any

import httpx
import pytest

from stellwerk.v1 import payload_pb2
from stellwerk_server.server import Server
from tests.integration.api import Api, duration, eventually

JSON = {"content-type": "application/json"}
YAML = {"content-type": "application/yaml"}
ONE = {"name": "one", "steps": [{"id": "first", "action": "a"}]}
Json = dict[str, Any]


async def post(http: httpx.AsyncClient, path: str, body: str, **headers: str) -> httpx.Response:
    """The answer to a JSON text, sent as it is."""
    return await http.post(path, content=body, headers={**JSON, **headers})


async def applied(http: httpx.AsyncClient, definition: Json = ONE) -> Json:
    answer = await http.post("/api/workflows", json=definition)
    assert answer.status_code in (200, 201), answer.text
    return answer.json()


async def started(http: httpx.AsyncClient, body: str = "{}", workflow: str = "one", query: str = "") -> str:
    answer = await post(http, f"/api/workflows/{workflow}/trigger{query}", body)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["run_id"])


async def dead(http: httpx.AsyncClient, api: Api) -> Json:
    """The dead letter of a run whose only step has failed for good."""
    await applied(http, {"name": "doomed", "steps": [{"id": "first", "action": "a", "retry": {"max_attempts": 1}}]})
    run_id = await started(http, workflow="doomed")
    await api.fail(await api.take("a"), "Boom", stack="here")

    async def letters() -> list[Json]:
        return (await http.get("/api/dead-letters", params={"run_id": run_id})).json()["dead_letters"]

    return (await eventually(letters))[0]


def refused(answer: httpx.Response, status: int, reason: str, *fields: str) -> Json:
    """The problem document, which must be this one."""
    problem: Json = answer.json()
    assert (answer.status_code, problem["status"], problem["reason"]) == (status, status, reason), answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert problem["type"] == "about:blank"
    assert problem["title"] == httpx.codes.get_reason_phrase(status)
    assert {error["field"] for error in problem["errors"]} == set(fields), problem
    return problem


async def test_a_definition_is_registered_once(http: httpx.AsyncClient) -> None:
    first = await http.post("/api/workflows", json=ONE)
    again = await http.post("/api/workflows", json=ONE)
    assert (first.status_code, first.json()["created"]) == (201, True)
    assert (again.status_code, again.json()["created"]) == (200, False)
    workflow = again.json()["workflow"]
    assert workflow["definition"]["steps"] == ONE["steps"]
    assert (workflow["namespace"], workflow["version"], workflow["current"]) == ("default", 1, True)


@pytest.mark.parametrize("media", ["application/yaml", "application/x-yaml", "text/yaml", "text/yaml; charset=UTF-8"])
async def test_a_definition_in_yaml(http: httpx.AsyncClient, media: str) -> None:
    text = "name: uni # ünï\nsteps:\n  - {id: first, action: a}\n"
    answer = await http.post("/api/workflows", content=text, headers={"content-type": media})
    assert answer.status_code == 201, answer.text
    assert answer.json()["workflow"]["definition"]["name"] == "uni"


async def test_the_short_form_becomes_the_long_one(http: httpx.AsyncClient) -> None:
    short = {"id": "short", "steps": [{"action": "step2", "stepIndex": 1}, {"action": "step1", "stepIndex": 0}]}
    definition = (await applied(http, short))["workflow"]["definition"]
    assert definition["name"] == "short"
    assert [step["id"] for step in definition["steps"]] == ["step1", "step2"]
    assert await started(http, workflow="short")


async def test_validate_only_says_all_that_is_wrong_and_stores_nothing(http: httpx.AsyncClient) -> None:
    bad = {"name": "bad", "steps": [{"id": "x", "sleep": "soon"}, {"id": "x", "action": "a"}]}
    answer = await http.post("/api/workflows?validate_only=true", json=bad)
    assert answer.status_code == 200
    assert {problem["field"] for problem in answer.json()["problems"]} == {"steps[0].sleep", "steps[1].id"}
    assert (await http.post("/api/workflows?validate_only=true", json=ONE)).json() == {"problems": []}
    assert (await http.get("/api/workflows")).json()["workflows"] == []
    refused(await http.post("/api/workflows?validate_only=maybe", json=ONE), 400, "INVALID_ARGUMENT", "validate_only")


async def test_versions_and_pages_of_workflows(http: httpx.AsyncClient) -> None:
    await applied(http)
    await applied(http, {**ONE, "steps": [{"id": "second", "action": "b"}]})
    versions = (await http.get("/api/workflows/one/versions", params={"page_size": 1})).json()
    assert [w["version"] for w in versions["workflows"]] == [2]
    token = versions["next_page_token"]
    rest = (await http.get("/api/workflows/one/versions", params={"page_size": 1, "page_token": token})).json()
    assert [w["version"] for w in rest["workflows"]] == [1]
    assert "next_page_token" not in rest
    first = (await http.get("/api/workflows/one", params={"version": 1})).json()["workflow"]
    assert (first["version"], first["current"]) == (1, False)
    refused(await http.get("/api/workflows/other"), 404, "WORKFLOW_NOT_FOUND")


async def test_a_name_with_a_slash_is_one_parameter(http: httpx.AsyncClient, api: Api) -> None:
    await applied(http, {"name": "a/versions", "steps": [{"id": "first", "action": "a"}]})
    found = await http.get("/api/workflows/a%2Fversions")
    assert found.json()["workflow"]["name"] == "a/versions"
    run_id = await started(http, workflow="a%2fversions")
    assert (await api.get(run_id)).workflow == "a/versions"
    assert (await http.get("/api/workflows/a/versions")).json()["workflows"] == []


async def test_a_run_from_start_to_result(http: httpx.AsyncClient, api: Api) -> None:
    await applied(http)
    run_id = await started(http, '{"input": {"n": 1}}')
    assert (await http.get(f"/api/runs/{run_id}/result")).json() == {"ended": False}
    waiting = asyncio.create_task(http.get(f"/api/runs/{run_id}/result", params={"wait": "20s"}))
    await api.complete(await api.take("a"), {"n": 2})
    assert (await waiting).json() == {
        "ended": True,
        "result": {"run_id": run_id, "state": "SUCCEEDED", "output": {"n": 2}},
    }
    run = (await http.get(f"/api/runs/{run_id}", params={"include_steps": "true"})).json()["run"]
    assert (run["state"], run["input"], run["version"]) == ("SUCCEEDED", {"n": 1}, 1)
    assert [step["state"] for step in run["steps"]] == ["SUCCEEDED"]
    assert run["create_time"].endswith("Z")
    assert len(run["create_time"]) == len("2026-01-01T00:00:00.000000Z")
    history = (await http.get(f"/api/runs/{run_id}/history")).json()["events"]
    assert [event["sequence"] for event in history] == list(range(1, len(history) + 1))
    assert history[0]["attributes"] == {"workflow": "one"}
    assert history[-1]["type"] == "RUN_SUCCEEDED"


async def test_wait_holds_the_trigger_for_its_result(http: httpx.AsyncClient, api: Api) -> None:
    await applied(http)
    waiting = asyncio.create_task(post(http, "/api/workflows/one/trigger?wait=20s", '{"input": 1}'))
    await api.complete(await api.take("a"), "done")
    answer = await waiting
    assert answer.status_code == 201
    assert answer.json()["result"]["output"] == "done"
    refused(await post(http, "/api/workflows/one/trigger?wait=2m", "{}"), 400, "INVALID_ARGUMENT", "wait")
    unfinished = await post(http, "/api/workflows/one/trigger?wait=50ms", "{}")
    assert "result" not in unfinished.json()


async def test_a_failed_run_is_an_outcome_and_no_http_error(http: httpx.AsyncClient, api: Api) -> None:
    await applied(http)
    waiting = asyncio.create_task(post(http, "/api/workflows/one/trigger?wait=20s", "{}"))
    await api.fail(await api.take("a"), "CardDeclined", terminal=True, retry_after=duration(1.5))
    answer = await waiting
    assert answer.status_code == 201
    result = answer.json()["result"]
    assert result["state"] == "FAILED"
    assert (result["failure"]["type"], result["failure"]["retry_after"]) == ("CardDeclined", "1.5s")


async def test_payloads_keep_every_digit(http: httpx.AsyncClient, api: Api) -> None:
    await applied(http)
    text = '{"big": 123456789012345678901234567890, "f": 1.10, "e": 1e2, "ä": "\\u00e4", "key": 1, "key": 2}'
    run_id = await started(http, f'{{"input": {text} }}')
    assert text in (await http.get(f"/api/runs/{run_id}")).text
    assert (await api.get(run_id)).input.json == text
    task = await api.take("a")
    assert task.input.json == text


async def test_bytes_travel_as_base64_both_ways(http: httpx.AsyncClient, api: Api) -> None:
    await applied(http)
    value = {"$bytes": base64.b64encode(b"\0\xff").decode(), "content_type": "image/png"}
    answer = await http.post("/api/workflows/one/trigger", json={"input": value})
    run_id = answer.json()["run_id"]
    task = await api.take("a")
    assert task.input == payload_pb2.Payload(data=b"\0\xff", content_type="image/png")
    assert (await http.get(f"/api/runs/{run_id}")).json()["run"]["input"] == value
    looks_alike = {"$bytes": "aGk=", "more": 1}
    run_id = (await http.post("/api/workflows/one/trigger", json={"input": looks_alike})).json()["run_id"]
    shown = (await http.get(f"/api/runs/{run_id}")).json()["run"]["input"]
    assert shown["content_type"] == "application/json"
    again = (await http.post("/api/workflows/one/trigger", json={"input": shown})).json()["run_id"]
    assert (await api.get(again)).input == (await api.get(run_id)).input
    bad = await http.post("/api/workflows/one/trigger", json={"input": {"$bytes": "no base64"}})
    refused(bad, 400, "INVALID_ARGUMENT", "input")


@pytest.mark.parametrize("key", ['"o-17"', "o-17"])
async def test_an_idempotency_key_quoted_or_bare(http: httpx.AsyncClient, key: str) -> None:
    await applied(http)
    first = await post(http, "/api/workflows/one/trigger", '{"input": {"a": 1, "b": 2}}', **{"idempotency-key": key})
    again = await post(http, "/api/workflows/one/trigger", '{"input":{"b":2,"a":1}}', **{"idempotency-key": "o-17"})
    assert (first.status_code, first.json()["deduplicated"]) == (201, False)
    assert (again.status_code, again.json()) == (200, {"run_id": first.json()["run_id"], "deduplicated": True})
    other = await post(http, "/api/workflows/one/trigger", '{"input": 3}', **{"idempotency-key": "o-17"})
    refused(other, 422, "IDEMPOTENCY_KEY_REUSED")


async def test_a_broken_idempotency_key_is_refused(http: httpx.AsyncClient) -> None:
    await applied(http)
    for key in ('"open', '"', "x" * 513):
        answer = await post(http, "/api/workflows/one/trigger", "{}", **{"idempotency-key": key})
        refused(answer, 400, "INVALID_ARGUMENT", "idempotency-key")


async def test_no_body_is_no_input(http: httpx.AsyncClient, api: Api) -> None:
    await applied(http)
    answer = await http.post("/api/workflows/one/trigger")
    assert answer.status_code == 201, answer.text
    assert (await api.get(answer.json()["run_id"])).input.json == "null"


async def test_what_a_trigger_may_say(http: httpx.AsyncClient, api: Api) -> None:
    await applied(http)
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    body = '{"input": 1, "timeout": "10m", "version": 1, "request_id": "r", "signal": {"name": "go", "payload": [1.0]}}'
    answer = await post(http, "/api/workflows/one/trigger", body, traceparent=trace)
    again = await post(http, "/api/workflows/one/trigger", body)
    assert answer.json()["run_id"] == again.json()["run_id"]
    run = await api.get(answer.json()["run_id"])
    assert run.deadline.seconds - run.create_time.seconds == 600
    assert (await api.take("a")).trace["traceparent"] == trace
    history = (await http.get(f"/api/runs/{run.run_id}/history")).text
    assert '"payload":[1.0]' in history


async def test_runs_are_filtered_and_paged(http: httpx.AsyncClient, api: Api) -> None:
    await applied(http)
    ids = [await started(http) for _ in range(3)]
    await http.post(f"/api/runs/{ids[0]}/cancel")
    page = (await http.get("/api/runs", params={"page_size": 2})).json()
    assert [run["run_id"] for run in page["runs"]] == [ids[2], ids[1]]
    rest = (await http.get("/api/runs", params={"page_size": 2, "page_token": page["next_page_token"]})).json()
    assert [run["run_id"] for run in rest["runs"]] == [ids[0]]
    states = (await http.get("/api/runs?state=CANCELLED&state=FAILED")).json()["runs"]
    assert [run["run_id"] for run in states] == [ids[0]]
    for query in ("workflow=none", "created_before=2020-01-01T00:00:00Z", "created_after=2100-01-01T00:00:00%2B01:00"):
        assert (await http.get(f"/api/runs?{query}")).json()["runs"] == [], query
    assert (await http.get('/api/runs?attributes={"a":1}')).json()["runs"] == []


async def test_the_tasks_of_a_run(http: httpx.AsyncClient, api: Api) -> None:
    await applied(http)
    run_id = await started(http, '{"input": {"n": 1}}')
    task = await api.take("a")
    plain = (await http.get(f"/api/runs/{run_id}/tasks")).json()["steps"]
    assert [(step["step"], step["state"], step["attempt"]) for step in plain] == [("first", "LEASED", 1)]
    assert "input" not in plain[0]
    await api.complete(task, {"n": 2})
    query = "payloads=true&attempts=true&step=first&state=SUCCEEDED"
    (full,) = (await http.get(f"/api/runs/{run_id}/tasks?{query}")).json()["steps"]
    assert full["output"] == {"n": 2}
    assert [attempt["outcome"] for attempt in full["attempts"]] == ["SUCCEEDED"]
    assert (await http.get(f"/api/runs/{run_id}/tasks?state=DEAD")).json()["steps"] == []


async def test_runs_are_cancelled_terminated_and_retried(http: httpx.AsyncClient) -> None:
    await applied(http)
    run_id, other = await started(http), await started(http)
    assert (await post(http, f"/api/runs/{run_id}/cancel", '{"reason": "twice"}')).json() == {"state": "CANCELLED"}
    assert (await http.post(f"/api/runs/{other}/terminate")).json() == {"state": "TERMINATED"}
    refused(await http.post(f"/api/runs/{other}/cancel"), 409, "RUN_TERMINAL")
    fork = await post(http, f"/api/runs/{run_id}/retry", '{"from_step": "first", "request_id": "r"}')
    assert fork.status_code == 201
    again = await post(http, f"/api/runs/{run_id}/retry", '{"from_step": "first", "request_id": "r"}')
    assert (again.status_code, again.json()["run_id"]) == (200, fork.json()["run_id"])
    run = (await http.get(f"/api/runs/{fork.json()['run_id']}")).json()["run"]
    assert run["forked_from"] == run_id
    refused(await http.post(f"/api/runs/{run['run_id']}/resume"), 409, "NOT_CODE")


async def test_a_signal_reaches_the_run(http: httpx.AsyncClient) -> None:
    await applied(http, {"name": "asks", "steps": [{"id": "wait", "signal": "approval"}]})
    run_id = await started(http, workflow="asks")
    body = '{"name": "approval", "payload": {"by": "kim"}, "signal_id": "s1"}'
    told = await post(http, f"/api/runs/{run_id}/signal", body)
    assert told.json() == {"run_id": run_id, "deduplicated": False}
    assert (await post(http, f"/api/runs/{run_id}/signal", body)).json()["deduplicated"] is True
    result = (await http.get(f"/api/runs/{run_id}/result?wait=10s")).json()["result"]
    assert result["output"] == {"by": "kim"}
    refused(await post(http, f"/api/runs/{run_id}/signal", "{}"), 400, "INVALID_ARGUMENT", "name")


async def test_dead_letters_are_requeued_and_discarded(http: httpx.AsyncClient, api: Api) -> None:
    letter = await dead(http, api)
    assert (letter["state"], letter["failure"]["type"], letter["reason"]) == ("OPEN", "Boom", "ATTEMPTS_EXHAUSTED")
    path = f"/api/dead-letters/{letter['dead_letter_id']}"
    again = await http.post(f"{path}/requeue")
    fork = again.json()["run_id"]
    assert (await http.get(f"/api/runs/{fork}")).json()["run"]["forked_from"] == letter["run_id"]
    requeued = (await http.get("/api/dead-letters?state=REQUEUED&workflow=doomed&action=a")).json()["dead_letters"]
    assert [found["requeued_run_id"] for found in requeued] == [fork]
    await api.complete(await api.take("a"))
    other = await dead(http, api)
    answer = await post(http, f"/api/dead-letters/{other['dead_letter_id']}/discard", '{"reason": "enough"}')
    assert (answer.status_code, answer.json()) == (200, {})
    refused(await http.post("/api/dead-letters/dl_00000000000g0/requeue"), 404, "DEAD_LETTER_NOT_FOUND")


async def test_what_the_operator_looks_at(http: httpx.AsyncClient, api: Api, server: Server) -> None:
    await applied(http)
    await started(http)
    async with api.line("w1", "a", slots=3):
        # Its row is written behind the line.
        (worker,) = await eventually(lambda: _workers(http))
        assert (worker["worker_id"], worker["actions"], worker["slots"], worker["leased"]) == ("w1", ["a"], 3, 0)
    (queue,) = (await http.get("/api/queues")).json()["queues"]
    assert (queue["action"], queue["ready"], queue["leased"]) == ("a", 1, 0)
    told = (await http.get("/api/server")).json()
    assert (told["draining"], told["database_up"], told["max_payload_bytes"]) == (False, True, 2 * 1024 * 1024)
    overview = (await http.get("/api/overview")).json()
    assert (overview["runs_open"], overview["dead_letters_open"], overview["tasks_ready"]) == ({"RUNNING": 1}, 0, 1)


async def _workers(http: httpx.AsyncClient) -> list[dict[str, Any]]:
    workers: list[dict[str, Any]] = (await http.get("/api/workers")).json()["workers"]
    return workers


async def test_timers_are_listed(http: httpx.AsyncClient) -> None:
    await applied(http, {"name": "naps", "steps": [{"id": "nap", "sleep": "1h"}]})
    run_id = await started(http, workflow="naps")
    (timer,) = (await http.get("/api/timers?workflow=naps")).json()["timers"]
    assert (timer["run_id"], timer["step"], timer["kind"]) == (run_id, "nap", "SLEEP")


async def test_namespaces_see_their_own(http: httpx.AsyncClient) -> None:
    await http.post("/api/workflows?namespace=other", json=ONE)
    refused(await http.post("/api/workflows/one/trigger"), 404, "WORKFLOW_NOT_FOUND")
    answer = await http.post("/api/workflows/one/trigger?namespace=other")
    run_id = answer.json()["run_id"]
    refused(await http.get(f"/api/runs/{run_id}"), 404, "RUN_NOT_FOUND")
    assert (await http.get(f"/api/runs/{run_id}?namespace=other")).json()["run"]["namespace"] == "other"


@pytest.mark.parametrize("path", ["/health", "/api/health"])
async def test_health(http: httpx.AsyncClient, path: str) -> None:
    answer = await http.get(path, headers={"host": "10.1.2.3"})
    assert (answer.status_code, answer.json()) == (200, {"status": "SERVING"})


async def test_a_server_that_answers_is_alive(http: httpx.AsyncClient) -> None:
    answer = await http.get("/health/live", headers={"host": "10.1.2.3"})
    assert (answer.status_code, answer.json()) == (200, {"status": "ALIVE"})


async def test_head_is_get_without_a_body(http: httpx.AsyncClient) -> None:
    get, head = await http.get("/api/workflows"), await http.head("/api/workflows")
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == get.headers["content-length"]


async def test_the_description_names_every_route(http: httpx.AsyncClient) -> None:
    described = (await http.get("/openapi.json")).json()
    assert described["openapi"].startswith("3.1")
    trigger = described["paths"]["/api/workflows/{name}/trigger"]["post"]
    assert {p["name"] for p in trigger["parameters"]} == {"name", "wait", "Idempotency-Key", "namespace"}
    assert set(trigger["requestBody"]["content"]["application/json"]["schema"]["properties"]) == {
        *("input", "timeout", "version", "signal", "request_id")
    }
    assert {"/api/events", "/api/runs/{run_id}/events", "/health", "/metrics"} < set(described["paths"])
