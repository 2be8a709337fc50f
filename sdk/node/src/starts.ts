/**
 * Starts that travel together: while one StartRuns is on its way the next fills; a lone start goes at once.
 *
 * Must not wait to fill a batch, and must not give up on a start before its retry time is over.
 */

import { BATCH_BYTES_MAX, type Target } from "./channel.js";
import { StellwerkError, type RequestError } from "./errors.js";
import { payloadBytes } from "./payload.js";
import { Budget } from "./retry.js";
import { outside, type Scope } from "./spans.js";
import { fromCall, fromRefusal } from "./status.js";
import type { StartRunRequest, StartRunResponse, StartRunsRequest, StartRunsResponse } from "./v1/stellwerk/v1/run.js";

const BATCH_MAX = 1_000;
const IN_FLIGHT_MAX = 2;
// What a start weighs beside its input, generously.
const OVERHEAD_BYTES = 512;

interface Start {
  readonly request: StartRunRequest;
  readonly bytes: number;
  readonly budget: Budget;
  /** What is traced around the start; undefined when nothing is. */
  readonly scope: Scope | undefined;
  resolve(response: StartRunResponse): void;
  reject(error: StellwerkError): void;
}

/** Hands starts to `send` in batches and gives each its own verdict. */
export class Starts {
  readonly #send: (request: StartRunsRequest) => Promise<StartRunsResponse>;
  readonly #target: Target;
  readonly #retryMs: number;
  readonly #timers = new Map<NodeJS.Timeout, Start>();
  readonly #sent = new Set<Start>();
  #waiting: Start[] = [];
  #inFlight = 0;
  #pumpDue = false;
  #closed = false;

  constructor(send: (request: StartRunsRequest) => Promise<StartRunsResponse>, target: Target, retryMs: number) {
    this.#send = send;
    this.#target = target;
    this.#retryMs = retryMs;
  }

  /** Start one run; the request must carry a request id. Rejects with RequestError. */
  start(request: StartRunRequest, scope?: Scope): Promise<StartRunResponse> {
    return new Promise((resolve, reject) => {
      if (this.#closed) throw new StellwerkError("the client is closed");
      const bytes = OVERHEAD_BYTES + (request.input === undefined ? 0 : payloadBytes(request.input));
      this.#enqueue({ request, bytes, budget: new Budget(this.#retryMs), scope, resolve, reject });
    });
  }

  /** Stop sending; starts without an answer fail, and may or may not have happened. */
  close(): void {
    this.#closed = true;
    const error = new StellwerkError("the client was closed before the start was acknowledged");
    for (const timer of this.#timers.keys()) clearTimeout(timer);
    for (const start of [...this.#waiting, ...this.#sent, ...this.#timers.values()]) start.reject(error);
    this.#waiting = [];
  }

  #enqueue(start: Start): void {
    this.#waiting.push(start);
    if (this.#pumpDue || this.#inFlight >= IN_FLIGHT_MAX) return;
    // At the end of this turn of the loop, so that what is started in the same turn travels together.
    this.#pumpDue = true;
    setImmediate(() => {
      this.#pumpDue = false;
      this.#pump();
    });
  }

  #pump(): void {
    while (this.#waiting.length > 0 && this.#inFlight < IN_FLIGHT_MAX && !this.#closed) {
      void this.#deliver(this.#take());
    }
  }

  #take(): Start[] {
    let bytes = 0;
    let count = 0;
    for (const start of this.#waiting) {
      bytes += start.bytes;
      if (count === BATCH_MAX || (count > 0 && bytes > BATCH_BYTES_MAX)) break;
      count += 1;
    }
    return this.#waiting.splice(0, count);
  }

  async #deliver(batch: readonly Start[]): Promise<void> {
    this.#inFlight += 1;
    for (const start of batch) this.#sent.add(start);
    const starts = batch.map((start) => start.request);
    const send = (): Promise<StartRunsResponse> => this.#send({ namespace: this.#target.namespace, starts });
    const scope = scopeOf(batch);
    let failure: RequestError | undefined;
    let results: readonly StartRunResponse[] = [];
    try {
      ({ results } = await (scope === undefined ? send() : scope(send)));
    } catch (error) {
      failure = fromCall(error, this.#target);
    }
    this.#inFlight -= 1;
    for (const start of batch) this.#sent.delete(start);
    if (this.#closed) return;
    batch.forEach((start, index) => {
      if (failure !== undefined) this.#retryOrFail(start, failure);
      else this.#answer(start, results[index], `${batch.length} starts sent, ${results.length} verdicts came`);
    });
    this.#pump();
  }

  #answer(start: Start, result: StartRunResponse | undefined, missing: string): void {
    if (result === undefined) start.reject(new StellwerkError(missing));
    else if (result.refusal !== undefined) this.#retryOrFail(start, fromRefusal(result.refusal));
    else start.resolve(result);
  }

  #retryOrFail(start: Start, failure: RequestError): void {
    const delayMs = start.budget.delayMs(failure);
    if (delayMs === undefined) {
      start.reject(failure);
      return;
    }
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      this.#enqueue(start);
    }, delayMs);
    this.#timers.set(timer, start);
  }
}

/** In a trace the call for one start belongs to it, the call for several to none of them. */
function scopeOf([first, ...more]: readonly Start[]): Scope | undefined {
  return more.length > 0 && first?.scope !== undefined ? outside : first?.scope;
}
