"""The ids of spans, derived from what they are about: any server can name a span long before one of them sends it.

Must not draw an id: the same run, step and attempt give the same ids on every server of a cluster, whenever asked.
"""

from __future__ import annotations

import json
from hashlib import blake2b
from typing import NamedTuple

from opentelemetry import trace as otel
from opentelemetry.sdk.trace.sampling import Decision, Sampler
from opentelemetry.trace import SpanContext, TraceFlags, TraceState
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

_PROPAGATOR = TraceContextTextMapPropagator()


class RunTrace(NamedTuple):
    """The trace a run belongs to; `parent` is what its start named, None without one."""

    trace_id: int
    flags: TraceFlags
    state: TraceState
    parent: SpanContext | None

    @property
    def sampled(self) -> bool:
        """Whether spans of the run are sent."""
        return self.flags.sampled


class Identity:
    """Derives ids with a key of the cluster's own: two clusters that send to one place may have equal run ids."""

    def __init__(self, secret: bytes, sampler: Sampler) -> None:
        self._key = blake2b(secret, digest_size=32).digest()
        self._sampler = sampler

    def run_trace(self, run_id: int, trace: str | None) -> RunTrace:
        """The trace of a run that was started with this context (JSON as it is stored)."""
        parent = _parent(trace)
        trace_id = self._derived(16, f"trace/{run_id}") if parent is None else parent.trace_id
        state = TraceState() if parent is None else parent.trace_state
        # Flags that say something of the trace id, whoever understands them, go on as they came.
        kept = TraceFlags.DEFAULT if parent is None else parent.trace_flags & ~TraceFlags.SAMPLED
        sampled = TraceFlags.SAMPLED if self._samples(trace_id, parent) else TraceFlags.DEFAULT
        return RunTrace(trace_id, TraceFlags(kept | sampled), state, parent)

    def context(self, of: RunTrace, run_id: int, step: str = "", attempt: int = 0) -> SpanContext:
        """The context of the span of a run, of one of its steps, or of an attempt at it."""
        span_id = self._derived(8, f"{run_id}/{step}/{attempt}")
        return SpanContext(of.trace_id, span_id, is_remote=False, trace_flags=of.flags, trace_state=of.state)

    def task_trace(self, run_id: int, step: str, attempt: int, trace: str | None) -> dict[str, str]:
        """What a task carries: the context of its attempt's span, which will be sent when the attempt ends."""
        context = self.context(self.run_trace(run_id, trace), run_id, step, attempt)
        named = {"traceparent": f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}"}
        if context.trace_state:
            named["tracestate"] = context.trace_state.to_header()
        return named

    def _samples(self, trace_id: int, parent: SpanContext | None) -> bool:
        """Asked again for every part of a run: the samplers go by the trace id and the parent's flag alone."""
        context = None if parent is None else otel.set_span_in_context(otel.NonRecordingSpan(parent))
        return self._sampler.should_sample(context, trace_id, "run").decision is Decision.RECORD_AND_SAMPLE

    def _derived(self, size: int, text: str) -> int:
        # Zero is no valid id.
        return int.from_bytes(blake2b(text.encode(), digest_size=size, key=self._key).digest(), "big") or 1


def _parent(trace: str | None) -> SpanContext | None:
    """What the caller of the start named, if it is a W3C trace context."""
    if trace is None:
        return None
    context = otel.get_current_span(_PROPAGATOR.extract(json.loads(trace))).get_span_context()
    return context if context.is_valid else None
