// Times as places: attempts, waits and retry delays of a step, ticks, and which steps of code stood side by side.

import assert from "node:assert/strict";
import { test } from "node:test";

import type { Step } from "../src/api/types.js";
import { placeOf, ticks, zoomedWindow } from "../src/timeline/scale.js";
import { groupsOf, sequenceOf } from "../src/timeline/sequence.js";
import { rowsOf, spansOf, windowOf } from "../src/timeline/spans.js";

const at = (second: number) => new Date(Date.UTC(2026, 0, 1, 0, 0, second)).toISOString();
const ms = (second: number) => Date.UTC(2026, 0, 1, 0, 0, second);

function step(id: string, more: Partial<Step>): Step {
  return { step: id, state: "SUCCEEDED", attempt: 1, kind: "action", ...more };
}

test("queued, failed, retry delay, queued again, succeeded", () => {
  const spans = spansOf(
    step("pay", {
      ready_time: at(8),
      end_time: at(12),
      attempts: [
        { attempt: 1, start_time: at(1), end_time: at(3), outcome: "FAILED" },
        { attempt: 2, start_time: at(9), end_time: at(12), outcome: "SUCCEEDED" },
      ],
    }),
    ms(20),
  );
  assert.deepEqual(spans.map((span) => [span.kind, (span.start - ms(0)) / 1_000, (span.end - ms(0)) / 1_000]), [
    ["running", 1, 3],
    ["retry", 3, 8],
    ["queued", 8, 9],
    ["running", 9, 12],
  ]);
});

test("what goes on ends now", () => {
  const [queued] = spansOf(step("a", { state: "READY", ready_time: at(1) }), ms(5));
  assert.deepEqual([queued?.kind, queued?.open, queued?.end], ["queued", true, ms(5)]);
  const running = spansOf(step("b", { state: "LEASED", ready_time: at(1), start_time: at(2) }), ms(5));
  assert.deepEqual(running.map((span) => [span.kind, span.open]), [["queued", false], ["running", true]]);
  const [asleep] = spansOf(step("c", { state: "WAITING", kind: "sleep", ready_time: at(1) }), ms(5));
  assert.deepEqual([asleep?.kind, asleep?.open], ["asleep", true]);
  assert.deepEqual(spansOf(step("d", { state: "PENDING" }), ms(5)), []);
});

test("rows stand in the order they began, and the window holds them all", () => {
  const rows = rowsOf([step("late", { ready_time: at(5), start_time: at(5), end_time: at(6) }), step("early", { ready_time: at(1), start_time: at(1), end_time: at(2) })], ms(9));
  assert.deepEqual(rows.map((row) => row.step.step), ["early", "late"]);
  assert.deepEqual(windowOf(rows, ms(9)), { start: ms(1), end: ms(6) });
  assert.ok(windowOf([], ms(9)).end > windowOf([], ms(9)).start);
});

test("ticks are round and few", () => {
  assert.deepEqual(ticks({ start: 0, end: 10_000 }, 5), [0, 2_000, 4_000, 6_000, 8_000, 10_000]);
  for (const span of [1, 999, 61_000, 86_400_000, 4e11]) assert.ok(ticks({ start: 0, end: span }, 5).length <= 7, String(span));
  assert.equal(placeOf(5, { start: 0, end: 10 }, 100), 50);
});

test("zooming stays within the whole and ends in it", () => {
  const whole = { start: 0, end: 100 };
  assert.deepEqual(zoomedWindow(whole, 0.5, whole), { start: 25, end: 75 });
  assert.deepEqual(zoomedWindow({ start: 90, end: 100 }, 4, whole), { start: 60, end: 100 });
  assert.equal(zoomedWindow({ start: 25, end: 75 }, 2, whole), undefined);
});

test("steps that were open together stand side by side", () => {
  const steps = [
    step("a", { ready_time: at(0), end_time: at(1) }),
    step("b", { ready_time: at(1), end_time: at(4) }),
    step("c", { ready_time: at(1), end_time: at(3) }),
    step("d", { ready_time: at(3), end_time: at(5) }),
    step("e", { state: "READY", ready_time: at(5) }),
  ];
  assert.deepEqual(groupsOf(steps).map((group) => group.map((each) => each.step)), [["a"], ["b", "c"], ["d"], ["e"]]);
  const rows = sequenceOf(Array.from({ length: 7 }, (_, index) => step(`s${index}`, { ready_time: at(1), end_time: at(2) })), 3);
  assert.deepEqual(rows.map((row) => [row.steps.length, row.first, row.group]), [[3, true, 7], [3, false, 7], [1, false, 7]]);
});
