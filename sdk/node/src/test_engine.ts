/**
 * One run under test, as the server would move it: commands in, the same events out, in virtual time.
 *
 * Must not run handlers nor let time pass: `test_server.ts` does.
 */

import { ranEvent } from "./commands.js";
import { messageMs } from "./duration.js";
import { LocalStep } from "./local_steps.js";
import type { Logger } from "./logger.js";
import { decode, encode } from "./payload.js";
import type { RunState } from "./records.js";
import { errorOf, fedAll } from "./replay.js";
import { Replayer, type LocalCall } from "./replayer.js";
import { actionFacts, childFacts, lateFailure, retryAfterMs, spans, stepOf, type Facts, type TestStep } from "./test_steps.js";
import type { Turns } from "./turns.js";
import { Failure, FailureCategory, type Payload } from "./v1/stellwerk/v1/payload.js";
import type { Event } from "./v1/stellwerk/v1/run.js";
import type { Command } from "./v1/stellwerk/v1/worker.js";
import type { VirtualTime } from "./virtual_time.js";
import type { WorkflowPlan } from "./workflow.js";

const WORKER = "test";

/** The run and step that started a run. */
export interface TestParent {
  readonly run: TestEngine;
  readonly step: string;
  readonly depth: number;
}

/** What is told a run that is there from its start. */
export interface TestStart {
  readonly runId: string;
  readonly plan: WorkflowPlan;
  readonly input: Payload;
  readonly parent: TestParent | undefined;
  /** The run this one goes on for. */
  readonly continuedFrom?: TestEngine | undefined;
}

/** What a run needs of what is around it. */
export interface TestWorld {
  readonly time: VirtualTime;
  readonly turns: Turns;
  readonly logger: Logger;
  /** The run has something to be told. */
  due(run: TestEngine): void;
  /** Have a handler run an attempt of a step; false when there is none. */
  perform(run: TestEngine, step: TestStep): boolean;
  /** The handler or child is no longer wanted, if it goes on. */
  withdraw(run: TestEngine, step: TestStep): void;
  /** Start a run; undefined when there is no such workflow. */
  begin(workflow: string, input: Payload, parent: TestParent | undefined, from?: TestEngine): TestEngine | undefined;
  /** A function of the code's own runs until then. */
  busy<Value>(work: PromiseLike<Value> | Value): Promise<Value>;
  ended(run: TestEngine): void;
}

const ENDS: Readonly<Record<string, RunState>> = {
  succeed: "SUCCEEDED",
  fail: "FAILED",
  cancelled: "CANCELLED",
  continue: "CONTINUED",
};
const FAILED_AS: Partial<Readonly<Record<RunState, readonly [string, FailureCategory]>>> = {
  FAILED: ["RunFailed", FailureCategory.FAILURE_CATEGORY_USER],
  CANCELLED: ["RunCancelled", FailureCategory.FAILURE_CATEGORY_CANCELLED],
  TERMINATED: ["RunTerminated", FailureCategory.FAILURE_CATEGORY_CANCELLED],
  TIMED_OUT: ["RunTimedOut", FailureCategory.FAILURE_CATEGORY_TIMEOUT],
};

/** Moves as it is told to; `events` is its history. */
export class TestEngine {
  state: RunState = "RUNNING";
  output: Payload | undefined;
  failure: Failure | undefined;
  next: TestEngine | undefined;
  readonly events: Event[] = [];
  readonly published = new Map<string, Payload>();
  readonly attributes = new Map<string, unknown>();
  readonly steps = new Map<string, TestStep>();
  readonly #world: TestWorld;
  readonly #replayer: Replayer;
  readonly #kept: { readonly name: string; readonly payload: Payload | undefined }[] = [];
  readonly #signals = new Set<string>();
  readonly #locals = new Map<string, LocalStep>();
  #seen = 0;

  constructor(
    readonly start: TestStart,
    world: TestWorld,
  ) {
    this.#world = world;
    const { runId, plan, input, parent, continuedFrom } = start;
    const below = parent && { parent: parent.run.start.runId, step: parent.step, depth: parent.depth };
    this.#emit("RUN_STARTED", { payload: input, facts: { workflow: plan.name, ...below } });
    this.#replayer = new Replayer({ runId, plan, input, trace: {}, logger: world.logger }, this.events);
    const carried = continuedFrom === undefined ? [] : continuedFrom.#kept;
    for (const { name, payload } of carried) this.signal(name, payload, "");
  }

  /** True while it may still change. */
  get isOpen(): boolean {
    return this.state === "RUNNING";
  }

  /** What it waits for, in words. */
  get waitsFor(): string[] {
    const open = [...this.steps.values()].filter(({ over }) => !over);
    return open.map(({ kind, step, about }) => (kind === "action" ? `step '${step}'` : `${kind} '${about || step}'`));
  }

  /** Tell it something; a signal id it has had changes nothing. */
  signal(name: string, payload: Payload | undefined, id: string): void {
    if (!this.isOpen || this.#signals.has(id)) return;
    if (id) this.#signals.add(id);
    this.#emit("RUN_SIGNALLED", { payload, facts: { signal: name, ...(id ? { id } : {}) } });
    this.#kept.push({ name, payload });
    this.#deliver(name);
  }

  /** Ask its code to end it. */
  cancel(reason: string): void {
    if (!this.isOpen || this.events.some(({ type }) => type === "RUN_CANCEL_REQUESTED")) return;
    if (this.#seen === 0) {
      this.#emit("RUN_CANCELLED", { facts: reason ? { reason } : undefined });
      this.#end("CANCELLED");
      return;
    }
    this.#emit("RUN_CANCEL_REQUESTED", { facts: reason ? { reason } : undefined });
    this.#world.due(this);
  }

  /** End it without asking. */
  terminate(reason: string): void {
    if (!this.isOpen) return;
    this.#emit("RUN_TERMINATED", { facts: reason ? { reason } : undefined });
    this.#end("TERMINATED");
  }

  /** Tell the code what has happened and record what it wants. Rejects with what stands in its way. */
  async decide(): Promise<void> {
    if (!this.isOpen) return;
    const news = this.events.slice(this.#seen);
    this.#seen = this.events.length;
    const replayer = this.#replayer;
    await fedAll(this.#world.turns, replayer, news);
    if (this.state !== "RUNNING") return;
    const problem = replayer.stuck();
    if (problem !== undefined) throw errorOf(problem);
    for (const call of replayer.takeLocals()) this.#runLocal(call);
    for (const [step, local] of this.#locals) if (!replayer.open.has(step)) this.#forgetLocal(step, local);
    this.#record(replayer.takeCommands());
  }

  /** An attempt of an action has ended. */
  performed(step: TestStep, attempt: number, began: Date, output: Payload | undefined, failure?: Failure): void {
    if (!this.isOpen || step.over || step.attempt !== attempt) return;
    const place = { step: step.step, attempt, workerId: WORKER, startTime: began };
    if (failure === undefined) this.#finish(step, "STEP_SUCCEEDED", { ...place, payload: output });
    else this.#failed(step, { ...failure, step: step.step, attempt, workerId: WORKER }, place);
  }

  /** The child of a step has ended. */
  childEnded(stepId: string, child: TestEngine): void {
    const step = this.steps.get(stepId);
    if (!this.isOpen || step === undefined || step.over) return;
    const { state, output, failure } = child;
    const place = { step: stepId, attempt: step.attempt };
    if (state === "SUCCEEDED") {
      this.#finish(step, "STEP_SUCCEEDED", { ...place, payload: output });
      return;
    }
    const [type, category] = FAILED_AS[state] ?? ["RunFailed", FailureCategory.FAILURE_CATEGORY_INTERNAL];
    const why = failure === undefined ? "" : `: ${failure.type}: ${failure.message}`;
    const message = `child ${step.child} ended as ${state}${why}`;
    this.#failed(step, Failure.fromPartial({ type, category, message, cause: failure, ...place }), place);
  }

  /** Try the steps again that nobody could run. */
  offer(): void {
    for (const step of this.steps.values()) if (step.kind === "action" && !step.over) this.#world.perform(this, step);
  }

  // --- commands

  #record(commands: readonly Command[]): void {
    const before = this.events.length;
    const keep = this.#locals.size > 0 && !this.#replayer.ended;
    const mark = { decision: this.#seen, ...(keep ? { keep } : {}) };
    const after: (() => void)[] = [];
    for (const command of commands) this.#recordOne(command, mark, after);
    if (!keep && this.events.length === before) this.#emit("DECISION_COMPLETED", { facts: mark });
    for (const follow of after) follow();
  }

  #recordOne(command: Command, mark: Facts, after: (() => void)[]): void {
    const { step, action, child, sleep, signal, cancel } = command;
    if (action ?? child ?? sleep ?? signal) {
      const made = stepOf(command);
      this.steps.set(step, made);
      this.#make(made, command, mark);
      after.push(() => {
        this.#setOff(made, command);
      });
    } else if (cancel !== undefined) this.#cancelStep(step, mark);
    else this.#note(command, mark, after);
  }

  #make(made: TestStep, { action, child, sleep, signal }: Command, mark: Facts): void {
    const { step, input } = made;
    const scheduled = { step, attempt: 1, payload: input };
    if (action) this.#emit("STEP_SCHEDULED", { ...scheduled, facts: { ...actionFacts(action), ...mark } });
    else if (child) this.#emit("STEP_SCHEDULED", { ...scheduled, facts: { ...childFacts(child), ...mark } });
    else if (signal) {
      const timeout = signal.timeout && { timeout: spans({ total_s: signal.timeout }) };
      this.#emit("STEP_AWAITING", { step, facts: { signal: signal.signal, ...timeout, ...mark } });
    } else {
      const ms = sleep?.duration === undefined ? 0 : messageMs(sleep.duration);
      const dueAt = Math.round((this.#world.time.nowMs + ms) * 1_000);
      this.#emit("STEP_SLEEPING", { step, facts: { sleep_s: ms / 1_000, due_at: dueAt, ...mark } });
    }
  }

  /** What follows a step that is recorded: a handler, an alarm, a child, or what is there already. */
  #setOff(made: TestStep, { action, child, sleep, signal }: Command): void {
    if (made.over || !this.isOpen) return;
    if (sleep) {
      const ms = sleep.duration === undefined ? 0 : messageMs(sleep.duration);
      const wake = (): void => {
        this.#finish(made, "STEP_SUCCEEDED", { step: made.step });
      };
      if (ms === 0) wake();
      else this.#alarm(made, ms, wake);
    } else if (signal) {
      const name = signal.signal;
      this.#bound(made, signal.timeout, "SignalTimeout", (s) => `signal '${name}' did not come within ${s} s`);
      this.#deliver(name);
    } else if (child) this.#startChild(made);
    else {
      this.#bound(made, action?.timeout?.total, "StepTimeout", (s) => `it was not done after ${s} s`);
      if (this.#world.perform(this, made)) return;
      this.#bound(made, action?.timeout?.start, "StartTimeout", (s) => `no worker took it within ${s} s`);
    }
  }

  #note({ publish, attributes, patch, ...end }: Command, mark: Facts, after: (() => void)[]): void {
    if (publish) {
      this.#emit("RUN_PUBLISHED", { payload: publish.value, facts: { key: publish.key, ...mark } });
      if (publish.value !== undefined) this.published.set(publish.key, publish.value);
    } else if (attributes) {
      const values = decode({ json: attributes.values, contentType: "", metadata: {} }) as Facts;
      this.#emit("RUN_ATTRIBUTES", { facts: { values, ...mark } });
      for (const [name, value] of Object.entries(values)) {
        if (value === null) this.attributes.delete(name);
        else this.attributes.set(name, value);
      }
    } else if (patch) this.#emit("RUN_PATCHED", { facts: { id: patch.id, ...mark } });
    else this.#recordEnd(end, mark, after);
  }

  #recordEnd(command: Omit<Command, "publish" | "attributes" | "patch">, mark: Facts, after: (() => void)[]): void {
    const { succeed, fail, continue: goOn } = command;
    const state = ENDS[Object.keys(ENDS).find((kind) => kind in command) ?? ""] ?? "CANCELLED";
    this.output = succeed?.output;
    this.failure = fail?.failure;
    const { plan, parent } = this.start;
    if (goOn) {
      this.next = this.#world.begin(goOn.workflow || plan.name, goOn.input ?? encode(null), parent, this);
      this.output = encode(this.next?.start.runId ?? null);
    }
    this.#emit(`RUN_${state}`, { payload: this.output, failure: this.failure, facts: mark });
    after.push(() => {
      this.#end(state);
    });
  }

  #cancelStep(id: string, mark: Facts): void {
    const step = this.steps.get(id);
    if (step === undefined || step.over) return;
    this.#emit("STEP_CANCELLED", { step: id, facts: mark });
    this.#close(step);
  }

  // --- local steps

  #runLocal({ step, fn, retry }: LocalCall): void {
    const world = this.#world;
    const call = { step, retry, fn: (signal: AbortSignal) => world.busy(fn(signal)) };
    const local = new LocalStep(call, world.time, (command) => {
      this.#locals.delete(step);
      const { local: ended } = command;
      const failure = ended?.failure && { ...ended.failure, step, attempt: ended.attempts, workerId: WORKER };
      const facts = { local: true, decision: this.#seen, keep: true };
      this.#emit("STEP_RAN", { ...ranEvent(command, 0), workerId: WORKER, failure, facts });
      world.due(this);
    });
    this.#locals.set(step, local);
    local.begin();
  }

  #forgetLocal(step: string, local: LocalStep): void {
    local.stop();
    this.#locals.delete(step);
  }

  // --- steps

  #startChild(step: TestStep): void {
    const { step: id, about, attempt } = step;
    const depth = (this.start.parent?.depth ?? 0) + 1;
    const child = this.#world.begin(about, step.input ?? encode(null), { run: this, step: id, depth });
    if (child !== undefined) {
      step.child = child.start.runId;
      this.#emit("STEP_CHILD_STARTED", { step: id, attempt, facts: { child: step.child } });
      return;
    }
    const message = `workflow '${about}' cannot be started: there is none of that name in the environment`;
    const category = FailureCategory.FAILURE_CATEGORY_DEFINITION;
    const failure = Failure.create({ type: "WORKFLOW_NOT_FOUND", message, category, terminal: true });
    this.#finish(step, "STEP_FAILED", { step: id, failure: { ...failure, step: id, attempt } });
  }

  #failed(step: TestStep, failure: Failure, place: Partial<Event>): void {
    const ms = retryAfterMs(step, failure);
    if (ms === undefined) {
      this.#finish(step, "STEP_FAILED", { ...place, failure });
      return;
    }
    const dueAt = Math.round((this.#world.time.nowMs + ms) * 1_000);
    this.#emit("STEP_ATTEMPT_FAILED", { ...place, failure, facts: { due_at: dueAt } });
    this.#alarm(step, ms, () => {
      step.attempt += 1;
      this.#emit("STEP_SCHEDULED", { step: step.step, attempt: step.attempt });
      if (step.kind === "child") this.#startChild(step);
      else this.#world.perform(this, step);
    });
  }

  /** Give the oldest kept signal of that name to the step that has waited longest. */
  #deliver(name: string): void {
    const step = [...this.steps.values()].find(({ kind, about, over }) => kind === "signal" && about === name && !over);
    const place = this.#kept.findIndex((signal) => signal.name === name);
    if (step === undefined || place < 0) return;
    const [kept] = this.#kept.splice(place, 1);
    this.#finish(step, "STEP_SUCCEEDED", { step: step.step, payload: kept?.payload });
  }

  #alarm(step: TestStep, ms: number, ring: () => void): void {
    const alarm = this.#world.time.after(ms, () => {
      if (!step.over && this.isOpen) ring();
    });
    step.alarms.push(alarm);
  }

  #bound(
    step: TestStep,
    span: Parameters<typeof messageMs>[0] | undefined,
    type: string,
    say: (seconds: number) => string,
  ): void {
    if (span === undefined) return;
    const ms = messageMs(span);
    this.#alarm(step, ms, () => {
      const failure = { ...lateFailure(type, say(ms / 1_000)), step: step.step, attempt: step.attempt };
      this.#finish(step, "STEP_FAILED", { step: step.step, failure });
    });
  }

  /** The step is over, and the code is to be told. */
  #finish(step: TestStep, type: string, fields: Partial<Event>): void {
    this.#emit(type, fields);
    this.#close(step);
    this.#world.due(this);
  }

  #close(step: TestStep): void {
    step.over = true;
    for (const takeBack of step.alarms.splice(0)) takeBack();
    this.#world.withdraw(this, step);
  }

  // --- the end

  #end(state: RunState): void {
    this.state = state;
    for (const [step, local] of this.#locals) this.#forgetLocal(step, local);
    for (const step of this.steps.values()) if (!step.over) this.#close(step);
    this.#world.ended(this);
  }

  #emit(type: string, { facts, ...fields }: Partial<Event> & { facts?: Facts | undefined }): void {
    this.events.push({
      ...{ step: "", attempt: 0, payload: undefined, failure: undefined, workerId: "", startTime: undefined },
      ...fields,
      ...{ sequence: this.events.length + 1, time: this.#world.time.now(), type },
      attributes: facts === undefined ? "" : JSON.stringify(facts),
    });
  }
}
