"""Requests made from the description, good and bad ones: every answer is one it knows, and none a 5xx."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from stellwerk_server.embedded import EmbeddedPostgres, EmbeddedValkey
from tests.support.databases import fresh_database
from tests.support.servers import serving

CHECKS: list[Any] = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
BOUNDED = settings(
    max_examples=15,
    derandomize=True,
    database=None,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture(scope="module")
def url(postgres: EmbeddedPostgres, valkey: EmbeddedValkey, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server that has a workflow and a run to talk about."""
    folder = tmp_path_factory.mktemp("schema")
    with fresh_database(postgres) as dsn, serving(dsn, valkey.url, folder) as server:
        with httpx.Client(base_url=server.ready["http"], trust_env=False) as http:
            http.post("/api/workflows", json={"name": "one", "steps": ["a"]}).raise_for_status()
            http.post("/api/workflows/one/trigger", json={"input": {"n": 1}}).raise_for_status()
        yield server.ready["http"]


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
@pytest.mark.timeout(300)
def test_every_answer_is_as_described(url: str, mode: GenerationMode) -> None:
    schema = schemathesis.openapi.from_dict(httpx.get(f"{url}/openapi.json", trust_env=False).json())
    asked = 0
    for found in schema.get_all_operations():
        operation = found.ok()
        if operation.path.endswith("/events"):
            continue  # held open for as long as they please; tests of their own read them

        @BOUNDED
        @given(case=operation.as_strategy(generation_mode=mode))
        def ask(case: Any) -> None:
            nonlocal asked
            asked += 1
            if "wait" in (case.query or {}):
                case.query["wait"] = "1ms"
            case.call_and_validate(base_url=url, checks=CHECKS, timeout=30)

        # What takes no parameters cannot be asked wrongly.
        with suppress(Unsatisfiable):
            ask()
    assert asked > 100
