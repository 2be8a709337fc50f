/** The testing kit: what a test of a workflow may ask of it, and that time passes only when it is told to. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { ChildFailed, defineWorkflow, RunFailed, RunTerminal, SignalTimeout, StepFailed, TerminalError, Worker, type WorkflowContext } from "../src/index.js";
import { NonDeterminism, TestEnvironment, TestStuck } from "../src/testing.js";
import { Records } from "./fake.js";

function environment(): TestEnvironment {
  const env = new TestEnvironment(undefined, { logger: new Records() });
  env.handler("echo", (input) => input);
  return env;
}

test("the example of the documentation", async () => {
  const worker = new Worker({ address: "127.0.0.1:1", logger: new Records() });
  const mails: string[] = [];
  worker.register("sendWelcomeEmail", () => void mails.push("welcome"));
  worker.register("sendFollowupEmail", () => void mails.push("followup"));
  defineWorkflow("userSignupFlow", async (ctx) => {
    await ctx.step("sendWelcomeEmail");
    await ctx.wait(60 * 60 * 1000);
    await ctx.step("sendFollowupEmail");
  });
  const env = new TestEnvironment(worker);
  const run = await env.start("userSignupFlow");
  assert.deepEqual(mails, ["welcome"]);
  await env.skip("59m");
  assert.deepEqual([mails.length, run.state], [1, "RUNNING"]);
  await env.skip("1m");
  assert.deepEqual([mails, run.state], [["welcome", "followup"], "SUCCEEDED"]);
  assert.equal(await run.result(), null);
});

test("a name is defined once", () => {
  defineWorkflow("twice", () => 1);
  assert.throws(() => { defineWorkflow("twice", () => 1); }, new RangeError("workflow 'twice': expected one, came a second"));
  assert.throws(() => { defineWorkflow("", () => 1); }, TypeError);
  assert.throws(() => { defineWorkflow("none", 1 as never); }, new TypeError("workflow 'none': expected a function, came number"));
});

test("a signal comes early, late, twice, or never", async () => {
  const env = environment();
  env.workflow("ask", async (ctx) => {
    const first = await ctx.waitSignal("go");
    await ctx.sleep("1h");
    try {
      return [first, await ctx.waitSignal("go", { timeout: "3d" })];
    } catch (error) {
      assert.ok(error instanceof SignalTimeout);
      return [first, error.message];
    }
  });
  const early = await env.start("ask");
  await early.signal("go", 1, { signalId: "a" });
  await early.signal("go", 1, { signalId: "a" });
  await early.signal("go", 2);
  assert.deepEqual(await early.result(), [1, 2]);
  await assert.rejects(early.signal("go"), RunTerminal);
  const never = await env.start("ask");
  await assert.rejects(never.result(), new TestStuck("the run waits for signal 'go', and no timer is left"));
  await never.signal("go", 3);
  assert.deepEqual(await never.result(), [3, "signal 'go' did not come within 259200 s"]);
});

test("steps are tried again by their policy, in virtual time", async () => {
  const env = environment();
  let tries = 0;
  env.handler("flaky", () => {
    tries += 1;
    if (tries < 3) throw new Error("not yet");
    return tries;
  });
  env.workflow("retried", async (ctx) => {
    const before = ctx.now().getTime();
    const output: unknown = await ctx.step("flaky", null, { retry: { initial: "1m", backoff: 3 } });
    return [output, ctx.now().getTime() - before];
  });
  const run = await env.start("retried");
  assert.equal(tries, 1);
  await env.skip("1m");
  assert.equal(tries, 2);
  // The second delay is cut to the longest one, a minute.
  assert.deepEqual(await run.result(), [3, 120_000]);
});

test("local steps are tried again and recorded", async () => {
  const env = environment();
  let tries = 0;
  env.workflow("local", async (ctx) => {
    const caught: unknown = await ctx.run("bad", () => { throw new TerminalError("no", { type: "Bad" }); }).catch((error: unknown) => (error as StepFailed).type);
    return [caught, await ctx.run("flaky", () => {
      tries += 1;
      if (tries === 1) throw new Error("once");
      return tries;
    })];
  });
  const run = await env.start("local");
  assert.equal(tries, 1);
  assert.deepEqual(await run.result(), ["Bad", 2]);
  const ran = run.history().events.filter(({ type }) => type === "STEP_RAN");
  assert.deepEqual(ran.map(({ step, attempt }) => [step, attempt]), [["bad", 1], ["flaky", 2]]);
});

test("a failure that leaves the code is the run's", async () => {
  const env = environment();
  env.handler("charge", () => { throw new TerminalError("no money", { type: "CardDeclined" }); });
  env.workflow("order", (ctx) => ctx.step("charge"));
  const run = await env.start("order");
  await assert.rejects(run.result(), (error) => {
    assert.ok(error instanceof RunFailed);
    assert.equal(error.message, `run ${run.runId} ended as FAILED in step charge, attempt 1: CardDeclined: no money`);
    return true;
  });
});

test("children end with their output, fail, and are closed with their parent", async () => {
  const env = environment();
  env.workflow("kid", async (ctx, input) => {
    if (input === "bad") throw new Error("bad kid");
    if (input === "slow") await ctx.waitSignal("never");
    return [input, ctx.parent];
  });
  env.workflow("parent", async (ctx: WorkflowContext, input) => {
    if (input === "leave") {
      void ctx.child("kid", "slow");
      await ctx.sleep(1);
      return "left";
    }
    try {
      return await ctx.child("kid", input);
    } catch (error) {
      return error instanceof ChildFailed ? [error.type, (error.cause as StepFailed).message] : error;
    }
  });
  const good = await env.start("parent", 1);
  assert.deepEqual(await good.result(), [1, good.runId]);
  assert.deepEqual(await (await env.start("parent", "bad")).result(), ["RunFailed", "bad kid"]);
  const left = await env.start("parent", "leave");
  assert.equal(await left.result(), "left");
});

test("what is published and searchable is there", async () => {
  const env = environment();
  env.workflow("shown", async (ctx) => {
    ctx.publish("state", { done: 1 });
    ctx.setAttributes({ city: "Ulm", paid: false, gone: 1 });
    ctx.setAttributes({ gone: null });
    await ctx.waitSignal("go");
  });
  const run = await env.start("shown");
  assert.deepEqual([run.published, run.attributes], [{ state: { done: 1 } }, { city: "Ulm", paid: false }]);
});

test("a run goes on as new, and its signals with it", async () => {
  const env = environment();
  env.workflow("loop", async (ctx, n: number) => {
    if (n < 3) return ctx.continueAsNew(n + 1);
    return [n, await ctx.waitSignal("go")];
  });
  const run = await env.start("loop", 1);
  assert.equal(run.state, "CONTINUED");
  await run.signal("go", "on");
  assert.deepEqual(await run.result(), [3, "on"]);
});

test("code that changes its mind is found out", async () => {
  const env = environment();
  let lives = 0;
  env.workflow("moody", async (ctx) => {
    lives += 1;
    await ctx.step("echo", lives, { name: lives === 1 ? "first" : "second" });
    await ctx.sleep("1h");
  });
  await env.start("moody");
  await assert.rejects(env.skip("1m"), new NonDeterminism("step 1: recorded echo(1), now echo(2)"));
});

test("a step that nobody serves is named, and served later", async () => {
  const env = environment();
  env.workflow("served", (ctx) => ctx.step("late", 1));
  const run = await env.start("served");
  await assert.rejects(run.result(), new TestStuck("the run waits for step 'late', and no timer is left"));
  env.handler("late", (input: number) => input + 1);
  assert.equal(await run.result(), 2);
});

test("code that waits for what is not ctx's is told so", async () => {
  const env = environment();
  env.workflow("foreign", () => new Promise(() => undefined));
  await assert.rejects(env.start("foreign"), /WaitsForNothing: the code waits for something that is not ctx's/);
});
