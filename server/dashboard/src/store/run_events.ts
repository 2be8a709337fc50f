// How an event changes the row of a run: the fold every list and the run page share. Pure.
// It must not know about pages, requests or order of arrival beyond the run's own sequence.

import type { FeedEvent, Run, RunEvent, RunState } from "../api/types.js";
import { ENDED_STATES } from "../api/types.js";

const STATE_AFTER: Record<string, RunState> = {
  RUN_STARTED: "RUNNING",
  RUN_RESUMED: "RUNNING",
  RUN_BLOCKED: "BLOCKED",
  RUN_SUCCEEDED: "SUCCEEDED",
  RUN_FAILED: "FAILED",
  RUN_CANCELLED: "CANCELLED",
  RUN_TERMINATED: "TERMINATED",
  RUN_TIMED_OUT: "TIMED_OUT",
  RUN_CONTINUED: "CONTINUED",
};

const ENDED: ReadonlySet<string> = new Set(ENDED_STATES);

export function isEnded(state: RunState): boolean {
  return ENDED.has(state);
}

/** The state a run has after an event of this type; undefined when the type says nothing about it. */
export function stateAfter(type: string): RunState | undefined {
  return STATE_AFTER[type];
}

/** The run after the event; the same object when it has seen it already. */
export function applyToRun(run: Run, event: RunEvent): Run {
  if (event.sequence <= run.sequence) return run;
  const state = stateAfter(event.type) ?? run.state;
  const next: Run = { ...run, state, sequence: event.sequence };
  if (event.type === "RUN_STARTED") next.create_time = event.time;
  if (isEnded(state)) next.end_time ??= event.time;
  if (state !== run.state) delete next.block_reason;
  if (event.failure && isEnded(state)) next.failure = event.failure;
  if (event.type === "RUN_ATTRIBUTES") next.attributes = attributesAfter(run, event);
  return next;
}

/** A row made of the first event that was seen of a run. */
export function runOf(event: FeedEvent): Run {
  const empty: Run = {
    run_id: event.run_id,
    workflow: event.workflow,
    version: event.version,
    state: "RUNNING",
    sequence: event.sequence - 1,
  };
  return applyToRun(empty, event);
}

// The event carries the changed values; null takes one away.
function attributesAfter(run: Run, event: RunEvent): NonNullable<Run["attributes"]> {
  const values = event.attributes?.values;
  const changed = typeof values === "object" && values !== null && !Array.isArray(values) ? values : {};
  const merged = Object.entries({ ...run.attributes, ...changed });
  return Object.fromEntries(merged.filter(([, value]) => value !== null));
}
