"""The edge of the server: registers the methods of plain servicer objects, parses, and maps every error once.

A servicer method is `async def Name(self, request, context)` that returns its response or raises a domain error. Input
that is no message is answered INVALID_ARGUMENT here, instead of failing inside gRPC.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from functools import partial
from typing import Any, NamedTuple

import grpc
from google.protobuf import any_pb2, duration_pb2
from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor
from google.protobuf.message import DecodeError, Message
from google.protobuf.message_factory import GetMessageClass
from google.rpc import error_details_pb2, status_pb2

from stellwerk.v1 import admin_pb2, dead_letter_pb2, run_pb2, worker_pb2, workflow_pb2
from stellwerk_server.model import errors
from stellwerk_server.model.errors import InvalidArgument, Problem, StellwerkError, Unavailable
from stellwerk_server.store.database import GONE

logger = logging.getLogger(__name__)
DOMAIN = "stellwerk"
_SERVICES: list[ServiceDescriptor] = [
    run_pb2.DESCRIPTOR.services_by_name["RunService"],
    worker_pb2.DESCRIPTOR.services_by_name["WorkerService"],
    workflow_pb2.DESCRIPTOR.services_by_name["WorkflowService"],
    dead_letter_pb2.DESCRIPTOR.services_by_name["DeadLetterService"],
    admin_pb2.DESCRIPTOR.services_by_name["AdminService"],
]
_CODES: list[tuple[type[StellwerkError], grpc.StatusCode]] = [
    (errors.InvalidArgument, grpc.StatusCode.INVALID_ARGUMENT),
    (errors.NotFound, grpc.StatusCode.NOT_FOUND),
    (errors.AlreadyExists, grpc.StatusCode.ALREADY_EXISTS),
    (errors.Refused, grpc.StatusCode.FAILED_PRECONDITION),
    (errors.Expired, grpc.StatusCode.OUT_OF_RANGE),
    (errors.Exhausted, grpc.StatusCode.RESOURCE_EXHAUSTED),
    (errors.Unavailable, grpc.StatusCode.UNAVAILABLE),
]


def service_names() -> list[str]:
    """The full names of our services."""
    return [service.full_name for service in _SERVICES]


class Method(NamedTuple):
    """A method of a servicer: the message it takes, and the call itself, `call(request, context)`."""

    descriptor: MethodDescriptor
    request: type[Message]
    call: Callable[..., Any]


def methods(servicers: Mapping[str, tuple[object, ...]]) -> dict[str, Method]:
    """Every method of every service by name, each taken from the servicer that has it; no two have the same name."""
    return {
        method.name: Method(method, GetMessageClass(method.input_type), _find(method.name, servicers[service.name]))
        for service in _SERVICES
        for method in service.methods
    }


# What is told of every call that is over: its method, its code and how many seconds it took.
Called = Callable[[str, str, float], None]
Over = Callable[[str, float], None]


def services(
    found: Mapping[str, Method], called: Called = lambda method, code, took_s: None
) -> Iterator[tuple[str, dict[str, Any]]]:
    """The full name of every service with the gRPC handlers of its methods by name."""
    for service in _SERVICES:
        names = [method.name for method in service.methods]
        yield service.full_name, {name: _handler(found[name], partial(called, name)) for name in names}


def code_of(error: StellwerkError) -> grpc.StatusCode:
    """The gRPC code of a domain error; INTERNAL for what should not happen."""
    return next((code for kind, code in _CODES if isinstance(error, kind)), grpc.StatusCode.INTERNAL)


def _find(name: str, servicers: tuple[object, ...]) -> Callable[..., Any]:
    found: Callable[..., Any] = next(getattr(s, name) for s in servicers if hasattr(s, name))
    return found


def _handler(method: Method, over: Over) -> Any:
    parse, call = _parser(method.request), method.call
    if method.descriptor.client_streaming:
        return grpc.stream_stream_rpc_method_handler(_stream_in(parse, call, over), None, _encode)
    if method.descriptor.server_streaming:
        return grpc.unary_stream_rpc_method_handler(_stream_out(parse, call, over), None, _encode)
    return grpc.unary_unary_rpc_method_handler(_unary(parse, call, over), None, _encode)


def _encode(message: Message) -> bytes:
    return message.SerializeToString()


def _parser(message_class: type[Message]) -> Callable[[bytes], Any]:
    parse = message_class.FromString
    name = message_class.DESCRIPTOR.full_name

    def parse_or_refuse(data: bytes) -> Any:
        try:
            return parse(data)
        except (DecodeError, UnicodeDecodeError) as error:
            hint = f"expected a {name} with valid UTF-8 in its strings, came {len(data)} bytes that are none ({error})"
            raise InvalidArgument([Problem("request", hint)], reason="MALFORMED_REQUEST") from error

    return parse_or_refuse


def _unary(parse: Callable[[bytes], Any], call: Callable[..., Any], over: Over) -> Callable[..., Any]:
    async def handle(data: bytes, context: grpc.aio.ServicerContext[Any, Any]) -> Any:
        began_s, code = time.perf_counter(), "CANCELLED"
        try:
            response = await call(parse(data), context)
            code = "OK"
            return response
        except Exception as error:
            code = _code_name(error)
            await _abort(context, error)
        finally:
            over(code, time.perf_counter() - began_s)

    return handle


def _stream_out(parse: Callable[[bytes], Any], call: Callable[..., Any], over: Over) -> Callable[..., Any]:
    async def handle(data: bytes, context: grpc.aio.ServicerContext[Any, Any]) -> AsyncIterator[Any]:
        began_s, code = time.perf_counter(), "CANCELLED"
        try:
            async for response in call(parse(data), context):
                yield response
            code = "OK"
        except Exception as error:
            code = _code_name(error)
            await _abort(context, error)
        finally:
            over(code, time.perf_counter() - began_s)

    return handle


def _stream_in(parse: Callable[[bytes], Any], call: Callable[..., Any], over: Over) -> Callable[..., Any]:
    async def handle(requests: AsyncIterator[bytes], context: grpc.aio.ServicerContext[Any, Any]) -> AsyncIterator[Any]:
        began_s, code = time.perf_counter(), "CANCELLED"

        async def parsed() -> AsyncIterator[Any]:
            async for data in requests:
                yield parse(data)

        try:
            async for response in call(parsed(), context):
                yield response
            code = "OK"
        except Exception as error:
            code = _code_name(error)
            await _abort(context, error)
        finally:
            over(code, time.perf_counter() - began_s)

    return handle


def _code_name(error: Exception) -> str:
    """The code a caller sees for what has happened."""
    if isinstance(error, grpc.aio.AbortError | grpc.aio.UsageError):
        return grpc.StatusCode.CANCELLED.name
    if isinstance(error, GONE):
        return grpc.StatusCode.UNAVAILABLE.name
    return code_of(error).name if isinstance(error, StellwerkError) else grpc.StatusCode.INTERNAL.name


async def _abort(context: grpc.aio.ServicerContext[Any, Any], error: Exception) -> None:
    if isinstance(error, grpc.aio.AbortError | asyncio.CancelledError | grpc.aio.UsageError):
        raise error
    known = known_error(error)
    code = code_of(known)
    status = status_pb2.Status(code=code.value[0], message=known.message)
    status.details.extend(_details(known))
    trailing = (("grpc-status-details-bin", status.SerializeToString()),)
    await context.abort(code, known.message, trailing)


def known_error(error: Exception) -> StellwerkError:
    """The error a caller may see for what has happened; what should not happen is logged, and INTERNAL."""
    if isinstance(error, StellwerkError):
        return error
    if isinstance(error, GONE):
        return Unavailable(
            "DATABASE_DOWN", f"the database did not answer: {str(error).strip() or type(error).__name__}"
        )
    logger.error("a call failed inside the server", exc_info=error)
    return StellwerkError("INTERNAL", f"the server failed on this call: {type(error).__name__}")


def _details(error: StellwerkError) -> list[any_pb2.Any]:
    info = error_details_pb2.ErrorInfo(reason=error.reason, domain=DOMAIN, metadata=error.metadata)
    details: list[Message] = [info]
    if isinstance(error, InvalidArgument):
        violations = [
            error_details_pb2.BadRequest.FieldViolation(field=p.field, description=p.description)
            for p in error.problems[:100]
        ]
        details.append(error_details_pb2.BadRequest(field_violations=violations))
    if isinstance(error, errors.Exhausted | errors.Unavailable):
        delay = duration_pb2.Duration()
        delay.FromMilliseconds(int(error.retry_s * 1000))
        details.append(error_details_pb2.RetryInfo(retry_delay=delay))
    packed = []
    for detail in details:
        wrapped = any_pb2.Any()
        wrapped.Pack(detail)
        packed.append(wrapped)
    return packed
