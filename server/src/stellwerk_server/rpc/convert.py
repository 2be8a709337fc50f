"""Values of the model and rows of the store as protos, and payloads and failures back. Decides and reads nothing."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import orjson
from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from stellwerk.v1 import dead_letter_pb2, payload_pb2, run_pb2
from stellwerk_server.model import failure as failures
from stellwerk_server.model import ids, payload
from stellwerk_server.model.definition import StepDefinition, StepKind
from stellwerk_server.model.errors import InvalidArgument, Problem
from stellwerk_server.model.events import SECOND, Event, Instant
from stellwerk_server.model.failure import Category, Failure
from stellwerk_server.model.payload import Payload
from stellwerk_server.model.states import RunState
from stellwerk_server.rpc.fields import DEAD_LETTER_PREFIX, shown
from stellwerk_server.store.chunks import Chunk
from stellwerk_server.store.dead_letters import DeadLetter
from stellwerk_server.store.runs import Published, Run
from stellwerk_server.store.steps import Step

JSON = "application/json"
# Deep enough for any document people write; the readers of all languages manage it without a stack overflow.
MAX_JSON_DEPTH = 200
_INTERNAL = frozenset(("lane", "pin_lane", "checksum"))
_MAX_CONTENT_TYPE_CHARS = 200
_MAX_CAUSES = 10
_MAX_TYPE_CHARS = 256
_MAX_MESSAGE_CHARS = 32_768
_MAX_STACK_CHARS = 65_536
_MAX_RETRY_AFTER_S = 366 * 86_400


def timestamp(instant: Instant | None) -> Timestamp | None:
    """The proto of an instant."""
    if instant is None:
        return None
    seconds, micros = divmod(instant, SECOND)
    return Timestamp(seconds=seconds, nanos=micros * 1_000)


def read_payload(message: payload_pb2.Payload, field: str, max_bytes: int) -> Payload:
    """The stored form of a payload that came in; absent means JSON null.

    Raises InvalidArgument: with reason PAYLOAD_TOO_LARGE when content and metadata are beyond `max_bytes`, else for
    what is not JSON.
    """
    kind = message.WhichOneof("content")
    if kind is None:
        return payload.NULL
    content = message.json.encode() if kind == "json" else message.data
    size = len(content) + sum(len(name) + len(value.encode()) for name, value in message.metadata.items())
    if size > max_bytes:
        raise _too_large(field, size, max_bytes)
    is_json = kind == "json" or message.content_type == JSON
    if is_json:
        _check_json(content, f"{field}.{kind}")
        if not message.metadata and message.content_type in ("", JSON):
            return Payload(content)
    return _packed(message, content, field, is_json)


def payload_message(stored: Payload | None) -> payload_pb2.Payload | None:
    """The proto of a stored payload."""
    return None if stored is None else _payload_message(stored)


def _payload_message(stored: Payload) -> payload_pb2.Payload:
    if payload.is_json(stored):
        return payload_pb2.Payload(json=stored.decode())
    header, data = payload.unpack(stored)
    content_type, metadata = header.get("content_type", ""), header.get("metadata")
    if _names_json(content_type):
        return payload_pb2.Payload(json=data.decode(), content_type=content_type, metadata=metadata)
    return payload_pb2.Payload(data=data, content_type=content_type, metadata=metadata)


def read_failure(message: payload_pb2.Failure, field: str, max_bytes: int) -> Failure:
    """A failure a worker reports; where and when it happened is not its to say.

    Long texts are cut and unknown categories are the handler's fault: an outcome is not lost over its form. Raises
    InvalidArgument for details that are no payload or a `retry_after` that is no span.
    """
    return _read_failure(message, field, max_bytes, _MAX_CAUSES)


def failure_message(failure: Failure | None) -> payload_pb2.Failure | None:
    """The proto of a failure, causes included."""
    if failure is None:
        return None
    return payload_pb2.Failure(
        type=failure.type,
        message=failure.message,
        stack=failure.stack,
        category=int(failure.category),  # type: ignore[arg-type]  # the numbers are the proto's
        terminal=failure.terminal,
        retry_after=_duration(failure.retry_after_s),
        details=payload_message(failure.details),
        cause=failure_message(failure.cause),
        step=failure.step,
        attempt=failure.attempt,
        worker_id=failure.worker,
        occur_time=timestamp(failure.at or None),
    )


def stored_failure_message(stored: str | None) -> payload_pb2.Failure | None:
    """The proto of a failure as the tables keep it."""
    return None if stored is None else failure_message(failures.from_json(stored))


def run_message(
    run: Run, steps: Iterable[run_pb2.Step] = (), published: Iterable[Published] = (), waiting_for: str = ""
) -> run_pb2.Run:
    """A run as it stands. What a continued one leaves behind is the id of the next, not an output."""
    continued = run.state == RunState.CONTINUED
    return run_pb2.Run(
        run_id=ids.show(run.id),
        namespace=run.namespace,
        workflow=run.workflow,
        version=run.version,
        state=run.state,  # type: ignore[arg-type]  # the numbers are the proto's
        input=payload_message(run.input),
        output=None if continued else payload_message(run.output),
        failure=stored_failure_message(run.failure),
        idempotency_key=run.idempotency_key or "",
        create_time=timestamp(run.created_at),
        end_time=timestamp(run.ended_at),
        deadline=timestamp(run.deadline),
        forked_from=_shown_id(run.forked_from),
        sequence=run.seq,
        block_reason=run.block_reason or "",
        parent_run_id=_shown_id(run.parent_run_id),
        parent_step=run.parent_step or "",
        steps=steps,
        published={each.key: _payload_message(each.value) for each in published},
        attributes=run.attributes or "",
        waiting_for=waiting_for,
        continued_as=json.loads(run.output) if continued and run.output else "",
    )


def step_message(step: Step, defined: StepDefinition, needs: Iterable[str], waiting_for: str) -> run_pb2.Step:
    """A step that has begun; `needs` are the ids of the steps it comes after."""
    return run_pb2.Step(
        step=step.key,
        state=step.state,  # type: ignore[arg-type]  # the numbers are the proto's
        attempt=step.attempt,
        input=payload_message(step.input),
        output=payload_message(step.output),
        failure=stored_failure_message(step.failure),
        due_time=timestamp(step.due_at),
        worker_id=step.worker or "",
        ready_time=timestamp(step.ready_at),
        start_time=timestamp(step.started_at),
        end_time=timestamp(step.ended_at),
        needs=needs,
        items=step.items or 0,
        items_finished=step.items_finished or 0,
        waiting_for=waiting_for,
        child_run_id=_shown_id(step.child),
        **_described(defined, step.item),
    )


def unbegun_step_message(defined: StepDefinition, needs: Iterable[str], state: int) -> run_pb2.Step:
    """A step that has no row because nothing happened to it yet."""
    return run_pb2.Step(
        step=defined.id,
        state=state,  # type: ignore[arg-type]  # the numbers are the proto's
        needs=needs,
        **_described(defined, None),
    )


def started_message(event: Event, run: Run) -> run_pb2.Event:
    """The first entry of a history, with what was started: the workflow's name and the input, kept with the run."""
    return event_message(event._replace(payload=run.input, data={**(event.data or {}), "workflow": run.workflow}))


def _shown(data: dict[str, Any] | None) -> str:
    """What else an event carries, without what only the server has a use for."""
    if data is None:
        return ""
    return json.dumps({name: value for name, value in data.items() if name not in _INTERNAL}, ensure_ascii=False)


def event_message(event: Event) -> run_pb2.Event:
    """One entry of a history."""
    return run_pb2.Event(
        sequence=event.seq,
        time=timestamp(event.at),
        type=event.type.name,
        step=event.step or "",
        attempt=event.attempt or 0,
        payload=payload_message(event.payload),
        failure=failure_message(event.failure),
        worker_id=event.worker or "",
        start_time=timestamp(event.started_at),
        attributes=_shown(event.data),
    )


def chunk_message(chunk: Chunk) -> run_pb2.Chunk:
    """One piece of a stream."""
    return run_pb2.Chunk(
        step=chunk.step,
        attempt=chunk.attempt,
        sequence=chunk.seq,
        payload=payload_message(chunk.payload),
        time=timestamp(chunk.at),
    )


def dead_letter_message(letter: DeadLetter) -> dead_letter_pb2.DeadLetter:
    """A dead letter."""
    return dead_letter_pb2.DeadLetter(
        dead_letter_id=ids.show(letter.id, DEAD_LETTER_PREFIX),
        run_id=ids.show(letter.run_id),
        step=letter.step,
        attempt=letter.attempt,
        workflow=letter.workflow,
        action=letter.action,
        queue=letter.queue,
        input=payload_message(letter.input),
        failure=stored_failure_message(letter.failure),
        reason=letter.reason,
        state=letter.state,  # type: ignore[arg-type]  # the numbers are the proto's
        create_time=timestamp(letter.created_at),
        requeued_run_id=_shown_id(letter.requeued_run_id),
    )


def _described(defined: StepDefinition, item: int | None) -> dict[str, Any]:
    kind = "foreach" if defined.foreach is not None and item is None else defined.kind.name.lower()
    if defined.kind is not StepKind.ACTION:
        return {"kind": kind, "signal": defined.signal}
    return {"kind": kind, "action": defined.action, "queue": defined.queue, "max_attempts": defined.retry.max_attempts}


def _shown_id(number: int | None) -> str:
    return "" if number is None else ids.show(number)


def _duration(seconds: float | None) -> Duration | None:
    if seconds is None:
        return None
    whole, micros = divmod(round(seconds * SECOND), SECOND)
    return Duration(seconds=whole, nanos=micros * 1_000)


def _problem(field: str, expected: str, came: str) -> InvalidArgument:
    return InvalidArgument([Problem(field, f"expected {expected}, came {came}")])


def _too_large(field: str, size: int, limit: int) -> InvalidArgument:
    problem = Problem(field, f"expected at most {limit} bytes, came {size} bytes")
    return InvalidArgument([problem], reason="PAYLOAD_TOO_LARGE", field=field, size=str(size), limit=str(limit))


def _check_json(content: bytes, field: str) -> None:
    try:
        value = orjson.loads(content)
    except orjson.JSONDecodeError as error:
        came = "nothing" if not content.strip() else f"{shown(content[:200])}: {error}"
        raise _problem(field, f"JSON text at most {MAX_JSON_DEPTH} levels deep", came) from None
    # Counting brackets is far quicker than walking, and almost always says enough.
    if content.count(b"[") + content.count(b"{") > MAX_JSON_DEPTH and _deeper_than(value, MAX_JSON_DEPTH):
        raise _problem(field, f"JSON text at most {MAX_JSON_DEPTH} levels deep", "a deeper one")


def _deeper_than(value: Any, limit: int) -> bool:
    level = [value]
    for _ in range(limit):
        level = [
            child
            for parent in level
            if isinstance(parent, list | dict)
            for child in (parent.values() if isinstance(parent, dict) else parent)
            if isinstance(child, list | dict)
        ]
        if not level:
            return False
    return True


def _names_json(content_type: str) -> bool:
    return content_type == JSON or content_type.endswith("+json")


def _packed(message: payload_pb2.Payload, content: bytes, field: str, is_json: bool) -> Payload:
    content_type = message.content_type or (JSON if is_json else "application/octet-stream")
    if len(content_type) > _MAX_CONTENT_TYPE_CHARS:
        raise _problem(f"{field}.content_type", f"at most {_MAX_CONTENT_TYPE_CHARS} characters", shown(content_type))
    if is_json and not _names_json(content_type):
        raise _problem(
            f"{field}.content_type", f"{JSON} or something that ends in +json with `json`", shown(content_type)
        )
    if not is_json and _names_json(content_type):
        _check_json(content, f"{field}.data")
    return payload.pack(content, content_type, dict(message.metadata))


def _read_failure(message: payload_pb2.Failure, field: str, max_bytes: int, causes_left: int) -> Failure:
    known = message.category in Category._value2member_map_
    cause = message.cause if message.HasField("cause") and causes_left else None
    return Failure(
        type=_cut(message.type, _MAX_TYPE_CHARS) or "Error",
        message=_cut(message.message, _MAX_MESSAGE_CHARS),
        stack=_cut(message.stack, _MAX_STACK_CHARS),
        category=Category(message.category) if known else Category.USER,
        terminal=message.terminal,
        retry_after_s=_retry_after_s(message, field),
        details=read_payload(message.details, f"{field}.details", max_bytes) if message.HasField("details") else None,
        cause=_read_failure(cause, f"{field}.cause", max_bytes, causes_left - 1) if cause else None,
    )


def _retry_after_s(message: payload_pb2.Failure, field: str) -> float | None:
    if not message.HasField("retry_after"):
        return None
    seconds = message.retry_after.seconds + message.retry_after.nanos / 1e9
    if not 0 <= seconds <= _MAX_RETRY_AFTER_S:
        raise _problem(f"{field}.retry_after", f"0 to {_MAX_RETRY_AFTER_S} seconds", f"{seconds} seconds")
    return seconds


def _cut(text: str, max_chars: int) -> str:
    return text if len(text) <= max_chars else f"{text[: max_chars - 1]}…"
