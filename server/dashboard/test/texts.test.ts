// What people read: spans, moments, JSON in pieces, filters in addresses, what needs attention, the last hour.

import assert from "node:assert/strict";
import { test } from "node:test";
import type { Overview } from "../src/api/types.js";
import { piecesOf } from "../src/components/json_lines.js";
import { absoluteText, relativeText, spanText } from "../src/components/moments.js";
import { concernsOf } from "../src/pages/overview/concerns.js";
import { lastHour, roundUp, totals } from "../src/pages/overview/minutes.js";
import { addressOf, attributesOf, filterOf, formOf, isRunId } from "../src/pages/runs/filter.js";

const CALM: Overview = { now: "2026-01-01T01:00:30Z", dead_letters_open: 0, tasks_ready: 0, tasks_leased: 0, workers: 1, timers: 0, runs_stalled: 0 };

test("spans and moments", () => {
  assert.deepEqual([120, 3_200, 45_000, 250_000, 7_500_000, 200_000_000].map(spanText), ["120ms", "3.2s", "45s", "4m 10s", "2h 5m", "2d 7h"]);
  assert.deepEqual([relativeText(0, 500), relativeText(0, 90_000), relativeText(90_000, 0)], ["just now", "1m ago", "in 1m"]);
  assert.equal(absoluteText(Date.UTC(2026, 0, 2, 3, 4, 5, 6), true), "2026-01-02 03:04:05.006 UTC");
});

test("JSON in pieces is the JSON again", () => {
  const value = { a: [1, "two", null, true], b: {}, c: [], d: "</script><img src=x onerror=alert(1)>" };
  assert.equal(piecesOf(value).map((piece) => piece.text).join(""), JSON.stringify(value, null, 2));
});

test("what is long is folded until it is opened", () => {
  const long = { list: Array.from({ length: 200 }, (_, index) => index), text: "x".repeat(5_000) };
  const folds = piecesOf(long).filter((piece) => piece.kind === "fold");
  assert.deepEqual(folds.map((fold) => fold.path), ["/list", "/text"]);
  const opened = piecesOf(long, new Set(["/list", "/text"]));
  assert.equal(opened.map((piece) => piece.text).join(""), JSON.stringify(long, null, 2));
});

test("a filter goes into the address and back", () => {
  const form = formOf(new URLSearchParams("q=abc&state=FAILED&state=NONSENSE&workflow=order&since=1h&attributes=who%3Dann"));
  assert.deepEqual(form.states, ["FAILED"]);
  assert.deepEqual(formOf(new URL(addressOf(form), "http://here").searchParams), form);
  const filter = filterOf(form, Date.UTC(2026, 0, 1, 1));
  assert.deepEqual(filter, { workflow: "order", state: ["FAILED"], created_after: "2026-01-01T00:00:00.000Z", attributes: { who: "ann" } });
});

test("attributes keep their types, and a run id is known as one", () => {
  assert.deepEqual(attributesOf('a=1, b=true, c="12", d = x y, nothing'), { a: 1, b: true, c: "12", d: "x y" });
  assert.deepEqual([isRunId("run_06u01vv7c0400"), isRunId("run_06u01")], [true, false]);
});

test("the most urgent concern comes first, and none when all is well", () => {
  assert.deepEqual(concernsOf(CALM), []);
  const queues = [
    { queue: "gpu", action: "probe", ready: 3, leased: 0, workers: 0, oldest_ready_time: "2026-01-01T00:00:00Z" },
    { queue: "default", action: "pay", ready: 1, leased: 0, workers: 1, oldest_ready_time: "2026-01-01T00:58:00Z" },
  ];
  const titles = concernsOf({ ...CALM, dead_letters_open: 2, runs_stalled: 1, runs_open: { BLOCKED: 1 } }, queues).map((each) => each.title);
  assert.deepEqual(titles, ["1 run stalled", "3 tasks without a worker", "2 dead letters", "Tasks wait since 2m 30s", "1 run blocked"]);
});

test("the last hour has sixty minutes, the last of them now", () => {
  const minute = { time: "2026-01-01T00:59:00.000000Z", started: 5, succeeded: 3, failed: 1, ended_otherwise: 1 };
  const hour = lastHour([minute], CALM.now);
  assert.equal(hour.length, 60);
  assert.equal(hour[58], minute);
  assert.equal(hour[59]?.started, 0);
  assert.deepEqual(totals(hour), { started: 5, succeeded: 3, failed: 1, ended: 5 });
  assert.deepEqual([0, 3, 10, 11, 180].map(roundUp), [1, 5, 10, 20, 200]);
});
