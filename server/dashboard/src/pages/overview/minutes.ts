// The last hour, minute by minute, from an answer that leaves empty minutes out. Pure.

import type { Activity } from "../../api/types.js";

export const MINUTES = 60;
const MINUTE_MS = 60_000;

export interface Totals {
  started: number;
  succeeded: number;
  failed: number;
  ended: number;
}

export function totals(activity: readonly Activity[]): Totals {
  const sum: Totals = { started: 0, succeeded: 0, failed: 0, ended: 0 };
  for (const minute of activity) {
    sum.started += minute.started;
    sum.succeeded += minute.succeeded;
    sum.failed += minute.failed;
    sum.ended += minute.succeeded + minute.failed + minute.ended_otherwise;
  }
  return sum;
}

/** Sixty minutes that end with the one `now` is in, oldest first. */
export function lastHour(activity: readonly Activity[], now: string): Activity[] {
  const last = Math.floor(Date.parse(now) / MINUTE_MS);
  const known = new Map(activity.map((minute) => [Math.floor(Date.parse(minute.time) / MINUTE_MS), minute]));
  return Array.from({ length: MINUTES }, (_, index) => {
    const number = last - MINUTES + 1 + index;
    const empty = { started: 0, succeeded: 0, failed: 0, ended_otherwise: 0 };
    return known.get(number) ?? { time: new Date(number * MINUTE_MS).toISOString(), ...empty };
  });
}

/** The next round number at or above: 1, 2, 5, 10, 20, 50, … */
export function roundUp(value: number): number {
  const power = 10 ** Math.floor(Math.log10(Math.max(1, value)));
  return [1, 2, 5, 10].map((step) => step * power).find((step) => step >= value) ?? 10 * power;
}
