// What changed between two definitions, by step and by line; and a definition as shapes.

import assert from "node:assert/strict";
import { test } from "node:test";

import { isCode, shapesOf } from "../src/pages/workflow/definition.js";
import { blocksOf, changesOf, diffLines } from "../src/pages/workflow/diff.js";

const BEFORE = { name: "order", timeout: "1d", steps: [{ id: "a", action: "x" }, { id: "b", action: "y", retry: { max_attempts: 2, initial: "1s" } }, { id: "c", action: "z" }] };
const AFTER = { name: "order", steps: [{ id: "b", action: "y", retry: { max_attempts: 4, initial: "1s" } }, { id: "a", action: "x" }, { id: "d", sleep: "1h" }] };

test("steps are compared by their id, fields by their path", () => {
  const changes = changesOf(BEFORE, AFTER).map(({ id, change, fields }) => [id, change, fields.map((field) => field.path)]);
  assert.deepEqual(changes, [
    ["", "changed", ["timeout"]],
    ["b", "changed", ["retry.max_attempts"]],
    ["d", "added", ["sleep"]],
    ["c", "removed", ["action"]],
  ]);
  assert.deepEqual(changesOf(BEFORE, BEFORE), []);
  assert.deepEqual(changesOf({ code: { queue: "a" } }, { code: { queue: "b" } })[0]?.fields, [{ path: "code.queue", before: "a", after: "b" }]);
});

test("either side of the lines is the text it came from", () => {
  const pairs: [string, string][] = [["a\nb\nc\nd", "a\nx\nc\ny\nd"], ["", "a"], ["a\na\nb", "b\na\na"], ["same", "same"]];
  for (const [before, after] of pairs) {
    const lines = diffLines(before, after);
    assert.equal(lines.filter((line) => line.side !== "after").map((line) => line.text).join("\n"), before);
    assert.equal(lines.filter((line) => line.side !== "before").map((line) => line.text).join("\n"), after);
  }
  assert.equal(diffLines("a\nb\nc", "a\nx\nc").filter((line) => line.side === "both").length, 2);
});

test("texts too large to compare are shown as replaced", () => {
  const long = (word: string) => Array.from({ length: 3_000 }, (_, index) => `${word} ${index}`).join("\n");
  assert.equal(diffLines(long("a"), long("b")).length, 6_000);
});

test("long equal stretches are folded, changes keep their context", () => {
  const before = Array.from({ length: 50 }, (_, index) => `line ${index}`).join("\n");
  const blocks = blocksOf(diffLines(before, before.replace("line 25", "changed")));
  assert.deepEqual(blocks.map((block) => ("folded" in block ? -block.folded.length : block.lines.length)), [-22, 8, -21]);
});

test("steps without needs follow each other, kinds are what was written", () => {
  const shapes = shapesOf({ steps: [{ id: "a", action: "x" }, { id: "b", sleep: "1h" }, { id: "c", signal: "ok" }, { id: "d", workflow: "w" }, { id: "e", action: "m", foreach: "${input}" }] });
  assert.deepEqual(shapes.map((shape) => [shape.kind, shape.needs.join()]), [["action", ""], ["sleep", "a"], ["signal", "b"], ["workflow", "c"], ["foreach", "d"]]);
  assert.deepEqual(shapesOf({ steps: [{ id: "a", action: "x" }, { id: "b", action: "y", needs: ["a"] }, { id: "c", action: "z" }] }).map((shape) => shape.needs.length), [0, 1, 0]);
  assert.deepEqual(shapesOf({ code: {} }), []);
  assert.equal(isCode({ code: { queue: "default" } }), true);
});
