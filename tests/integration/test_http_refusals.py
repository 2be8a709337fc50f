"""What a careless or hostile HTTP client may send: each gets a problem document that names what is wrong."""

from __future__ import annotations

from typing import Any

import httpx

from tests.integration.conftest import StartServer
from tests.integration.test_http import JSON, ONE, YAML, applied, post, refused, started

TRIGGER = "/api/workflows/one/trigger"
NOBODY = "run_00000000000g0"
BROKEN_JSON = {
    "half": '{"input": {"a": 1}',
    "no object": "[1, 2]",
    "a comma too many": '{"input": 1,}',
    "more behind it": '{"input": 1} {}',
    "single quotes": "{'input': 1}",
    "no number": '{"input": NaN}',
    "infinite": '{"input": [-Infinity]}',
    "a bare word": '{"input": yes}',
    "twice": '{"input": 1, "input": 2}',
    "no colon": '{"input" 1}',
    "no key": "{1: 2}",
    "a control character": '{"inp\nut": 1}',
    "deep": '{"input": ' + "[" * 100_000 + "]" * 100_000 + "}",
    "no UTF-8": b'{"input": "\xff"}',
    "nothing in it": '{"input": }',
}
WRONG_FIELDS: dict[str, tuple[str, str]] = {
    "unknown": ('{"imput": 1}', "imput"),
    "a span that is none": ('{"timeout": "soon"}', "timeout"),
    "a span that is a list": ('{"timeout": [1]}', "timeout"),
    "a negative span": ('{"timeout": "-1s"}', "timeout"),
    "no span": ('{"timeout": "0s"}', "timeout"),
    "a text for a number": ('{"version": "1"}', "version"),
    "a broken number": ('{"version": 1.5}', "version"),
    "a boolean for a number": ('{"version": true}', "version"),
    "a number beyond the field": ('{"version": 4294967296}', "version"),
    "a number for a text": ('{"request_id": 5}', "request_id"),
    "half a character": ('{"request_id": "\\ud800"}', "request_id"),
    "an unknown field inside": ('{"signal": {"name": "x", "colour": 1}}', "signal.colour"),
    "no object": ('{"signal": "x"}', "signal"),
    "no name": ('{"signal": {}}', "signal.name"),
    "a payload that is too deep": ('{"input": ' + "[" * 300 + "]" * 300 + "}", "input"),
}
WRONG_QUERIES = {
    "/api/runs?colour=red": "colour",
    "/api/runs?state=DANCING": "state",
    "/api/runs?state=running": "state",
    "/api/runs?page_size=501": "page_size",
    "/api/runs?page_size=-1": "page_size",
    "/api/runs?page_size=ten": "page_size",
    "/api/runs?page_size=99999999999": "page_size",
    "/api/runs?page_size=1&page_size=2": "page_size",
    "/api/runs?page_token=bm9uc2Vuc2U%3D": "page_token",
    "/api/runs?page_token=%00": "page_token",
    "/api/runs?created_after=yesterday": "created_after",
    "/api/runs?created_after=2026-01-01": "created_after",
    "/api/runs?created_after=2026-01-01T00:00:00": "created_after",
    "/api/runs?attributes=[1]": "attributes",
    "/api/runs?attributes={": "attributes",
    "/api/runs?namespace=a%20b": "namespace",
    "/api/runs?workflow=%FF": "query",
    "/api/runs?workflow=%00": "workflow",
    f"/api/runs/{NOBODY}?include_steps=maybe": "include_steps",
    f"/api/runs/{NOBODY}/result?wait=5%20parsecs": "wait",
    f"/api/runs/{NOBODY}/result?wait=61s": "wait",
    "/api/runs/nonsense": "run_id",
    "/api/runs/run_%FF": "run_id",
    "/api/workflows/one?version=x": "version",
    "/api/dead-letters?state=LOST": "state",
    "/api/dead-letters?run_id=x": "run_id",
}


async def test_broken_json(http: httpx.AsyncClient) -> None:
    await applied(http)
    for name, body in BROKEN_JSON.items():
        content: Any = body
        answer = await http.post(TRIGGER, content=content, headers=JSON)
        assert refused(answer, 400, "MALFORMED_JSON", "body"), name
    assert (await http.get("/api/runs")).json() == {"runs": []}


async def test_a_wrong_field_is_named(http: httpx.AsyncClient) -> None:
    await applied(http)
    for name, (body, field) in WRONG_FIELDS.items():
        problem = refused(await post(http, TRIGGER, body), 400, "INVALID_ARGUMENT", field)
        assert "expected" in problem["detail"], name
        assert "came" in problem["detail"], name


async def test_a_wrong_query_is_named(http: httpx.AsyncClient) -> None:
    await applied(http)
    for path, field in WRONG_QUERIES.items():
        assert refused(await http.get(path), 400, "INVALID_ARGUMENT", field), path


async def test_all_that_is_wrong_is_said_at_once(http: httpx.AsyncClient) -> None:
    answer = await post(http, f"{TRIGGER}?wait=x&colour=red", '{"timeout": 1, "version": "x", "imput": 2}')
    refused(answer, 400, "INVALID_ARGUMENT", "wait", "colour", "version", "imput")


async def test_broken_definitions(http: httpx.AsyncClient) -> None:
    for body, headers, reason in (
        ("name: [", YAML, "MALFORMED_YAML"),
        ("name: x\nsteps: &a [*a]", YAML, "MALFORMED_YAML"),
        (b"name: \xff", YAML, "MALFORMED_YAML"),
        ('{"name": ', JSON, "MALFORMED_JSON"),
        ("name: one", JSON, "MALFORMED_JSON"),
        ("", JSON, "MALFORMED_JSON"),
    ):
        answer = await http.post("/api/workflows", content=body, headers=headers)
        problem = answer.json()
        assert (answer.status_code, problem["reason"]) == (400, reason), (body, problem)
        assert problem["errors"]
    unknown = {**ONE, "colour": "red", "steps": [{"id": "x", "action": "a", "sise": 1}]}
    problem = (await http.post("/api/workflows", json=unknown)).json()
    assert problem["reason"] == "INVALID_ARGUMENT"
    assert len(problem["errors"]) == 2


async def test_a_bomb_of_aliases_is_refused_at_once(http: httpx.AsyncClient) -> None:
    levels = [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12)]
    bomb = "\n".join(["a0: &a0 [lol, lol]", *levels, "name: bomb", "steps: *a11"])
    answer = await http.post("/api/workflows", content=bomb, headers=YAML)
    problem = refused(answer, 400, "MALFORMED_YAML", "definition")
    assert "alias" in problem["detail"]
    assert (await http.get("/health")).status_code == 200


async def test_a_wrong_content_type(http: httpx.AsyncClient) -> None:
    await applied(http)
    for media in ("text/plain", "application/x-www-form-urlencoded", "", "application/json; charset=latin-1"):
        for path in ("/api/workflows", TRIGGER):
            answer = await http.post(path, content="{}", headers={"content-type": media})
            problem = refused(answer, 415, "UNSUPPORTED_MEDIA_TYPE")
            assert "application/json" in problem["detail"] or "charset" in problem["detail"]
    packed = await http.post(TRIGGER, content=b"x", headers={**JSON, "content-encoding": "gzip"})
    refused(packed, 415, "UNSUPPORTED_MEDIA_TYPE")


async def test_a_wrong_verb_says_which_are_right(http: httpx.AsyncClient) -> None:
    for method, path, allowed in (
        ("DELETE", "/api/workflows", "POST, GET, HEAD, OPTIONS"),
        ("GET", TRIGGER, "POST, OPTIONS"),
        ("PUT", f"/api/runs/{NOBODY}", "GET, HEAD, OPTIONS"),
        ("POST", "/health", "GET, HEAD"),
        ("POST", "/", "GET, HEAD"),
    ):
        answer = await http.request(method, path)
        refused(answer, 405, "METHOD_NOT_ALLOWED")
        assert set(answer.headers["allow"].split(", ")) == set(allowed.split(", ")), path
    answer = await http.request("OPTIONS", TRIGGER)
    assert (answer.status_code, answer.headers["allow"]) == (204, "POST, OPTIONS")


async def test_what_is_not_there(http: httpx.AsyncClient) -> None:
    for path in ("/api", "/api/", "/api/nothing", "/api/runs/", "/api/workflows/one/trigger/", "/assets/none.js"):
        refused(await http.get(path), 404, "NO_SUCH_ROUTE")
    refused(await http.get(f"/api/runs/{NOBODY}"), 404, "RUN_NOT_FOUND")
    refused(await http.get(f"/api/runs/{NOBODY}/result"), 404, "RUN_NOT_FOUND")
    refused(await http.post(f"/api/runs/{NOBODY}/cancel"), 404, "RUN_NOT_FOUND")
    refused(await http.post(TRIGGER), 404, "WORKFLOW_NOT_FOUND")
    for path in ("/../etc/passwd", "/assets/..%2f..%2fapp.py", "/%2e%2e/%2e%2e/app.py"):
        assert "stellwerk" not in (await http.get(path)).text.replace("Stellwerk", ""), path


async def test_an_input_that_is_too_large(http: httpx.AsyncClient) -> None:
    await applied(http)
    answer = await post(http, TRIGGER, f'{{"input": "{"x" * (2 * 1024 * 1024)}"}}')
    problem = refused(answer, 413, "PAYLOAD_TOO_LARGE", "input")
    assert problem["metadata"]["limit"] == str(2 * 1024 * 1024)


async def test_an_input_that_does_not_fit_its_schema(http: httpx.AsyncClient) -> None:
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
    await applied(http, {**ONE, "input_schema": schema})
    refused(await post(http, TRIGGER, '{"input": {"n": "x"}}'), 400, "INPUT_MISMATCH", "input.n")


async def test_a_body_where_none_is_taken(http: httpx.AsyncClient) -> None:
    answer = await http.request("GET", "/api/runs", content="{}", headers=JSON)
    refused(answer, 400, "INVALID_ARGUMENT", "body")
    await applied(http)
    run_id = await started(http)
    refused(await post(http, f"/api/runs/{run_id}/cancel", '{"raison": ""}'), 400, "INVALID_ARGUMENT", "raison")


async def test_a_stranger_host_is_refused(http: httpx.AsyncClient) -> None:
    for host in ("evil.example", "evil.example:80", "localhost.evil.example", "10.0.0.1", ""):
        refused(await http.get("/api/runs", headers={"host": host}), 403, "HOST_NOT_ALLOWED")
        refused(await http.get("/", headers={"host": host}), 403, "HOST_NOT_ALLOWED")
        assert (await http.get("/health", headers={"host": host})).status_code == 200
    for host in ("localhost", "LOCALHOST:99", "127.0.0.1:1", "[::1]:7401"):
        assert (await http.get("/api/runs", headers={"host": host})).status_code == 200, host


async def test_a_page_of_strangers_is_refused(http: httpx.AsyncClient) -> None:
    for origin in ("http://evil.example", "null", "http://127.0.0.1:1", "file://"):
        answer = await http.get("/api/runs", headers={"origin": origin})
        refused(answer, 403, "ORIGIN_NOT_ALLOWED")
        assert "access-control-allow-origin" not in answer.headers
    own = str(http.base_url).rstrip("/")
    answer = await http.get("/api/runs", headers={"origin": own})
    assert answer.status_code == 200
    assert "access-control-allow-origin" not in answer.headers


async def test_allowed_hosts_and_origins(start_server: StartServer) -> None:
    server = await start_server(allowed_hosts=("work.example",), allowed_origins=("https://app.example",))
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{server.http_port}", trust_env=False) as http:
        page = {"host": "work.example", "origin": "https://app.example"}
        answer = await http.get("/api/runs", headers=page)
        assert answer.status_code == 200
        assert answer.headers["access-control-allow-origin"] == "https://app.example"
        assert answer.headers["vary"] == "origin"
        problem = await http.get("/api/nothing", headers=page)
        assert problem.headers["access-control-allow-origin"] == "https://app.example"
        asking = {**page, "access-control-request-method": "POST", "access-control-request-headers": "idempotency-key"}
        before = await http.request("OPTIONS", TRIGGER, headers=asking)
        assert before.status_code == 204
        assert "POST" in before.headers["access-control-allow-methods"]
        assert "idempotency-key" in before.headers["access-control-allow-headers"]
        stranger = await http.request("OPTIONS", TRIGGER, headers={**asking, "origin": "https://evil.example"})
        refused(stranger, 403, "ORIGIN_NOT_ALLOWED")


async def test_every_answer_has_an_id_and_the_headers_of_safety(http: httpx.AsyncClient) -> None:
    for path in ("/api/runs", "/api/nothing", "/", "/openapi.json"):
        answer = await http.get(path, headers={"x-request-id": "mine-17"})
        assert answer.headers["x-request-id"] == "mine-17"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["x-frame-options"] == "DENY"
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        for bad in ("a b", "x" * 999):
            answer = await http.get(path, headers={"x-request-id": bad})
            assert answer.headers["x-request-id"].startswith("req_")


async def test_a_page_of_the_dashboard_answers_every_path_of_its_own(http: httpx.AsyncClient) -> None:
    for path in ("/", "/runs", "/runs/run_1", "/workflows/order.v2"):
        answer = await http.get(path)
        assert answer.headers["content-type"].startswith("text/html"), path
        assert answer.headers["cache-control"] == "no-cache"
