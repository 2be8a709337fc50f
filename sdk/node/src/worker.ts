/** The worker: a set of handlers and workflows, and the options they run with. Must not hold anything of a running life. */

import { randomBytes } from "node:crypto";
import { hostname } from "node:os";

import { targetOf, type ConnectionOptions } from "./channel.js";
import { milliseconds, type Duration } from "./duration.js";
import { StellwerkError } from "./errors.js";
import { plan, type Handler, type HandlerPlan } from "./handler.js";
import { Life, type Settings, type Skills } from "./life.js";
import { stderrLogger, type Logger } from "./logger.js";
import { configure } from "./telemetry.js";
import { add, allWorkflows, buildOf, type WorkflowFunction, type WorkflowPlan } from "./workflow.js";

let parts: (worker: Worker) => Skills;

const SIGNALS = ["SIGTERM", "SIGINT"] as const;

/** How a worker works. */
export interface WorkerOptions extends ConnectionOptions {
  /** The queue it serves (default "default"). */
  readonly queue?: string | undefined;
  /** How many tasks it runs at once (default 100). */
  readonly slots?: number | undefined;
  /** How many polls are open while slots are free (default 3). */
  readonly polls?: number | undefined;
  /** Unique among live workers (default: host-pid-random). */
  readonly workerId?: string | undefined;
  /** How long a stop waits for running handlers before it cancels them (default 30 s). */
  readonly drainMs?: Duration | undefined;
  /** Which code its workflows are (default: STELLWERK_BUILD, else a digest of their source). */
  readonly build?: string | undefined;
  /** Runs stay on the build they began with while a worker of it is there (default false). */
  readonly pinRuns?: boolean | undefined;
  /** How many runs it remembers between their decisions (default 500). */
  readonly cachedRuns?: number | undefined;
  /** Where it and `ctx.logger` log to (default: warnings and errors as lines on stderr). */
  readonly logger?: Logger | undefined;
}

/**
 * Runs handlers for the tasks of their actions.
 *
 *     const worker = new Worker();
 *     worker.register("step1", (payload) => `Processed: ${payload}`);
 *     await worker.start();
 *
 * A handler takes `(input)` or `(input, ctx)` and gives a value, a promise, or a generator (sync or async), whose
 * yields are streamed as chunks and whose output is what it returns, else the list of chunks (joined, when all are
 * bytes). What it throws is the attempt's failure: TerminalError ends the step, RetryableError names the delay,
 * anything else is retried by the step's policy. An output that cannot be written fails the step as "EncodeError".
 */
export class Worker {
  readonly #settings: Settings;
  readonly #plans = new Map<string, HandlerPlan>();
  readonly #workflows = new Map<string, WorkflowPlan>();
  #life: Life | undefined;

  static {
    parts = (worker) => ({ handlers: worker.#plans, workflows: worker.#workflows });
  }

  /** Throws RangeError for a bad option. */
  constructor(options: WorkerOptions = {}) {
    this.#settings = {
      target: targetOf(options),
      workerId: options.workerId ?? `${hostname()}-${process.pid}-${randomBytes(4).toString("hex")}`,
      queue: options.queue ?? "default",
      slots: atLeast("slots", options.slots ?? 100, 1),
      polls: atLeast("polls", options.polls ?? 3, 1),
      drainMs: milliseconds("drainMs", options.drainMs ?? 30_000, 0),
      logger: options.logger ?? stderrLogger,
      build: options.build ?? process.env["STELLWERK_BUILD"] ?? "",
      pinRuns: options.pinRuns ?? false,
      cachedRuns: atLeast("cachedRuns", options.cachedRuns ?? 500, 0),
    };
    configure(this.#settings.logger);
  }

  /** The id the server knows this worker by. */
  get workerId(): string {
    return this.#settings.workerId;
  }

  /** The actions it has a handler for, sorted. */
  get actions(): string[] {
    return [...this.#plans.keys()].sort();
  }

  /**
   * Run `handler` for every task of `action`.
   *
   * `In` is what the handler takes its input for; nothing is checked. Throws TypeError for what is no handler,
   * RangeError when the action has one already, and StellwerkError while the worker runs.
   */
  // An input without a type of its own is plain JSON, which only the handler knows.
  // eslint-disable-next-line @typescript-eslint/no-explicit-any
  register<In = any, Out = unknown>(action: string, handler: Handler<In, Out>): void {
    if (this.#life !== undefined) {
      throw new StellwerkError(`handler of '${action}': register it before the worker is started`);
    }
    if (this.#plans.has(action)) throw new RangeError(`handler of '${action}': expected one, came a second`);
    this.#plans.set(action, plan(action, handler));
  }

  /**
   * Decide the runs of a workflow with this code.
   *
   *     worker.workflow("signup", async (ctx, user) => {
   *       await ctx.step("sendWelcomeEmail", user);
   *       await ctx.wait("1h");
   *       await ctx.step("sendFollowupEmail", user);
   *     });
   *
   * The code runs again from the start when another worker goes on with the run, and must then do the same: time and
   * chance from `ctx`, everything outside through `ctx.step` or `ctx.run`. Throws as `register` does.
   */
  // An input without a type of its own is plain JSON, which only the code knows.
  // eslint-disable-next-line @typescript-eslint/no-explicit-any
  workflow<In = any, Out = unknown>(name: string, fn: WorkflowFunction<In, Out>): void {
    if (this.#life !== undefined) {
      throw new StellwerkError(`workflow '${name}': register it before the worker is started`);
    }
    add(this.#workflows, name, fn);
  }

  /**
   * Work until SIGTERM or SIGINT, then drain; a second signal ends the drain at once.
   *
   * Rejects with StellwerkError without a handler or workflow. Afterwards nothing of the worker keeps the process alive.
   */
  async start(): Promise<void> {
    const stop = (): void => {
      this.stop();
    };
    for (const name of SIGNALS) process.on(name, stop);
    try {
      await this.run();
    } finally {
      for (const name of SIGNALS) process.off(name, stop);
    }
  }

  /**
   * Work until `stop` is called, then drain.
   *
   * Installs no signal handlers. Aborting `signal` cancels the handlers, leaves quickly and rejects with its reason.
   * Rejects with StellwerkError without a handler or workflow, or when it runs already.
   */
  async run(options: { readonly signal?: AbortSignal | undefined } = {}): Promise<void> {
    const { signal } = options;
    const workflows = allWorkflows(this.#workflows);
    if (this.#plans.size === 0 && workflows.size === 0) {
      throw new StellwerkError("handlers: expected at least one (worker.register), came none");
    }
    if (this.#life !== undefined) throw new StellwerkError("the worker runs already");
    signal?.throwIfAborted();
    const settings = { ...this.#settings, build: this.#settings.build || buildOf(workflows) };
    const life = (this.#life = new Life(settings, { handlers: this.#plans, workflows }));
    const leave = (): void => {
      life.stop();
      life.stop();
    };
    signal?.addEventListener("abort", leave);
    try {
      await life.live();
    } finally {
      signal?.removeEventListener("abort", leave);
      this.#life = undefined;
    }
    signal?.throwIfAborted();
  }

  /** Begin the drain: running tasks may end, no new ones come. Twice cuts it short. */
  stop(): void {
    this.#life?.stop();
  }
}

/** What a worker was given to do. For this package alone. */
export function partsOf(worker: Worker): Skills {
  return parts(worker);
}

function atLeast(name: string, value: number, least: number): number {
  if (!Number.isInteger(value) || value < least) {
    throw new RangeError(`${name}: expected a number >= ${least}, came ${value}`);
  }
  return value;
}
