"""OpenTelemetry's provider and exporters for programs that have set up none; needs the extra `otel`.

Must not change a global provider that is there, and must not hold a program's end up.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Sequence
from importlib.metadata import entry_points

from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

_logger = logging.getLogger("stellwerk")


class Pipeline:
    """The provider we have set up, its queues and exporters."""

    def __init__(self, exporters: list[SpanExporter]) -> None:
        self._exporters = [_Watched(exporter) for exporter in exporters]
        self._processors = [BatchSpanProcessor(exporter) for exporter in self._exporters]
        self.provider = TracerProvider(shutdown_on_exit=False)
        for processor in self._processors:
            self.provider.add_span_processor(processor)

    def flush(self, limit_s: float) -> None:
        """Send what is queued, for so long; blocks. Not tried where the last try failed."""
        for exporter, processor in zip(self._exporters, self._processors, strict=True):
            if not exporter.broken:
                thread = threading.Thread(target=processor.force_flush, name="stellwerk-spans", daemon=True)
                thread.start()
                thread.join(limit_s)

    def close(self, limit_s: float) -> None:
        """Flush, and end the threads."""
        self.flush(limit_s)
        for exporter in self._exporters:
            # Before the processors, so that whoever still tries gives up.
            exporter.shutdown()
        for processor in self._processors:
            processor.shutdown()  # type: ignore[no-untyped-call]  # theirs has no types


class _Watched(SpanExporter):
    """Knows whether the last spans got out."""

    def __init__(self, exporter: SpanExporter) -> None:
        self._exporter = exporter
        self._closed = False
        self.broken = False

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Send them or lose them."""
        result = self._exporter.export(spans)
        self.broken = result is not SpanExportResult.SUCCESS
        return result

    def shutdown(self) -> None:
        """Once, whoever asks."""
        if not self._closed:
            self._closed = True
            self._exporter.shutdown()


def set_up(names: Sequence[str]) -> Pipeline | None:
    """A global provider with these exporters; None when there is one already, or no exporter can be had."""
    if not isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider):
        return None
    exporters = []
    for name in names:
        try:
            exporters.append(_exporter(name))
        except Exception as error:
            _logger.warning("OTEL_TRACES_EXPORTER: no exporter %r can be made, it gets no traces: %s", name, error)
    if not exporters:
        return None
    pipeline = Pipeline(exporters)
    trace.set_tracer_provider(pipeline.provider)
    return pipeline


def _exporter(name: str) -> SpanExporter:
    if name == "otlp":
        name = f"otlp_proto_{_protocol()}"
    for point in entry_points(group="opentelemetry_traces_exporter", name=name):
        exporter: SpanExporter = point.load()()
        return exporter
    raise LookupError("expected otlp, console, none or the name of an exporter that is installed")


def _protocol() -> str:
    general = os.environ.get("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")
    protocol = os.environ.get("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", general)
    return "http" if protocol.startswith("http") else "grpc"
