// Gives every step its place, top to bottom: dagre for graphs people look at as a whole, quick layers for huge ones.
// It must be a pure function of its shapes: the same steps stand where they stood, whatever their states.

import { Graph, layout as arrange } from "@dagrejs/dagre";

import { quickLayout } from "./layers.js";
import { sizeOf } from "./shape.js";
import type { Drawing, PlacedEdge, PlacedNode, Point, Shape } from "./shape.js";

/** Above this dagre takes longer than a page may: quick layers instead. */
const DAGRE_NODES = 250;
const DAGRE_EDGES = 600;
export const MARGIN = 24;

/** A drawing of these steps. Needs of steps that are not among them are left out. */
export function layout(shapes: readonly Shape[]): Drawing {
  const known = new Set(shapes.map((shape) => shape.id));
  const edges = shapes.flatMap((shape) =>
    shape.needs.filter((need) => known.has(need)).map((need) => [need, shape.id] as const),
  );
  const large = shapes.length > DAGRE_NODES || edges.length > DAGRE_EDGES;
  return large ? quickLayout(shapes, edges) : dagreLayout(shapes, edges);
}

function dagreLayout(shapes: readonly Shape[], edges: readonly (readonly [string, string])[]): Drawing {
  // By number: dagre keeps names as keys of objects, and a step may be called "__proto__".
  const numbers = new Map(shapes.map((shape, index) => [shape.id, `n${index}`]));
  const key = (id: string) => numbers.get(id) ?? "";
  const graph = new Graph();
  graph.setGraph({ rankdir: "TB", nodesep: 24, ranksep: 44, marginx: MARGIN, marginy: MARGIN });
  graph.setDefaultEdgeLabel(() => ({}));
  for (const shape of shapes) graph.setNode(key(shape.id), { ...sizeOf(shape.kind) });
  for (const [from, to] of edges) graph.setEdge(key(from), key(to));
  arrange(graph);
  const size = graph.graph() as { width?: number; height?: number };
  return {
    nodes: shapes.map((shape) => placed(shape, graph.node(key(shape.id)) as Box)),
    edges: edges.map(([from, to]): PlacedEdge => {
      const line = graph.edge(key(from), key(to)) as { points?: Point[] };
      return { from, to, points: line.points ?? [] };
    }),
    width: finite(size.width),
    height: finite(size.height),
  };
}

/** Of nothing dagre says that it is infinitely small. */
function finite(size: number | undefined): number {
  return size !== undefined && Number.isFinite(size) ? size : 0;
}

interface Box {
  x: number;
  y: number;
  width: number;
  height: number;
}

function placed(shape: Shape, box: Box): PlacedNode {
  return { ...shape, x: box.x - box.width / 2, y: box.y - box.height / 2, width: box.width, height: box.height };
}
