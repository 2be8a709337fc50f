/**
 * Decides runs of workflows that are code: journals in, commands out, one result of a run on its way at a time.
 *
 * Must not poll or know the network, and must not know what commands mean: the replayer does.
 */

import { BATCH_BYTES_MAX } from "./channel.js";
import { commandBytes, ranEvent } from "./commands.js";
import { DecidedRun, type HeldDecision } from "./decided_run.js";
import type { RequestError } from "./errors.js";
import { clean } from "./failure.js";
import { LocalStep, realClock } from "./local_steps.js";
import type { Logger } from "./logger.js";
import type { Verdict } from "./outbox.js";
import { Replayer } from "./replayer.js";
import { RunCache } from "./run_cache.js";
import { released } from "./runner.js";
import { Turns, type TurnWatch } from "./turns.js";
import { Failure, FailureCategory } from "./v1/stellwerk/v1/payload.js";
import type { Event } from "./v1/stellwerk/v1/run.js";
import type { Command, Task, TaskResult } from "./v1/stellwerk/v1/worker.js";
import type { WorkflowPlan } from "./workflow.js";

const COMMANDS_MAX = 1_000;

/** Where decisions come from and go to. */
export interface DecisionDesk {
  readonly logger: Logger;
  readonly build: string;
  readonly pinRuns: boolean;
  readonly cachedRuns: number;
  readonly watch: TurnWatch<DecidedRun>;
  /** The decisions are this worker's from now on; gives a place in the lease table for each. */
  hold(tokens: readonly Uint8Array[]): number[];
  release(place: number): void;
  send(result: TaskResult, told: (verdict: Verdict) => void): void;
  /** All events of a run. Rejects with RequestError; never when nobody needs it any more. */
  history(runId: string): Promise<Event[]>;
  freed(): void;
}

/** Holds the worker's decisions and the runs it remembers. */
export class Decider {
  /** Decisions that were not given back yet. */
  running = 0;
  readonly #plans: ReadonlyMap<string, WorkflowPlan>;
  readonly #desk: DecisionDesk;
  readonly #turns: Turns<DecidedRun>;
  readonly #cache: RunCache;
  readonly #runs = new Map<string, DecidedRun>();
  readonly #byToken = new Map<string, DecidedRun>();
  #stopping = false;

  constructor(plans: ReadonlyMap<string, WorkflowPlan>, desk: DecisionDesk) {
    this.#plans = plans;
    this.#desk = desk;
    this.#turns = new Turns(desk.watch);
    this.#cache = new RunCache(desk.cachedRuns, (run) => {
      this.#drop(run);
    });
  }

  /** Decide these. */
  accept(tasks: readonly Task[]): void {
    const places = this.#desk.hold(tasks.map(({ token }) => token));
    tasks.forEach((task, index) => {
      this.running += 1;
      this.#arrived({ task, place: places[index] ?? -1 });
    });
  }

  /** The server took a decision back; false when it is none of ours. */
  cancel(token: Uint8Array, reason: string): boolean {
    const run = this.#byToken.get(Buffer.from(token).toString("latin1"));
    if (run === undefined) return false;
    this.#desk.logger.info("a decision was taken back", { run_id: run.runId, reason });
    this.#drop(run);
    return true;
  }

  /** The drain time is over: give back what is not decided. */
  giveUp(): void {
    this.#stopping = true;
    this.#cache.clear();
    for (const run of [...this.#runs.values()]) {
      if (run.held !== undefined && !run.sent) this.#giveBack(run);
    }
  }

  #arrived(held: HeldDecision): void {
    const run = this.#runs.get(held.task.runId);
    if (run?.sent === "last") {
      // The server was faster to hand out the next one than to tell us its verdict.
      run.next = held;
      return;
    }
    if (run?.held !== undefined) this.#drop(run);
    this.#begin(held);
  }

  #begin(held: HeldDecision): void {
    const { runId, workflow, journal, token } = held.task;
    const plan = this.#plans.get(workflow);
    if (plan === undefined || journal === undefined) {
      this.#desk.send(released(held.task), () => undefined);
      this.#free(held);
      return;
    }
    let run = this.#runs.get(runId);
    if (run !== undefined && !knows(run, journal.afterSequence)) this.#drop(run);
    if (run === undefined || run.gone) run = this.#newRun(runId);
    this.#cache.take(run);
    run.hold(held);
    this.#byToken.set(token.toString("latin1"), run);
    if (run.replayer !== undefined) this.#feed(run, journal.events, journal.sequence);
    else if (journal.afterSequence === 0) this.#open(run, plan, journal.events, journal.sequence);
    else void this.#load(run, plan);
  }

  #newRun(runId: string): DecidedRun {
    const run = new DecidedRun(runId, () => {
      run.feeding = false;
      this.#fed(run);
    });
    this.#runs.set(runId, run);
    return run;
  }

  #open(run: DecidedRun, plan: WorkflowPlan, events: readonly Event[], sequence: number): void {
    const { trace, input } = run.held?.task ?? { trace: {}, input: undefined };
    run.replayer = new Replayer({ runId: run.runId, plan, trace, input, logger: this.#desk.logger }, events);
    this.#feed(run, events, sequence);
  }

  /** Read the run's whole history, when what is new is not enough. */
  async #load(run: DecidedRun, plan: WorkflowPlan): Promise<void> {
    run.replayer = undefined;
    run.waiting = [];
    run.stop();
    const { held } = run;
    try {
      const events = await this.#desk.history(run.runId);
      if (run.held === held && !run.gone) this.#open(run, plan, events, events.at(-1)?.sequence ?? 0);
    } catch (error) {
      if (run.held === held && !run.gone) this.#refused(run, error as RequestError);
    }
  }

  #feed(run: DecidedRun, events: readonly Event[], sequence: number): void {
    run.seen = sequence;
    run.events = events;
    run.feeding = true;
    this.#turns.feed(run);
  }

  /** The code has come as far as it can. */
  #fed(run: DecidedRun): void {
    const { replayer } = run;
    if (run.gone || replayer === undefined) return;
    const problem = replayer.stuck();
    if (problem !== undefined) {
      this.#fail(run, problem.type, problem.message, problem.type === "NonDeterminism");
      return;
    }
    run.waiting.push(...replayer.takeCommands());
    if (replayer.ended) {
      run.stop();
      run.waiting = run.waiting.filter(({ local }) => local === undefined);
    }
    for (const [step, local] of run.locals) {
      if (replayer.open.has(step)) continue;
      local.stop();
      run.locals.delete(step);
    }
    for (const call of replayer.takeLocals()) {
      const local = new LocalStep(call, realClock, (command) => {
        this.#ran(run, command);
      });
      run.locals.set(call.step, local);
      local.begin();
    }
    this.#send(run);
  }

  /** A local step has ended; what ends in the same turn travels together. */
  #ran(run: DecidedRun, command: Command): void {
    run.locals.delete(command.step);
    run.waiting.push(command);
    if (run.sendDue) return;
    run.sendDue = true;
    setImmediate(() => {
      run.sendDue = false;
      this.#send(run);
    });
  }

  /** What there is to send; `asking`: nothing too, to hear what came in while local steps run. */
  #send(run: DecidedRun, asking = false): void {
    const { held, replayer } = run;
    if (run.gone || run.sent || run.feeding || held === undefined || replayer === undefined) return;
    if (this.#stopping && !replayer.ended) {
      this.#giveBack(run);
      return;
    }
    const isRunning = run.locals.size > 0;
    if (isRunning && run.waiting.length === 0 && !asking) {
      run.askLater(() => {
        this.#send(run, true);
      });
      return;
    }
    run.askLater(undefined);
    const commands = firstPart(run.waiting);
    run.waiting.splice(0, commands.length);
    const goesOn = !replayer.ended && (isRunning || commands.some(({ local }) => local !== undefined));
    const keep = goesOn || run.waiting.length > 0;
    run.sent = keep ? "keep" : "last";
    const decision = { sequence: run.seen, commands, keep, build: this.#desk.build, pinRun: this.#desk.pinRuns };
    this.#desk.send({ token: held.task.token, decision }, (verdict) => {
      this.#answered(run, commands, keep, verdict);
    });
  }

  #answered(run: DecidedRun, commands: readonly Command[], keep: boolean, { problem, journal }: Verdict): void {
    run.sent = "";
    if (run.gone) this.#goOn(run);
    else if (problem !== undefined) this.#refused(run, problem);
    else if (!keep) this.#decided(run);
    else if (this.#stopping) this.#giveBack(run);
    else if (journal?.afterSequence === run.seen) {
      const ran = commands.filter(({ local }) => local !== undefined);
      const events = [...journal.events, ...ran.map((command) => ranEvent(command, journal.sequence))];
      this.#feed(run, events, journal.sequence);
    } else this.#reread(run);
  }

  #decided(run: DecidedRun): void {
    const { held, replayer } = run;
    run.hold(undefined);
    if (held !== undefined) this.#free(held);
    if (replayer === undefined || replayer.ended || this.#stopping) this.#drop(run);
    else this.#cache.add(run);
    this.#goOn(run);
  }

  #goOn(run: DecidedRun): void {
    const { next } = run;
    run.next = undefined;
    if (next !== undefined) this.#arrived(next);
  }

  #reread(run: DecidedRun): void {
    const plan = this.#plans.get(run.held?.task.workflow ?? "");
    if (plan !== undefined) void this.#load(run, plan);
  }

  #refused(run: DecidedRun, problem: RequestError): void {
    if (problem.reason === "LEASE_LOST") {
      this.#desk.logger.info("a decision came too late, its run has gone elsewhere", { run_id: run.runId });
      this.#drop(run);
    } else {
      // Another try would say the same, unless it was the server that broke.
      this.#fail(run, problem.reason || problem.code, problem.message, problem.code !== "INTERNAL");
    }
  }

  /** The decision comes to nothing, and what is known of the run with it. */
  #fail(run: DecidedRun, type: string, message: string, terminal: boolean): void {
    const token = run.held?.task.token;
    if (token === undefined) return;
    this.#desk.logger.warn(`decision of ${run.runId} failed: ${type}: ${message}`, { run_id: run.runId });
    const category = FailureCategory.FAILURE_CATEGORY_USER;
    const failure = Failure.create({ type, message: clean(message), category, terminal });
    this.#sendLast(run, { token, failure });
  }

  #giveBack(run: DecidedRun): void {
    if (run.held !== undefined) this.#sendLast(run, released(run.held.task));
  }

  /** Whatever the verdict is: the decision is over, and the run begins anew with the next one. */
  #sendLast(run: DecidedRun, result: TaskResult): void {
    run.stop();
    run.sent = "last";
    this.#desk.send(result, () => {
      run.sent = "";
      this.#drop(run);
      this.#goOn(run);
    });
  }

  #drop(run: DecidedRun): void {
    if (run.gone) return;
    run.gone = true;
    run.stop();
    this.#turns.forget(run);
    this.#cache.take(run);
    if (this.#runs.get(run.runId) === run) this.#runs.delete(run.runId);
    if (run.held !== undefined) this.#free(run.held);
    if (!run.sent) this.#goOn(run);
  }

  #free({ task, place }: HeldDecision): void {
    this.running -= 1;
    this.#byToken.delete(task.token.toString("latin1"));
    this.#desk.release(place);
    this.#desk.freed();
  }
}

/** True when what came after that is all the run has to be told. */
function knows(run: DecidedRun, sequence: number): boolean {
  return sequence > 0 && run.seen === sequence && run.isSound;
}

/** What fits into one result. */
function firstPart(commands: readonly Command[]): Command[] {
  let bytes = 0;
  let count = 0;
  for (const command of commands) {
    bytes += commandBytes(command);
    if (count === COMMANDS_MAX || (count > 0 && bytes > BATCH_BYTES_MAX)) break;
    count += 1;
  }
  return commands.slice(0, count);
}
