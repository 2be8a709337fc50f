/**
 * One run of a workflow's code: takes events one at a time and gives the commands of the code, compared with the
 * recorded ones.
 *
 * No I/O and no turns of its own: whoever feeds it lets the code run (`turns.ts`) and says when that is `drained`.
 */

import { createHash } from "node:crypto";

import { Call, pending, type CallKind, type Pending } from "./calls.js";
import { attributesOf, difference, localSign, isSame, signOfCommand, type CommandKind, type Sign } from "./commands.js";
import { ChildFailed, RunCancelled, SignalTimeout, StellwerkError, StepFailed } from "./errors.js";
import { failureOf, tooLargeFailure } from "./failure.js";
import { forgive } from "./forgiveness.js";
import { isThenable } from "./handler.js";
import type { Logger } from "./logger.js";
import { decode, encode, PAYLOAD_BYTES_MAX, payloadBytes } from "./payload.js";
import { failure as readFailure } from "./reading.js";
import { Recording } from "./recording.js";
import type { RetryOptions } from "./step_options.js";
import type { Payload } from "./v1/stellwerk/v1/payload.js";
import type { Event } from "./v1/stellwerk/v1/run.js";
import type { Command } from "./v1/stellwerk/v1/worker.js";
import { WorkflowContext } from "./workflow_context.js";
import type { WorkflowPlan } from "./workflow.js";

/** The most commands that may be open. */
export const OPEN_MAX = 10_000;

/** Why a decision comes to nothing. */
export interface Problem {
  readonly type: "NonDeterminism" | "WaitsForNothing" | "WorkflowBlocked" | "TooManyCommands";
  readonly message: string;
}

/** What a run is, beside its history. */
export interface RunFacts {
  readonly runId: string;
  readonly plan: WorkflowPlan;
  readonly trace: Readonly<Record<string, string>>;
  readonly logger: Logger;
  /** For when the RUN_STARTED event does not carry it. */
  readonly input: Payload | undefined;
}

/** What is run here; the signal is aborted when nobody waits for it any more. */
export type LocalFunction<Out = unknown> = (signal: AbortSignal) => Out;

/** A step that is to be run here. */
export interface LocalCall {
  readonly step: string;
  readonly fn: LocalFunction;
  readonly retry: RetryOptions | undefined;
}

/** Made with all events that are known; they are fed afterwards, one by one. */
export class Replayer {
  /** What the code has asked for and was not taken out yet. */
  commands: Command[] = [];
  /** What is to be run here and was not taken out yet. */
  locals: LocalCall[] = [];
  /** Calls that wait, by the id of their step. */
  readonly open = new Map<string, Call>();
  /** Somebody wants the run to end. */
  cancelled = false;
  /** The code has returned, thrown or continued. */
  ended = false;
  /** What stands in the way; the code is not let on after it. */
  problem: Problem | undefined;
  /** The run that started this one; empty without one. */
  parent = "";
  /** When the last thing happened that the code was told. */
  now = new Date(0);
  /** The last event that was fed. */
  fed = 0;
  readonly #recording: Recording;
  readonly #called = new Set<string>();
  readonly #names = new Map<string, number>();
  readonly #patches = new Map<string, boolean>();
  #matched = 0;
  /** Commands the code has given, but for cancels. */
  #given = 0;
  #draws = 0;
  #begun = false;
  #compared = false;
  /** Between an event and `drained`; what the code does at any other time is not the doing of ctx. */
  #awake = false;

  constructor(
    readonly facts: RunFacts,
    events: readonly Event[],
  ) {
    this.#recording = new Recording(events);
  }

  /** Tell the code one thing; true when it may go on because of it. */
  feed(event: Event): boolean {
    if (this.problem !== undefined || this.ended) return false;
    if (event.sequence > this.#recording.decided && !this.#compareEnds()) return false;
    this.fed = event.sequence;
    this.#awake = true;
    const stirred = this.#take(event);
    this.#awake = stirred;
    return stirred;
  }

  /** The code has come as far as it can with what it was told. */
  drained(): void {
    this.#awake = false;
    if (this.fed >= this.#recording.decided) this.#compareEnds();
  }

  /** Why the code cannot go on from here, now that everything was fed; undefined: it waits, or it has ended. */
  stuck(): Problem | undefined {
    if (this.problem !== undefined || this.ended) return this.problem;
    if (this.open.size > OPEN_MAX) {
      const message = `${this.open.size} commands are open, at most ${OPEN_MAX} may be: wait for some first`;
      this.problem = { type: "TooManyCommands", message };
    } else if (this.open.size === 0) this.#foreign();
    return this.problem;
  }

  /** True while the code does what it did before. */
  get replaying(): boolean {
    return this.fed <= this.#recording.decided;
  }

  /** The commands given since this was asked last. */
  takeCommands(): Command[] {
    const { commands } = this;
    this.commands = [];
    return commands;
  }

  /** The steps to be run here that were called since this was asked last, and that somebody still waits for. */
  takeLocals(): LocalCall[] {
    const { locals } = this;
    this.locals = [];
    return locals.filter(({ step }) => this.open.has(step));
  }

  // --- what the context asks for

  /** A call that waits, for the step that `make` describes. */
  call(kind: CallKind, name: string, about: string, make: (step: string) => Command): Pending<unknown> {
    if (!this.#mayGoOn()) return never();
    const call = this.#newCall(kind, name, about);
    if (this.#isKept(call)) return call.promise;
    if (!this.#give(kind, make(call.step))) return never();
    this.open.set(call.step, call);
    return call.promise;
  }

  /** A call that waits for something run here. */
  local(name: string, fn: LocalFunction, retry: RetryOptions | undefined): Pending<unknown> {
    if (!this.#mayGoOn()) return never();
    const call = this.#newCall("local", name, name);
    if (this.#isKept(call)) return call.promise;
    this.#given += 1;
    this.#called.add(call.step);
    this.open.set(call.step, call);
    if (!this.#recording.ran.has(call.step)) this.locals.push({ step: call.step, fn, retry });
    return call.promise;
  }

  /** Something to be recorded that nobody waits for. */
  note(kind: CommandKind, command: Command): void {
    if (this.#mayGoOn()) this.#give(kind, command);
  }

  /** The code goes on in another run. */
  continueAs(command: Command): Promise<never> {
    if (this.#mayGoOn()) this.#end("continue", command);
    return never();
  }

  /** True from the first run on that comes here without having passed before; the same answer ever after. */
  patched(id: string): boolean {
    const before = this.#patches.get(id);
    if (before !== undefined || !this.#mayGoOn()) return before ?? false;
    const recorded = this.#recorded;
    const known = recorded?.kind === "patch" && recorded.about === id;
    const fresh = known || !this.replaying;
    if (fresh) this.#give("patch", { step: "", patch: { id } });
    this.#patches.set(id, fresh);
    return fresh;
  }

  /** The next bytes of the run's own row of chance. */
  draw(): Buffer {
    this.#mayGoOn();
    this.#draws += 1;
    return createHash("sha256").update(`${this.facts.runId}/${this.#draws}`).digest();
  }

  // --- the code

  #take(event: Event): boolean {
    switch (event.type) {
      case "RUN_STARTED":
        return this.#begin(event);
      case "STEP_SUCCEEDED":
      case "STEP_FAILED":
        return this.#resolve(event);
      case "STEP_RAN":
        return this.open.get(event.step)?.kind === "local" && this.#settle(event);
      case "RUN_CANCEL_REQUESTED":
        return this.#cancel(event);
      default:
        return false;
    }
  }

  #begin(event: Event): boolean {
    if (this.#begun) return false;
    this.#begun = true;
    this.now = event.time ?? this.now;
    const { parent } = attributesOf(event);
    if (typeof parent === "string") this.parent = parent;
    try {
      const given = this.facts.plan.fn(new WorkflowContext(this), decode(event.payload ?? this.facts.input));
      if (!isThenable(given)) this.#returned(given);
      else given.then((value) => { this.#returned(value); }, (error: unknown) => { this.#threw(error); });
    } catch (error) {
      this.#threw(error);
    }
    return true;
  }

  #resolve(event: Event): boolean {
    if (!this.open.has(event.step)) return false;
    this.now = event.time ?? this.now;
    return this.#settle(event);
  }

  /** The time of a local step's record is known to the server alone, so it does not move `now`. */
  #settle(event: Event): boolean {
    const call = this.open.get(event.step);
    if (call === undefined) return false;
    this.open.delete(event.step);
    settle(call, event);
    return true;
  }

  #cancel(event: Event): boolean {
    if (this.cancelled) return false;
    this.cancelled = true;
    this.now = event.time ?? this.now;
    const waiting = [...this.open.values()];
    for (const call of waiting) this.#giveUp(call, new RunCancelled(this.facts.runId, "CANCELLED"));
    return true;
  }

  #giveUp(call: Call, error: unknown): void {
    if (this.open.get(call.step) !== call || !this.#mayGoOn()) return;
    this.open.delete(call.step);
    if (call.kind !== "local" && !this.#recording.over.has(call.step)) {
      this.commands.push({ step: call.step, cancel: {} });
    }
    call.reject(error);
  }

  #returned(value: unknown): void {
    if (!this.#isOwn()) return;
    try {
      const output = encode(value);
      const size = payloadBytes(output);
      if (size <= PAYLOAD_BYTES_MAX) this.#end("succeed", { step: "", succeed: { output } });
      else {
        const failure = tooLargeFailure(`output: expected at most ${PAYLOAD_BYTES_MAX} bytes, came ${size}`);
        this.#end("fail", { step: "", fail: { failure } });
      }
    } catch (error) {
      this.#threw(error);
    }
  }

  #threw(error: unknown): void {
    if (!this.#isOwn()) return;
    if (this.cancelled && error instanceof RunCancelled) this.#end("cancelled", { step: "", cancelled: {} });
    else this.#end("fail", { step: "", fail: { failure: failureOf(error) } });
  }

  #end(kind: CommandKind, command: Command): void {
    this.#give(kind, command);
    this.ended = true;
    this.open.clear();
  }

  // --- the comparison

  get #recorded(): Sign | undefined {
    return this.#recording.signs[this.#matched];
  }

  /** A command of the code: the next recorded one, or a new one. False when it is another. */
  #give(kind: CommandKind, command: Command): boolean {
    this.#given += 1;
    const recorded = this.#recorded;
    if (recorded === undefined) {
      this.commands.push(command);
      return true;
    }
    const now = signOfCommand(kind, command);
    if (isSame(recorded, now)) this.#matched += 1;
    else this.#differs(this.#given, recorded, now);
    return this.problem === undefined;
  }

  /** Once all that the recorded decisions had seen is fed, nothing recorded may be left. */
  #compareEnds(): boolean {
    if (this.#compared || !this.#begun) return true;
    this.#compared = true;
    const missing = [...this.#recording.ran].find((step) => !this.#called.has(step));
    if (this.#recorded !== undefined) this.#differs(this.#given + 1, this.#recorded, undefined);
    else if (missing !== undefined) this.#differs(this.#given + 1, localSign(missing), undefined);
    return this.problem === undefined;
  }

  #differs(number: number, recorded: Sign, now: Sign | undefined): void {
    this.problem ??= { type: "NonDeterminism", message: difference(number, recorded, now) };
  }

  #newCall(kind: CallKind, name: string, about: string): Call {
    if (name.includes("#")) throw new RangeError(`name: expected a text without '#', came '${name}'`);
    const count = (this.#names.get(name) ?? 0) + 1;
    this.#names.set(name, count);
    const step = count === 1 ? name : `${name}#${count}`;
    return new Call(kind, step, about, (call) => { this.#giveUp(call, givenUp(call)); });
  }

  #isKept(call: Call): boolean {
    const kept = this.#recording.kept.get(call.step);
    if (kept !== undefined) settle(call, kept);
    return kept !== undefined;
  }

  /** False when the code is to be left where it is. Throws StellwerkError when it is not the code that asks. */
  #mayGoOn(): boolean {
    if (this.ended) throw stranger("after its end");
    if (this.problem !== undefined) return false;
    if (!this.#awake) throw stranger("outside of its turn");
    return true;
  }

  /** Code that ends when it was told nothing has waited for something that is not ctx's. */
  #isOwn(): boolean {
    if (this.problem !== undefined || this.ended) return false;
    if (!this.#awake) this.#foreign();
    return this.#awake;
  }

  #foreign(): void {
    const message = "the code waits for something that is not ctx's: nothing is open and it has not ended";
    this.problem = { type: "WaitsForNothing", message };
  }
}

/** Whoever gets it may leave it alone: a program is not to end because of it. */
function stranger(from: string): StellwerkError {
  const error = new StellwerkError(`ctx belongs to the workflow's own code, came a call from ${from}`);
  forgive(error);
  return error;
}

function settle(call: Call, { step, attempt, payload, failure }: Event): void {
  if (failure !== undefined) {
    const known = readFailure(failure);
    const located = { ...known, step: known.step || step, attempt: known.attempt || attempt };
    call.reject(new (kindOf(call, failure.type))(step, located));
    return;
  }
  try {
    call.resolve(decode(payload));
  } catch (error) {
    call.reject(error);
  }
}

function kindOf(call: Call, type: string): typeof StepFailed {
  if (call.kind === "child") return ChildFailed;
  return call.kind === "signal" && type === "SignalTimeout" ? SignalTimeout : StepFailed;
}

/** What the promise of a call rejects with that the code itself has given up. */
function givenUp({ step }: Call): StepFailed {
  const nothing = { stack: "", details: null, cause: undefined, workerId: "", occurTime: undefined };
  const message = `the code has given ${step} up`;
  return new StepFailed(step, {
    ...{ type: "StepCancelled", message, category: "CANCELLED", terminal: true, step, attempt: 0 },
    ...nothing,
  });
}

/** Where code waits that is not to go on. */
function never(): Pending<never> {
  return pending(new Promise<never>(() => undefined), () => undefined);
}
