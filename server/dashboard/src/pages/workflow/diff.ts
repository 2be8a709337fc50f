// What changed between two versions of a definition: by step and field for people, by line for the exact text.
// Pure; huge texts are shown as replaced rather than compared for seconds.

import { asObject, stepsOf } from "./definition.js";
import type { WrittenStep } from "./definition.js";

/** A field with another value; undefined where it was not there. */
export interface FieldChange {
  path: string;
  before: unknown;
  after: unknown;
}

/** What became of one step, or of the workflow itself (`id` ""). */
export interface StepChange {
  id: string;
  change: "added" | "removed" | "changed";
  fields: FieldChange[];
}

/** One line of the text, and on which sides it stands. */
export interface Line {
  side: "both" | "before" | "after";
  text: string;
}

/** A stretch of lines that is shown, or so many equal ones that are folded away. */
export type Block = { lines: Line[] } | { folded: Line[] };

const CONTEXT_LINES = 3;
const MOST_CELLS = 4_000_000;

/** The changes of the workflow itself, then of its steps in the order of the later version. */
export function changesOf(before: unknown, after: unknown): StepChange[] {
  const changes: StepChange[] = [];
  const own = fieldChanges(withoutSteps(before), withoutSteps(after));
  if (own.length > 0) changes.push({ id: "", change: "changed", fields: own });
  const old = new Map(stepsOf(before).map((step) => [step.id, step]));
  for (const step of stepsOf(after)) {
    const was = old.get(step.id);
    old.delete(step.id);
    if (was === undefined) changes.push({ id: step.id, change: "added", fields: fieldChanges({}, withoutId(step)) });
    else {
      const fields = fieldChanges(withoutId(was), withoutId(step));
      if (fields.length > 0) changes.push({ id: step.id, change: "changed", fields });
    }
  }
  for (const step of old.values()) changes.push({ id: step.id, change: "removed", fields: fieldChanges(withoutId(step), {}) });
  return changes;
}

function withoutSteps(definition: unknown): Record<string, unknown> {
  const { steps: _steps, ...rest } = asObject(definition);
  return rest;
}

function withoutId(step: WrittenStep): Record<string, unknown> {
  const { id: _id, ...rest } = step;
  return rest;
}

/** Fields that differ, objects looked into, lists as a whole. */
export function fieldChanges(before: Record<string, unknown>, after: Record<string, unknown>, path = ""): FieldChange[] {
  const names = new Set([...Object.keys(before), ...Object.keys(after)]);
  return [...names].sort().flatMap((name) => {
    const was = before[name];
    const is = after[name];
    if (JSON.stringify(was) === JSON.stringify(is)) return [];
    const inner = path === "" ? name : `${path}.${name}`;
    return isPlain(was) && isPlain(is) ? fieldChanges(was, is, inner) : [{ path: inner, before: was, after: is }];
  });
}

function isPlain(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The lines of both texts in one list. */
export function diffLines(before: string, after: string): Line[] {
  const old = before.split("\n");
  const now = after.split("\n");
  let head = 0;
  while (head < old.length && head < now.length && old[head] === now[head]) head++;
  let tail = 0;
  while (tail < Math.min(old.length, now.length) - head && old.at(-1 - tail) === now.at(-1 - tail)) tail++;
  return [
    ...sided("both", old.slice(0, head)),
    ...middle(old.slice(head, old.length - tail), now.slice(head, now.length - tail)),
    ...sided("both", old.slice(old.length - tail)),
  ];
}

function middle(old: string[], now: string[]): Line[] {
  if (old.length * now.length > MOST_CELLS) return [...sided("before", old), ...sided("after", now)];
  const width = now.length + 1;
  const common = new Uint32Array((old.length + 1) * width);
  for (let i = old.length - 1; i >= 0; i--) {
    for (let j = now.length - 1; j >= 0; j--) {
      common[i * width + j] = old[i] === now[j]
        ? (common[(i + 1) * width + j + 1] ?? 0) + 1
        : Math.max(common[(i + 1) * width + j] ?? 0, common[i * width + j + 1] ?? 0);
    }
  }
  return walked(old, now, (i, j) => common[i * width + j] ?? 0);
}

function walked(old: string[], now: string[], common: (i: number, j: number) => number): Line[] {
  const lines: Line[] = [];
  let i = 0;
  let j = 0;
  while (i < old.length && j < now.length) {
    if (old[i] === now[j]) {
      lines.push({ side: "both", text: old[i++] ?? "" });
      j++;
    } else if (common(i + 1, j) >= common(i, j + 1)) lines.push({ side: "before", text: old[i++] ?? "" });
    else lines.push({ side: "after", text: now[j++] ?? "" });
  }
  return [...lines, ...sided("before", old.slice(i)), ...sided("after", now.slice(j))];
}

function sided(side: Line["side"], texts: readonly string[]): Line[] {
  return texts.map((text) => ({ side, text }));
}

/** The lines with long equal stretches folded, a few lines of context kept. */
export function blocksOf(lines: readonly Line[]): Block[] {
  const near = new Uint8Array(lines.length);
  lines.forEach((line, index) => {
    if (line.side === "both") return;
    near.fill(1, Math.max(0, index - CONTEXT_LINES), index + CONTEXT_LINES + 1);
  });
  const blocks: Block[] = [];
  let start = 0;
  for (let at = 1; at <= lines.length; at++) {
    if (at < lines.length && near[at] === near[start]) continue;
    const part = lines.slice(start, at);
    blocks.push(near[start] === 1 || part.length === 1 ? { lines: part } : { folded: part });
    start = at;
  }
  return blocks;
}
