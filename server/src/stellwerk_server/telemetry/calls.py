"""Spans of the server's gRPC calls, by OpenTelemetry's own instrumentation. Must not touch calls that are held open."""

from __future__ import annotations

from typing import Any

from opentelemetry.instrumentation.grpc import aio_server_interceptor, filters
from opentelemetry.sdk.trace import TracerProvider

# Held open for minutes: their spans would say nothing but how long, and say it when nobody looks any more. The
# instrumentation also keeps a span current across the yields of a stream, which end in another context than they began.
_HELD_OPEN = ("Heartbeat", "StreamResult", "AwaitRuns", "WatchRun", "PollTask")


def interceptors(provider: TracerProvider) -> list[Any]:
    """For grpc.aio.server: one span for each call to our services that is answered at once."""
    ours = filters.service_prefix("stellwerk.v1.")
    held = filters.any_of(*(filters.method_name(name) for name in _HELD_OPEN))
    make: Any = aio_server_interceptor
    return [make(tracer_provider=provider, filter_=filters.all_of(ours, filters.negate(held)))]
