/** A run as its starter holds it: wait for it, watch it, end it. Must not start runs: the client does. */

import { requestId, type Connection } from "./connection.js";
import { milliseconds, type Duration } from "./duration.js";
import { RunCancelled, RunFailed, RunTerminated, RunTimedOut } from "./errors.js";
import { decode } from "./payload.js";
import { signalMessage, type SignalOptions } from "./signal.js";
import { explanation, failureIfAny, event as readEvent, run as readRun, runState } from "./reading.js";
import type { Chunk, Event, Explanation, Run, RunState } from "./records.js";
import { RunServiceService, Run as RunMessage, SignalRunRequest, type RunResult } from "./v1/stellwerk/v1/run.js";
import { Watch } from "./watch.js";

const ENDS: Readonly<Partial<Record<RunState, typeof RunFailed>>> = {
  CANCELLED: RunCancelled,
  TERMINATED: RunTerminated,
  TIMED_OUT: RunTimedOut,
};

/** How long to wait for a run, and what ends the wait early. */
export interface ResultOptions {
  /** Milliseconds or text like "30s" (default: as long as it takes); then a DOMException "TimeoutError". */
  readonly timeout?: Duration | undefined;
  /** Gives the wait up, with its reason; the run goes on. */
  readonly signal?: AbortSignal | undefined;
}

/** What of a run to watch. */
export interface WatchOptions {
  /** Begin after this event (default 0: from the start). */
  readonly afterSequence?: number | undefined;
  /** Chunks too (default true). */
  readonly chunks?: boolean | undefined;
  /** Gives the watch up, with its reason. */
  readonly signal?: AbortSignal | undefined;
}

/** One run. Every method rejects with RequestError and its kinds: NotFound, Unavailable, ... */
export class RunHandle {
  readonly #connection: Connection;

  /** Made by the client. */
  constructor(
    connection: Connection,
    /** The run's id. */
    readonly runId: string,
    /** True when `start` found the run of an earlier start with the same idempotency key. */
    readonly deduplicated = false,
  ) {
    this.#connection = connection;
  }

  /**
   * Wait for the run to end and give its output; a run that was continued ends with the last of its row.
   *
   * Rejects with RunFailed, RunCancelled, RunTerminated or RunTimedOut when the run ended so.
   */
  // An output without a type is plain JSON, which only the caller knows.
  // eslint-disable-next-line @typescript-eslint/no-explicit-any
  async result<Out = any>(options: ResultOptions = {}): Promise<Out> {
    const { timeout, signal } = options;
    const ended =
      timeout === undefined
        ? await this.#connection.awaits.lastResult(this.runId, signal)
        : await this.#resultWithin(milliseconds("timeout", timeout, 0), signal);
    return outcome(ended) as Out;
  }

  async #resultWithin(timeoutMs: number, signal: AbortSignal | undefined): Promise<RunResult> {
    signal?.throwIfAborted();
    const limit = new AbortController();
    const give = (): void => {
      limit.abort(signal?.reason);
    };
    const timer = setTimeout(() => {
      limit.abort(new DOMException(`run ${this.runId} did not end within ${timeoutMs} ms`, "TimeoutError"));
    }, timeoutMs);
    signal?.addEventListener("abort", give, { once: true });
    try {
      return await this.#connection.awaits.lastResult(this.runId, limit.signal);
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener("abort", give);
    }
  }

  /** The run as it is now, with its steps when asked for. */
  async get(options: { readonly includeSteps?: boolean | undefined } = {}): Promise<Run> {
    const request = { ...this.#who, includeSteps: options.includeSteps ?? false };
    const { run } = await this.#connection.call(RunServiceService.getRun, request);
    return readRun(run ?? RunMessage.create());
  }

  /**
   * What the run waits for, most telling first; of an ended one, how it has ended.
   *
   * `(await handle.explain()).summary` is one sentence: `step charge waits: no worker serves action 'charge' …`. Answers
   * also while the server's database is away.
   */
  async explain(): Promise<Explanation> {
    return explanation(await this.#connection.call(RunServiceService.explainRun, this.#who));
  }

  /** Every event so far, oldest first: `for await (const event of handle.history())`. */
  async *history(): AsyncGenerator<Event, void, undefined> {
    let pageToken = "";
    do {
      const request = { ...this.#who, pageSize: 0, pageToken };
      const response = await this.#connection.call(RunServiceService.getHistory, request);
      yield* response.events.map(readEvent);
      pageToken = response.nextPageToken;
    } while (pageToken);
  }

  /**
   * Events and chunks as they happen, until the run has ended: `for await (const item of handle.watch())`.
   *
   * A broken connection is opened again where it broke; Unavailable is thrown when that does not succeed within the
   * client's `retryMs`.
   */
  watch(options: WatchOptions = {}): AsyncGenerator<Event | Chunk, void, undefined> {
    return new Watch(this.#connection, this.runId, options).items();
  }

  /**
   * Tell the run something; kept until a step waits for a signal of that name.
   *
   * The run takes the same `signalId` once (default: a fresh one); gives true when it had it before. Rejects with
   * RunTerminal when the run has ended, and EncodeError.
   */
  async signal(name: string, payload: unknown = null, options: SignalOptions = {}): Promise<boolean> {
    const signal = signalMessage({ name, payload, signalId: options.signalId });
    const request = SignalRunRequest.fromPartial({ ...this.#who, signal, requestId: requestId() });
    return (await this.#connection.call(RunServiceService.signalRun, request)).deduplicated;
  }

  /** Ask the run to end as CANCELLED: nothing new is handed out, running handlers are told. */
  async cancel(reason = ""): Promise<RunState> {
    const request = { ...this.#who, reason, requestId: requestId() };
    return runState((await this.#connection.call(RunServiceService.cancelRun, request)).state);
  }

  /** End the run as TERMINATED at once: handlers' leases are void. */
  async terminate(reason = ""): Promise<RunState> {
    const request = { ...this.#who, reason, requestId: requestId() };
    return runState((await this.#connection.call(RunServiceService.terminateRun, request)).state);
  }

  /**
   * Fork a new run from this ended one; finished steps are kept.
   *
   * `fromStep` runs that step and all that need it again (default: whatever did not succeed).
   */
  async retry(fromStep = ""): Promise<RunHandle> {
    const request = { ...this.#who, fromStep, requestId: requestId() };
    const fork = await this.#connection.call(RunServiceService.retryRun, request);
    return new RunHandle(this.#connection, fork.runId, fork.deduplicated);
  }

  /** Have a parked run of a code workflow decided again; gives its state. Nothing happens to one that is not parked. */
  async resume(): Promise<RunState> {
    const request = { ...this.#who, requestId: requestId() };
    return runState((await this.#connection.call(RunServiceService.resumeRun, request)).state);
  }

  get #who(): { namespace: string; runId: string } {
    return { namespace: this.#connection.namespace, runId: this.runId };
  }
}

/** The output of an ended run, or the error that says how it ended. */
export function outcome(result: RunResult): unknown {
  const state = runState(result.state);
  if (state === "SUCCEEDED" || state === "CONTINUED") return decode(result.output);
  throw new (ENDS[state] ?? RunFailed)(result.runId, state, failureIfAny(result.failure));
}
