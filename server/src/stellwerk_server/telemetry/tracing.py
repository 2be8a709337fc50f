"""Puts the parts of tracing together: one provider, its exporters, the spans of runs and those of calls."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from typing import Any

from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider

from stellwerk_server.model.events import Event
from stellwerk_server.telemetry import calls
from stellwerk_server.telemetry.exporting import Outlet, outlets
from stellwerk_server.telemetry.identity import Identity
from stellwerk_server.telemetry.runs import RunSpans, RunView, VoidedView

_FLUSH_S = 3.0


class Tracing:
    """What the server asks of tracing."""

    def __init__(self, found: list[Outlet], secret: bytes, version: str) -> None:
        self._outlets = found
        # The program sets none up globally, so that one server in a larger program leaves the others alone.
        self._provider = TracerProvider(resource=_resource(version), shutdown_on_exit=False)
        for outlet in found:
            self._provider.add_span_processor(outlet.processor)
        self._identity = Identity(secret, self._provider.sampler)
        self._spans = RunSpans(self._identity, self._provider.resource, self._finish)

    def interceptors(self) -> list[Any]:
        """For the gRPC server: spans of its calls."""
        return calls.interceptors(self._provider)

    def task_trace(self, run_id: int, step: str, attempt: int, trace: str | None) -> dict[str, str]:
        """The W3C trace context a task carries: that of its attempt."""
        return self._identity.task_trace(run_id, step, attempt, trace)

    def committed(self, events: Iterable[tuple[RunView, list[Event]]], voided: Sequence[VoidedView]) -> None:
        """Tell of what a commit has ended; never raises, never blocks."""
        self._spans.committed(events, voided)

    async def close(self) -> None:
        """Send what is queued, but do not wait long for it."""
        await asyncio.gather(*(asyncio.to_thread(outlet.close, _FLUSH_S) for outlet in self._outlets))

    def _finish(self, span: ReadableSpan) -> None:
        for outlet in self._outlets:
            outlet.processor.on_end(span)


def opened(names: Sequence[str], secret: bytes, version: str) -> Tracing | None:
    """Tracing to these exporters; None when none of them can be had."""
    found = outlets(names)
    return Tracing(found, secret, version) if found else None


def _resource(version: str) -> Resource:
    """OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES go over what we say."""
    own = Resource.create({"service.name": "stellwerk-server", "service.version": version})
    return own.merge(OTELResourceDetector().detect())
