// The approval workflow under test: no server, no worker, and three days pass at once. `node --test` runs this.

import assert from "node:assert/strict";
import { test } from "node:test";

import { RunCancelled } from "stellwerk";
import { TestEnvironment } from "stellwerk/testing";

import { worker } from "./approval.js";

const ADA = { who: "ada", amount: 120 };

/**
 * What the run had done, in order.
 * @param {import("stellwerk/testing").TestRun} run
 */
function asked(run) {
  return run.history().events.flatMap(({ type, step }) => (type === "STEP_SCHEDULED" ? [step] : []));
}

test("what is approved is paid", async () => {
  const env = new TestEnvironment(worker);
  env.handler("approval.pay", ({ who, amount }) => `${amount} for ${who}`);
  const run = await env.start("approval", ADA);
  await env.skip("2d");
  assert.deepEqual(run.published, { state: "waiting for approval" });
  assert.deepEqual(run.attributes, ADA);
  await run.signal("approval", { approved: true, by: "Grace" });
  assert.deepEqual(await run.result(), { state: "paid", by: "Grace", receipt: "120 for ada" });
  assert.deepEqual(asked(run), ["approval.reserve", "approval.pay"]);
});

test("nobody answers for three days", async () => {
  const run = await new TestEnvironment(worker).start("approval", ADA);
  assert.equal((await run.result()).by, "nobody");
  assert.deepEqual(asked(run), ["approval.reserve", "approval.release", "approval.notify"]);
});

test("nothing stays set aside for a cancelled run", async () => {
  const run = await new TestEnvironment(worker).start("approval", ADA);
  await run.cancel();
  await assert.rejects(run.result(), RunCancelled);
  assert.deepEqual(asked(run), ["approval.reserve", "approval.release"]);
});
