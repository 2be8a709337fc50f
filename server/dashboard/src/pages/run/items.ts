// Items of a foreach, counted: a page shows how many stand where, not 10,000 boxes. It must stay O(1) an event.

import type { RunEvent, Step, StepState } from "../../api/types.js";
import { isOver } from "./states.js";

const ITEM = /^(.*)\[\d+\]$/s;

/** The foreach an id is an item of; undefined for a step of its own, however it is named. */
export function isItemOf(steps: ReadonlyMap<string, Step>, id: string): Step | undefined {
  if (steps.has(id)) return undefined;
  const parent = ITEM.exec(id)?.[1];
  const step = parent === undefined ? undefined : steps.get(parent);
  return step !== undefined && (step.kind === "foreach" || step.items !== undefined) ? step : undefined;
}

const BECOMES: Record<string, StepState> = {
  STEP_SCHEDULED: "READY",
  STEP_SUCCEEDED: "SUCCEEDED",
  STEP_ATTEMPT_FAILED: "WAITING",
  STEP_CHILD_STARTED: "WAITING",
  STEP_DEAD: "DEAD",
  STEP_FAILED: "FAILED",
  STEP_SKIPPED: "SKIPPED",
  STEP_CANCELLED: "CANCELLED",
};

/** Moves one item from the state it had to the one the event gives it. */
export function evolveItem(parent: Step, items: Map<string, StepState>, event: RunEvent): void {
  const next = BECOMES[event.type];
  if (next === undefined || event.step === undefined) return;
  const counts = { ...parent.item_states };
  const before = present(counts, items.get(event.step)) ?? likely(counts, event);
  if (before !== undefined) counts[before] = Math.max(0, (counts[before] ?? 0) - 1);
  counts[next] = (counts[next] ?? 0) + 1;
  parent.item_states = counts;
  items.set(event.step, next);
  const was = before !== undefined && isOver(before) ? 1 : 0;
  parent.items_finished = (parent.items_finished ?? 0) + (isOver(next) ? 1 : 0) - was;
}

/** A state that was told, unless the counts have moved on without an event: READY becomes LEASED by a hand-out. */
function present(counts: Record<string, number>, state: StepState | undefined): StepState | undefined {
  if (state === "READY" && (counts["LEASED"] ?? 0) > 0) return "LEASED";
  return state;
}

/** Where an item nobody has told of stood: at work when it was handed out, else where such an item can be. */
function likely(counts: Record<string, number>, event: RunEvent): StepState | undefined {
  const order: StepState[] =
    event.type === "STEP_SCHEDULED" ? ["WAITING", "DEAD", "READY"]
    : event.type === "STEP_CHILD_STARTED" ? ["READY", "LEASED"]
    : ["LEASED", "READY", "WAITING"];
  return order.find((state) => (counts[state] ?? 0) > 0);
}
