// Which node the arrow keys lead to: up and down along the lines, left and right within a row. It must not touch the DOM.

import type { Drawing, PlacedNode } from "./shape.js";

/** The id the key leads to from `current` (or the first node without one); undefined when the key leads nowhere. */
export function nextNode(drawing: Drawing, current: string | undefined, key: string): string | undefined {
  const from = drawing.nodes.find((node) => node.id === current);
  if (from === undefined) return STARTS.has(key) ? drawing.nodes[0]?.id : undefined;
  switch (key) {
    case "ArrowDown":
      return nearest(from, linked(drawing, "from", "to", from.id)) ?? nearest(from, below(drawing, from));
    case "ArrowUp":
      return nearest(from, linked(drawing, "to", "from", from.id)) ?? nearest(from, above(drawing, from));
    case "ArrowRight":
      return nearest(from, beside(drawing, from).filter((node) => node.x > from.x));
    case "ArrowLeft":
      return nearest(from, beside(drawing, from).filter((node) => node.x < from.x));
    case "Home":
      return drawing.nodes[0]?.id;
    case "End":
      return drawing.nodes.at(-1)?.id;
    default:
      return undefined;
  }
}

const STARTS = new Set(["ArrowDown", "ArrowUp", "ArrowLeft", "ArrowRight", "Home", "End"]);

function linked(drawing: Drawing, near: "from" | "to", far: "from" | "to", id: string): PlacedNode[] {
  const ids = new Set(drawing.edges.filter((edge) => edge[near] === id).map((edge) => edge[far]));
  return drawing.nodes.filter((node) => ids.has(node.id));
}

function below(drawing: Drawing, from: PlacedNode): PlacedNode[] {
  return drawing.nodes.filter((node) => node.y > from.y + from.height);
}

function above(drawing: Drawing, from: PlacedNode): PlacedNode[] {
  return drawing.nodes.filter((node) => node.y + node.height < from.y);
}

function beside(drawing: Drawing, from: PlacedNode): PlacedNode[] {
  return drawing.nodes.filter((node) => node.id !== from.id && node.y < from.y + from.height && from.y < node.y + node.height);
}

function nearest(from: PlacedNode, candidates: readonly PlacedNode[]): string | undefined {
  let best: PlacedNode | undefined;
  for (const node of candidates) if (best === undefined || away(from, node) < away(from, best)) best = node;
  return best?.id;
}

function away(a: PlacedNode, b: PlacedNode): number {
  return Math.hypot(a.x + a.width / 2 - b.x - b.width / 2, a.y - b.y);
}
