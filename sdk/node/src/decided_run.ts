/** One run of a workflow's code in this worker: its replayer, the decision it holds and what is on its way. */

import type { LocalStep } from "./local_steps.js";
import type { Replayer } from "./replayer.js";
import type { Event } from "./v1/stellwerk/v1/run.js";
import type { Command, Task } from "./v1/stellwerk/v1/worker.js";

// How long local steps may run before the server is asked whether anything has come in.
const ASK_MS = 1_000;

/** A decision that is this worker's to make, and its place in the lease table. */
export interface HeldDecision {
  readonly task: Task;
  readonly place: number;
}

/** Kept between decisions, until it is dropped. The decider moves it; it decides nothing itself. */
export class DecidedRun {
  /** Undefined while its history is read. */
  replayer: Replayer | undefined;
  /** What the server knows that the code has seen. */
  seen = 0;
  /** The decision it holds; undefined between decisions. */
  held: HeldDecision | undefined;
  /** A decision that came before the verdict on the one before it. */
  next: HeldDecision | undefined;
  /** Commands and results of local steps, not sent yet. */
  waiting: Command[] = [];
  readonly locals = new Map<string, LocalStep>();
  /** What is fed now. */
  events: readonly Event[] = [];
  alone = false;
  feeding = false;
  /** A result is on its way: one that keeps the lease, or the decision's last. */
  sent: "" | "keep" | "last" = "";
  sendDue = false;
  gone = false;
  idleSinceMs = 0;
  #mark = "";
  #asking: NodeJS.Timeout | undefined;

  constructor(
    readonly runId: string,
    readonly done: () => void,
  ) {}

  /** How the watchdog knows it: token, workflow and run as JSON. */
  get mark(): string {
    if (!this.#mark && this.held !== undefined) {
      const { token, workflow, runId } = this.held.task;
      this.#mark = JSON.stringify([token.toString("base64"), workflow, runId]);
    }
    return this.#mark;
  }

  /** Its code can go on from where it is. */
  get isSound(): boolean {
    return this.replayer !== undefined && !this.replayer.problem;
  }

  /** Make it hold a decision, or none. */
  hold(held: HeldDecision | undefined): void {
    this.held = held;
    // What has failed before may have blocked the loop: it is tried again with nobody beside it.
    this.alone = (held?.task.attempt ?? 1) > 1;
    this.#mark = "";
  }

  /** Call back in a while, unless it is asked again before; undefined: never mind. */
  askLater(ask: (() => void) | undefined): void {
    clearTimeout(this.#asking);
    this.#asking = ask === undefined ? undefined : setTimeout(ask, ASK_MS);
  }

  /** Nothing of it goes on. */
  stop(): void {
    this.askLater(undefined);
    for (const local of this.locals.values()) local.stop();
    this.locals.clear();
  }
}
