/**
 * Polls for tasks while there are free slots, for as long as the worker lives.
 *
 * Must not end for any reason but `stop`: whatever a poll answers, another one follows.
 */

import { setImmediate as nextTurn } from "node:timers/promises";

import type { Target } from "./channel.js";
import type { RequestError } from "./errors.js";
import type { Logger } from "./logger.js";
import { Backoff, pause } from "./retry.js";
import { fromCall } from "./status.js";
import type { Call } from "./unary.js";
import type { PollTaskResponse, Task } from "./v1/stellwerk/v1/worker.js";

/** How long the server holds a poll. */
export const WAIT_MS = 20_000;
/** The server answers an empty poll before this; one that does not has lost the poll. */
export const TIMEOUT_MS = WAIT_MS + 10_000;

// A killed worker is missed within seconds only when the server knew its line before it handed tasks out.
// A server that has no lines is polled all the same, after this.
const LINE_MS = 2_000;
const TASKS_MAX = 1_000;
const STOP_MS = 2_000;

/** Where tasks come from and go to. */
export interface Supply {
  readonly polls: number;
  readonly target: Target;
  readonly logger: Logger;
  poll(maxTasks: number): Call<PollTaskResponse>;
  freeSlots(): number;
  accept(tasks: Task[]): void;
  giveBack(tasks: Task[]): void;
}

/** `polls` loops that share the free slots: what one has asked for the others do not ask for again. */
export class Poller {
  readonly #supply: Supply;
  readonly #stopping = new AbortController();
  readonly #lineOpen = new AbortController();
  readonly #calls = new Set<Call<PollTaskResponse>>();
  #asked = 0;
  #open = 0;
  #waiting: (() => void)[] = [];
  #broken = false;
  #loops: Promise<void>[] = [];

  constructor(supply: Supply) {
    this.#supply = supply;
  }

  /** Begin polling, as soon as `lineOpened` is called or LINE_MS is over. */
  start(): void {
    this.#loops = Array.from({ length: this.#supply.polls }, () => this.#serve());
  }

  /** The server knows the worker's heartbeat line. */
  lineOpened(): void {
    this.#lineOpen.abort();
  }

  /** A slot has become free. */
  wake(): void {
    if (this.#waiting.length === 0) return;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const go of waiting) go();
  }

  /** End the open polls; tasks that come in spite of it are given back. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    this.lineOpened();
    this.wake();
    for (const call of this.#calls) call.cancel();
    const patience = new AbortController();
    await Promise.race([Promise.all(this.#loops), pause(STOP_MS, patience.signal)]);
    patience.abort();
  }

  async #serve(): Promise<void> {
    const backoff = new Backoff();
    await pause(LINE_MS, this.#lineOpen.signal);
    while (!this.#stopped()) {
      const share = this.#share();
      if (share === 0) {
        await new Promise<void>((resolve) => this.#waiting.push(resolve));
        continue;
      }
      const problem = await this.#ask(share);
      if (problem === undefined) {
        backoff.reset();
        this.#recovered();
        await letResultsGoFirst();
      } else if (!this.#stopped()) {
        this.#lost(problem);
        await pause(Math.max(backoff.nextMs(), problem.retryAfterMs ?? 0), this.#stopping.signal);
      }
    }
  }

  #stopped(): boolean {
    return this.#stopping.signal.aborted;
  }

  /** How many tasks to ask for: a fair part of the slots that are free and not asked for yet. */
  #share(): number {
    const free = this.#supply.freeSlots() - this.#asked;
    const pollsLeft = Math.max(this.#supply.polls - this.#open, 1);
    return free > 0 ? Math.min(Math.ceil(free / pollsLeft), TASKS_MAX) : 0;
  }

  /** One poll; gives what went wrong, if anything did. */
  async #ask(share: number): Promise<RequestError | undefined> {
    let tasks: Task[];
    const call = this.#supply.poll(share);
    this.#asked += share;
    this.#open += 1;
    this.#calls.add(call);
    try {
      ({ tasks } = await call.answer);
    } catch (error) {
      const problem = fromCall(error, this.#supply.target);
      // A poll that ran into its deadline brought nothing, and that is all.
      return problem.code === "DEADLINE_EXCEEDED" ? undefined : problem;
    } finally {
      this.#calls.delete(call);
      this.#asked -= share;
      this.#open -= 1;
    }
    if (this.#stopped()) this.#supply.giveBack(tasks);
    else this.#supply.accept(tasks);
    return undefined;
  }

  /** Say it once, not with every try. */
  #lost(error: RequestError): void {
    const level = this.#broken ? "debug" : "warn";
    this.#supply.logger[level](`polling failed, trying again until it works: ${error.message}`, { code: error.code });
    this.#broken = true;
  }

  #recovered(): void {
    if (this.#broken) this.#supply.logger.warn(`polling works again (${this.#supply.target.address})`, {});
    this.#broken = false;
  }
}

/** A handler that need not wait has its result on the way before the next poll is: the run waits for the result. */
async function letResultsGoFirst(): Promise<void> {
  await nextTurn();
  await nextTurn();
}
