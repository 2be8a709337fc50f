// A run as events make it: the same whether read at once or followed, once each, items counted, the end closing what is open.

import assert from "node:assert/strict";
import { test } from "node:test";

import type { Run, RunEvent, Step } from "../src/api/types.js";
import { isItemOf } from "../src/pages/run/items.js";
import { CHUNKS_KEPT, addChunk, addSteps, evolve, instant, pictureOf, positionOf, refresh, resetStream } from "../src/pages/run/projection.js";
import type { Picture } from "../src/pages/run/projection.js";

const RUN: Run = { run_id: "run_1", workflow: "order", version: 1, state: "RUNNING", sequence: 1 };

function step(id: string, more: Partial<Step> = {}): Step {
  return { step: id, state: "PENDING", attempt: 0, kind: "action", ...more };
}

function picture(...steps: Step[]): Picture {
  return pictureOf(RUN, steps, 1);
}

let sequence = 1;
function tell(shown: Picture, type: string, id = "", more: Partial<RunEvent> = {}): boolean {
  sequence = Math.max(sequence, shown.sequence, shown.run.sequence) + 1;
  return evolve(shown, { sequence, time: `2026-01-01T00:00:0${sequence % 10}Z`, type, ...(id === "" ? {} : { step: id }), ...more });
}

test("an attempt fails, waits, and the next one succeeds", () => {
  const shown = picture(step("pay"));
  tell(shown, "STEP_SCHEDULED", "pay", { attempt: 1 });
  assert.equal(shown.steps.get("pay")?.state, "READY");
  tell(shown, "STEP_ATTEMPT_FAILED", "pay", { attempt: 1, start_time: "2026-01-01T00:00:00Z", failure: { type: "Oops" }, attributes: { due_at: 1_767_225_600_000_000 } });
  const waiting = shown.steps.get("pay");
  assert.equal(waiting?.state, "WAITING");
  assert.equal(waiting.due_time, "2026-01-01T00:00:00.000Z");
  assert.equal(waiting.failure?.type, "Oops");
  tell(shown, "STEP_SCHEDULED", "pay", { attempt: 2 });
  tell(shown, "STEP_SUCCEEDED", "pay", { attempt: 2, start_time: "2026-01-01T00:00:01Z", payload: 7, worker_id: "w" });
  const done = shown.steps.get("pay");
  assert.deepEqual([done?.state, done?.output, done?.worker_id, done?.failure, done?.due_time], ["SUCCEEDED", 7, "w", undefined, undefined]);
  assert.deepEqual(done?.attempts?.map((attempt) => attempt.outcome), ["FAILED", "SUCCEEDED"]);
});

test("an event that was seen changes nothing", () => {
  const shown = picture(step("pay"));
  assert.equal(tell(shown, "STEP_SCHEDULED", "pay", { attempt: 1 }), true);
  const before = structuredClone(shown);
  assert.equal(evolve(shown, { sequence: shown.sequence, time: "2026-01-01T00:00:00Z", type: "STEP_DEAD", step: "pay" }), false);
  assert.deepEqual(shown, before);
});

test("run and steps were read at different moments: each takes only what it lacks", () => {
  const shown = pictureOf({ ...RUN, state: "SUCCEEDED", sequence: 5 }, [step("pay", { state: "READY" })], 3);
  assert.equal(positionOf(shown), 3);
  evolve(shown, { sequence: 4, time: "2026-01-01T00:00:04Z", type: "STEP_SUCCEEDED", step: "pay" });
  evolve(shown, { sequence: 5, time: "2026-01-01T00:00:05Z", type: "RUN_SUCCEEDED" });
  assert.equal(shown.steps.get("pay")?.state, "SUCCEEDED");
  assert.equal(shown.run.state, "SUCCEEDED");
});

test("what is open ends with the run, what was over stays", () => {
  const shown = picture(step("a", { state: "SUCCEEDED" }), step("b", { state: "LEASED", due_time: "2026-01-01T00:00:00Z" }), step("c"), step("d", { state: "WAITING", kind: "foreach", items: 5, item_states: { SUCCEEDED: 2, LEASED: 3 } }));
  tell(shown, "RUN_CANCELLED", "", { attributes: { reason: "enough" } });
  assert.deepEqual([...shown.steps.values()].map((each) => each.state), ["SUCCEEDED", "CANCELLED", "CANCELLED", "CANCELLED"]);
  assert.equal(shown.steps.get("b")?.due_time, undefined);
  assert.deepEqual(shown.steps.get("d")?.item_states, { SUCCEEDED: 2, CANCELLED: 3 });
  assert.equal(shown.run.state, "CANCELLED");
});

test("a foreach counts its items, however many", () => {
  const shown = picture(step("mail", { kind: "foreach" }));
  tell(shown, "STEP_EXPANDED", "mail", { payload: [1, 2, 3, 4] });
  assert.deepEqual(shown.steps.get("mail")?.item_states, { READY: 4 });
  tell(shown, "STEP_SUCCEEDED", "mail[0]");
  tell(shown, "STEP_ATTEMPT_FAILED", "mail[1]", { attempt: 1 });
  tell(shown, "STEP_DEAD", "mail[2]");
  const counts = () => Object.fromEntries(Object.entries(shown.steps.get("mail")?.item_states ?? {}).filter(([, count]) => count > 0));
  assert.deepEqual(counts(), { READY: 1, SUCCEEDED: 1, WAITING: 1, DEAD: 1 });
  assert.equal(shown.steps.get("mail")?.items_finished, 2);
  tell(shown, "STEP_SCHEDULED", "mail[2]", { attempt: 2 });
  assert.equal(shown.steps.get("mail")?.items_finished, 1);
  tell(shown, "STEP_SCHEDULED", "mail[1]", { attempt: 2 });
  assert.deepEqual(counts(), { READY: 3, SUCCEEDED: 1 });
  assert.equal(shown.steps.has("mail[0]"), false);
});

test("hand-outs are seen by looking: an item that was ready may end as one that ran", () => {
  const shown = picture(step("mail", { kind: "foreach", state: "WAITING", items: 2, items_finished: 0, item_states: { LEASED: 2 } }));
  tell(shown, "STEP_SUCCEEDED", "mail[1]");
  assert.deepEqual(shown.steps.get("mail")?.item_states, { LEASED: 1, SUCCEEDED: 1 });
});

test("a step of code that is named like an item is a step", () => {
  const shown = picture();
  tell(shown, "STEP_SCHEDULED", "charge", { attempt: 1, attributes: { action: "bill" } });
  tell(shown, "STEP_SCHEDULED", "charge[0]", { attempt: 1 });
  assert.deepEqual([...shown.steps.keys()], ["charge", "charge[0]"]);
  assert.equal(shown.steps.get("charge")?.action, "bill");
  assert.equal(isItemOf(shown.steps, "charge[1]"), undefined);
});

test("code asks for steps of every kind, publishes and sets attributes", () => {
  const shown = picture();
  tell(shown, "STEP_SLEEPING", "nap", { attributes: { due_at: 1_767_225_600_000_000, sleep_s: 3 } });
  tell(shown, "STEP_AWAITING", "ok", { attributes: { signal: "approval" } });
  tell(shown, "STEP_RAN", "draw", { payload: 42, attributes: { local: true } });
  tell(shown, "STEP_SCHEDULED", "kid", { attempt: 1, attributes: { workflow: "child" } });
  tell(shown, "STEP_CHILD_STARTED", "kid", { attributes: { child: "run_2" } });
  assert.deepEqual([...shown.steps.values()].map((each) => each.kind), ["sleep", "signal", "local", "workflow"]);
  assert.equal(shown.steps.get("ok")?.waiting_for, "signal 'approval' has not come");
  assert.equal(shown.steps.get("kid")?.child_run_id, "run_2");
  tell(shown, "RUN_PUBLISHED", "", { payload: "half", attributes: { key: "state" } });
  tell(shown, "RUN_ATTRIBUTES", "", { attributes: { values: { who: "ada", gone: null } } });
  assert.deepEqual(shown.run.published, { state: "half" });
  assert.deepEqual(shown.run.attributes, { who: "ada" });
  tell(shown, "DECISION_COMPLETED", "$decision");
  assert.equal(shown.steps.has("$decision"), false);
});

test("a blocked run says why until it goes on", () => {
  const shown = picture(step("pay", { state: "LEASED" }));
  tell(shown, "STEP_DEAD", "pay", { failure: { type: "Oops" }, attributes: { reason: "ATTEMPTS_EXHAUSTED", parked: true } });
  tell(shown, "RUN_BLOCKED", "", { attributes: { reason: "step pay is dead" } });
  assert.deepEqual([shown.run.state, shown.run.block_reason], ["BLOCKED", "step pay is dead"]);
  tell(shown, "STEP_SCHEDULED", "pay", { attempt: 5 });
  tell(shown, "RUN_RESUMED");
  assert.deepEqual([shown.run.state, shown.run.block_reason, shown.steps.get("pay")?.state], ["RUNNING", undefined, "READY"]);
});

test("chunks come once and in order, and begin anew with a new attempt", () => {
  const shown = picture(step("say"));
  const chunk = (attempt: number, at: number, payload: string) => addChunk(shown, { step: "say", attempt, sequence: at, payload });
  chunk(1, 1, "a");
  chunk(1, 2, "b");
  chunk(1, 2, "b");
  assert.deepEqual(shown.streams.get("say")?.chunks.map((each) => each.payload), ["a", "b"]);
  resetStream(shown, "say", 2);
  chunk(1, 3, "late");
  chunk(2, 1, "new");
  assert.deepEqual(shown.streams.get("say")?.chunks.map((each) => each.payload), ["new"]);
  for (let at = 2; at <= CHUNKS_KEPT + 5; at++) chunk(2, at, "x");
  assert.equal(shown.streams.get("say")?.chunks.length, CHUNKS_KEPT);
  assert.equal(shown.streams.get("say")?.dropped, 5);
});

test("later pages of steps stand before what events have made since, and undo nothing", () => {
  const shown = picture(step("a"));
  tell(shown, "STEP_SCHEDULED", "c", { attempt: 1 });
  tell(shown, "STEP_SUCCEEDED", "c", { attempt: 1 });
  tell(shown, "STEP_SCHEDULED", "d", { attempt: 1 });
  addSteps(shown, ["a"], [step("b", { state: "SUCCEEDED" }), step("c", { state: "READY" })], shown.sequence - 1);
  assert.deepEqual([...shown.steps].map(([id, each]) => `${id} ${each.state}`), ["a PENDING", "b SUCCEEDED", "c SUCCEEDED", "d READY"]);
});

test("an older answer never undoes what events have said", () => {
  const shown = picture(step("pay", { state: "READY", output: 1 }));
  refresh(shown, [step("pay", { state: "LEASED", worker_id: "w" })], shown.sequence);
  assert.deepEqual([shown.steps.get("pay")?.state, shown.steps.get("pay")?.output], ["LEASED", 1]);
  tell(shown, "STEP_SUCCEEDED", "pay");
  refresh(shown, [step("pay", { state: "LEASED" })], shown.sequence - 1);
  assert.equal(shown.steps.get("pay")?.state, "SUCCEEDED");
});

test("microseconds become a time, nonsense nothing", () => {
  assert.equal(instant(1_767_225_600_000_000), "2026-01-01T00:00:00.000Z");
  assert.equal(instant(undefined), undefined);
  assert.equal(instant("soon"), undefined);
});
