"""/openapi.json: the table of routes and the descriptors of its messages as OpenAPI 3.1. Answers nothing else.

What is no call of a servicer (live events, probes, metrics) stands here in words of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any

from stellwerk_server import __version__
from stellwerk_server.rpc.edge import Method
from stellwerk_server.web.bodies import JSON_TYPES, YAML_TYPES
from stellwerk_server.web.routes import Route
from stellwerk_server.web.schemas import Schema, Schemas

_ANY_CALL = (400, 403, 404, 500, 503)
_WITH_BODY = (408, 409, 413, 415, 422, 429)
_NAMESPACE = {"name": "namespace", "in": "query", "schema": {"type": "string", "default": "default"}}
_MEANT = {
    "wait": "How long the answer may be held for the result; at most 60s.",
    "page_size": "How many at most.",
    "page_token": "The `next_page_token` of the page before.",
    "attributes": "Only those with all these attributes: a JSON object of texts, numbers and booleans.",
    "idempotency-key": "Same key and input, same run. Quoted (RFC 9651) or bare.",
    "validate_only": "Say everything that is wrong with the definition, and store nothing.",
    "version": "0 or absent: the current one.",
    "payloads": "Also inputs, outputs, progress, stacks and details of failures.",
    "attempts": "Also every attempt.",
    "omit_items": "Without the items of a foreach; the foreach says how many are in which state.",
    "request_id": "Makes the call safe to send again.",
    "signal_id": "A run takes the same id once.",
    "timeout": "The run ends as TIMED_OUT this long after its start.",
    "from_step": "Run this step and all that need it again; absent: whatever did not succeed.",
}
_PROBLEM: Schema = {
    "type": "object",
    "description": "RFC 9457; `reason` is the part to write programs against.",
    "required": ["type", "title", "status", "reason", "detail", "errors", "metadata"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "reason": {"type": "string", "pattern": "^[A-Z][A-Z0-9_]*$"},
        "detail": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["field", "description"],
                "properties": {"field": {"type": "string"}, "description": {"type": "string"}},
            },
        },
        "metadata": {"type": "object", "additionalProperties": {"type": "string"}},
    },
}
_DEFINITION: Schema = {
    "type": "object",
    "description": "A workflow definition (docs/workflows.md).",
    "properties": {"name": {"type": "string"}, "id": {"type": "string"}, "steps": {"type": "array"}},
    "required": ["steps"],
}


def describe(routes: Iterable[Route], methods: Mapping[str, Method]) -> dict[str, Any]:
    """The document."""
    schemas = Schemas()
    schemas.components["Problem"] = _PROBLEM
    paths: dict[str, Any] = {}
    named: set[str] = set()
    for route in routes:
        operation = {"operationId": _name(route, named), **_operation(route, methods, schemas)}
        paths.setdefault(route.path, {})[route.verb.lower()] = operation
    for path, said in _BESIDES.items():
        paths[path] = {"get": said}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Stellwerk",
            "version": __version__,
            "description": "Durable workflow runs. The same commands, checks and errors as over gRPC.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "paths": paths,
        "components": {"schemas": schemas.components, "responses": _problem_responses()},
    }


def _operation(route: Route, methods: Mapping[str, Method], schemas: Schemas) -> dict[str, Any]:
    method = methods[route.method]
    request, answered = method.request.DESCRIPTOR, [method.descriptor.output_type]
    if route.instead is not None:
        answered.append(methods[route.instead[1]].descriptor.output_type)
    operation: dict[str, Any] = {
        "tags": [route.path.split("/")[2]],
        "summary": route.summary,
        "parameters": _parameters(route, request, schemas),
        "responses": _responses(route, answered, schemas),
    }
    if route.text:
        operation["requestBody"] = _text_body(route)
    elif route.body is not None:
        operation["requestBody"] = _json_body(route, request, schemas)
    return operation


def _parameters(route: Route, request: Any, schemas: Schemas) -> list[Any]:
    sources = (("path", route.parameters), ("query", route.query), ("header", route.headers))
    found: list[Any] = [
        _parameter(name, place, schemas.of(_field(request, path)), route.defaults.get(name))
        for place, source in sources
        for name, path in source.items()
    ]
    if route.instead is not None:
        found.append(_parameter(route.instead[0], "query", {"type": "boolean"}, None))
    return [*found, _NAMESPACE] if "namespace" in request.fields_by_name else found


def _parameter(name: str, place: str, schema: Schema, default: str | None) -> dict[str, Any]:
    shown = name.title() if place == "header" else name
    parameter: dict[str, Any] = {"name": shown, "in": place, "schema": schema}
    if place == "path":
        parameter["required"] = True
        parameter["schema"] = {**schema, "minLength": 1}
    if default is not None:
        parameter["schema"] = {**schema, "default": default}
    if name in _MEANT:
        parameter["description"] = _MEANT[name]
    return parameter


def _json_body(route: Route, request: Any, schemas: Schemas) -> dict[str, Any]:
    fields = {name: _field(request, path) for name, path in (route.body or {}).items()}
    properties = {name: _described(name, schemas.of(field)) for name, field in fields.items()}
    schema = {"type": "object", "properties": properties, "additionalProperties": False}
    content: dict[str, Any] = {"schema": schema}
    if route.examples:
        content["examples"] = {name: {"value": value} for name, value in route.examples.items()}
    return {"content": {JSON_TYPES[0]: content}}


def _described(name: str, schema: Schema) -> Schema:
    return {**schema, "description": _MEANT[name]} if name in _MEANT and "$ref" not in schema else schema


def _text_body(route: Route) -> dict[str, Any]:
    examples = {name: {"value": value} for name, value in route.examples.items()}
    content: dict[str, Any] = {JSON_TYPES[0]: {"schema": _DEFINITION, "examples": examples}}
    content |= {media: {"schema": {"type": "string"}} for media in YAML_TYPES}
    return {"required": True, "content": content}


def _responses(route: Route, answered: list[Any], schemas: Schemas) -> dict[str, Any]:
    forms = [schemas.ref(descriptor) for descriptor in answered]
    content = {"application/json": {"schema": forms[0] if len(forms) == 1 else {"anyOf": forms}}}
    responses: dict[str, Any] = {"200": {"description": "OK", "content": content}}
    if route.created is not None:
        responses["200"]["description"] = "It was there already."
        responses["201"] = {"description": "Made.", "content": content}
    refusals = _ANY_CALL if route.verb == "GET" else (*_ANY_CALL, *_WITH_BODY)
    return responses | {str(status): {"$ref": f"#/components/responses/{status}"} for status in sorted(refusals)}


def _problem_responses() -> dict[str, Any]:
    content = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    statuses = sorted({*_ANY_CALL, *_WITH_BODY, 410})
    return {str(status): {"description": HTTPStatus(status).phrase, "content": content} for status in statuses}


def _field(request: Any, path: str) -> Any:
    *outer, last = path.split(".")
    for name in outer:
        inner = request.fields_by_name[name].message_type
        assert inner is not None
        request = inner
    return request.fields_by_name[last]


def _name(route: Route, named: set[str]) -> str:
    last = route.path.rpartition("/")[2].title()
    name = route.method if route.method not in named else f"{route.method}{last}"
    named.add(name)
    return name


def _events(summary: str, *parameters: dict[str, Any]) -> dict[str, Any]:
    after = {"name": "after", "in": "query", "schema": {"type": "string"}, "description": "As the header."}
    last = {"name": "Last-Event-ID", "in": "header", "schema": {"type": "string"}, "description": "Go on behind it."}
    refused = {str(status): {"$ref": f"#/components/responses/{status}"} for status in (400, 403, 404, 410, 503)}
    streamed = {"description": "Server-sent events (docs/http.md).", "content": {"text/event-stream": {}}}
    return {
        "tags": ["events"],
        "summary": summary,
        "parameters": [*parameters, last, after, _NAMESPACE],
        "responses": {"200": streamed, **refused},
    }


def _query(name: str, kind: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "in": "query", "schema": {"type": kind, **more}}


def _probe(summary: str, media: str, *refused: int) -> dict[str, Any]:
    responses: dict[str, Any] = {"200": {"description": "OK", "content": {media: {}}}}
    responses |= {str(status): {"$ref": f"#/components/responses/{status}"} for status in refused}
    return {"tags": ["operations"], "summary": summary, "responses": responses}


_BESIDES = {
    "/api/runs/{run_id}/events": _events(
        "Live events of a run, from its first event on or behind `after`; ends with the run.",
        {"name": "run_id", "in": "path", "required": True, "schema": {"type": "string"}},
        _query("chunks", "boolean"),
    ),
    "/api/events": _events(
        "Live events of all runs of the namespace, from now on or behind `after`.",
        _query("workflow", "string"),
        _query("type", "array", items={"type": "string"}),
        _query("payloads", "boolean"),
    ),
    "/health": _probe("Whether this server can serve.", "application/json", 503),
    "/health/live": _probe("Whether this server answers at all.", "application/json"),
    "/metrics": _probe("Prometheus metrics (docs/telemetry.md).", "text/plain"),
}
