"""Errors as problem documents: every error of the model has a status, and nothing of the inside gets out."""

from __future__ import annotations

import json
from typing import Any

import pytest

from stellwerk_server.config import Config
from stellwerk_server.model import errors
from stellwerk_server.model.errors import InvalidArgument, Problem, StellwerkError
from stellwerk_server.rpc import edge
from stellwerk_server.web import problems
from stellwerk_server.web.app import make_app

STATUSES = {
    InvalidArgument([Problem("a", "expected b, came c")]): 400,
    InvalidArgument([Problem("a", "too long")], "PAYLOAD_TOO_LARGE"): 413,
    errors.NotFound("RUN_NOT_FOUND", "no"): 404,
    errors.AlreadyExists("THERE", "no"): 409,
    errors.Refused("RUN_TERMINAL", "no"): 409,
    errors.Refused("IDEMPOTENCY_KEY_REUSED", "no"): 422,
    errors.Expired("EVENTS_EXPIRED", "no"): 410,
    errors.Exhausted("TOO_MANY", "no"): 429,
    errors.Unavailable("DATABASE_DOWN", "no"): 503,
    StellwerkError("INTERNAL", "no"): 500,
}


@pytest.mark.parametrize("error", STATUSES, ids=lambda error: error.reason)
def test_every_error_has_a_status(error: StellwerkError) -> None:
    status = STATUSES[error]
    assert problems.status_of(error) == status
    document = json.loads(problems.body(error))
    assert (document["status"], document["reason"], document["type"]) == (status, error.reason, "about:blank")
    headers = dict(problems.headers(error, b""))
    assert (b"retry-after" in headers) is (status in (429, 503))


def test_half_a_character_does_not_break_the_answer() -> None:
    error = InvalidArgument([Problem("field", "came \ud800")])
    assert json.loads(problems.body(error))["errors"] == [{"field": "field", "description": "came ?"}]


class _Broken:
    """Servicers whose every call fails in a way nobody has thought of."""

    draining = False
    database_up = True

    def __getattr__(self, name: str) -> Any:
        async def call(request: object, context: object) -> None:
            raise KeyError("a secret of the inside")

        return call


async def test_an_error_nobody_thought_of_says_nothing_of_the_inside(caplog: pytest.LogCaptureFixture) -> None:
    services = ("RunService", "WorkerService", "WorkflowService", "DeadLetterService", "AdminService")
    methods = edge.methods({name: (_Broken(),) for name in services})
    app = make_app(Config(database_url="none"), methods, _Broken())
    sent: list[dict[str, Any]] = []

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b""}

    scope = {
        "type": "http",
        "method": "GET",
        "path": "/api/runs",
        "raw_path": b"/api/runs",
        "query_string": b"",
        "headers": [(b"host", b"localhost"), (b"x-request-id", b"mine")],
    }
    await app(scope, receive, send)
    document = json.loads(sent[1]["body"])
    assert (sent[0]["status"], document["reason"]) == (500, "INTERNAL")
    assert "mine" in document["detail"]
    assert "secret" not in json.dumps(document)
    assert "KeyError" not in json.dumps(document)
    assert "a secret of the inside" in caplog.text
