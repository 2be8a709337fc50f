"""The way of spans out of the server: a bounded queue, a thread, an exporter that complains once.

Must not block whoever ends a span, nor hold a stop up for longer than it is told.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
from collections.abc import Sequence
from importlib.metadata import entry_points

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import BatchSpanProcessor, ConsoleSpanExporter, SpanExporter, SpanExportResult

logger = logging.getLogger(__name__)

# A commit may end several hundred spans at once; the standard's 2,048 are gone with a few of them.
QUEUE_MAX = 16_384
# What the libraries say with every batch that is not taken, we say once.
_NOISY = ("opentelemetry.exporter.otlp.proto.grpc.exporter", "opentelemetry.sdk._shared_internal")


class Outlet:
    """One exporter behind its queue."""

    def __init__(self, name: str, exporter: SpanExporter) -> None:
        self._exporter = _Steady(name, exporter)
        queue_max = None if "OTEL_BSP_MAX_QUEUE_SIZE" in os.environ else QUEUE_MAX
        self.processor = BatchSpanProcessor(self._exporter, max_queue_size=queue_max)

    def close(self, limit_s: float) -> None:
        """Send what is queued, for so long; blocks."""
        if not self._exporter.broken:
            flush = threading.Thread(target=self.processor.force_flush, name="telemetry flush", daemon=True)
            flush.start()
            flush.join(limit_s)
        # First the exporter, so that whoever still tries gives up, then the thread that feeds it.
        self._exporter.shutdown()
        self.processor.shutdown()  # type: ignore[no-untyped-call]  # theirs has no types


class _Steady(SpanExporter):
    """Says once that spans are lost, and once that they are not any more."""

    def __init__(self, name: str, exporter: SpanExporter) -> None:
        self._name = name
        self._exporter = exporter
        self._closed = False
        self.broken = False

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Send them or lose them."""
        result = self._exporter.export(spans)
        failed = result is not SpanExportResult.SUCCESS
        if failed and not self.broken and not self._closed:
            logger.warning("traces: the %s exporter does not get spans out, they are dropped until it does", self._name)
        elif self.broken and not failed:
            logger.warning("traces: the %s exporter gets spans out again", self._name)
        self.broken = failed
        return result

    def shutdown(self) -> None:
        """Once, whoever asks."""
        if not self._closed:
            self._closed = True
            self._exporter.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Nothing is kept here."""
        return True


def outlets(names: Sequence[str]) -> list[Outlet]:
    """The exporters of these names; one that cannot be had is said and left out."""
    for noisy in _NOISY:
        logging.getLogger(noisy).setLevel(logging.CRITICAL)
    found = []
    for name in names:
        try:
            found.append(Outlet(name, _exporter(name)))
        except Exception as error:
            logger.warning("OTEL_TRACES_EXPORTER: no exporter %r can be made, it gets no traces: %s", name, error)
    return found


def _exporter(name: str) -> SpanExporter:
    if name == "console":
        # Standard output belongs to the line that says the server is ready.
        return ConsoleSpanExporter(out=sys.stderr)
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
