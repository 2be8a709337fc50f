"""No field of any request, whatever is in it, makes the server fail: found from the descriptors, so new ones too."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import grpc
import pytest
from google.protobuf.descriptor import FieldDescriptor, MethodDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from stellwerk.v1 import admin_pb2, dead_letter_pb2, run_pb2, worker_pb2, workflow_pb2
from tests.integration.api import Api, refused

SERVICES = [
    pb2.DESCRIPTOR.services_by_name[name]
    for pb2, name in [
        (run_pb2, "RunService"),
        (worker_pb2, "WorkerService"),
        (workflow_pb2, "WorkflowService"),
        (dead_letter_pb2, "DeadLetterService"),
        (admin_pb2, "AdminService"),
    ]
]
METHODS = [method for service in SERVICES for method in service.methods]
ACCEPTABLE = {"OK", "INVALID_ARGUMENT", "NOT_FOUND", "FAILED_PRECONDITION", "OUT_OF_RANGE"}
TEXTS = ["a\0b", "\0", "x" * 3000, "ünïcode \U0001f686 ", " ", "'; drop table runs; --"]
NUMBERS = [-1, 0, 1, 2**31 - 1, -(2**31), 2**63 - 1, -(2**63)]
SPANS = [(10**18, 0), (-(10**18), 0), (2**63 - 1, 999_999_999), (1, -5), (1, 2**31 - 1), (-1, 1), (315_576_000_001, 0)]


@pytest.mark.parametrize("method", METHODS, ids=lambda m: m.name)
async def test_no_value_of_any_field_makes_the_server_fail(api: Api, method: MethodDescriptor) -> None:
    await api.apply("name: known\nsteps: [{id: one, action: a}]")
    run_id = await api.start("known", {})
    task = await api.take("a")
    good = {"run_id": run_id, "token": task.token}

    wrong = []
    for name, request in bad_requests(method, good):
        code, message = await answer(api, method, request)
        if code not in ACCEPTABLE:
            wrong.append(f"{name}: {code} {message}")
    assert not wrong, "\n".join(wrong)
    assert (await api.get(run_id)).run_id == run_id


async def answer(api: Api, method: MethodDescriptor, request: Message) -> tuple[str, str]:
    """The code of one call; a stream is read until it has answered."""
    path = f"/{method.containing_service.full_name}/{method.name}"
    answers = GetMessageClass(method.output_type).FromString
    if not method.server_streaming:
        return await code_of(api.channel.unary_unary(path, None, answers)(request.SerializeToString(), timeout=3.0))
    if not method.client_streaming:
        return await code_of(first(api.channel.unary_stream(path, None, answers)(request.SerializeToString())))
    stream = api.channel.stream_stream(path, None, answers)()
    await stream.write(request.SerializeToString())
    await stream.done_writing()
    return await code_of(first(stream))


async def first(stream: Any) -> Any:
    """The first answer; a stream that is silent has nothing against the request."""
    try:
        return await asyncio.wait_for(stream.read(), 0.3)
    finally:
        stream.cancel()


async def code_of(call: Any) -> tuple[str, str]:
    try:
        await call
    except grpc.aio.AioRpcError as error:
        if error.code() is grpc.StatusCode.DEADLINE_EXCEEDED:
            return "OK", "still waiting"
        return error.code().name, str(refused(error))
    except TimeoutError:
        pass
    return "OK", ""


def bad_requests(method: MethodDescriptor, good: dict[str, Any]) -> Iterator[tuple[str, Message]]:
    """Requests that are fine but for one field each."""
    kind = GetMessageClass(method.input_type)
    for path in paths(kind.DESCRIPTOR):
        for value in values(path[-1]):
            request = sensible(kind(), good)
            put(request, path, value)
            yield f"{'.'.join(f.name for f in path)} = {str(value)[:40]!r}", request


def paths(descriptor: Any, depth: int = 0) -> Iterator[list[FieldDescriptor]]:
    for field in descriptor.fields:
        if (
            field.message_type is None
            or field.message_type.name in ("Duration", "Timestamp")
            or field.message_type.GetOptions().map_entry
        ):
            yield [field]
        elif depth < 3:
            yield from ([field, *rest] for rest in paths(field.message_type, depth + 1))


def values(field: FieldDescriptor) -> list[Any]:
    if field.message_type is not None:
        return ["map"] if field.message_type.GetOptions().map_entry else SPANS
    if field.type == FieldDescriptor.TYPE_STRING:
        return TEXTS
    if field.type == FieldDescriptor.TYPE_BYTES:
        return [b"\0", b"\xff" * 40, b"\0" * 28 + b"one", b"\0" * 28 + b"a\0b", b"x" * 1000]
    if field.type == FieldDescriptor.TYPE_BOOL:
        return [True]
    wide = field.type == FieldDescriptor.TYPE_INT64
    return NUMBERS if wide else [n for n in NUMBERS if -(2**31) <= n < 2**31]


def sensible(request: Any, good: dict[str, Any]) -> Any:
    """Fill in what the call needs to get as far as possible."""
    presets: dict[str, Any] = {
        "workflow": "known",
        "worker_id": "fuzz",
        "max_tasks": 1,
        "run_id": good["run_id"],
        "token": good["token"],
        "sequence": 1,
        "definition": "name: other\nsteps: [{id: one, action: a}]",
    }
    for field in request.DESCRIPTOR.fields:
        if field.name in ("actions", "run_ids") and field.is_repeated:
            getattr(request, field.name).append("b" if field.name == "actions" else good["run_id"])
        elif field.name in presets and field.message_type is None and not field.is_repeated:
            setattr(request, field.name, presets[field.name])
    if "wait" in request.DESCRIPTOR.fields_by_name and request.DESCRIPTOR.name != "StartRunRequest":
        request.wait.nanos = 1_000_000
    return request


def put(request: Any, path: list[FieldDescriptor], value: Any) -> None:
    for field in path[:-1]:
        inner = getattr(request, field.name)
        request = inner.add() if field.is_repeated else inner
        sensible(request, {"run_id": "run_0000000000000", "token": b"\0" * 28 + b"one"})
    last = path[-1]
    if last.message_type is None:
        if last.is_repeated:
            getattr(request, last.name).append(value)
        else:
            setattr(request, last.name, value)
    elif value == "map":
        getattr(request, last.name)["traceparent"] = "a\0b"
        getattr(request, last.name)["a\0b"] = "x" * 3000
    else:
        span = getattr(request, last.name)
        span.seconds, span.nanos = value
