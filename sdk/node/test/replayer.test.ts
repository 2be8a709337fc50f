/** The code of a run against events fed by hand and against its own histories: what it asks for, and what differs. */

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";

import { StellwerkError, StepFailed, type WorkflowContext } from "../src/index.js";
import { eventsOf } from "../src/history_document.js";
import { fedAll } from "../src/replay.js";
import { Replayer } from "../src/replayer.js";
import { NonDeterminism, replay, TestEnvironment, type HistoryDocument } from "../src/testing.js";
import { Turns } from "../src/turns.js";
import { Event } from "../src/v1/stellwerk/v1/run.js";
import type { Command } from "../src/v1/stellwerk/v1/worker.js";
import { json, Records } from "./fake.js";

type Code = (ctx: WorkflowContext, input: any) => unknown;

const turns = new Turns();

function event(sequence: number, type: string, fields: object = {}, facts?: object): Event {
  const attributes = facts === undefined ? "" : JSON.stringify(facts);
  return Event.fromPartial({ sequence, type, time: new Date(sequence * 1_000), attributes, ...fields });
}

const started = event(1, "RUN_STARTED", { payload: json({ n: 1 }) });

/** A run of this code, told these things one feed after the other. */
async function fed(code: Code, ...feeds: Event[][]): Promise<Replayer> {
  const plan = { name: "wf", fn: code };
  const facts = { runId: "run_1", plan, trace: {}, logger: new Records(), input: undefined };
  const replayer = new Replayer(facts, feeds[0] ?? []);
  for (const events of feeds) await fedAll(turns, replayer, events);
  return replayer;
}

/** Kinds and steps of commands: "action charge". */
function shown(commands: readonly Command[]): string[] {
  return commands.map((command) => {
    const kind = Object.keys(command).find((key) => key !== "step") ?? "";
    return `${kind} ${command.step}`.trim();
  });
}

/** What the code of a history does when it is fed up to each of its events, and then the rest. */
async function replayedAtEveryEvent(history: HistoryDocument, code: Code): Promise<void> {
  const events = eventsOf(history);
  for (let count = 1; count <= events.length; count++) {
    const replayer = await fed(code, events.slice(0, count), events.slice(count));
    assert.equal(replayer.problem?.type === "NonDeterminism", false, `after ${count}: ${replayer.problem?.message}`);
  }
}

const everything: Code = async (ctx, input) => {
  const a = await ctx.step("echo", input);
  const b = await ctx.run("local", () => 1);
  const [c, d] = await Promise.all([ctx.step("echo", 1), ctx.run("local", async () => 2), ctx.sleep("1h")]);
  ctx.publish("state", "half");
  ctx.setAttributes({ city: "Ulm" });
  const e = await ctx.child("kid", a);
  const [index] = await ctx.select([ctx.waitSignal("go"), ctx.sleep("1d")]);
  const failed: unknown[] = [];
  try {
    await ctx.step("broken", null, { retry: { maxAttempts: 2 } });
  } catch (error) {
    if (!(error instanceof StepFailed)) throw error;
    failed.push(error.type);
  }
  if (ctx.patched("new")) await ctx.step("echo", ctx.random());
  return [a, b, c, d, e, index, failed, ctx.uuid()];
};

function environment(): TestEnvironment {
  const env = new TestEnvironment(undefined, { logger: new Records() });
  env.workflow("everything", everything);
  env.workflow("kid", (_, input) => [input]);
  env.handler("echo", (input) => input);
  env.handler("broken", () => {
    throw new TypeError("no");
  });
  return env;
}

test("every construct replays after every event", async () => {
  const env = environment();
  const run = await env.start("everything", { x: 1 });
  await env.skip("2h");
  await run.signal("go", "now");
  const output = await run.result();
  assert.deepEqual(output.slice(0, 7), [{ x: 1 }, 1, 1, 2, [{ x: 1 }], 0, ["TypeError"]]);
  await replayedAtEveryEvent(run.history(), everything);
  assert.equal(await replay(run.history(), everything), "SUCCEEDED");
});

test("every await may be cancelled, and cleans up with steps", async () => {
  const code: Code = async (ctx, input) => {
    try {
      return await everything(ctx, input);
    } finally {
      await ctx.step("echo", "tidy", { name: "tidy" });
    }
  };
  for (let at = 0; at < 3; at++) {
    const env = environment();
    env.workflow("tidied", code);
    const run = await env.start("tidied", 1);
    if (at > 0) await env.skip("2h");
    if (at > 1) await run.signal("go");
    if (run.state === "RUNNING") await run.cancel("enough");
    await assert.rejects(run.result(), { name: "RunCancelled" });
    const steps = run.history().events.filter(({ type, step }) => type === "STEP_SUCCEEDED" && step === "tidy");
    assert.equal(steps.length, 1);
    await replayedAtEveryEvent(run.history(), code);
  }
});

test("commands are given in order, with ids that count", async () => {
  const run = await fed((ctx) => Promise.all([ctx.step("a"), ctx.sleep(5), ctx.step("a"), ctx.wait(6)]), [started]);
  assert.deepEqual(shown(run.commands), ["action a", "sleep sleep", "action a#2", "sleep sleep#2"]);
  assert.throws(() => new Replayer(run.facts, []).call("action", "a#2", "a", () => ({ step: "" })));
});

const MISMATCHES: [name: string, now: Code, message: string][] = [
  ["another action", (ctx) => ctx.step("reserve", "stock"), 'step 1: recorded charge("card"), now reserve("stock")'],
  ["a sleep", (ctx) => ctx.sleep("1h"), 'step 1: recorded charge("card"), now sleep(3600)'],
  ["a signal", (ctx) => ctx.waitSignal("approval"), 'step 1: recorded charge("card"), now signal approval'],
  ["a child", (ctx) => ctx.child("invoice", {}), 'step 1: recorded charge("card"), now child invoice({})'],
  ["a value", (ctx) => { ctx.publish("key", 1); }, 'step 1: recorded charge("card"), now publish key'],
  ["attributes", (ctx) => { ctx.setAttributes({ a: 1 }); }, 'step 1: recorded charge("card"), now attributes'],
  ["the end", () => 1, 'step 1: recorded charge("card"), now the end'],
  ["nothing", () => new Promise(() => undefined), 'step 1: recorded charge("card"), now nothing'],
  ["another id", (ctx) => ctx.step("charge", "card", { name: "pay" }), 'step 1: recorded charge("card") as charge, now charge("card") as pay'],
  ["a long input", (ctx) => ctx.step("x", "y".repeat(99)), `step 1: recorded charge("card"), now x("${"y".repeat(39)})`],
];

for (const [name, now, message] of MISMATCHES) {
  test(`a difference is told: ${name}`, async () => {
    const recorded = event(2, "STEP_SCHEDULED", { step: "charge", attempt: 1, payload: json("card") }, { action: "charge", decision: 1 });
    const run = await fed(now, [started, recorded]);
    assert.deepEqual(run.problem, { type: "NonDeterminism", message });
    assert.deepEqual(run.commands, []);
  });
}

test("a difference cannot be caught by the code", async () => {
  const recorded = event(2, "STEP_SLEEPING", { step: "sleep" }, { sleep_s: 1.5, decision: 1 });
  let caught = false;
  const run = await fed(async (ctx) => {
    await ctx.step("x").catch(() => { caught = true; });
  }, [started, recorded]);
  assert.equal(run.problem?.message, "step 1: recorded sleep(1.5), now x(null)");
  assert.equal(caught, false);
});

test("a local step that nobody calls any more is a difference", async () => {
  const ran = event(2, "STEP_RAN", { step: "old", payload: json(1) }, { local: true, decision: 1 });
  const run = await fed((ctx) => ctx.run("new", () => 1), [started, ran]);
  assert.equal(run.problem?.message, "step 2: recorded run old, now nothing");
});

test("a local step with a record is not run, one without is", async () => {
  let runs = 0;
  const code: Code = async (ctx) => [await ctx.run("a", () => runs++), await ctx.run("b", () => runs++)];
  const ran = event(2, "STEP_RAN", { step: "a", payload: json("before") }, { local: true, decision: 1 });
  const run = await fed(code, [started, ran]);
  assert.deepEqual(run.takeLocals().map(({ step }) => step), ["b"]);
  assert.equal(runs, 0);
});

test("a patch is seen by runs that come there first, not by those that passed before", async () => {
  const code: Code = async (ctx) => {
    await ctx.sleep(1);
    const before = ctx.patched("p");
    await ctx.sleep(1);
    return [before, ctx.patched("p")];
  };
  const slept = event(2, "STEP_SLEEPING", { step: "sleep" }, { sleep_s: 0.001, decision: 1 });
  const woken = event(3, "STEP_SUCCEEDED", { step: "sleep" });
  const patch = event(4, "RUN_PATCHED", {}, { id: "p", decision: 3 });
  const again = event(5, "STEP_SLEEPING", { step: "sleep#2" }, { sleep_s: 0.001, decision: 3 });
  const done = event(6, "STEP_SUCCEEDED", { step: "sleep#2" });
  const outputs = [];
  for (const events of [[started, slept, woken, again, done], [started, slept, woken, patch, again, done]]) {
    const run = await fed(code, events);
    outputs.push(run.commands.at(-1)?.succeed?.output?.json);
  }
  assert.deepEqual(outputs, ["[false,false]", "[true,true]"]);
  const live = await fed(code, [started, slept], [woken]);
  assert.deepEqual(shown(live.commands), ["patch", "sleep sleep#2"]);
});

test("kept steps resolve at once and are no commands", async () => {
  const kept = event(2, "STEP_KEPT", { step: "a", payload: json(7) });
  const run = await fed(async (ctx) => [await ctx.step("a"), await ctx.step("a")], [started, kept]);
  assert.deepEqual(shown(run.commands), ["action a#2"]);
});

test("chance is derived from the run", async () => {
  const run = await fed((ctx) => [ctx.random(), ctx.uuid(), ctx.random()], [started]);
  const [first, uuid, third] = JSON.parse(run.commands[0]?.succeed?.output?.json ?? "") as [number, string, number];
  const draw = (n: number): Buffer => createHash("sha256").update(`run_1/${n}`).digest();
  assert.equal(first, Number(draw(1).readBigUInt64BE() >> 11n) / 2 ** 53);
  assert.equal(third, Number(draw(3).readBigUInt64BE() >> 11n) / 2 ** 53);
  assert.match(uuid, /^[\da-f]{8}-[\da-f]{4}-4[\da-f]{3}-[89ab][\da-f]{3}-[\da-f]{12}$/);
  assert.equal(uuid.slice(0, 8), draw(2).toString("hex").slice(0, 8));
});

test("time is that of the event, and no other", async () => {
  const code: Code = async (ctx) => {
    const before = ctx.now().getTime();
    await ctx.run("here", () => 1);
    const between = ctx.now().getTime();
    await ctx.sleep(1);
    return [before, between, ctx.now().getTime()];
  };
  const ran = event(9, "STEP_RAN", { step: "here", payload: json(1) }, { local: true, decision: 1 });
  const run = await fed(code, [started], [ran], [event(12, "STEP_SUCCEEDED", { step: "sleep" })]);
  assert.equal(run.commands.at(-1)?.succeed?.output?.json, "[1000,1000,12000]");
});

test("cancellation throws once, gives up what is waited for, and lets the code go on", async () => {
  const code: Code = async (ctx) => {
    try {
      await Promise.all([ctx.step("slow"), ctx.waitSignal("go"), ctx.run("here", () => 1)]);
    } catch (error) {
      await ctx.step("undo");
      assert.equal(ctx.cancelled, true);
      throw error;
    }
  };
  const cancel = event(5, "RUN_CANCEL_REQUESTED");
  const run = await fed(code, [started], [cancel]);
  assert.deepEqual(shown(run.takeCommands()), ["action slow", "signal go", "cancel slow", "cancel go", "action undo"]);
  await fedAll(turns, run, [event(6, "RUN_CANCEL_REQUESTED"), event(7, "STEP_SUCCEEDED", { step: "undo" })]);
  assert.deepEqual(shown(run.commands), ["cancelled"]);
});

test("a cancellation that is caught is forgotten", async () => {
  const run = await fed(
    async (ctx) => {
      await ctx.sleep("1h").catch(() => undefined);
      return "fine";
    },
    [started],
    [event(3, "RUN_CANCEL_REQUESTED")],
  );
  assert.deepEqual(shown(run.commands), ["sleep sleep", "cancel sleep", "succeed"]);
});

test("what loses a race goes on until it is given up", async () => {
  const code: Code = async (ctx) => {
    const calls = [ctx.waitSignal("go"), ctx.sleep("3d")] as const;
    const [index, value] = await ctx.select(calls);
    calls[1 - index]?.cancel();
    await calls[1 - index]?.catch((error: unknown) => { assert.equal((error as StepFailed).type, "StepCancelled"); });
    return [index, value];
  };
  const told = event(4, "STEP_SUCCEEDED", { step: "go", payload: json("yes") });
  const woken = event(5, "STEP_SUCCEEDED", { step: "sleep" });
  const first = await fed(code, [started], [told, woken]);
  assert.deepEqual(shown(first.commands), ["signal go", "sleep sleep", "cancel sleep", "succeed"]);
  assert.equal(first.commands.at(-1)?.succeed?.output?.json, '[0,"yes"]');
  const second = await fed(code, [started], [woken, told]);
  assert.equal(second.commands.at(-1)?.succeed?.output?.json, "[1,null]");
});

test("a failure has all that is known of it", async () => {
  let seen: StepFailed | undefined;
  const failure = { type: "CardDeclined", message: "no money", attempt: 2, step: "charge", details: json({ code: 51 }), cause: { type: "Deep", message: "x" } };
  const run = await fed(
    async (ctx) => {
      try {
        await ctx.step("charge");
      } catch (error) {
        seen = error as StepFailed;
        throw error;
      }
    },
    [started],
    [event(3, "STEP_FAILED", { step: "charge", attempt: 2, failure })],
  );
  assert.ok(seen instanceof StepFailed);
  assert.deepEqual([seen.type, seen.message, seen.details, seen.attempt, seen.step], ["CardDeclined", "no money", { code: 51 }, 2, "charge"]);
  assert.equal((seen.cause as StepFailed).type, "Deep");
  const sent = run.commands.at(-1)?.fail?.failure;
  assert.deepEqual([sent?.type, sent?.step, sent?.attempt, sent?.cause?.message], ["CardDeclined", "charge", 2, "x"]);
});

test("code that waits for what is not ctx's is told so", async () => {
  const foreign = await fed(() => new Promise(() => undefined), [started]);
  assert.equal(foreign.stuck()?.type, "WaitsForNothing");
  const woken: Code = async (ctx) => {
    void ctx.sleep("1h");
    await new Promise((resolve) => setImmediate(resolve));
    await ctx.step("x");
  };
  const run = await fed(woken, [started]);
  await new Promise((resolve) => setTimeout(resolve, 5));
  assert.equal(run.stuck()?.type, "WaitsForNothing");
  assert.deepEqual(shown(run.commands), ["sleep sleep"]);
});

test("ctx refuses whoever is not the code", async () => {
  let kept: WorkflowContext | undefined;
  const open = await fed((ctx) => { kept = ctx; return ctx.sleep(1); }, [started]);
  assert.throws(() => kept?.step("x"), new StellwerkError("ctx belongs to the workflow's own code, came a call from outside of its turn"));
  assert.equal(open.problem, undefined);
  await fed((ctx) => { kept = ctx; }, [started]);
  assert.throws(() => kept?.step("x"), new StellwerkError("ctx belongs to the workflow's own code, came a call from after its end"));
});

test("rejections that nobody looks at do not end the program", async () => {
  const code: Code = async (ctx) => {
    const lose = async (): Promise<void> => {
      await ctx.step("bad");
    };
    void lose();
    void Promise.reject(new Error("left alone"));
    await ctx.sleep(1);
    return "fine";
  };
  const failed = event(3, "STEP_FAILED", { step: "bad", failure: { type: "X", message: "no" } });
  const run = await fed(code, [started], [failed, event(4, "STEP_SUCCEEDED", { step: "sleep" })]);
  assert.deepEqual(shown(run.commands), ["action bad", "sleep sleep", "succeed"]);
});

test("too many open commands are too many", async () => {
  const run = await fed((ctx) => Promise.all(Array.from({ length: 10_001 }, () => ctx.step("x"))), [started]);
  const message = "10001 commands are open, at most 10000 may be: wait for some first";
  assert.deepEqual(run.stuck(), { type: "TooManyCommands", message });
});

test("thousands of steps at once resolve in one feed", async () => {
  const run = await fed((ctx) => Promise.all(Array.from({ length: 5_000 }, (_, n) => ctx.step("x", n))), [started]);
  const ids = run.takeCommands().map(({ step }) => step);
  await fedAll(turns, run, ids.map((step, n) => event(n + 2, "STEP_SUCCEEDED", { step, payload: json(n) })));
  const output = JSON.parse(run.commands[0]?.succeed?.output?.json ?? "[]") as number[];
  assert.deepEqual([output.length, output[4_999]], [5_000, 4_999]);
});

test("thousands of steps after each other cost the same at the end as at the start", async () => {
  const code: Code = async (ctx) => {
    for (let n = 0; n < 5_000; n++) await ctx.step("x", n);
  };
  const events = [started];
  for (let n = 1; n <= 5_000; n++) {
    const step = n === 1 ? "x" : `x#${n}`;
    events.push(event(2 * n, "STEP_SCHEDULED", { step, attempt: 1 }, { action: "x", decision: 2 * n - 1 }));
    events.push(event(2 * n + 1, "STEP_SUCCEEDED", { step }));
  }
  const run = await fed(code, events);
  assert.deepEqual(shown(run.commands), ["succeed"]);
  assert.equal(run.problem, undefined);
});

test("what cannot be sent throws where it is given", async () => {
  const run = await fed((ctx) => ctx.step("x", Number.NaN), [started]);
  assert.equal(run.commands[0]?.fail?.failure?.type, "EncodeError");
  const options = await fed((ctx) => ctx.sleep(-1), [started]);
  assert.equal(options.commands[0]?.fail?.failure?.message, "sleep: expected a number >= 0, came -1");
});

test("a replay throws the difference", async () => {
  const env = environment();
  const run = await env.start("everything", 1);
  await assert.rejects(replay(run.history(), (ctx) => ctx.step("other")), (error) => {
    assert.ok(error instanceof NonDeterminism);
    assert.equal(error.message, "step 1: recorded echo(1), now other(null)");
    return true;
  });
  assert.equal(await replay(run.history(), everything), "RUNNING");
});
