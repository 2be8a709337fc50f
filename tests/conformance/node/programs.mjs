// What a program says, op by op, for handlers and generators alike: an async generator that yields what is to be
// streamed by the handler's own yields. Must not know any case: tests/conformance/README.md says what a program may say.

import { appendFileSync, existsSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import { RetryableError, TerminalError } from "stellwerk";

const LOOK_MS = 20;

/** A plain error. */
class Boom extends Error {}

/** What JavaScript can throw that is no Error. */
class NotAnError {
  constructor(message) {
    this.message = message;
  }
}

/** Latches and notes, seen by the runner and by every worker. */
export class Folder {
  #path;

  constructor(path) {
    this.#path = path;
  }

  /** Whether somebody has opened the latch. */
  isOpen(latch) {
    return existsSync(join(this.#path, latch));
  }

  /** Append a line; in one write, for many write to the file. */
  note({ runId, step, attempt }, text) {
    appendFileSync(join(this.#path, "notes"), `node ${runId} ${step} ${attempt} ${text}\n`);
  }
}

/** One attempt at a program. */
export class Performance {
  #program;
  #ctx;
  #folder;
  #clients;
  #outcomes = [];

  constructor(program, ctx, folder, clients) {
    this.#program = program;
    this.#ctx = ctx;
    this.#folder = folder;
    this.#clients = clients;
  }

  /** Run the ops in order; yields what the program yields, gives the value of the op that ends the handler. */
  async *perform() {
    if (this.#program instanceof Uint8Array) return this.#program;
    for (const op of this.#program.do) {
      const { attempt } = this.#ctx;
      if (attempt < (op.from ?? 1) || attempt > (op.upto ?? attempt)) continue;
      if (op.op === "yield") yield* op.chunks.map(unpacked);
      else if (VALUES.has(op.op)) return this.#value(op);
      else await this.#act(op);
    }
    return undefined;
  }

  #value(op) {
    switch (op.op) {
      case "return":
        return op.value ?? null;
      case "echo":
        return this.#program.value ?? null;
      case "make":
        return MAKE[op.kind](Number(op.size ?? 0));
      case "context":
        return facts(this.#ctx);
      default:
        return this.#outcomes;
    }
  }

  async #act(op) {
    const act = this[op.op];
    if (act === undefined) throw new TerminalError(`op: expected one the README names, came '${op.op}'`);
    await act.call(this, op);
  }

  fail(op) {
    fail(op);
  }

  async stream(op) {
    for (const chunk of op.chunks) await this.#ctx.stream(unpacked(chunk));
  }

  heartbeat(op) {
    this.#ctx.heartbeat(op.progress);
  }

  async sleep(op) {
    await sleep(op.s * 1_000, undefined, { signal: this.#ctx.signal });
  }

  async await_cancel() {
    const { signal } = this.#ctx;
    if (!signal.aborted) await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
    this.#folder.note(this.#ctx, `cancelled ${this.#ctx.cancelReason}`);
    signal.throwIfAborted();
  }

  async ignore_cancel(op) {
    await sleep(op.s * 1_000);
    this.#folder.note(this.#ctx, `ignored ${this.#ctx.cancelReason}`.trimEnd());
  }

  spin(op) {
    const untilMs = performance.now() + op.s * 1_000;
    while (performance.now() < untilMs);
  }

  async await(op) {
    while (!this.#folder.isOpen(op.latch)) await sleep(LOOK_MS);
  }

  note(op) {
    this.#folder.note(this.#ctx, op.text);
  }

  die() {
    process.kill(process.pid, "SIGKILL");
  }

  async client(op) {
    const filledIn = filled(op.with ?? {}, this.#ctx.runId, this.#outcomes);
    this.#outcomes.push(await this.#clients.outcome({ ...op, with: filledIn }, this.#ctx));
  }

  async misuse(op) {
    this.#outcomes.push(await this.#clients.outcome({ misuse: op.what }, this.#ctx));
  }
}

const VALUES = new Set(["return", "echo", "make", "context", "outcomes"]);

/** Values no program can hold. */
export const MAKE = {
  text: (size) => "x".repeat(size),
  bytes: (size) => Uint8Array.from({ length: size }, (_, index) => index % 256),
  nothing: () => undefined,
  deep(size) {
    let deep = [];
    for (let level = 1; level < size; level++) deep = [deep];
    return deep;
  },
  circular() {
    const circular = {};
    circular.self = circular;
    return circular;
  },
  nan: () => ({ n: Number.NaN }),
  infinity: () => ({ n: Number.POSITIVE_INFINITY }),
  bigint: () => 2n ** 80n,
  function: () => ({ f: () => undefined }),
  date: () => new Date("2026-01-02T03:04:05Z"),
  lone_surrogate: () => "\ud800",
  bytes_inside: () => ({ b: new Uint8Array([120]) }),
};

/** Throw what the op says. */
export function fail({ kind, type, message = "boom", retry_after_s: retryAfterS, details, cause: inner }) {
  const cause = inner === undefined || inner === null ? undefined : new Boom(inner.message);
  switch (kind) {
    case "terminal":
      throw new TerminalError(message, { type, details, cause });
    case "retryable": {
      const retryAfter = retryAfterS === undefined ? undefined : retryAfterS * 1_000;
      throw new RetryableError(message, { retryAfter, type, details, cause });
    }
    case "plain":
      throw new Boom(message, { cause });
    default:
      throw new NotAnError(message);
  }
}

/** What the context says. */
function facts(ctx) {
  return {
    run_id: ctx.runId,
    workflow: ctx.workflow,
    step: ctx.step,
    action: ctx.action,
    attempt: ctx.attempt,
    max_attempts: ctx.maxAttempts,
    idempotency_key: ctx.idempotencyKey,
    has_deadline: ctx.deadline !== undefined,
    cancelled: ctx.cancelled,
    trace: ctx.trace,
  };
}

/** A chunk as it is streamed: `{"$bytes": base64}` are bytes. */
function unpacked(chunk) {
  return typeof chunk?.$bytes === "string" ? Buffer.from(chunk.$bytes, "base64") : chunk;
}

/** The value with `$run_id` and `$0.path` replaced, wherever they stand. */
function filled(value, runId, outcomes) {
  if (Array.isArray(value)) return value.map((child) => filled(child, runId, outcomes));
  if (typeof value === "object" && value !== null) {
    return Object.fromEntries(Object.entries(value).map(([key, child]) => [key, filled(child, runId, outcomes)]));
  }
  if (value === "$run_id") return runId;
  if (typeof value !== "string" || !/^\$\d/.test(value)) return value;
  const [number, ...path] = value.slice(1).split(".");
  return path.reduce((found, part) => found[part], outcomes[Number(number)].ok);
}
