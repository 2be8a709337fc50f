// What a program does with the client, and what it does wrong with the SDK: each ends as an outcome.
// Must not throw: an error is an outcome too.

import { setTimeout as sleep } from "node:timers/promises";
import { isDeepStrictEqual } from "node:util";

import { Client, Worker } from "stellwerk";

const LOOK_MS = 20;

/** Contexts of code that has ended, for `misuse after_end`. */
export const kept = [];

/** The client of this program, and others for calls with options of their own. */
export class Clients {
  #client;

  /** Make the call, or the mistake; gives the value or the error. */
  async outcome(op, ctx) {
    try {
      if (op.misuse !== undefined) return { ok: (await MISUSES[op.misuse](ctx)) ?? null };
      return { ok: packed((await this.#call(op)) ?? null) };
    } catch (error) {
      return { error: described(error) };
    }
  }

  async #call(op) {
    const call = CALLS[op.call];
    if (op.options === undefined || Object.keys(op.options).length === 0) {
      this.#client ??= new Client();
      return call(this.#client, op.with);
    }
    const { retry_s: retryS, ...options } = op.options;
    const client = new Client({ ...options, retryMs: retryS === undefined ? undefined : retryS * 1_000 });
    try {
      return await call(client, op.with);
    } finally {
      await client.close();
    }
  }
}

/** The error as an outcome holds it. */
function described(error) {
  const kind = error instanceof DOMException ? error.name : error.constructor.name;
  const found = { kind, message: error.message };
  for (const name of ["code", "reason"]) if (typeof error[name] === "string" && error[name]) found[name] = error[name];
  if (error.fields?.length > 0) found.fields = error.fields.map(({ field, description }) => ({ field, description }));
  return found;
}

/** A value that may stand inside JSON: bytes as `{"$bytes": base64}`. */
function packed(value) {
  return value instanceof Uint8Array ? { $bytes: Buffer.from(value).toString("base64") } : value;
}

function startOptions({ idempotency_key: idempotencyKey, timeout_s: timeoutS, version, signal }) {
  const told = signal && { name: signal.name, payload: signal.payload, signalId: signal.signal_id };
  return { idempotencyKey, timeout: timeoutS === undefined ? undefined : timeoutS * 1_000, version, signal: told };
}

async function listed(items, read) {
  const found = [];
  for await (const item of items) found.push(read(item));
  return found;
}

const start = (client, given) => client.start(given.workflow, given.input, startOptions(given));

/** What outcomes say of a run; what only code has stands there when it has it. */
function facts({ state, output, steps, published, attributes, blockReason, continuedAs }) {
  const more = { published, attributes, block_reason: blockReason, continued_as: continuedAs };
  const has = Object.entries(more).filter(([, value]) => value && Object.keys(value).length > 0);
  const states = Object.fromEntries(steps.map((step) => [step.step, step.state]));
  return { state, output, steps: states, ...Object.fromEntries(has) };
}

const CALLS = {
  async start(client, given) {
    const { runId, deduplicated } = await start(client, given);
    return { run_id: runId, deduplicated };
  },
  async start_many(client, given) {
    const handles = await Promise.all(Array.from({ length: given.times }, () => start(client, given)));
    return {
      run_ids: handles.map((handle) => handle.runId),
      deduplicated: handles.filter((handle) => handle.deduplicated).length,
    };
  },
  run: (client, given) => client.run(given.workflow, given.input, startOptions(given)),
  result(client, { run_id: runId, timeout_s: timeoutS }) {
    return client.handle(runId).result({ timeout: timeoutS === undefined ? undefined : timeoutS * 1_000 });
  },
  get: async (client, given) => facts(await client.handle(given.run_id).get({ includeSteps: true })),
  /** The run as soon as it has all that; the runner's patience is the limit. */
  async await_run(client, given) {
    let found = await CALLS.get(client, given);
    while (Object.entries(given.has).some(([name, value]) => !isDeepStrictEqual(found[name], value))) {
      await sleep(LOOK_MS);
      found = await CALLS.get(client, given);
    }
    return found;
  },
  resume: (client, given) => client.handle(given.run_id).resume(),
  async signal(client, given) {
    const { run_id: runId, workflow, idempotency_key: key, name, payload, signal_id: signalId } = given;
    if (runId !== undefined) {
      return { run_id: runId, deduplicated: await client.handle(runId).signal(name, payload, { signalId }) };
    }
    const handle = await client.signal(workflow, key, name, payload, { signalId });
    return { run_id: handle.runId, deduplicated: handle.deduplicated };
  },
  cancel: (client, given) => client.handle(given.run_id).cancel(given.reason),
  terminate: (client, given) => client.handle(given.run_id).terminate(given.reason),
  async retry(client, given) {
    return { run_id: (await client.handle(given.run_id).retry(given.from_step)).runId };
  },
  async explain(client, given) {
    const { state, summary, causes } = await client.handle(given.run_id).explain();
    return { state, summary, causes: causes.map(({ kind, step, signal, action }) => [kind, step, signal || action]) };
  },
  history: (client, given) => listed(client.handle(given.run_id).history(), (event) => event.type),
  watch(client, given) {
    const read = (item) => (item.kind === "chunk" ? ["chunk", packed(item.value)] : ["event", item.type]);
    return listed(client.handle(given.run_id).watch(), read);
  },
  list_runs(client, { workflow, states, limit, attributes }) {
    return listed(client.listRuns(workflow, { states, limit, attributes }), (run) => run.runId);
  },
  async apply(client, given) {
    const { name, version, created } = await client.applyWorkflow(given.definition);
    return { name, version, created };
  },
  validate: (client, given) => client.validateWorkflow(given.definition),
  async get_workflow(client, given) {
    const { name, version } = await client.getWorkflow(given.name, { version: given.version });
    return { name, version };
  },
  list_workflows: (client, given) => listed(client.listWorkflows(given.name), ({ name, version }) => [name, version]),
  dead_letters(client, { workflow, run_id: runId, states }) {
    return listed(client.deadLetters({ workflow, runId, states }), (letter) => ({
      dead_letter_id: letter.deadLetterId,
      step: letter.step,
      reason: letter.reason,
      state: letter.state,
      run_id: letter.runId,
    }));
  },
  async requeue(client, given) {
    return { run_id: (await client.requeue(given.dead_letter_id)).runId };
  },
  discard: (client, given) => client.discard(given.dead_letter_id, given.reason),
  workers: async (client) => (await client.workers()).map((worker) => worker.workerId),
  queues: async (client) => (await client.queues()).map(({ queue, action }) => [queue, action]),
  server: async (client) => ({ version: (await client.server()).version }),
};

const MISUSES = {
  second_handler() {
    const worker = new Worker();
    worker.register("twice", (value) => value);
    worker.register("twice", (value) => value);
  },
  no_handler: () => new Worker().run(),
  slots: () => void new Worker({ slots: 0 }),
  polls: () => void new Worker({ polls: 0 }),
  drain: () => void new Worker({ drainMs: -1_000 }),
  address: () => void new Client({ address: "no port" }),
  tls_variable() {
    const before = process.env.STELLWERK_TLS;
    process.env.STELLWERK_TLS = "maybe";
    try {
      void new Client();
    } finally {
      if (before === undefined) delete process.env.STELLWERK_TLS;
      else process.env.STELLWERK_TLS = before;
    }
  },
  async closed_client() {
    const client = new Client();
    await client.close();
    await client.server();
  },
  async after_end() {
    await kept.pop().step("perform");
  },
  async timeout(ctx) {
    const client = new Client();
    try {
      await client.start(ctx.workflow, null, { timeout: 0 });
    } finally {
      await client.close();
    }
  },
};
