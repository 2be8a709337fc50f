// What a step spent its time with: waiting for a worker, running, waiting for a retry, asleep. One row a step.
// It must be a pure function of the steps and of now.

import type { Attempt, Step } from "../api/types.js";

/** What a stretch of a row is. */
export type SpanKind = "queued" | "running" | "retry" | "asleep" | "signal" | "child" | "items";

/** One stretch of a row, in milliseconds since 1970. */
export interface Span {
  kind: SpanKind;
  start: number;
  end: number;
  /** Of an attempt: its number and how it ended; "" while it runs. */
  attempt?: number;
  outcome?: string;
  /** It goes on; `end` is now. */
  open: boolean;
}

/** One row: a step and its stretches in order. */
export interface Row {
  step: Step;
  spans: Span[];
}

const PASSIVE: Record<string, SpanKind> = { sleep: "asleep", signal: "signal", workflow: "child", foreach: "items" };

/** Rows of all steps that have begun, in the order they began. */
export function rowsOf(steps: Iterable<Step>, now: number): Row[] {
  const rows: Row[] = [];
  for (const step of steps) {
    const spans = spansOf(step, now);
    if (spans.length > 0) rows.push({ step, spans });
  }
  return rows
    .map((row, index) => ({ row, index, start: row.spans[0]?.start ?? 0 }))
    .sort((a, b) => a.start - b.start || a.index - b.index)
    .map((entry) => entry.row);
}

/** From the first start to the last end of these rows; now and a second when there is none. */
export function windowOf(rows: readonly Row[], now: number): { start: number; end: number } {
  let start = Infinity;
  let end = -Infinity;
  for (const row of rows) {
    for (const span of row.spans) {
      start = Math.min(start, span.start);
      end = Math.max(end, span.end);
    }
  }
  return start === Infinity ? { start: now - 1_000, end: now } : { start, end: Math.max(end, start + 1) };
}

/** The stretches of one step; none before it has begun. */
export function spansOf(step: Step, now: number): Span[] {
  const passive = PASSIVE[step.kind ?? "action"];
  return passive === undefined || (step.attempts ?? []).length > 0 ? attemptSpans(step, now) : passiveSpans(step, passive, now);
}

function passiveSpans(step: Step, kind: SpanKind, now: number): Span[] {
  const start = moment(step.ready_time) ?? moment(step.start_time);
  if (start === undefined) return [];
  const end = moment(step.end_time);
  return [{ kind, start, end: Math.max(start, end ?? now), open: end === undefined, outcome: end === undefined ? "" : step.state }];
}

function attemptSpans(step: Step, now: number): Span[] {
  const spans: Span[] = [];
  const ready = moment(step.ready_time);
  const attempts = step.attempts ?? soleAttempt(step);
  let before: number | undefined;
  for (const attempt of attempts) {
    const start = moment(attempt.start_time);
    if (start === undefined) continue;
    spans.push(...gap(before, start, ready));
    const end = moment(attempt.end_time);
    spans.push({
      kind: step.kind === "workflow" ? "child" : "running",
      start,
      end: Math.max(start, end ?? now),
      open: end === undefined,
      outcome: attempt.outcome ?? "",
      attempt: attempt.attempt,
    });
    before = end;
  }
  spans.push(...tail(step, spans.at(-1), ready, now));
  return spans;
}

/** When attempts were not asked for: what the step itself knows of its last one. */
function soleAttempt(step: Step): Attempt[] {
  if (step.start_time === undefined) return [];
  const waits = step.state === "WAITING" || step.state === "READY";
  return [
    {
      start_time: step.start_time,
      attempt: step.attempt,
      ...(step.end_time === undefined ? {} : { end_time: step.end_time, outcome: step.state }),
      ...(waits && step.end_time === undefined && step.ready_time !== undefined
        ? { end_time: step.ready_time, outcome: "FAILED" }
        : {}),
    },
  ];
}

/** Between two attempts, or before the first: a retry's delay, then the wait for a worker. */
function gap(before: number | undefined, start: number, ready: number | undefined): Span[] {
  const spans: Span[] = [];
  const queued = ready !== undefined && ready <= start && (before === undefined || ready >= before) ? ready : undefined;
  if (before !== undefined && (queued ?? start) > before) {
    spans.push({ kind: "retry", start: before, end: queued ?? start, open: false });
  }
  if (queued !== undefined && start > queued) spans.push({ kind: "queued", start: queued, end: start, open: false });
  return spans;
}

/** What goes on after the last attempt: a retry's delay, or a wait for a worker. */
function tail(step: Step, last: Span | undefined, ready: number | undefined, now: number): Span[] {
  if (last?.open === true || step.end_time !== undefined) return [];
  if (step.state === "WAITING" && last !== undefined) {
    return [{ kind: "retry", start: last.end, end: Math.max(last.end, now), open: true }];
  }
  if (step.state !== "READY" || ready === undefined) return [];
  const spans: Span[] = last !== undefined && ready > last.end ? [{ kind: "retry", start: last.end, end: ready, open: false }] : [];
  return [...spans, { kind: "queued", start: ready, end: Math.max(ready, now), open: true }];
}

/** A time of the wire as milliseconds since 1970. */
export function moment(time: string | undefined): number | undefined {
  if (time === undefined || time === "") return undefined;
  const ms = Date.parse(time);
  return Number.isNaN(ms) ? undefined : ms;
}
