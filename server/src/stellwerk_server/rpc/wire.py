"""The hot conversions: tasks and results to the wire, and what small fields of requests mean."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from google.protobuf.duration_pb2 import Duration

from stellwerk.v1 import run_pb2, worker_pb2
from stellwerk_server.commit.poll import Grant, Journal
from stellwerk_server.dispatch.results import Result
from stellwerk_server.model import ids
from stellwerk_server.model import token as tokens
from stellwerk_server.model.errors import InvalidArgument, Problem
from stellwerk_server.model.states import RunState
from stellwerk_server.rpc import convert

if TYPE_CHECKING:
    from stellwerk_server.telemetry.tracing import Tracing

# Of payloads in one answer; with those of a second list it still is below what a message may hold.
ANSWER_BYTES = 7 * 1024 * 1024


def task_out(grant: Grant, tracing: Tracing | None) -> worker_pb2.Task:
    """The task a worker gets; its trace context is that of its attempt, or without tracing the caller's."""
    task = worker_pb2.Task(
        token=tokens.pack(grant.run_id, grant.attempt, grant.secret, grant.step),
        run_id=ids.show(grant.run_id),
        step=grant.step,
        attempt=grant.attempt,
        max_attempts=grant.max_attempts,
        action=grant.action,
        workflow=grant.workflow.name,
        input=convert.payload_message(grant.input),
        deadline=convert.timestamp(grant.deadline),
        journal=None if grant.journal is None else journal_out(grant.journal),
    )
    if tracing is not None:
        # A decision has no span of its own: what it starts belongs to the run.
        of = (grant.step, grant.attempt) if grant.journal is None else ("", 0)
        task.trace.update(tracing.task_trace(grant.run_id, *of, grant.trace))
    elif grant.trace is not None:
        task.trace.update(json.loads(grant.trace))
    return task


def result_out(result: Result) -> run_pb2.RunResult:
    """How a run has ended."""
    return run_pb2.RunResult(
        run_id=ids.show(result.run_id),
        state=int(result.state),  # type: ignore[arg-type]  # same numbers as the enum
        output=convert.payload_message(result.output),
        failure=convert.failure_message(result.failure),
        continued_as=continued_as(result),
    )


def continued_as(result: Result) -> str:
    """The run that goes on after this one; empty when it was not continued."""
    return str(json.loads(result.output)) if result.state is RunState.CONTINUED and result.output else ""


def journal_out(journal: Journal) -> worker_pb2.Journal:
    """The journal a hand-out or a verdict of a decision carries."""
    events = [convert.event_message(event) for event in journal.events]
    return worker_pb2.Journal(after_sequence=journal.after, sequence=journal.sequence, events=events)


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


def seconds_in(span: Duration) -> float:
    """A span in seconds, also one that no timedelta can hold."""
    return span.seconds + span.nanos / 1e9


def wait_in(message: Any, name: str, default_s: float, most_s: float = 60.0) -> float:
    """A wait in seconds, bounded; the default when the field is absent."""
    if not message.HasField(name):
        return default_s
    seconds = seconds_in(getattr(message, name))
    if not 0 <= seconds <= most_s:
        raise InvalidArgument([Problem(name, f"expected 0 s to {most_s:g} s, came {seconds:g} s")])
    return seconds
