"""gRPC statuses and per-item refusals to the exceptions of `errors`.

The only place that reads google.rpc details; must not decide what is sent again."""

from __future__ import annotations

from typing import Any

import grpc
from google.rpc import code_pb2, error_details_pb2, status_pb2

from stellwerk import errors
from stellwerk._records import FieldProblem
from stellwerk.v1.payload_pb2 import Refusal

_BY_REASON: dict[str, type[errors.RequestError]] = {
    "LEASE_LOST": errors.LeaseLost,
    "RUN_TERMINAL": errors.RunTerminal,
    "IDEMPOTENCY_KEY_REUSED": errors.IdempotencyKeyReused,
    "PAYLOAD_TOO_LARGE": errors.PayloadTooLarge,
}
_BY_CODE: dict[str, type[errors.RequestError]] = {
    "INVALID_ARGUMENT": errors.InvalidArgument,
    "OUT_OF_RANGE": errors.InvalidArgument,
    "NOT_FOUND": errors.NotFound,
    "ALREADY_EXISTS": errors.AlreadyExists,
    "FAILED_PRECONDITION": errors.FailedPrecondition,
    "RESOURCE_EXHAUSTED": errors.ResourceExhausted,
    "UNAUTHENTICATED": errors.Unauthenticated,
    "PERMISSION_DENIED": errors.PermissionDenied,
    "DEADLINE_EXCEEDED": errors.DeadlineExceeded,
    "UNAVAILABLE": errors.Unavailable,
}
# What grpc.aio says when something was being written to a stream as it ended; the stream's own status is lost with it.
_CUT_WHILE_WRITTEN = (grpc.StatusCode.INTERNAL, "Internal error from Core")


def cut_while_written(error: grpc.RpcError) -> bool:
    """Whether the stream ended under a write, so that why it did is not known."""
    call: Any = error
    return (call.code(), call.details()) == _CUT_WHILE_WRITTEN


def from_rpc(error: grpc.RpcError, address: str) -> errors.RequestError:
    """The exception of a failed call; `address` (and its TLS) is named when the server could not be reached."""
    if cut_while_written(error):
        return errors.Unavailable("the stream broke while something was written to it", code="UNAVAILABLE")
    call: Any = error
    code = call.code().name
    facts: dict[str, Any] = {"code": code}
    details = _details(call)
    for detail in details.details if details else ():
        facts.update(_facts(detail))
    message = call.details() or code
    if code == "UNAVAILABLE" and not facts.get("reason"):
        message = f"no Stellwerk server answers at {address}: {message}"
    return _class_of(facts)(message, **facts)


def from_refusal(refusal: Refusal) -> errors.RequestError:
    """The exception of one refused item of a batch."""
    facts: dict[str, Any] = {
        "code": _code_name(refusal.code),
        "reason": refusal.reason,
        "metadata": dict(refusal.metadata),
        "fields": tuple(FieldProblem(field.field, field.description) for field in refusal.fields),
    }
    return _class_of(facts)(refusal.message or refusal.reason, **facts)


def _class_of(facts: dict[str, Any]) -> type[errors.RequestError]:
    by_code = _BY_CODE.get(facts["code"], errors.RequestError)
    return _BY_REASON.get(facts.get("reason", ""), by_code)


def _code_name(number: int) -> str:
    names = code_pb2.Code.DESCRIPTOR.values_by_number
    return names[number].name if number in names else "UNKNOWN"


def _details(call: Any) -> status_pb2.Status | None:
    for key, value in call.trailing_metadata() or ():
        if key == "grpc-status-details-bin":
            return status_pb2.Status.FromString(value)
    return None


def _facts(detail: Any) -> dict[str, Any]:
    """What one google.rpc detail says, as arguments of RequestError."""
    if detail.Is(error_details_pb2.ErrorInfo.DESCRIPTOR):
        info = error_details_pb2.ErrorInfo()
        detail.Unpack(info)
        return {"reason": info.reason, "metadata": dict(info.metadata)}
    if detail.Is(error_details_pb2.BadRequest.DESCRIPTOR):
        bad = error_details_pb2.BadRequest()
        detail.Unpack(bad)
        return {"fields": tuple(FieldProblem(f.field, f.description) for f in bad.field_violations)}
    if detail.Is(error_details_pb2.RetryInfo.DESCRIPTOR):
        retry = error_details_pb2.RetryInfo()
        detail.Unpack(retry)
        return {"retry_after_s": retry.retry_delay.seconds + retry.retry_delay.nanos / 1e9}
    return {}
