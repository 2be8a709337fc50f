// The Node worker of the conformance cases: its handlers run the program they get as input.
// Must not know any case: what a program may say stands in tests/conformance/README.md.

import { Worker } from "stellwerk";

import { Clients } from "./calls.mjs";
import { Decider } from "./decide.mjs";
import { Folder, Performance } from "./programs.mjs";

const { env } = process;
const folder = new Folder(env.CONFORMANCE_FOLDER);
const clients = new Clients();
const decider = new Decider(env.CONFORMANCE_FOLDER, {
  queue: env.CONFORMANCE_STEP_QUEUE || env.CONFORMANCE_QUEUE,
  build: env.CONFORMANCE_BUILD ?? "",
});

/** The usual handler: asynchronous. */
async function perform(program, ctx) {
  const { value } = await new Performance(program, ctx, folder, clients).perform().next();
  return value;
}

/** An asynchronous generator of what the program yields; its output is the list of them. */
async function* generate(program, ctx) {
  for await (const chunk of new Performance(program, ctx, folder, clients).perform()) yield chunk;
}

/** A worker option of the environment, if it is there. */
function option(name, read) {
  const text = env[`CONFORMANCE_${name}`];
  return text ? read(text) : undefined;
}

const worker = new Worker({
  queue: env.CONFORMANCE_QUEUE,
  slots: option("SLOTS", Number),
  polls: option("POLLS", Number),
  drainMs: option("DRAIN_S", (text) => Number(text) * 1_000),
  workerId: option("WORKER_ID", String),
  cachedRuns: option("CACHED_RUNS", Number),
  build: option("BUILD", String),
  pinRuns: option("PIN_RUNS", Boolean),
});
for (const action of (env.CONFORMANCE_ACTIONS || "perform,generate,block").split(",")) {
  if (action !== "none") worker.register(action, action === "generate" ? generate : perform);
}
for (const workflow of (env.CONFORMANCE_WORKFLOWS ?? "").split(",").filter(Boolean)) {
  worker.workflow(workflow, (ctx, program) => decider.decide(ctx, program));
}
await worker.start();
// What a drain has given up may still run, and would hold the process.
process.exit();
