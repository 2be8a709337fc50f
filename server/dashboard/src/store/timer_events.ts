// What events say about the list of timers: which are over, and whether there are others to read. Pure.

import type { FeedEvent, Timer } from "../api/types.js";
import { isEnded, stateAfter } from "./run_events.js";

/** Types after which there may be a timer that no list has shown yet. */
const SETTERS = new Set(["STEP_SLEEPING", "STEP_AWAITING", "STEP_ATTEMPT_FAILED", "RUN_STARTED", "RUN_SIGNALLED"]);
/** A wait of the step is over. */
const MOVERS = new Set(["STEP_SCHEDULED", "STEP_SUCCEEDED", "STEP_FAILED", "STEP_DEAD", "STEP_SKIPPED", "STEP_CANCELLED"]);

export const TIMER_EVENTS = [...SETTERS, ...MOVERS, "RUN_*"];

/** The timers that are still set after these events; the same list when none of them is over. */
export function timersAfter(timers: readonly Timer[], events: readonly FeedEvent[]): readonly Timer[] {
  const runs = new Set<string>();
  const steps = new Set<string>();
  for (const event of events) {
    const state = stateAfter(event.type);
    if (state && isEnded(state)) runs.add(event.run_id);
    if (MOVERS.has(event.type) && event.step) steps.add(`${event.run_id} ${event.step}`);
  }
  const left = timers.filter((timer) => !runs.has(timer.run_id) && !(timer.step && steps.has(`${timer.run_id} ${timer.step}`)));
  return left.length === timers.length ? timers : left;
}

/** Whether one of them may have set a timer. */
export function setsTimer(events: readonly FeedEvent[]): boolean {
  return events.some((event) => SETTERS.has(event.type));
}
