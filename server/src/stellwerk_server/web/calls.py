"""One path of the table as an ASGI app: builds the proto request, awaits the servicer's method, writes its answer.

Checks nothing that the servicer checks; what it refuses is what a message cannot hold.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from stellwerk_server.model.errors import InvalidArgument, Problem
from stellwerk_server.rpc.edge import Method
from stellwerk_server.rpc.fields import shown
from stellwerk_server.web import bodies, json_in
from stellwerk_server.web.bodies import Gone
from stellwerk_server.web.json_out import encode
from stellwerk_server.web.problems import Malformed, method_not_allowed
from stellwerk_server.web.query import read_query
from stellwerk_server.web.routes import Route

Scope = Any
NAMESPACE = "namespace"
_TRACE = (b"traceparent", b"tracestate")


class Call:
    """A route bound to its method."""

    def __init__(self, route: Route, methods: Mapping[str, Method]) -> None:
        self.route = route
        self._method = methods[route.method]
        self._instead = None if route.instead is None else methods[route.instead[1]]
        self._takes_trace = "trace" in self._method.request.DESCRIPTOR.fields_by_name
        self._http_names = _http_names(route)

    async def __call__(self, scope: Scope, receive: Any, send: Any) -> None:
        """Answer one request; raises what is wrong with it."""
        headers = dict(scope["headers"])
        query = read_query(scope)
        method = self._choose(query)
        filling = json_in.Filling(method.request())
        media = await self._read_body(filling, receive, headers)
        self._fill(filling, scope, headers, query)
        try:
            filling.fields.raise_if_any()
            response = await _held(method.call(filling.message, None), receive, "wait" in query)
        except InvalidArgument as error:
            raise self._in_http(error, media) from None
        made = self.route.created is not None and method is self._method and self.route.created(response)
        await answer(send, 201 if made else 200, encode(response))

    def _choose(self, query: dict[str, list[str]]) -> Method:
        if self.route.instead is None or self._instead is None:
            return self._method
        name = self.route.instead[0]
        wanted = query.pop(name, ["false"])
        if wanted not in (["true"], ["false"]):
            raise InvalidArgument([Problem(name, f"expected true or false, came {shown(wanted[0])}")])
        return self._instead if wanted == ["true"] else self._method

    async def _read_body(self, filling: json_in.Filling, receive: Any, headers: bodies.Headers) -> str:
        route = self.route
        if not bodies.has_body(headers):
            if route.text:
                bodies.check_type(headers, bodies.JSON_TYPES + bodies.YAML_TYPES)
            return ""
        if route.body is None and not route.text:
            if await bodies.read(receive, headers):
                filling.fields.refuse("body", "none", "one")
            return ""
        media = bodies.check_type(headers, bodies.JSON_TYPES + (bodies.YAML_TYPES if route.text else ()))
        raw = await bodies.read(receive, headers)
        is_yaml = media in bodies.YAML_TYPES
        text = json_in.decode(raw, "MALFORMED_YAML" if is_yaml else "MALFORMED_JSON")
        if route.text:
            if not is_yaml and not text.lstrip().startswith("{"):
                raise json_in.malformed_json(f"expected a JSON object, came {shown(text[:40])}")
            setattr(filling.message, route.text, text)
        elif text.strip():
            filling.members(route.body or {}, json_in.read_object(text))
        return media

    def _fill(
        self, filling: json_in.Filling, scope: Scope, headers: bodies.Headers, query: dict[str, list[str]]
    ) -> None:
        route, request = self.route, filling.message
        known = request.DESCRIPTOR.fields_by_name
        for name, path in route.parameters.items():
            filling.text(path, name, [parameter(scope, name)])
        for name, texts in query.items():
            if name == NAMESPACE:
                if NAMESPACE in known:
                    filling.text(NAMESPACE, name, texts)
            elif name in route.query:
                if route.query[name] in known:
                    filling.text(route.query[name], name, texts)
            else:
                expected = f"one of {', '.join([*route.query, NAMESPACE])}"
                filling.fields.refuse(name, expected, "a query parameter that is not known")
        for name, text in route.defaults.items():
            if name not in query:
                filling.text(route.query[name], name, [text])
        for name, path in route.headers.items():
            if (value := headers.get(name.encode())) is not None:
                filling.text(path, name, [header_text(value, name, filling)])
        if self._takes_trace:
            for header in _TRACE:
                if value := headers.get(header):
                    request.trace[header.decode()] = value.decode("latin-1")

    def _in_http(self, error: InvalidArgument, media: str) -> InvalidArgument:
        """The same error, its fields called what they are called here."""
        problems = [Problem(_renamed(p.field, self._http_names), p.description) for p in error.problems]
        text = self.route.text
        if text and error.problems and all(p.field == text for p in error.problems):
            return Malformed("MALFORMED_YAML" if media in bodies.YAML_TYPES else "MALFORMED_JSON", problems)
        return InvalidArgument(problems, error.reason, **error.metadata)


class Resource:
    """All calls of one path, by verb."""

    def __init__(self, calls: Sequence[Call]) -> None:
        self._calls = {call.route.verb: call for call in calls}
        if "GET" in self._calls:
            self._calls["HEAD"] = self._calls["GET"]
        self.allowed = ", ".join([*self._calls, "OPTIONS"])

    async def __call__(self, scope: Scope, receive: Any, send: Any) -> None:
        """Answer one request."""
        call = self._calls.get(scope["method"])
        if call is not None:
            await call(scope, receive, send)
        elif scope["method"] == "OPTIONS":
            await send({"type": "http.response.start", "status": 204, "headers": [(b"allow", self.allowed.encode())]})
            await send({"type": "http.response.body"})
        else:
            raise method_not_allowed(scope["method"], scope["path"], self.allowed)


async def answer(send: Any, status: int, content: bytes, content_type: bytes = b"application/json") -> None:
    """Send a whole answer."""
    headers = [
        (b"content-type", content_type),
        (b"content-length", str(len(content)).encode()),
        (b"cache-control", b"no-store"),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": content})


def parameter(scope: Scope, name: str) -> str:
    """A parameter of the path; a slash in it came as %2F, and guard.py left it so."""
    value: str = scope["path_params"][name]
    return value.replace("%2F", "/")


def header_text(value: bytes, name: str, filling: json_in.Filling) -> str:
    """A header that is a structured string ("…") or just the text, as everybody sends it."""
    text = value.decode("latin-1").strip()
    if not text.startswith('"'):
        inner = text
    elif len(text) > 1 and text.endswith('"'):
        inner = text[1:-1].replace('\\"', '"').replace("\\\\", "\\")
    else:
        inner = "\n"
    if not inner.isascii() or not inner.isprintable():
        filling.fields.refuse(name, 'visible ASCII characters, or them as a string in quotes: "…"', text)
        return ""
    return inner


async def _held(call: Any, receive: Any, may_wait: bool) -> Any:
    """The response; a call that waits ends when its client hangs up."""
    if not may_wait:
        return await call
    task = asyncio.create_task(call)
    hung_up = asyncio.create_task(_hang_up(receive))
    try:
        await asyncio.wait({task, hung_up}, return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            raise Gone
        return task.result()
    finally:
        task.cancel()
        hung_up.cancel()


async def _hang_up(receive: Any) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _http_names(route: Route) -> list[tuple[str, str]]:
    """From fields of the request to names of this route; the longest first."""
    names = {path: name for source in (route.parameters, route.query, route.headers) for name, path in source.items()}
    names |= {path: name for name, path in (route.body or {}).items()}
    return sorted(((path, name) for path, name in names.items()), key=lambda pair: -len(pair[0]))


def _renamed(field: str, names: list[tuple[str, str]]) -> str:
    for path, name in names:
        if field == path or field.startswith((f"{path}.", f"{path}[")):
            field = name + field[len(path) :]
            break
    # How a payload travels in a message is no news of a body.
    return field.removesuffix(".json").removesuffix(".data") if field.endswith((".json", ".data")) else field
