// The projection behind lists of runs: pages and events in any order, each as often as it likes.

import assert from "node:assert/strict";
import { test } from "node:test";
import type { FeedEvent, Run, RunFilter, RunState } from "../src/api/types.js";
import { applyToRun } from "../src/store/run_events.js";
import { RunTable } from "../src/store/run_table.js";

const at = (second: number) => new Date(Date.UTC(2026, 0, 1, 0, 0, second)).toISOString();
const run = (id: string, state: RunState, sequence: number, second = 0): Run => ({
  run_id: id,
  workflow: "order",
  version: 1,
  state,
  sequence,
  create_time: at(second),
});
const event = (id: string, sequence: number, type: string, second = 0): FeedEvent => ({
  run_id: id,
  workflow: "order",
  version: 1,
  sequence,
  type,
  time: at(second),
});

function table(filter: RunFilter, runs: Run[] = []): RunTable {
  const made = new RunTable(filter);
  made.begin(runs);
  return made;
}

const shown = (made: RunTable) => made.rows.map((each) => `${each.run_id} ${each.state}`);

test("an event changes its row once, however often it comes", () => {
  const made = table({}, [run("a", "RUNNING", 3)]);
  made.apply([event("a", 5, "RUN_FAILED", 9), event("a", 5, "RUN_FAILED", 9), event("a", 4, "RUN_RESUMED", 8)]);
  assert.deepEqual(shown(made), ["a FAILED"]);
  assert.equal(made.rows[0]?.end_time, at(9));
  assert.equal(made.rows[0].sequence, 5);
});

test("a run that starts comes first, and a repeated start does not come twice", () => {
  const made = table({}, [run("a", "RUNNING", 3, 1)]);
  made.apply([event("b", 1, "RUN_STARTED", 2), event("b", 4, "RUN_SUCCEEDED", 3)]);
  made.apply([event("b", 1, "RUN_STARTED", 2)]);
  assert.deepEqual(shown(made), ["b SUCCEEDED", "a RUNNING"]);
});

test("a page that was read before an event does not turn the row back", () => {
  const made = table({}, []);
  made.apply([event("old", 9, "RUN_SUCCEEDED", 5)]);
  made.addPage([run("old", "RUNNING", 4)]);
  assert.deepEqual(shown(made), ["old SUCCEEDED"]);
});

test("a run born while the first page was read is not lost with it", () => {
  const made = new RunTable({});
  made.apply([event("new", 1, "RUN_STARTED", 5)]);
  made.begin([run("a", "RUNNING", 1, 1)]);
  assert.deepEqual(shown(made), ["new RUNNING", "a RUNNING"]);
});

test("with a state filter rows leave when they no longer fit, and strangers that may fit are wanted", () => {
  const made = table({ state: ["FAILED"] }, [run("a", "FAILED", 5)]);
  made.apply([event("a", 6, "RUN_RESUMED"), event("b", 7, "RUN_FAILED"), event("c", 2, "RUN_SUCCEEDED")]);
  assert.deepEqual(shown(made), []);
  assert.deepEqual([...made.wanted], ["b"]);
  made.addRead(run("b", "FAILED", 7));
  assert.deepEqual(shown(made), ["b FAILED"]);
});

test("what was read and no longer fits is not shown", () => {
  const made = table({ state: ["FAILED"] });
  made.apply([event("b", 7, "RUN_FAILED"), event("b", 8, "RUN_RESUMED")]);
  made.addRead(run("b", "FAILED", 7));
  assert.deepEqual(shown(made), []);
});

test("another workflow's runs stay out", () => {
  const made = table({ workflow: "invoice" });
  made.apply([event("b", 1, "RUN_STARTED")]);
  assert.deepEqual(shown(made), []);
});

test("new runs wait while somebody reads further down, and go on changing there", () => {
  const made = table({}, [run("a", "RUNNING", 3, 1)]);
  made.isHolding = true;
  made.apply([event("b", 1, "RUN_STARTED", 2)]);
  made.apply([event("b", 2, "RUN_SUCCEEDED", 3), event("a", 4, "RUN_BLOCKED", 3)]);
  assert.deepEqual(shown(made), ["a BLOCKED"]);
  made.release();
  assert.deepEqual(shown(made), ["b SUCCEEDED", "a BLOCKED"]);
});

test("attributes are merged as their events come", () => {
  const values = { amount: 12, who: null };
  const changed = applyToRun({ ...run("a", "RUNNING", 1), attributes: { who: "x" } }, { ...event("a", 2, "RUN_ATTRIBUTES"), attributes: { values } });
  assert.deepEqual(changed.attributes, { amount: 12 });
});

test("any order of the same pages and events ends the same", () => {
  const events = [1, 4, 6, 9].map((sequence, index) =>
    event("a", sequence, ["RUN_STARTED", "RUN_BLOCKED", "RUN_RESUMED", "RUN_SUCCEEDED"][index] ?? "", sequence),
  );
  for (let cut = 0; cut <= events.length; cut++) {
    const made = new RunTable({});
    made.apply(events.slice(0, cut));
    made.begin(cut ? [run("a", "RUNNING", 1, 1)] : []);
    made.apply(events);
    assert.deepEqual(shown(made), ["a SUCCEEDED"]);
  }
});
