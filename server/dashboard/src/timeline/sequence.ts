// A run of code as a sequence: one row after the other, steps that were open together side by side.
// It must be linear, a run may have 10,000 steps.

import type { Step } from "../api/types.js";
import { moment } from "./spans.js";

/** A row of the sequence. A group that is wider than a row has several; only the first of them is `first`. */
export interface SequenceRow {
  steps: Step[];
  /** Begins a group: everything above was over, or had gone on. */
  first: boolean;
  /** How many steps the whole group has. */
  group: number;
}

/** Steps in the order they were asked for, as rows of at most `columns`. */
export function sequenceOf(steps: Iterable<Step>, columns: number): SequenceRow[] {
  return groupsOf(steps).flatMap((group) => {
    const rows: SequenceRow[] = [];
    for (let at = 0; at < group.length; at += columns) {
      rows.push({ steps: group.slice(at, at + columns), first: at === 0, group: group.length });
    }
    return rows;
  });
}

/** A step joins the group above when none of that group had ended before it began. */
export function groupsOf(steps: Iterable<Step>): Step[][] {
  const groups: Step[][] = [];
  let firstEnd = -Infinity;
  for (const step of steps) {
    const begin = moment(step.ready_time) ?? moment(step.start_time) ?? moment(step.end_time) ?? Infinity;
    const end = moment(step.end_time) ?? Infinity;
    const group = groups.at(-1);
    if (group === undefined || begin >= firstEnd) {
      groups.push([step]);
      firstEnd = end;
    } else {
      group.push(step);
      firstEnd = Math.min(firstEnd, end);
    }
  }
  return groups;
}
