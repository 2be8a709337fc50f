"""The hot conversions: payloads, failures and tasks between their wire and their stored form."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import orjson
from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from stellwerk.v1 import payload_pb2, run_pb2, worker_pb2
from stellwerk_server.commit.poll import Grant
from stellwerk_server.dispatch.results import Result
from stellwerk_server.model import ids
from stellwerk_server.model import payload as payloads
from stellwerk_server.model import token as tokens
from stellwerk_server.model.errors import InvalidArgument, Problem
from stellwerk_server.model.events import Instant
from stellwerk_server.model.failure import Category, Failure
from stellwerk_server.model.payload import Payload

_MAX_FAILURE_TEXT = 64 * 1024
_MAX_CAUSES = 8


def payload_in(message: payload_pb2.Payload, field: str, limit: int) -> Payload:
    """The stored form; raises InvalidArgument naming the field when it is too large or no JSON."""
    kind = message.WhichOneof("content")
    if kind is None:
        return payloads.NULL
    if kind == "json":
        content = message.json.encode()
        _require_size(len(content), limit, field)
        _require_json(content, f"{field}.json")
        if not message.metadata:
            return Payload(content)
        kind_of = message.content_type or "application/json"
    else:
        content = message.data
        _require_size(len(content), limit, field)
        kind_of = message.content_type or "application/octet-stream"
    return payloads.pack(content, kind_of, dict(message.metadata))


def payload_out(payload: Payload) -> payload_pb2.Payload:
    """The wire form."""
    if payload[:1] != b"\0":
        return payload_pb2.Payload(json=payload.decode())
    header, data = payloads.unpack(payload)
    kind, metadata = header.get("content_type", ""), header.get("metadata", {})
    if kind == "application/json":
        return payload_pb2.Payload(json=data.decode(), content_type=kind, metadata=metadata)
    return payload_pb2.Payload(data=data, content_type=kind, metadata=metadata)


def failure_in(message: payload_pb2.Failure, field: str, limit: int, depth: int = 0) -> Failure:
    """A failure as a worker reports it; long texts are cut, deep causes dropped."""
    retry_after = message.retry_after.ToTimedelta().total_seconds() if message.HasField("retry_after") else None
    if retry_after is not None and not 0 <= retry_after <= 315_360_000:
        problem = Problem(f"{field}.retry_after", f"expected 0 s to 10 years, came {retry_after} s")
        raise InvalidArgument([problem])
    details = payload_in(message.details, f"{field}.details", limit) if message.HasField("details") else None
    cause = None
    if message.HasField("cause") and depth < _MAX_CAUSES:
        cause = failure_in(message.cause, f"{field}.cause", limit, depth + 1)
    return Failure(
        message.type[:200] or "Error",
        message.message[:_MAX_FAILURE_TEXT],
        message.stack[:_MAX_FAILURE_TEXT],
        Category(message.category) if 1 <= message.category <= 7 else Category.USER,
        message.terminal,
        retry_after,
        details,
        cause,
    )


def failure_out(failure: Failure) -> payload_pb2.Failure:
    """The wire form of a recorded failure."""
    message = payload_pb2.Failure(
        type=failure.type,
        message=failure.message,
        stack=failure.stack,
        category=int(failure.category),  # type: ignore[arg-type]  # same numbers as the enum
        terminal=failure.terminal,
        step=failure.step,
        attempt=failure.attempt,
        worker_id=failure.worker,
    )
    if failure.retry_after_s is not None:
        message.retry_after.CopyFrom(Duration(nanos=0, seconds=0))
        message.retry_after.FromMicroseconds(int(failure.retry_after_s * 1e6))
    if failure.details is not None:
        message.details.CopyFrom(payload_out(failure.details))
    if failure.cause is not None:
        message.cause.CopyFrom(failure_out(failure.cause))
    if failure.at:
        message.occur_time.CopyFrom(instant_out(failure.at))
    return message


def instant_out(at: Instant) -> Timestamp:
    """The wire form of an instant."""
    return Timestamp(seconds=at // 1_000_000, nanos=at % 1_000_000 * 1000)


def task_out(grant: Grant) -> worker_pb2.Task:
    """The task a worker gets."""
    task = worker_pb2.Task(
        token=tokens.pack(grant.run_id, grant.attempt, grant.secret, grant.step),
        run_id=ids.show(grant.run_id),
        step=grant.step,
        attempt=grant.attempt,
        max_attempts=grant.max_attempts,
        action=grant.action,
        workflow=grant.workflow.name,
        input=payload_out(grant.input),
    )
    if grant.deadline is not None:
        task.deadline.CopyFrom(instant_out(grant.deadline))
    if grant.trace is not None:
        task.trace.update(json.loads(grant.trace))
    return task


def result_out(result: Result) -> run_pb2.RunResult:
    """How a run has ended."""
    message = run_pb2.RunResult(run_id=ids.show(result.run_id), state=int(result.state))  # type: ignore[arg-type]
    if result.output is not None:
        message.output.CopyFrom(payload_out(result.output))
    if result.failure is not None:
        message.failure.CopyFrom(failure_out(result.failure))
    return message


def trace_in(trace: Mapping[str, str]) -> str | None:
    """The trace context as it is stored; None without one."""
    kept = {name: value[:512] for name, value in trace.items() if name in ("traceparent", "tracestate")}
    return json.dumps(kept) if kept else None


def run_id_in(text: str, field: str = "run_id") -> int:
    """The id behind the text; raises InvalidArgument when it is none."""
    run_id = ids.parse(text)
    if run_id is None:
        raise InvalidArgument([Problem(field, f"expected a run id such as {ids.show(0)}, came {text[:80]!r}")])
    return run_id


def _require_size(size: int, limit: int, field: str) -> None:
    if size > limit:
        problem = Problem(field, f"expected at most {limit} bytes, came {size}")
        raise InvalidArgument([problem], "PAYLOAD_TOO_LARGE", size=str(size), limit=str(limit), field=field)


def _require_json(content: bytes, field: str) -> None:
    try:
        orjson.loads(content)
    except orjson.JSONDecodeError as error:
        raise InvalidArgument([Problem(field, f"expected JSON, came text that is none: {error}")]) from error


def wait_in(message: Any, name: str, default_s: float, most_s: float = 60.0) -> float:
    """A wait in seconds, bounded; the default when the field is absent."""
    if not message.HasField(name):
        return default_s
    seconds: float = getattr(message, name).ToTimedelta().total_seconds()
    if not 0 <= seconds <= most_s:
        raise InvalidArgument([Problem(name, f"expected 0 s to {most_s:g} s, came {seconds:g} s")])
    return seconds
