/**
 * Results of runs as they end: any number of waiting callers share one AwaitRuns stream.
 *
 * Must not lose a waiter when the stream breaks: open ids are asked for again.
 */

import { performance } from "node:perf_hooks";

import { Duplex, type Line, type Talk } from "./duplex.js";
import { NotFound, StellwerkError, type RequestError } from "./errors.js";
import { isRetryable } from "./retry.js";
import type { AwaitRunsRequest, AwaitRunsResponse, RunResult } from "./v1/stellwerk/v1/run.js";

const IDS_MAX = 1_000;

interface Waiter {
  resolve(result: RunResult): void;
  reject(error: unknown): void;
}

/** The Talk of AwaitRuns: run ids out, results in. */
export class Awaits implements Talk<AwaitRunsRequest, AwaitRunsResponse> {
  readonly #namespace: string;
  readonly #retryMs: number;
  readonly #line: Duplex<AwaitRunsRequest, AwaitRunsResponse>;
  readonly #open = new Map<string, Set<Waiter>>();
  #unsaid: string[] = [];
  #brokenSinceMs: number | undefined;
  #closed = false;

  constructor(line: Line<AwaitRunsRequest, AwaitRunsResponse>, retryMs: number) {
    this.#namespace = line.target.namespace;
    this.#retryMs = retryMs;
    this.#line = new Duplex(line, this);
  }

  /** Wait until the run has ended. Rejects with NotFound, what keeps the stream broken, or the signal's reason. */
  async result(runId: string, signal?: AbortSignal): Promise<RunResult> {
    if (this.#closed) throw new StellwerkError("the client is closed");
    signal?.throwIfAborted();
    let waiter: Waiter | undefined;
    let aborted: (() => void) | undefined;
    try {
      return await new Promise<RunResult>((resolve, reject) => {
        waiter = { resolve, reject };
        this.#add(runId, waiter);
        aborted = () => {
          reject(signal?.reason as Error);
        };
        signal?.addEventListener("abort", aborted, { once: true });
      });
    } finally {
      if (aborted !== undefined) signal?.removeEventListener("abort", aborted);
      if (waiter !== undefined) this.#forget(runId, waiter);
    }
  }

  /** The same of the run that goes on last, when the run was continued. */
  async lastResult(runId: string, signal?: AbortSignal): Promise<RunResult> {
    let result = await this.result(runId, signal);
    while (result.continuedAs) result = await this.result(result.continuedAs, signal);
    return result;
  }

  /** End the stream; whoever still waits gets an error. */
  close(): void {
    this.#closed = true;
    this.#line.close();
    this.#failAll(new StellwerkError("the client was closed before the run ended"));
  }

  /** All ids not said yet, in one message. */
  take(): AwaitRunsRequest | undefined {
    if (this.#unsaid.length === 0) return undefined;
    return { namespace: this.#namespace, runIds: this.#unsaid.splice(0, IDS_MAX) };
  }

  /** Every open id has to be said again. */
  restart(): void {
    this.#unsaid = [...this.#open.keys()];
  }

  /** Wake the callers of what has ended. */
  receive(message: AwaitRunsResponse): void {
    this.#brokenSinceMs = undefined;
    for (const result of message.results) {
      for (const waiter of this.#taken(result.runId)) waiter.resolve(result);
    }
    for (const runId of message.unknown) {
      const error = new NotFound(`run ${runId} does not exist`, { code: "NOT_FOUND", metadata: { run_id: runId } });
      for (const waiter of this.#taken(runId)) waiter.reject(error);
    }
  }

  /** True while somebody waits. */
  busy(): boolean {
    return this.#open.size > 0;
  }

  /** Give up on errors that stay: at once when final, after `retryMs` when the server stays away. */
  failed(error: RequestError): void {
    const nowMs = performance.now();
    this.#brokenSinceMs ??= nowMs;
    if (!isRetryable(error) || nowMs - this.#brokenSinceMs > this.#retryMs) {
      this.#failAll(error);
      this.#brokenSinceMs = undefined;
    }
  }

  #add(runId: string, waiter: Waiter): void {
    const waiters = this.#open.get(runId);
    if (waiters !== undefined) {
      waiters.add(waiter);
      return;
    }
    this.#open.set(runId, new Set([waiter]));
    this.#unsaid.push(runId);
    this.#line.wake();
  }

  #taken(runId: string): Iterable<Waiter> {
    const waiters = this.#open.get(runId) ?? [];
    this.#open.delete(runId);
    return waiters;
  }

  #forget(runId: string, waiter: Waiter): void {
    const waiters = this.#open.get(runId);
    if (waiters?.delete(waiter) && waiters.size === 0) this.#open.delete(runId);
  }

  #failAll(error: StellwerkError): void {
    const groups = [...this.#open.values()];
    this.#open.clear();
    for (const waiters of groups) for (const waiter of waiters) waiter.reject(error);
  }
}
