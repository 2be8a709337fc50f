"""The spans of a client and a worker, over OpenTelemetry's API alone; imported only where there is a provider.

Must not fail or hold up what it tells about, and must not change the trace context the server sent.
"""

from __future__ import annotations

import contextvars
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any

from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import Link, Span, SpanContext, SpanKind, Status, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from stellwerk._channel import VERSION
from stellwerk.v1.payload_pb2 import Failure
from stellwerk.v1.run_pb2 import StartRunRequest, StartRunResponse
from stellwerk.v1.worker_pb2 import Task, TaskResult

_PROPAGATOR = TraceContextTextMapPropagator()
_MESSAGE_CHARS_MAX = 1_024

SendStart = Callable[[StartRunRequest, contextvars.Context], Awaitable[StartRunResponse]]
Deliver = Callable[[Sequence[TaskResult]], Awaitable[None]]


class Spans:
    """Spans of one client or worker in one namespace."""

    def __init__(self, provider: trace.TracerProvider, namespace: str) -> None:
        self._tracer = provider.get_tracer("stellwerk", VERSION)
        self._namespace = namespace

    async def start(self, request: StartRunRequest, send: SendStart) -> StartRunResponse:
        """Send a start inside its span, which the run's trace goes on from; one span, however often it is sent."""
        parent = _context(request.trace) if request.trace else None
        facts = {**self._facts("start", "send", request.workflow), "stellwerk.workflow.name": request.workflow}
        if request.version:
            facts["stellwerk.workflow.version"] = request.version
        name = f"start {request.workflow}"
        with self._tracer.start_as_current_span(
            name, parent, SpanKind.PRODUCER, facts, record_exception=False, set_status_on_exception=False
        ) as span:
            named: dict[str, str] = {}
            _PROPAGATOR.inject(named)
            if named:
                request.trace.clear()
                request.trace.update(named)
            try:
                response = await send(request, contextvars.copy_context())
            except BaseException as error:
                _fail(span, type(error).__name__, str(error))
                raise
            span.set_attribute("messaging.message.conversation_id", response.run_id)
            span.set_attribute("stellwerk.run.id", response.run_id)
            return response

    def of_worker(self, queue: str, worker_id: str) -> WorkerSpans:
        """The spans of a worker."""
        return WorkerSpans(self._tracer, queue, worker_id, self._facts)

    @staticmethod
    def interceptors() -> list[Any]:
        """For a channel: the spans of its unary calls by OpenTelemetry's own instrumentation, if that is installed.

        Streams are held open for minutes and polls mostly come back empty: spans of theirs would tell nothing.
        """
        try:
            from opentelemetry.instrumentation.grpc import GrpcAioInstrumentorClient, aio_client_interceptors, filters
        except ImportError:
            return []
        instrumentor: Any = GrpcAioInstrumentorClient
        if instrumentor().is_instrumented_by_opentelemetry:
            return []
        make: Any = aio_client_interceptors
        of_unary_calls, *_ = make(filter_=filters.negate(filters.method_name("PollTask")))
        return [of_unary_calls]

    def _facts(self, operation: str, type: str, destination: str) -> dict[str, Any]:
        return {
            "messaging.system": "stellwerk",
            "messaging.operation.name": operation,
            "messaging.operation.type": type,
            "messaging.destination.name": destination,
            "stellwerk.namespace": self._namespace,
        }


class TaskSpan:
    """The span of one task in this worker's hands; `scope` is what its handler runs in."""

    __slots__ = ("_scope", "_span")

    def __init__(self, span: Span, parent: Context) -> None:
        self._span = span
        self._scope = contextvars.copy_context()
        self._scope.run(otel_context.attach, trace.set_span_in_context(span, parent))

    @property
    def scope(self) -> contextvars.Context:
        """A copy: one context cannot be entered by two threads."""
        return self._scope.copy()

    @property
    def context(self) -> SpanContext:
        """The ids of the span."""
        return self._span.get_span_context()

    def end(self, result: TaskResult | None) -> None:
        """The task has its result; None: the lease was lost, so there is nobody to tell it."""
        if result is None:
            _fail(self._span, "LeaseLost", "the lease was lost")
        elif result.HasField("failure"):
            failure = result.failure
            self._span.add_event("exception", _exception(failure))
            _fail(self._span, failure.type, failure.message)
        self._span.end()


class WorkerSpans:
    """Spans of tasks, of the polls that brought them and of the calls that told their results."""

    def __init__(
        self, tracer: trace.Tracer, queue: str, worker_id: str, facts: Callable[[str, str, str], dict[str, Any]]
    ) -> None:
        self._tracer = tracer
        self._queue = queue
        who = {"messaging.client.id": worker_id, "stellwerk.worker.id": worker_id}
        self._process = {**facts("process", "process", queue), **who}
        self._poll = {**facts("poll", "receive", queue), **who}
        self._complete = {**facts("complete", "settle", queue), **who}
        # Spans that ended, whose results were not sent yet.
        self._ended: dict[bytes, SpanContext] = {}

    def begin(self, task: Task) -> TaskSpan:
        """A task has come: its span, a child of what the server named."""
        parent = _context(task.trace)
        facts = {
            **self._process,
            "messaging.message.conversation_id": task.run_id,
            "messaging.message.id": f"{task.run_id}/{task.step}/{task.attempt}",
            "stellwerk.workflow.name": task.workflow,
            "stellwerk.run.id": task.run_id,
            "stellwerk.step.id": task.step,
            "stellwerk.attempt": task.attempt,
            "stellwerk.action": task.action,
        }
        return TaskSpan(self._tracer.start_span(f"process {task.action}", parent, SpanKind.CONSUMER, facts), parent)

    def end(self, token: bytes, span: TaskSpan, result: TaskResult | None) -> None:
        """The task has its result, which is sent next."""
        span.end(result)
        if result is not None:
            self._ended[token] = span.context

    def polled(self, tasks: Iterable[Task], began_ns: int) -> None:
        """A poll has brought tasks. It is left out when all of them belong to traces that are not sampled."""
        named = [trace.get_current_span(_context(task.trace)).get_span_context() for task in tasks]
        links = [Link(context) for context in named if context.is_valid and context.trace_flags.sampled]
        if links or not all(context.is_valid for context in named):
            facts = {**self._poll, "messaging.batch.message_count": len(named)}
            self._tracer.start_span(
                f"poll {self._queue}", Context(), SpanKind.CLIENT, facts, links, start_time=began_ns
            ).end()

    async def deliver(self, batch: Sequence[TaskResult], send: Deliver) -> None:
        """Send a batch inside one span, however often it is sent; results that are sent again have had theirs."""
        ended = [context for result in batch if (context := self._ended.pop(result.token, None)) is not None]
        links = [Link(context) for context in ended if context.trace_flags.sampled]
        if not links:
            # The spans of the call itself go by the flag of what it is about.
            with trace.use_span(trace.NonRecordingSpan(ended[0]) if ended else trace.INVALID_SPAN):
                await send(batch)
            return
        facts = {**self._complete, "messaging.batch.message_count": len(batch)}
        name = f"complete {self._queue}"
        with self._tracer.start_as_current_span(
            name, Context(), SpanKind.CLIENT, facts, links, record_exception=False, set_status_on_exception=False
        ) as span:
            try:
                await send(batch)
            except BaseException as error:
                _fail(span, type(error).__name__, str(error))
                raise


def _context(carrier: Mapping[str, str]) -> Context:
    """The remote context a task or start names; an empty one when it names none."""
    return _PROPAGATOR.extract(dict(carrier), Context())


def _fail(span: Span, type: str, message: str) -> None:
    span.set_attribute("error.type", type)
    span.set_status(Status(StatusCode.ERROR, message[:_MESSAGE_CHARS_MAX]))


def _exception(failure: Failure) -> dict[str, str]:
    facts = {"exception.type": failure.type, "exception.message": failure.message}
    if failure.stack:
        facts["exception.stacktrace"] = failure.stack
    return facts
