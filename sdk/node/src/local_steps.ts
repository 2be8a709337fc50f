/** A step that is run where the code runs: tried until it ends, as one command. Must not send it. */

import { TaskCancelled } from "./errors.js";
import { failureOf, tooLargeFailure } from "./failure.js";
import { messageMs } from "./duration.js";
import { encode, PAYLOAD_BYTES_MAX, payloadBytes } from "./payload.js";
import type { LocalCall } from "./replayer.js";
import { delayMs, policyOf, type Policy } from "./step_options.js";
import type { Failure, Payload } from "./v1/stellwerk/v1/payload.js";
import type { Command } from "./v1/stellwerk/v1/worker.js";

const NEVER = new AbortController().signal;

/** The time local steps live in. */
export interface LocalClock {
  now(): Date;
  /** Call back after so long; gives what takes it back. */
  after(ms: number, call: () => void): () => void;
  /** Between -1 and 1: how far a delay is spread. */
  spread(): number;
}

/** The time everybody lives in. */
export const realClock: LocalClock = {
  now: () => new Date(),
  after: (ms, call) => {
    const timer = setTimeout(call, ms);
    return () => {
      clearTimeout(timer);
    };
  },
  spread: () => 2 * Math.random() - 1,
};

/** Ends once, unless it is stopped before. */
export class LocalStep {
  readonly #call: LocalCall;
  readonly #policy: Policy;
  readonly #clock: LocalClock;
  readonly #ended: (command: Command) => void;
  #began: Date | undefined;
  #attempt = 0;
  // Made only for a function that takes its signal.
  readonly #stopping: AbortController | undefined;
  #stopped = false;
  #forget: (() => void) | undefined;

  constructor(call: LocalCall, clock: LocalClock, ended: (command: Command) => void) {
    this.#call = call;
    this.#policy = policyOf(call.retry);
    this.#clock = clock;
    this.#ended = ended;
    if (call.fn.length > 0) this.#stopping = new AbortController();
  }

  /** Begin, at once. */
  begin(): void {
    this.#try();
  }

  /** Nobody waits for it any more; what is running is told. */
  stop(): void {
    this.#stopped = true;
    this.#stopping?.abort(new TaskCancelled("STEP_CANCELLED"));
    this.#forget?.();
  }

  #try(): void {
    this.#attempt += 1;
    this.#began = this.#clock.now();
    void this.#outcome().then((outcome) => {
      if (this.#stopped) return;
      const { failure } = outcome;
      if (failure === undefined || this.#isLast(failure)) this.#end(outcome);
      else {
        this.#forget = this.#clock.after(this.#delayMs(failure), () => {
          this.#try();
        });
      }
    });
  }

  async #outcome(): Promise<{ output?: Payload; failure?: Failure }> {
    try {
      const output = encode(await this.#call.fn(this.#stopping?.signal ?? NEVER));
      const size = payloadBytes(output);
      if (size <= PAYLOAD_BYTES_MAX) return { output };
      return { failure: tooLargeFailure(`output: expected at most ${PAYLOAD_BYTES_MAX} bytes, came ${size}`) };
    } catch (error) {
      return { failure: failureOf(error) };
    }
  }

  #isLast({ terminal, type }: Failure): boolean {
    const { maxAttempts, nonRetryable } = this.#policy;
    return terminal || this.#attempt >= maxAttempts || nonRetryable.includes(type);
  }

  #delayMs({ retryAfter }: Failure): number {
    if (retryAfter !== undefined) return messageMs(retryAfter);
    return delayMs(this.#policy, this.#attempt, this.#clock.spread());
  }

  #end(outcome: { output?: Payload; failure?: Failure }): void {
    const { step } = this.#call;
    this.#ended({ step, local: { ...outcome, attempts: this.#attempt, startTime: this.#began } });
  }
}
