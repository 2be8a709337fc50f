"""A receiver of traces: OTLP over gRPC as a collector speaks it, keeping every span for the tests to look at.

Runs in threads of its own, so that sync and async tests may use it; it must not drop or merge anything.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import grpc
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc
from opentelemetry.proto.trace.v1 import trace_pb2

PATIENCE_S = 30.0


@dataclass(frozen=True)
class Received:
    """One span, its ids as hex, `parent` empty for a root; links as (trace id, span id)."""

    service: str
    scope: str
    name: str
    kind: str
    trace: str
    id: str
    parent: str
    attributes: dict[str, Any]
    links: tuple[tuple[str, str], ...]
    failed: bool
    message: str
    start_ns: int
    end_ns: int

    @property
    def place(self) -> tuple[str, str]:
        """What a link to it says."""
        return self.trace, self.id

    @property
    def step(self) -> str:
        """The step it is about, "id[3]" for an item; empty for a run."""
        return str(self.attributes.get("stellwerk.step.id", ""))

    @property
    def attempt(self) -> int:
        """The attempt it is about; 0 for a step or a run."""
        return int(self.attributes.get("stellwerk.attempt", 0))


class Receiver(trace_service_pb2_grpc.TraceServiceServicer):
    """Every span that came, in the order it came. `refusing` makes it answer UNAVAILABLE."""

    def __init__(self) -> None:
        self.refusing = False
        self.refused = 0
        self._spans: list[Received] = []
        self._came = threading.Condition()
        self._server = grpc.server(ThreadPoolExecutor(8))
        trace_service_pb2_grpc.add_TraceServiceServicer_to_server(self, self._server)
        self.port = self._server.add_insecure_port("127.0.0.1:0")

    def environment(self, **extra: str) -> dict[str, str]:
        """The variables that make a program send its spans here, soon."""
        return {**exporting_to(f"http://127.0.0.1:{self.port}"), **extra}

    def Export(self, request: trace_service_pb2.ExportTraceServiceRequest, context: Any) -> Any:
        """Take a batch of spans."""
        if self.refusing:
            self.refused += 1
            context.abort(grpc.StatusCode.UNAVAILABLE, "told to refuse")
        with self._came:
            self._spans += _received(request)
            self._came.notify_all()
        return trace_service_pb2.ExportTraceServiceResponse()

    @property
    def spans(self) -> list[Received]:
        """All of them so far."""
        with self._came:
            return list(self._spans)

    def of(self, trace: str) -> list[Received]:
        """Those of one trace so far, without those of gRPC calls."""
        return [span for span in self.spans if span.trace == trace and "rpc.system" not in span.attributes]

    def until(self, look: Callable[[list[Received]], Any], patience_s: float = PATIENCE_S) -> Any:
        """Wait until `look` finds something in the spans; gives what it found. Blocks."""
        end_s = time.monotonic() + patience_s
        with self._came:
            while not (found := look(self._spans)):
                left_s = end_s - time.monotonic()
                names = "\n".join(sorted(f"{span.trace} {span.service}: {span.name}" for span in self._spans))
                assert left_s > 0, f"not in {patience_s:g} s; these spans came:\n{names}"
                self._came.wait(left_s)
        return found

    @contextmanager
    def listening(self) -> Iterator[Receiver]:
        """Take spans until the end of the block."""
        self._server.start()
        try:
            yield self
        finally:
            self._server.stop(None).wait()


def exporting_to(endpoint: str) -> dict[str, str]:
    """The variables that make a program of any language send its spans there."""
    return {
        "OTEL_TRACES_EXPORTER": "otlp",
        "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint,
        "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc",
        "OTEL_METRICS_EXPORTER": "none",
        "OTEL_LOGS_EXPORTER": "none",
        "OTEL_BSP_SCHEDULE_DELAY": "50",
    }


def _received(request: trace_service_pb2.ExportTraceServiceRequest) -> Iterator[Received]:
    for of_resource in request.resource_spans:
        service = _attributes(of_resource.resource).get("service.name", "")
        for of_scope in of_resource.scope_spans:
            for span in of_scope.spans:
                yield _span(span, str(service), of_scope.scope.name)


def _span(span: trace_pb2.Span, service: str, scope: str) -> Received:
    return Received(
        service=service,
        scope=scope,
        name=span.name,
        kind=trace_pb2.Span.SpanKind.Name(span.kind).removeprefix("SPAN_KIND_"),
        trace=span.trace_id.hex(),
        id=span.span_id.hex(),
        parent=span.parent_span_id.hex(),
        attributes=_attributes(span),
        links=tuple((link.trace_id.hex(), link.span_id.hex()) for link in span.links),
        failed=span.status.code == trace_pb2.Status.STATUS_CODE_ERROR,
        message=span.status.message,
        start_ns=span.start_time_unix_nano,
        end_ns=span.end_time_unix_nano,
    )


def _attributes(holder: Any) -> dict[str, Any]:
    return {
        pair.key: getattr(pair.value, pair.value.WhichOneof("value") or "string_value") for pair in holder.attributes
    }
