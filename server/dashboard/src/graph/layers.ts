// The quick layout for graphs of hundreds and thousands of steps: rows by the longest way from a root, one pass to
// put each step under what it needs. It must stay linear; what is pretty is dagre's part.

import { NODE_WIDTH, sizeOf } from "./shape.js";
import type { Drawing, PlacedEdge, PlacedNode, Shape } from "./shape.js";

const GAP_X = 28;
const GAP_Y = 44;
const MARGIN = 24;
/** A row that is longer is folded, so that 5,000 roots are a block and not a line of a kilometre. */
const ROW_NODES = 40;

/** A drawing in rows; `edges` are pairs (from, to) of known ids. */
export function quickLayout(shapes: readonly Shape[], edges: readonly (readonly [string, string])[]): Drawing {
  const rows = folded(ranked(shapes, edges), edges);
  const longest = Math.max(1, ...rows.map((row) => row.length));
  const width = longest * (NODE_WIDTH + GAP_X) - GAP_X + 2 * MARGIN;
  const nodes = new Map<string, PlacedNode>();
  let y = MARGIN;
  for (const row of rows) {
    const free = width - 2 * MARGIN - row.length * (NODE_WIDTH + GAP_X) + GAP_X;
    let tallest = 0;
    row.forEach((shape, column) => {
      const size = sizeOf(shape.kind);
      nodes.set(shape.id, { ...shape, ...size, x: MARGIN + free / 2 + column * (NODE_WIDTH + GAP_X), y });
      tallest = Math.max(tallest, size.height);
    });
    y += tallest + GAP_Y;
  }
  return {
    nodes: shapes.flatMap((shape) => nodes.get(shape.id) ?? []),
    edges: edges.flatMap(([from, to]) => straight(nodes.get(from), nodes.get(to))),
    width,
    height: Math.max(2 * MARGIN, y - GAP_Y + MARGIN),
  };
}

/** The shapes by rank: 0 for those that need nothing, else one more than the deepest they need. */
function ranked(shapes: readonly Shape[], edges: readonly (readonly [string, string])[]): Shape[][] {
  const needed = new Map<string, number>(shapes.map((shape) => [shape.id, 0]));
  const dependents = new Map<string, string[]>();
  for (const [from, to] of edges) {
    needed.set(to, (needed.get(to) ?? 0) + 1);
    append(dependents, from, to);
  }
  const rank = new Map<string, number>();
  const ready = shapes.filter((shape) => needed.get(shape.id) === 0).map((shape) => shape.id);
  // Grows while it is walked.
  for (const id of ready) {
    const own = rank.get(id) ?? 0;
    for (const dependent of dependents.get(id) ?? []) {
      rank.set(dependent, Math.max(rank.get(dependent) ?? 0, own + 1));
      const left = (needed.get(dependent) ?? 0) - 1;
      needed.set(dependent, left);
      if (left === 0) ready.push(dependent);
    }
  }
  const rows: Shape[][] = [];
  for (const shape of shapes) (rows[rank.get(shape.id) ?? 0] ??= []).push(shape);
  return rows.filter((row) => row.length > 0);
}

/** Each row in the order of the middles of what its steps need, long rows folded. */
function folded(rows: Shape[][], edges: readonly (readonly [string, string])[]): Shape[][] {
  const needs = new Map<string, string[]>();
  for (const [from, to] of edges) append(needs, to, from);
  const place = new Map<string, number>();
  return rows.flatMap((row) => {
    const sorted = row
      .map((shape, index) => ({ shape, key: middle(needs.get(shape.id) ?? [], place) ?? index / row.length }))
      .sort((a, b) => a.key - b.key)
      .map((entry) => entry.shape);
    sorted.forEach((shape, index) => place.set(shape.id, (index + 0.5) / sorted.length));
    return chunks(sorted, ROW_NODES);
  });
}

function append(lists: Map<string, string[]>, key: string, value: string): void {
  const list = lists.get(key);
  if (list === undefined) lists.set(key, [value]);
  else list.push(value);
}

function middle(needs: readonly string[], place: ReadonlyMap<string, number>): number | undefined {
  if (needs.length === 0) return undefined;
  return needs.reduce((sum, need) => sum + (place.get(need) ?? 0), 0) / needs.length;
}

function chunks<T>(list: readonly T[], size: number): T[][] {
  const parts: T[][] = [];
  for (let at = 0; at < list.length; at += size) parts.push(list.slice(at, at + size));
  return parts;
}

function straight(from: PlacedNode | undefined, to: PlacedNode | undefined): PlacedEdge[] {
  if (from === undefined || to === undefined) return [];
  const start = { x: from.x + from.width / 2, y: from.y + from.height };
  return [{ from: from.id, to: to.id, points: [start, { x: to.x + to.width / 2, y: to.y }] }];
}
