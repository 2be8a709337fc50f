"""The description of the API: whole, and in step with what is encoded and what the protos have."""

from __future__ import annotations

import re
from typing import Any

import pytest

from stellwerk_server.rpc import edge
from stellwerk_server.web.openapi import describe
from stellwerk_server.web.routes import ROUTES

SERVICES = ("RunService", "WorkerService", "WorkflowService", "DeadLetterService", "AdminService")
# Not for HTTP: workers keep their lines open, and live events have a form of their own.
NOT_ROUTED = {*("PollTask", "CompleteTask", "Heartbeat", "StreamResult"), *("StartRuns", "AwaitRuns", "WatchRun")}


class _All:
    def __getattr__(self, name: str) -> Any:
        return name


@pytest.fixture(scope="module")
def described() -> dict[str, Any]:
    return describe(ROUTES, edge.methods({name: (_All(),) for name in SERVICES}))


def _refs(value: Any) -> set[str]:
    if isinstance(value, dict):
        own = {value["$ref"]} if "$ref" in value else set()
        return own.union(*(_refs(item) for item in value.values()))
    return set().union(*(_refs(item) for item in value)) if isinstance(value, list) else set()


def test_every_reference_has_something_behind_it(described: dict[str, Any]) -> None:
    for reference in _refs(described):
        _, *path = reference.split("/")
        found = described
        for part in path:
            found = found[part]
        assert found, reference


def test_every_method_has_a_route_or_a_reason() -> None:
    methods = set(edge.methods({name: (_All(),) for name in SERVICES}))
    routed = {route.method for route in ROUTES} | {route.instead[1] for route in ROUTES if route.instead}
    assert routed | NOT_ROUTED == methods
    assert routed & NOT_ROUTED == set()


def test_every_parameter_of_a_path_is_described(described: dict[str, Any]) -> None:
    for path, verbs in described["paths"].items():
        for operation in verbs.values():
            named = {p["name"] for p in operation.get("parameters", ()) if p["in"] == "path"}
            assert named == set(re.findall(r"{(\w+)}", path)), path
            assert operation["summary"].endswith("."), path


def test_operations_have_names_of_their_own(described: dict[str, Any]) -> None:
    names = [o["operationId"] for verbs in described["paths"].values() for o in verbs.values() if "operationId" in o]
    assert len(names) == len(set(names)) == len(ROUTES)


def test_what_is_always_there_is_required(described: dict[str, Any]) -> None:
    schemas = described["components"]["schemas"]
    assert schemas["Step"]["required"] == ["attempt", "max_attempts", "needs", "items", "items_finished", "attempts"]
    assert "required" not in schemas["CancelRunResponse"]
    assert schemas["Run"]["properties"]["state"]["enum"][:2] == ["PENDING", "RUNNING"]
    assert schemas["Failure"]["properties"]["cause"] == {"$ref": "#/components/schemas/Failure"}
