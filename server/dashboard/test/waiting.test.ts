// Why a run does not go on: a sentence for each open step, the worst first.

import assert from "node:assert/strict";
import { test } from "node:test";

import type { Cause, Explanation, Run, Step } from "../src/api/types.js";
import { summaryOf, withCauses } from "../src/pages/run/explained.js";
import { reasonsOf } from "../src/pages/run/waiting.js";

const RUN: Run = { run_id: "run_1", workflow: "order", version: 1, state: "RUNNING", sequence: 1 };
const NOW = Date.parse("2026-01-01T00:01:00Z");

function step(id: string, more: Partial<Step>): Step {
  return { step: id, state: "PENDING", attempt: 0, kind: "action", ...more };
}

function sentence(more: Partial<Step>, run: Partial<Run> = {}): string {
  return reasonsOf({ ...RUN, ...run }, [step("s", more)], NOW).find((reason) => reason.step === "s")?.text ?? "";
}

test("each state of a step has its sentence", () => {
  assert.equal(sentence({ state: "READY", ready_time: "2026-01-01T00:00:00Z", waiting_for: "no worker serves action 'x'" }), "Ready for 1m, but no worker serves action 'x'.");
  assert.match(sentence({ state: "READY", queue: "slow" }), /waits for a free worker of queue 'slow'/);
  assert.match(sentence({ state: "LEASED", worker_id: "w1", start_time: "2026-01-01T00:00:30Z", attempt: 2, max_attempts: 4 }), /Runs on w1 for 30s \(attempt 2 of 4\)/);
  assert.match(sentence({ state: "WAITING", attempt: 1, max_attempts: 3, failure: { type: "Oops", message: "no\nstack" }, due_time: "2026-01-01T00:01:10Z" }), /Failed with Oops: no; attempt 2 of 3 begins in 10s/);
  assert.match(sentence({ state: "WAITING", kind: "signal", signal: "approval" }), /send the signal 'approval'\./);
  assert.match(sentence({ state: "WAITING", kind: "sleep", due_time: "2026-01-01T01:01:00Z" }), /Sleeps for another 1h/);
  assert.match(sentence({ state: "PENDING", needs: ["a", "b"] }), /Comes after 'a' and 'b'/);
  assert.match(sentence({ state: "PENDING", needs: ["a", "b", "c", "d", "e"] }), /'a', 'b', 'c' and 2 more/);
  assert.match(sentence({ state: "WAITING", kind: "foreach", items: 10, items_finished: 4, item_states: { SUCCEEDED: 4, LEASED: 2, READY: 4 } }), /4 of 10 items have finished: 2 running, 4 waiting for a worker/);
  assert.equal(sentence({ state: "SUCCEEDED" }), "");
});

test("a child run is named, so that it can be followed", () => {
  const [reason] = reasonsOf(RUN, [step("kid", { state: "WAITING", kind: "workflow", child_run_id: "run_2" })], NOW);
  assert.equal(reason?.runId, "run_2");
});

test("a dead step counts while its run is blocked, and the run's own reason stands first", () => {
  assert.equal(sentence({ state: "DEAD" }), "");
  const reasons = reasonsOf({ ...RUN, state: "BLOCKED", block_reason: "step s is dead" }, [step("t", {}), step("s", { state: "DEAD", attempt: 2, failure: { type: "Oops" } })], NOW);
  assert.deepEqual(reasons.map((reason) => reason.step), ["", "s", "t"]);
  assert.match(reasons[1]?.text ?? "", /Dead after 2 attempts: Oops/);
});

test("code that nobody decides is stuck, a run that has ended waits for nothing", () => {
  const [reason] = reasonsOf({ ...RUN, waiting_for: "no worker serves workflow 'order'" }, [], NOW);
  assert.deepEqual([reason?.tone, reason?.text], ["stuck", "No worker serves workflow 'order'."]);
  assert.deepEqual(reasonsOf({ ...RUN, state: "FAILED" }, [step("s", {})], NOW), []);
});

function explained(...causes: Cause[]): Explanation {
  return { run_id: "run_1", state: "RUNNING", summary: causes[0]?.sentence ?? "", causes };
}

function lines(steps: Step[], explanation: Explanation | undefined): string[] {
  const reasons = withCauses(reasonsOf(RUN, steps, NOW), new Map(steps.map((each) => [each.step, each])), explanation);
  return reasons.map((reason) => `${reason.tone} ${reason.step}: ${reason.text}`);
}

test("what only the server knows stands with the step it is about, for as long as that stays where it was", () => {
  const busy: Cause = { kind: "WORKERS_BUSY", step: "s", steps: 1, sentence: "step s waits for a free slot: 5 of 5 are busy" };
  assert.deepEqual(lines([step("s", { state: "READY" })], explained(busy)), ["waiting s: Waits for a free slot: 5 of 5 are busy."]);
  assert.match(lines([step("s", { state: "LEASED", worker_id: "w1" })], explained(busy)).join(), /^working s: Runs on w1/);
  assert.match(lines([step("s", { state: "READY" })], undefined).join(), /waits for a free worker/);
});

test("items are explained with their foreach, and a decision before the steps", () => {
  const items: Cause = { kind: "NO_WORKER", step: "f[0]", steps: 7, sentence: "7 items of step f wait: no worker serves action 'm'" };
  const decision: Cause = { kind: "LEASED", sentence: "its code is being asked: worker w1 has it" };
  const open = [step("f", { state: "WAITING", kind: "action", items: 9, items_finished: 2, item_states: { READY: 7, SUCCEEDED: 2 } })];
  assert.deepEqual(lines(open, explained(items, decision)), [
    "stuck f: 2 of 9 items have finished: 7 waiting for a worker. 7 items of step f wait: no worker serves action 'm'.",
    "working : Its code is being asked: worker w1 has it.",
  ]);
});

test("the summary is a sentence, and there is none of a run that has ended", () => {
  const nap: Cause = { kind: "TIMER", step: "nap", sentence: "step nap sleeps until noon" };
  assert.equal(summaryOf(RUN, explained(nap)), "Step nap sleeps until noon.");
  assert.equal(summaryOf({ ...RUN, state: "FAILED" }, explained(nap)), "");
  assert.equal(summaryOf(RUN, explained({ kind: "ENDED", sentence: "it has ended" })), "");
  assert.equal(summaryOf(RUN, undefined), "");
});
