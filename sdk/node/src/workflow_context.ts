/** What code of a workflow may know and do. Must not send anything itself: the replayer collects what is asked for. */

import { pending, type Pending } from "./calls.js";
import { checkSize } from "./context.js";
import { durationMessage, milliseconds, type Duration } from "./duration.js";
import { withFields, type Logger } from "./logger.js";
import { encode, encodeJson } from "./payload.js";
import type { LocalFunction, Replayer } from "./replayer.js";
import {
  policyOf,
  retryMessage,
  spanMessage,
  timeoutMessage,
  type ChildOptions,
  type RunOptions,
  type SignalWaitOptions,
  type StepOptions,
} from "./step_options.js";
import { placeOf } from "./trace_context.js";
import type { Payload } from "./v1/stellwerk/v1/payload.js";

/** The first argument of a workflow's code; belongs to one run. What waits gives a promise that has `cancel()`. */
export class WorkflowContext {
  readonly #run: Replayer;
  #logger: Logger | undefined;

  /** Made by the worker. */
  constructor(run: Replayer) {
    this.#run = run;
  }

  /** The run. */
  get runId(): string {
    return this.#run.facts.runId;
  }

  /** Name of the workflow. */
  get workflow(): string {
    return this.#run.facts.plan.name;
  }

  /** The run that started this one, if any. */
  get parent(): string | undefined {
    return this.#run.parent || undefined;
  }

  /** W3C trace context (`traceparent`, `tracestate`), empty without one. */
  get trace(): Readonly<Record<string, string>> {
    return this.#run.facts.trace;
  }

  /** True once somebody has asked for the run's end. */
  get cancelled(): boolean {
    return this.#run.cancelled;
  }

  /** True while the code does what it did before. */
  get replaying(): boolean {
    return this.#run.replaying;
  }

  /** The worker's logger, silent in replay; its records carry run_id, workflow and trace_id. */
  get logger(): Logger {
    this.#logger ??= unlessReplaying(this.#run, this.#ownLogger());
    return this.#logger;
  }

  /**
   * Have any worker run an action and give its output; throws StepFailed when it has failed for good.
   *
   *     const receipt = await ctx.step("charge", card, { retry: { maxAttempts: 2 } });
   */
  // An output without a type is plain JSON, which only the code knows.
  // eslint-disable-next-line @typescript-eslint/no-explicit-any
  step<Out = any>(action: string, input: unknown = null, options: StepOptions = {}): Pending<Out> {
    const { name, queue = "", priority = 0 } = options;
    named("action", action);
    const payload = payloadOf("input", input);
    const retry = retryMessage(options.retry);
    const timeout = timeoutMessage(options.timeout);
    const command = { action, input: payload, queue, priority, retry, timeout };
    return this.#run.call("action", name ?? action, action, (step) => ({ step, action: command })) as Pending<Out>;
  }

  /**
   * Run `fn` here; its result is durable before the code goes on, and every replay gets it without running `fn`.
   *
   * `fn` runs again when the worker dies before that. What it throws is retried as a step's failure is, TerminalError
   * is not; then this throws StepFailed. The signal that `fn` gets is aborted when the step is given up, or the worker
   * stops before its end; it then goes elsewhere.
   *
   *     const page = await ctx.run("fetch", async (signal) => (await fetch(url, { signal })).text());
   */
  run<Out>(name: string, fn: LocalFunction<Out | PromiseLike<Out>>, options: RunOptions = {}): Pending<Awaited<Out>> {
    named("name", name);
    if (typeof fn !== "function") throw new TypeError(`fn of '${name}': expected a function, came ${typeof fn}`);
    policyOf(options.retry);
    return this.#run.local(name, fn, options.retry) as Pending<Awaited<Out>>;
  }

  /** Wait so long (milliseconds or text like "3d"), whatever becomes of this worker meanwhile. */
  sleep(span: Duration): Pending<void> {
    const duration = durationMessage(milliseconds("sleep", span, 0));
    return this.#run.call("sleep", "sleep", "", (step) => ({ step, sleep: { duration } })) as Pending<void>;
  }

  /** The same as `sleep`. */
  wait(span: Duration): Pending<void> {
    return this.sleep(span);
  }

  /** Wait to be told this, and give the signal's payload; throws SignalTimeout when it does not come in time. */
  // A payload without a type is plain JSON, which only the code knows.
  // eslint-disable-next-line @typescript-eslint/no-explicit-any
  waitSignal<Out = any>(name: string, options: SignalWaitOptions = {}): Pending<Out> {
    named("name", name);
    const signal = { signal: name, timeout: spanMessage("timeout", options.timeout) };
    return this.#run.call("signal", name, name, (step) => ({ step, signal })) as Pending<Out>;
  }

  /** Start a run, wait for its end and give its output; throws ChildFailed when it does not succeed. */
  // An output without a type is plain JSON, which only the code knows.
  // eslint-disable-next-line @typescript-eslint/no-explicit-any
  child<Out = any>(workflow: string, input: unknown = null, options: ChildOptions = {}): Pending<Out> {
    named("workflow", workflow);
    const child = {
      workflow,
      input: payloadOf("input", input),
      parentClose: options.parentClose ?? "",
      retry: retryMessage(options.retry),
      timeout: spanMessage("timeout", options.timeout),
    };
    return this.#run.call("child", options.name ?? workflow, workflow, (step) => ({ step, child })) as Pending<Out>;
  }

  /**
   * The first of several that is done, by its place and value; one that failed throws. The others go on.
   *
   *     const [index, value] = await ctx.select([ctx.waitSignal("approval"), ctx.sleep("3d")]);
   */
  select<Calls extends readonly PromiseLike<unknown>[]>(
    calls: readonly [...Calls],
  ): Promise<{ [Place in keyof Calls]: [index: number, value: Awaited<Calls[Place]>] }[number]> {
    if (calls.length === 0) throw new RangeError("select: expected at least one, came none");
    const placed = calls.map((call, index) => call.then((value) => [index, value]));
    return pending(Promise.race(placed), () => undefined) as never;
  }

  /** When the last thing happened that the code was told: the same in every replay. */
  now(): Date {
    return new Date(this.#run.now);
  }

  /** A number from 0 to below 1: the same in every replay. */
  random(): number {
    return Number(this.#run.draw().readBigUInt64BE(0) >> 11n) / 2 ** 53;
  }

  /** A fresh uuid: the same in every replay. */
  uuid(): string {
    const bytes = this.#run.draw().subarray(0, 16);
    bytes.writeUInt8((bytes.readUInt8(6) & 0x0f) | 0x40, 6);
    bytes.writeUInt8((bytes.readUInt8(8) & 0x3f) | 0x80, 8);
    const hex = bytes.toString("hex");
    return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
  }

  /** Show a value to whoever reads the run. */
  publish(key: string, value: unknown): void {
    named("key", key);
    this.#run.note("publish", { step: "", publish: { key, value: payloadOf("value", value) } });
  }

  /** Set searchable values (`listRuns({ attributes })`); null removes one. */
  setAttributes(values: Readonly<Record<string, string | number | bigint | boolean | null>>): void {
    for (const [name, value] of Object.entries(values)) scalar(name, value);
    this.#run.note("attributes", { step: "", attributes: { values: encodeJson(values) } });
  }

  /**
   * End this run as CONTINUED and start the next one with a short history; never returns.
   *
   * Signals nobody has taken go along. `workflow` is that of the next run (default: the same).
   */
  continueAsNew(input: unknown = null, options: { readonly workflow?: string | undefined } = {}): Promise<never> {
    const next = { workflow: options.workflow ?? "", input: payloadOf("input", input) };
    return this.#run.continueAs({ step: "", continue: next });
  }

  /** True for runs that come here for the first time, false for those that passed here before the patch was there. */
  patched(id: string): boolean {
    named("id", id);
    return this.#run.patched(id);
  }

  #ownLogger(): Logger {
    const traceId = placeOf(this.trace)?.traceId;
    const own = { run_id: this.runId, workflow: this.workflow };
    return withFields(this.#run.facts.logger, traceId === undefined ? own : { ...own, trace_id: traceId });
  }
}

function payloadOf(field: string, value: unknown): Payload {
  const payload = encode(value);
  checkSize(field, payload);
  return payload;
}

function named(field: string, value: unknown): void {
  if (typeof value === "string" && value !== "") return;
  throw new TypeError(`${field}: expected a non-empty string, came '${String(value)}'`);
}

function scalar(name: string, value: unknown): void {
  if (value === null || ["string", "number", "bigint", "boolean"].includes(typeof value)) return;
  throw new TypeError(`attributes.${name}: expected a text, a number, a boolean or null, came ${typeof value}`);
}

function unlessReplaying(run: Replayer, logger: Logger): Logger {
  const unless =
    (level: keyof Logger): Logger["info"] =>
    (message, fields) => {
      if (!run.replaying) logger[level](message, fields);
    };
  return { debug: unless("debug"), info: unless("info"), warn: unless("warn"), error: unless("error") };
}
