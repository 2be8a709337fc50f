// The smaller stores: expectations, groups of dead letters, timers, actions on many.

import assert from "node:assert/strict";
import { test } from "node:test";
import type { DeadLetter, FeedEvent, Timer } from "../src/api/types.js";
import { actOnMany } from "../src/store/bulk.js";
import { fingerprint, groupsOf, withRun } from "../src/store/letters.js";
import { Optimistic } from "../src/store/optimistic.js";
import { setsTimer, timersAfter } from "../src/store/timer_events.js";
import { runsChanged } from "../src/store/use_letters.js";

const letter = (id: string, message: string, more: Partial<DeadLetter> = {}): DeadLetter => ({
  dead_letter_id: id,
  run_id: `run_${id}`,
  step: "pay",
  attempt: 1,
  workflow: "order",
  action: "pay",
  state: "OPEN",
  create_time: `2026-01-01T00:00:0${id}Z`,
  failure: { type: "Declined", message },
  ...more,
});

const event = (run_id: string, type: string, more: Partial<FeedEvent> = {}): FeedEvent => ({
  run_id,
  type,
  workflow: "order",
  version: 1,
  sequence: 1,
  time: "2026-01-01T00:00:00Z",
  ...more,
});

test("an expectation shows at once and ends with its event", async () => {
  const expected = new Optimistic<string>(1);
  let answer: (value: string) => void = () => undefined;
  const acting = expected.act("a", "CANCELLED", () => new Promise<string>((resolve) => (answer = resolve)));
  assert.equal(expected.get("a"), "CANCELLED");
  expected.settle("a");
  assert.equal(expected.get("a"), undefined);
  answer("done");
  assert.equal(await acting, "done");
});

test("a refusal takes the expectation back and is told", async () => {
  const expected = new Optimistic<string>(1);
  await assert.rejects(expected.act("a", "CANCELLED", () => Promise.reject(new Error("RUN_TERMINAL"))), /RUN_TERMINAL/);
  assert.equal(expected.get("a"), undefined);
});

test("an older refusal does not take a newer expectation back", async () => {
  const expected = new Optimistic<string>(1);
  let refuse: (error: Error) => void = () => undefined;
  const first = expected.act("a", "CANCELLED", () => new Promise((_, reject) => (refuse = reject)));
  void expected.act("a", "TERMINATED", () => new Promise(() => undefined));
  refuse(new Error("late"));
  await assert.rejects(first);
  assert.equal(expected.get("a"), "TERMINATED");
});

test("messages of the same trouble have the same fingerprint", () => {
  assert.equal(fingerprint("order A-17 of 'Ann' is late by 3.5 s"), fingerprint("order B-4 of 'Bob' is late by 12 s"));
  assert.equal(fingerprint("run_06u01vv7c0400 lost"), fingerprint("run_06tvtpkm80000 lost"));
  assert.notEqual(fingerprint("connection refused"), fingerprint("connection reset"));
});

test("letters are grouped by trouble, the biggest group first", () => {
  const letters = [letter("3", "order 1 declined"), letter("2", "no stock"), letter("1", "order 2 declined")];
  assert.deepEqual(groupsOf(letters).map((group) => [group.pattern, group.letters.length]), [
    ["order … declined", 2],
    ["no stock", 1],
  ]);
});

test("the letters of one run are replaced, the others stay in order", () => {
  const letters = [letter("3", "x"), letter("2", "x"), letter("1", "x")];
  assert.deepEqual(withRun(letters, "run_2", []).map((each) => each.dead_letter_id), ["3", "1"]);
});

test("events say whose letters may have changed", () => {
  const letters = [letter("1", "x"), letter("2", "x")];
  const forked = event("run_9", "RUN_STARTED", { attributes: { forked_from: "run_2" } });
  const events = [event("run_7", "STEP_DEAD"), event("run_1", "RUN_RESUMED"), event("run_8", "RUN_RESUMED"), forked];
  assert.deepEqual(runsChanged(events, letters, {}), ["run_7", "run_1", "run_2"]);
});

test("timers go with their step and with their run", () => {
  const timer = (run_id: string, step: string): Timer => ({ run_id, step, workflow: "w", kind: "SLEEP", due_time: "2026-01-01T00:00:00Z" });
  const timers = [timer("a", "x"), timer("a", "y"), timer("b", "x")];
  const left = timersAfter(timers, [event("a", "STEP_SUCCEEDED", { step: "x" }), event("b", "RUN_CANCELLED")]);
  assert.deepEqual(left, [timer("a", "y")]);
  assert.equal(timersAfter(left, [event("c", "RUN_FAILED")]), left);
  assert.equal(setsTimer([event("a", "STEP_SLEEPING")]), true);
  assert.equal(setsTimer([event("a", "STEP_SUCCEEDED")]), false);
});

test("an action on many goes on over refusals and can be stopped", async () => {
  const acted: string[] = [];
  const act = (key: string) => {
    acted.push(key);
    return key === "b" ? Promise.reject(new Error("no")) : Promise.resolve();
  };
  const result = await actOnMany(["a", "b", "c"], act, () => undefined).finished;
  assert.deepEqual([result.done, result.failures.map(({ key }) => key)], [3, ["b"]]);
  const many = actOnMany(Array.from({ length: 100 }, (_, index) => String(index)), act, () => many.stop());
  assert.ok((await many.finished).done < 100);
});
