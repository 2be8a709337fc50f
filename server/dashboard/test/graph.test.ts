// Where steps stand: nothing overlaps, needs are above, thousands are quick, and the keys lead where the lines do.

import assert from "node:assert/strict";
import { test } from "node:test";

import { nextNode } from "../src/graph/keys.js";
import { layout } from "../src/graph/layout.js";
import { quickLayout } from "../src/graph/layers.js";
import { curve } from "../src/graph/shape.js";
import type { Drawing, Shape } from "../src/graph/shape.js";
import { fitted } from "../src/graph/text.js";
import { fit, opening, overlap, revealed, visible, zoomed } from "../src/graph/viewport.js";

function shape(id: string, ...needs: string[]): Shape {
  return { id, kind: "action", detail: "", needs };
}

const DIAMOND = [shape("a"), shape("b", "a"), shape("c", "a"), shape("d", "b", "c")];

function check(drawing: Drawing, count: number): void {
  assert.equal(drawing.nodes.length, count);
  for (const [index, node] of drawing.nodes.entries()) {
    assert.ok(node.x >= 0 && node.x + node.width <= drawing.width + 1, `${node.id} is outside`);
    assert.ok(node.y >= 0 && node.y + node.height <= drawing.height + 1, `${node.id} is below`);
    for (const other of drawing.nodes.slice(index + 1)) assert.ok(!overlap(node, other), `${node.id} covers ${other.id}`);
  }
  const y = new Map(drawing.nodes.map((node) => [node.id, node.y]));
  for (const edge of drawing.edges) assert.ok((y.get(edge.from) ?? 0) < (y.get(edge.to) ?? 0), `${edge.from} is not above ${edge.to}`);
}

test("a diamond stands as one, whichever layout draws it", () => {
  check(layout(DIAMOND), 4);
  check(quickLayout(DIAMOND, [["a", "b"], ["a", "c"], ["b", "d"], ["c", "d"]]), 4);
  assert.deepEqual(layout(DIAMOND), layout(DIAMOND));
});

test("a need that is no step is left out, and nothing is a drawing too", () => {
  const drawing = layout([shape("a", "gone")]);
  assert.equal(drawing.edges.length, 0);
  assert.equal(layout([]).nodes.length, 0);
});

test("400 steps with crossing needs do not overlap", () => {
  const shapes = Array.from({ length: 400 }, (_, index) => (index < 10 ? shape(`s${index}`) : shape(`s${index}`, `s${index - 10}`, `s${(index * 7) % (index - 5)}`)));
  check(layout(shapes), 400);
});

test("thousands of roots are folded into a block", () => {
  const drawing = layout(Array.from({ length: 5_000 }, (_, index) => shape(`s${index}`)));
  assert.equal(drawing.nodes.length, 5_000);
  assert.ok(drawing.width < 20_000);
});

test("names of steps are any text, also those objects have", () => {
  check(layout([shape("__proto__"), shape("constructor", "__proto__"), shape("toString", "constructor"), shape("<b>", "toString")]), 4);
});

test("the arrow keys follow lines and rows", () => {
  const drawing = layout(DIAMOND);
  assert.equal(nextNode(drawing, undefined, "ArrowDown"), "a");
  const down = nextNode(drawing, "a", "ArrowDown");
  assert.ok(down === "b" || down === "c");
  const beside = nextNode(drawing, down, "ArrowRight") ?? nextNode(drawing, down, "ArrowLeft");
  assert.notEqual(beside, down);
  assert.equal(nextNode(drawing, "d", "Home"), "a");
  assert.equal(nextNode(drawing, "d", "ArrowDown"), undefined);
  assert.equal(nextNode(drawing, "a", "x"), undefined);
});

test("what is under the pointer stays there when zoomed, within bounds", () => {
  const view = zoomed({ x: 10, y: 20, scale: 1 }, 2, { x: 110, y: 120 });
  assert.deepEqual(view, { x: -90, y: -80, scale: 2 });
  assert.equal(zoomed(view, 1_000, { x: 0, y: 0 }).scale, 2);
});

test("a drawing that fits is shown whole, a larger one readable from its top", () => {
  assert.deepEqual(fit({ width: 100, height: 100 }, { width: 300, height: 200 }), { x: 100, y: 50, scale: 1 });
  assert.ok(fit({ width: 9_000, height: 100 }, { width: 300, height: 200 }).scale < 0.05 + 1e-9);
  const large = opening({ width: 9_000, height: 9_000 }, { width: 300, height: 200 });
  assert.ok(large.scale >= 0.5 && large.y === 0);
});

test("a node is brought into view by the smallest move, and is then visible", () => {
  const screen = { width: 300, height: 200 };
  const part = { x: 1_000, y: 10, width: 100, height: 50 };
  const view = revealed({ x: 0, y: 0, scale: 1 }, part, screen);
  assert.deepEqual(view, { x: -824, y: 14, scale: 1 });
  assert.ok(overlap(part, visible(view, screen, 0)));
  assert.deepEqual(revealed(view, part, screen), view);
});

test("a line begins and ends where it should", () => {
  assert.equal(curve([]), "");
  assert.match(curve([{ x: 0, y: 0 }, { x: 10, y: 20 }]), /^M0\.0,0\.0.*10\.0,20\.0$/);
  assert.match(curve([{ x: 0, y: 0 }, { x: 5, y: 9 }, { x: 10, y: 20 }]), /^M0\.0,0\.0.*10\.0,20\.0$/);
});

test("text that is too wide ends in an ellipsis, and no character is cut in half", () => {
  assert.equal(fitted("short", 200, 13), "short");
  assert.match(fitted("a very long name of a step that has no end", 100, 13), /…$/);
  assert.equal(fitted("two\nlines", 200, 13), "two lines");
  assert.doesNotThrow(() => encodeURIComponent(fitted("👍".repeat(20), 60, 13)));
});
