/**
 * Tests of workflows in the test's own program, with virtual time and no server; and replays of recorded histories.
 *
 * Everything public of `stellwerk/testing` is exported here.
 */

import { milliseconds, type Duration } from "./duration.js";
import { RunTerminal, TestStuck } from "./errors.js";
import { plan, type Handler } from "./handler.js";
import { outcome } from "./handle.js";
import { eventDocument, type HistoryDocument } from "./history_document.js";
import { stderrLogger, type Logger } from "./logger.js";
import { decode, encode } from "./payload.js";
import type { Attributes, RunState } from "./records.js";
import type { TestEngine } from "./test_engine.js";
import { TestServer } from "./test_server.js";
import { RunState as StateNumber } from "./v1/stellwerk/v1/run.js";
import { partsOf, type Worker } from "./worker.js";
import { add, allWorkflows, type WorkflowFunction } from "./workflow.js";

export { NonDeterminism, TestStuck } from "./errors.js";
export type { EventDocument, HistoryDocument } from "./history_document.js";
export { replay } from "./replay.js";

/** How an environment is. */
export interface TestEnvironmentOptions {
  /** Where `ctx.logger` logs to (default: warnings and errors as lines on stderr). */
  readonly logger?: Logger | undefined;
}

/**
 * Runs workflows in this program; time passes when it is told to.
 *
 *     const env = new TestEnvironment();
 *     env.workflow("order", order);
 *     env.handler("charge", (card) => "ok");
 *     const run = await env.start("order", { card: "c" });
 *     await env.skip("3d");
 *     assert.equal(await run.result(), "ok");
 *
 * Every run is replayed from its start when it ends and at every `skip`; NonDeterminism is thrown when its code then
 * does something else.
 */
export class TestEnvironment {
  readonly #server: TestServer;

  /** With a worker: its handlers and workflows, and those of `defineWorkflow`. */
  constructor(worker?: Worker, options: TestEnvironmentOptions = {}) {
    this.#server = new TestServer(options.logger ?? stderrLogger);
    const skills = worker && partsOf(worker);
    for (const [action, handler] of skills?.handlers ?? []) this.#server.handlers.set(action, handler);
    for (const [name, workflow] of allWorkflows(skills?.workflows ?? new Map())) this.#server.workflows.set(name, workflow);
  }

  /** Have this run every task of `action`, from now on; takes what `worker.register` takes. */
  // An input without a type of its own is plain JSON, which only the handler knows.
  // eslint-disable-next-line @typescript-eslint/no-explicit-any
  handler<In = any, Out = unknown>(action: string, handler: Handler<In, Out>): void {
    this.#server.handlers.set(action, plan(action, handler));
    this.#server.offerAll();
  }

  /** Have this decide the runs of a workflow that begin from now on. */
  // An input without a type of its own is plain JSON, which only the code knows.
  // eslint-disable-next-line @typescript-eslint/no-explicit-any
  workflow<In = any, Out = unknown>(name: string, fn: WorkflowFunction<In, Out>): void {
    this.#server.workflows.delete(name);
    add(this.#server.workflows, name, fn);
  }

  /** The moment it is. */
  now(): Date {
    return this.#server.time.now();
  }

  /** Start a run and let it go as far as it can without time passing. Rejects with NotFound. */
  start(workflow: string, input: unknown = null): Promise<TestRun> {
    const server = this.#server;
    return server.exclusively(async () => {
      const run = server.startRun(workflow, encode(input));
      await server.settle();
      return new TestRun(server, run);
    });
  }

  /** Let so much time pass (milliseconds or text like "3d"). */
  skip(span: Duration): Promise<void> {
    const server = this.#server;
    const ms = milliseconds("skip", span, 0);
    return server.exclusively(async () => {
      await server.settle();
      const untilMs = server.time.nowMs + ms;
      while (await server.ringNext(untilMs));
      server.time.nowMs = untilMs;
      await server.checkAll();
    });
  }
}

/** A run of an environment. */
export class TestRun {
  readonly #server: TestServer;
  readonly #run: TestEngine;

  /** Made by the environment. */
  constructor(server: TestServer, run: TestEngine) {
    this.#server = server;
    this.#run = run;
  }

  /** The run's id. */
  get runId(): string {
    return this.#run.start.runId;
  }

  /** Where it stands. */
  get state(): RunState {
    return this.#run.state;
  }

  /** What its code has published, by key. */
  get published(): Readonly<Record<string, unknown>> {
    return Object.fromEntries(Array.from(this.#run.published, ([key, value]) => [key, decode(value)]));
  }

  /** Searchable values its code has set. */
  get attributes(): Attributes {
    return Object.fromEntries(this.#run.attributes) as Attributes;
  }

  /** The run that goes on after a CONTINUED one; empty without one. */
  get continuedAs(): string {
    return this.#run.next?.start.runId ?? "";
  }

  /** What `stellwerk run history --json` would write; goes into `replay`. */
  history(): HistoryDocument {
    const { runId, plan: { name } } = this.#run.start;
    return { run_id: runId, workflow: name, version: 1, events: this.#run.events.map(eventDocument) };
  }

  /** Tell the run something, as `RunHandle.signal`. Rejects with RunTerminal when it has ended. */
  signal(name: string, payload: unknown = null, options: { readonly signalId?: string | undefined } = {}): Promise<void> {
    return this.#tell(() => {
      const run = this.#last;
      if (!run.isOpen) throw new RunTerminal(`run ${run.start.runId} has ended as ${run.state}`, { reason: "RUN_TERMINAL" });
      run.signal(name, encode(payload), options.signalId ?? "");
    });
  }

  /** Ask the run to end; its code is told and may clean up. */
  cancel(reason = ""): Promise<void> {
    return this.#tell(() => {
      this.#last.cancel(reason);
    });
  }

  /**
   * Wait for the run to end and give its output; time passes while only timers are left.
   *
   * Rejects as `RunHandle.result` does, and with TestStuck when the run waits for what nobody sends.
   */
  // An output without a type is plain JSON, which only the code knows.
  // eslint-disable-next-line @typescript-eslint/no-explicit-any
  result<Out = any>(): Promise<Out> {
    const server = this.#server;
    return server.exclusively(async () => {
      await server.settle();
      while (this.#last.isOpen) if (!(await server.ringNext())) throw this.#stuck();
      const { state, output, failure, start } = this.#last;
      const number = StateNumber[`RUN_STATE_${state}`];
      return outcome({ runId: start.runId, state: number, output, failure, continuedAs: "" }) as Out;
    });
  }

  #tell(tell: () => void): Promise<void> {
    return this.#server.exclusively(async () => {
      await this.#server.settle();
      tell();
      await this.#server.settle();
    });
  }

  #stuck(): TestStuck {
    return new TestStuck(`the run waits for ${this.#last.waitsFor.join(", ")}, and no timer is left`);
  }

  get #last(): TestEngine {
    let run = this.#run;
    while (run.next !== undefined) run = run.next;
    return run;
  }
}
