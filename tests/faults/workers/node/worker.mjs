// The Node worker under faults: the twin of ../python/worker.py; ../README.md says what the three do.
// Writes its ledger before anything is completed. Must not know any fault.

import { openSync, writeSync } from "node:fs";

import { RetryableError, StepFailed, TerminalError, Worker } from "stellwerk";

const { env } = process;
const { FAULTS_WORKER: NAME, FAULTS_LIFE: LIFE, FAULTS_TAINT: TAINT, STELLWERK_NAMESPACE: NAMESPACE } = env;
const LEASE_MS = Number(env.FAULTS_LEASE_S) * 1_000;
const CHUNKS = 5;
const RETRY = { maxAttempts: 10, initial: 100, max: 2_000 };
const ledger = openSync(env.FAULTS_LEDGER, "a");
let count = 0;

/** A value unlike any other attempt's. */
function unique() {
  count += 1;
  return `${TAINT}/${NAME}.${LIFE}/${count}`;
}

/** A line of the ledger. */
function write(run_id, step, attempt, action, phase, value = "") {
  const at = Math.round((performance.timeOrigin + performance.now()) * 1_000);
  const line = { at, worker: NAME, language: "node", namespace: NAMESPACE, run_id, step, attempt, action, phase, value };
  writeSync(ledger, `${JSON.stringify(line)}\n`);
}

/** 0 to `of` - 1, the same in each attempt of a step and in each language. */
function chance(ctx, of) {
  return [...(ctx.runId + ctx.step)].reduce((sum, sign) => sum + sign.charCodeAt(0), 0) % of;
}

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

const ACTS = {
  touch: async () => {},
  slow: (ctx) => pause(chance(ctx, 10) === 0 ? LEASE_MS * 1.5 : 300 * (1 + chance(ctx, 5))),
  flaky: async (ctx) => {
    if (ctx.attempt <= chance(ctx, 3)) throw new RetryableError("not yet", { type: "Flaky" });
  },
  linger: async (ctx) => {
    if (ctx.attempt === 1) await pause(LEASE_MS);
  },
  poison: async () => {
    throw new Error("poison");
  },
  fatal: async () => {
    throw new TerminalError("fatal", { type: "Fatal" });
  },
  crash: async (ctx) => {
    if (ctx.attempt === 1) process.kill(process.pid, "SIGKILL");
  },
  stream: async (ctx, value) => {
    for (let number = 0; number < CHUNKS; number += 1) await ctx.stream(`${value}#${number}`);
  },
};

/** The handler: its effects stand in the ledger before the server hears of them. */
function recorded(action, act) {
  return async (_, ctx) => {
    const value = unique();
    write(ctx.runId, ctx.step, ctx.attempt, action, "begin");
    try {
      await act(ctx, value);
    } catch (error) {
      write(ctx.runId, ctx.step, ctx.attempt, action, "failed");
      throw error;
    }
    write(ctx.runId, ctx.step, ctx.attempt, action, "done", value);
    return value;
  };
}

/** Steps, local steps, a timer, a signal, a child, and the same again as a new run. */
async function code(ctx, given) {
  const local = async () => {
    const value = unique();
    write(ctx.runId, "local", 0, "$local", "begin");
    write(ctx.runId, "local", 0, "$local", "done", value);
    return value;
  };
  const said = { taint: given.taint };
  const first = await ctx.step("touch", said, { name: "first", retry: RETRY });
  await Promise.all([
    ctx.step("flaky", said, { name: "left", retry: RETRY }),
    ctx.step("touch", said, { name: "right", retry: RETRY }),
    ctx.run("local", local),
  ]);
  await ctx.sleep((given.sleep_s ?? 0.1) * 1_000);
  if (given.signal) await ctx.waitSignal("go", { timeout: 60_000 });
  if (given.child) {
    try {
      await ctx.child("sequence", said);
    } catch (error) {
      if (!(error instanceof StepFailed)) throw error;
      ctx.publish("child", `${given.taint}/lost`);
    }
  }
  if ((given.turns ?? 1) > 1) ctx.continueAsNew({ ...given, turns: given.turns - 1, signal: false, child: false });
  return first;
}

const worker = new Worker({ workerId: `${NAME}.${LIFE}`, slots: 50, drainMs: 2_000 });
for (const [action, act] of Object.entries(ACTS)) worker.register(action, recorded(action, act));
worker.workflow("code-node", code);
await worker.start();
// What a drain has given up may still run, and would hold the process.
process.exit();
