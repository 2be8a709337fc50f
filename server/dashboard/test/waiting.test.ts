// Why a run does not go on: a sentence for each open step, the worst first.

import assert from "node:assert/strict";
import { test } from "node:test";

import type { Run, Step } from "../src/api/types.js";
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
