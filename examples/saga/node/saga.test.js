// The saga under test: what is undone, and in which order, without a server. `node --test` runs this.

import assert from "node:assert/strict";
import { test } from "node:test";

import { RetryableError, RunFailed } from "stellwerk";
import { TestEnvironment } from "stellwerk/testing";

import { worker } from "./saga.js";

/**
 * What the run had done, in order.
 * @param {import("stellwerk/testing").TestRun} run
 */
function asked(run) {
  return run
    .history()
    .events.flatMap(({ type, step, attempt }) => (type === "STEP_SCHEDULED" && attempt === 1 ? [step] : []));
}

test("a trip is booked", async () => {
  const run = await new TestEnvironment(worker).start("saga", { to: "Rome" });
  const booked = await run.result();
  assert.deepEqual(
    booked.map((/** @type {string} */ each) => each.split(" ")[0]),
    ["flight", "hotel", "car"],
  );
});

test("a trip without a car is undone from its end", async () => {
  const run = await new TestEnvironment(worker).start("saga", { to: "Venice" });
  await assert.rejects(run.result(), (error) => error instanceof RunFailed && /NoCars/.test(error.message));
  assert.deepEqual(asked(run), ["book-flight", "book-hotel", "book-car", "undo-car", "undo-hotel", "undo-flight"]);
});

test("what may have been booked is undone, too", async () => {
  const env = new TestEnvironment(worker);
  env.handler("saga.book", ({ what }) => {
    if (what === "hotel") throw new RetryableError("the line was cut, who knows when");
    return "booked";
  });
  const run = await env.start("saga", { to: "Rome" });
  await assert.rejects(run.result(), RunFailed);
  assert.deepEqual(asked(run), ["book-flight", "book-hotel", "undo-hotel", "undo-flight"]);
});
