// The workflows whose histories are kept, in Node: `work` serves them, `replay CODE=FILE …` holds them against files.
// Must go on replaying every file of tests/histories: what changes here is what a user may change in code that runs.

import { readFileSync } from "node:fs";

import { ChildFailed, RetryableError, RunCancelled, SignalTimeout, StepFailed, TerminalError, Worker } from "stellwerk";
import { NonDeterminism, replay } from "stellwerk/testing";

const LOST_TRIES = 2;

/** Steps in a row and in parallel; the names of the notes hold what a replay has to draw again. */
async function order(ctx, { card, items }) {
  const paid = await ctx.step("charge", card, { retry: { maxAttempts: 3, initial: 20 } });
  const shipped = await Promise.all(items.map((item) => ctx.step("ship", item)));
  await ctx.step("note", shipped, { name: `drawn-${Math.floor(ctx.random() * 1_000_000)}` });
  await ctx.step("note", null, { name: `gift-${ctx.uuid()}`, priority: 5, timeout: { attempt: "30s", total: "60s" } });
  await ctx.step("note", null, { name: `at-${ctx.now().getTime()}` });
  return [paid, shipped];
}

/** The order as nobody may change it while it runs. */
async function changed(ctx, { card, items }) {
  const paid = await ctx.step("charge", card);
  return [paid, await Promise.all(items.map((item) => ctx.step("reserve", item)))];
}

/** Timers, and signals that are there, that come, and that do not. */
async function waiting(ctx, name) {
  const early = await ctx.waitSignal("early");
  await Promise.all([ctx.sleep(200), ctx.sleep(0), ctx.sleep(100)]);
  ctx.publish("stage", "waiting");
  const approval = await ctx.waitSignal("approval", { timeout: "1h" });
  try {
    await ctx.waitSignal("never", { timeout: 100 });
  } catch (error) {
    if (!(error instanceof SignalTimeout)) throw error;
    await ctx.step("note", null, { name: `without-${error.step}` });
  }
  return [name, early, approval];
}

/** Steps that run here: beside a task, tried again, and given up. */
async function local(ctx, number) {
  const token = await ctx.run("token", () => number + 1);
  const flaky = ctx.run("flaky", failing(LOST_TRIES, 7), { retry: { initial: 20 } });
  const [value] = await Promise.all([flaky, ctx.step("note", token)]);
  try {
    await ctx.run("hopeless", failing(LOST_TRIES, 0), { retry: { maxAttempts: LOST_TRIES, initial: 20 } });
  } catch (error) {
    if (!(error instanceof StepFailed)) throw error;
    await ctx.step("note", null, { name: `given-up-${error.attempt}` });
  }
  try {
    await ctx.run("refused", refuse);
  } catch (error) {
    if (!(error instanceof StepFailed)) throw error;
    await ctx.step("note", null, { name: `refused-${error.type}-at-${ctx.now().getTime()}` });
  }
  return [token, value];
}

/** Runs that this one starts, and one of them fails. */
async function family(ctx, number) {
  const halves = await Promise.all([ctx.child("half", number), ctx.child("half", number + 2, { name: "second" })]);
  try {
    await ctx.child("broken", number, { retry: { maxAttempts: 2, initial: 20 } });
  } catch (error) {
    if (!(error instanceof ChildFailed)) throw error;
    await ctx.step("note", null, { name: `without-${error.type}` });
  }
  return halves;
}

/** A child. */
async function half(ctx, number) {
  await ctx.sleep(50);
  return Math.floor(number / 2);
}

/** A child that fails. */
async function broken(ctx, number) {
  await ctx.step("note", number);
  throw new TerminalError("it is broken", { type: "Broken" });
}

/** The first of several, one given up and one left open; then a cancel, and what is undone after it. */
async function trip(ctx, to) {
  const flight = await ctx.step("charge", to);
  const answer = ctx.waitSignal("answer");
  const [index] = await ctx.select([answer, ctx.sleep(50), ctx.sleep("30d")]);
  answer.cancel();
  ctx.publish("stage", `waiting ${index}`);
  try {
    await ctx.waitSignal("never");
  } catch (error) {
    if (error instanceof RunCancelled) await ctx.step("refund", flight);
    throw error;
  }
}

/** Goes on as a new run once, with a signal nobody has taken; shows values, and has got a patch. */
async function relay(ctx, lap) {
  show(ctx, lap);
  if (ctx.patched("cheer")) await ctx.step("note", null, { name: "cheer" });
  return handedOn(ctx, lap);
}

/** The relay as it was: its histories are replayed with the patched one. */
async function beforePatch(ctx, lap) {
  show(ctx, lap);
  return handedOn(ctx, lap);
}

function show(ctx, lap) {
  ctx.publish("lap", lap);
  ctx.setAttributes({ lap, team: "blue", last: lap === 2 });
}

async function handedOn(ctx, lap) {
  await ctx.step("note", lap);
  if (lap < 2) await ctx.continueAsNew(lap + 1);
  return [lap, await ctx.waitSignal("early")];
}

/** Fails so often, then gives that. */
function failing(times, then) {
  let tries = 0;
  return () => {
    tries += 1;
    if (tries <= times) throw new RetryableError("not yet");
    return then;
  };
}

function refuse() {
  throw new TerminalError("no luck", { type: "NoLuck" });
}

/** Some cards work at the second attempt only. */
function charge(what, ctx) {
  if (what === "flaky" && ctx.attempt === 1) throw new RetryableError("the bank is away");
  return `paid by ${what}`;
}

const worked = { order, waiting, local, family, half, broken, trip, relay };
const code = { ...worked, changed, unpatched: relay };

/** Serve them until SIGTERM. */
async function work() {
  const worker = new Worker({ workerId: "histories", build: "histories" });
  for (const [name, fn] of Object.entries({ ...worked, unpatched: beforePatch })) worker.workflow(name, fn);
  worker.register("charge", charge);
  for (const action of ["ship", "note", "refund"]) worker.register(action, (value) => value);
  await worker.start();
}

/** Write a JSON line for each CODE=FILE: what replaying its first event gives, its first two, and so on. */
async function replayAll(pairs) {
  for (const pair of pairs) {
    const [name, file] = pair.split("=");
    const history = JSON.parse(readFileSync(file, "utf8"));
    const outcomes = [];
    for (let count = 1; count <= history.events.length; count += 1) {
      outcomes.push(await outcome({ ...history, events: history.events.slice(0, count) }, code[name]));
    }
    process.stdout.write(`${JSON.stringify(outcomes)}\n`);
  }
}

/** The state, or the difference. */
async function outcome(history, fn) {
  try {
    return await replay(history, fn);
  } catch (error) {
    if (error instanceof NonDeterminism) return `NonDeterminism: ${error.message}`;
    throw error;
  }
}

const [mode, ...pairs] = process.argv.slice(2);
await (mode === "work" ? work() : replayAll(pairs));
