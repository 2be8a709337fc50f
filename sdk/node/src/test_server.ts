/** A server for one test, in its own program and in virtual time: runs, handlers and what they wait for. */

import { setImmediate as nextTurn } from "node:timers/promises";

import { NotFound } from "./errors.js";
import type { HandlerPlan } from "./handler.js";
import type { Logger } from "./logger.js";
import { replayEvents } from "./replay.js";
import { Runner } from "./runner.js";
import { TestEngine, type TestParent, type TestWorld } from "./test_engine.js";
import type { TestStep } from "./test_steps.js";
import { Turns } from "./turns.js";
import type { Payload } from "./v1/stellwerk/v1/payload.js";
import type { Task, TaskResult } from "./v1/stellwerk/v1/worker.js";
import { VirtualTime } from "./virtual_time.js";
import type { WorkflowPlan } from "./workflow.js";

interface Performance {
  readonly run: TestEngine;
  readonly step: TestStep;
  readonly attempt: number;
  readonly began: Date;
}

/** Goes as far as it can without time passing, whenever it is told to `settle`. */
export class TestServer implements TestWorld {
  readonly time = new VirtualTime();
  readonly turns = new Turns();
  readonly handlers = new Map<string, HandlerPlan>();
  readonly workflows = new Map<string, WorkflowPlan>();
  readonly #runs = new Map<string, TestEngine>();
  readonly #due = new Set<TestEngine>();
  readonly #performed = new Map<string, Performance>();
  readonly #runner: Runner;
  readonly #unchecked = new Set<TestEngine>();
  #working = 0;
  #wake: () => void = () => undefined;
  #last: Promise<unknown> = Promise.resolve();

  constructor(readonly logger: Logger) {
    this.#runner = new Runner(this.handlers, {
      lines: {
        logger,
        chunks: { push: () => Promise.resolve(), forget: () => undefined },
        progress: () => undefined,
      },
      spans: undefined,
      hold: (tokens) => tokens.map(() => 0),
      release: () => undefined,
      finish: (result) => {
        this.#finished(result);
      },
      freed: () => {
        this.#wake();
      },
    });
  }

  /** Do one thing after the other, whoever asks for it. */
  exclusively<Value>(work: () => Promise<Value>): Promise<Value> {
    const done = this.#last.then(work);
    this.#last = done.catch(() => undefined);
    return done;
  }

  /** Start a run. Throws NotFound. */
  startRun(workflow: string, input: Payload): TestEngine {
    const run = this.begin(workflow, input, undefined);
    if (run !== undefined) return run;
    const there = [...this.workflows.keys()].map((name) => `'${name}'`).join(", ") || "none";
    throw new NotFound(`workflow: expected one of the environment (${there}), came '${workflow}'`, { code: "NOT_FOUND" });
  }

  /** Go as far as possible without time passing. Rejects with what stands in some code's way. */
  async settle(): Promise<void> {
    for (;;) {
      await nextTurn();
      const due = [...this.#due];
      this.#due.clear();
      await Promise.all(due.map((run) => run.decide()));
      if (this.#due.size > 0 || due.length > 0) continue;
      if (this.#runner.running === 0 && this.#working === 0) break;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    for (const run of this.#unchecked) await this.#check(run);
    this.#unchecked.clear();
  }

  /** Let time pass up to the next alarm; false when there is none before `untilMs`. */
  async ringNext(untilMs = Number.POSITIVE_INFINITY): Promise<boolean> {
    const { nextMs } = this.time;
    if (nextMs === undefined || nextMs > untilMs) return false;
    this.time.ringNext();
    await this.settle();
    return true;
  }

  /** Replay every open run from its start. Rejects with NonDeterminism. */
  async checkAll(): Promise<void> {
    for (const run of this.#runs.values()) if (run.isOpen) await this.#check(run);
  }

  /** Steps that nobody could run may find a handler now. */
  offerAll(): void {
    for (const run of this.#runs.values()) if (run.isOpen) run.offer();
  }

  // --- what runs ask for

  due(run: TestEngine): void {
    this.#due.add(run);
    this.#wake();
  }

  perform(run: TestEngine, step: TestStep): boolean {
    if (!this.handlers.has(step.about)) return false;
    const { attempt } = step;
    const task = taskOf(run, step);
    const key = task.token.toString("latin1");
    if (this.#performed.has(key)) return true;
    this.#performed.set(key, { run, step, attempt, began: this.time.now() });
    this.#runner.accept([task]);
    return true;
  }

  withdraw(run: TestEngine, step: TestStep): void {
    if (step.kind === "action") {
      const token = tokenOf(run, step);
      if (this.#performed.has(token.toString("latin1"))) this.#runner.cancel(token, "RUN_CANCELLED");
      return;
    }
    let child = this.#runs.get(step.child);
    while (child?.next !== undefined) child = child.next;
    if (step.parentClose === "cancel") child?.cancel("its parent no longer waits for it");
    else if (step.parentClose === "terminate") child?.terminate("its parent no longer waits for it");
  }

  begin(workflow: string, input: Payload, parent: TestParent | undefined, from?: TestEngine): TestEngine | undefined {
    const plan = this.workflows.get(workflow);
    if (plan === undefined) return undefined;
    const runId = `run_test${this.#runs.size + 1}`;
    const run = new TestEngine({ runId, plan, input, parent, continuedFrom: from }, this);
    this.#runs.set(runId, run);
    this.due(run);
    return run;
  }

  async busy<Value>(work: PromiseLike<Value> | Value): Promise<Value> {
    this.#working += 1;
    try {
      return await work;
    } finally {
      this.#working -= 1;
      this.#wake();
    }
  }

  ended(run: TestEngine): void {
    this.#unchecked.add(run);
    const { parent } = run.start;
    if (parent !== undefined && run.state !== "CONTINUED") parent.run.childEnded(parent.step, run);
  }

  #finished({ token, output, failure }: TaskResult): void {
    const key = token.toString("latin1");
    const performed = this.#performed.get(key);
    this.#performed.delete(key);
    this.#runner.forget(token);
    if (performed === undefined) return;
    const { run, step, attempt, began } = performed;
    run.performed(step, attempt, began, output, failure);
  }

  #check({ start, events }: TestEngine): Promise<void> {
    return replayEvents(start.runId, start.plan, events);
  }
}

function tokenOf({ start }: TestEngine, { step, attempt }: TestStep): Buffer {
  return Buffer.from(`${start.runId}/${step}/${attempt}`);
}

function taskOf(run: TestEngine, step: TestStep): Task {
  const { plan, runId } = run.start;
  return {
    ...{ token: tokenOf(run, step), runId, step: step.step, attempt: step.attempt },
    ...{ maxAttempts: step.policy.maxAttempts, action: step.about, workflow: plan.name },
    ...{ input: step.input, deadline: undefined, trace: {}, journal: undefined },
  };
}
