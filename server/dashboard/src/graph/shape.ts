// What a graph is made of, whoever draws it: steps of a run, or of a definition. It must know no state of a run and no DOM.

/** What makes a step go; decides its shape. */
export type StepKind = "action" | "sleep" | "signal" | "workflow" | "foreach" | "local";

/** One box of a graph before it has a place. */
export interface Shape {
  id: string;
  kind: StepKind;
  /** What it does, under its name: the action, the signal, the span. */
  detail: string;
  needs: readonly string[];
}

/** A box with its place; x and y are its upper left corner. */
export interface PlacedNode extends Shape {
  x: number;
  y: number;
  width: number;
  height: number;
}

/** A line between two boxes. */
export interface PlacedEdge {
  from: string;
  to: string;
  points: readonly Point[];
}

/** A place on the drawing. */
export interface Point {
  x: number;
  y: number;
}

/** A drawing: everything has its place, and how large it is. */
export interface Drawing {
  nodes: readonly PlacedNode[];
  edges: readonly PlacedEdge[];
  width: number;
  height: number;
}

export const NODE_WIDTH = 212;
export const NODE_HEIGHT = 60;
export const FOREACH_HEIGHT = 84;

/** The size of a box by its kind. */
export function sizeOf(kind: StepKind): { width: number; height: number } {
  return { width: NODE_WIDTH, height: kind === "foreach" ? FOREACH_HEIGHT : NODE_HEIGHT };
}

/** A line through these points with its corners rounded, as the `d` of an SVG path. */
export function curve(points: readonly Point[]): string {
  const [first, ...rest] = points;
  const last = rest.at(-1);
  if (first === undefined || last === undefined) return "";
  let path = `M${at(first)}`;
  let before = first;
  for (const [index, point] of rest.entries()) {
    const next = rest[index + 1];
    const end = next === undefined ? point : between(point, next);
    const middle = (before.y + end.y) / 2;
    path += next === undefined && rest.length === 1
      ? `C${at({ x: before.x, y: middle })} ${at({ x: end.x, y: middle })} ${at(end)}`
      : `Q${at(point)} ${at(end)}`;
    before = end;
  }
  return path;
}

function at(point: Point): string {
  return `${point.x.toFixed(1)},${point.y.toFixed(1)}`;
}

function between(a: Point, b: Point): Point {
  return { x: (a.x + b.x) / 2, y: (a.y + b.y) / 2 };
}
