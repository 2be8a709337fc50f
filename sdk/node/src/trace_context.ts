/** W3C trace context as tasks and starts carry it: read and written. Must not know any span. */

import { createTraceState, isSpanContextValid, type SpanContext } from "@opentelemetry/api";

const FORM = /^([\da-f]{2})-([\da-f]{32})-([\da-f]{16})-([\da-f]{2})(-.*)?$/;

/** The place in a trace that `traceparent` and `tracestate` name; undefined when they name none. */
export function placeOf(carrier: Readonly<Record<string, string>>): SpanContext | undefined {
  const [, version, traceId, spanId, flags, more] = FORM.exec(carrier["traceparent"]?.trim() ?? "") ?? [];
  if (traceId === undefined || spanId === undefined || flags === undefined) return undefined;
  if (version === "ff" || (version === "00" && more !== undefined)) return undefined;
  const state = carrier["tracestate"];
  const place: SpanContext = {
    traceId,
    spanId,
    traceFlags: Number.parseInt(flags, 16),
    isRemote: true,
    ...(state ? { traceState: createTraceState(state) } : {}),
  };
  return isSpanContextValid(place) ? place : undefined;
}

/** What names that place; empty for a place that is none. */
export function carrierOf(place: SpanContext): Record<string, string> {
  if (!isSpanContextValid(place)) return {};
  const flags = place.traceFlags.toString(16).padStart(2, "0");
  const traceparent = `00-${place.traceId}-${place.spanId}-${flags}`;
  const tracestate = place.traceState?.serialize();
  return tracestate ? { traceparent, tracestate } : { traceparent };
}
