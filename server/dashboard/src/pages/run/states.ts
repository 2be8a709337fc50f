// Words about the states of steps that all parts of a run's page share.

import type { StepState } from "../../api/types.js";

const OVER: ReadonlySet<string> = new Set<StepState>(["SUCCEEDED", "FAILED", "SKIPPED", "CANCELLED", "DEAD"]);

/** In the order people want to see them: what needs them first. */
export const STEP_STATES: readonly StepState[] = [
  "DEAD", "FAILED", "LEASED", "READY", "WAITING", "PENDING", "SUCCEEDED", "SKIPPED", "CANCELLED",
];

/** Whether a step of this state has finished. */
export function isOver(state: StepState): boolean {
  return OVER.has(state);
}
