/** Runs this worker may have to decide again soon: so many, and for so long. Must not touch those that are decided. */

import { performance } from "node:perf_hooks";

import type { DecidedRun } from "./decided_run.js";

const IDLE_MS = 10_000;
const SWEEP_MS = 1_000;

/** The runs that wait, the one that waits longest first. */
export class RunCache {
  readonly #most: number;
  readonly #drop: (run: DecidedRun) => void;
  readonly #idle = new Map<string, DecidedRun>();
  #sweeping: NodeJS.Timeout | undefined;

  constructor(most: number, drop: (run: DecidedRun) => void) {
    this.#most = most;
    this.#drop = drop;
  }

  /** It waits from now on. */
  add(run: DecidedRun): void {
    run.idleSinceMs = performance.now();
    this.#idle.set(run.runId, run);
    const [oldest] = this.#idle.values();
    if (this.#idle.size > this.#most && oldest !== undefined) this.#evict(oldest);
    this.#sweeping ??= setInterval(() => {
      this.#sweep();
    }, SWEEP_MS).unref();
  }

  /** It does not wait any more. */
  take(run: DecidedRun): void {
    this.#idle.delete(run.runId);
  }

  /** Forget all of them. */
  clear(): void {
    this.#idle.clear();
    clearInterval(this.#sweeping);
    this.#sweeping = undefined;
  }

  #sweep(): void {
    const sinceMs = performance.now() - IDLE_MS;
    for (const run of this.#idle.values()) {
      if (run.idleSinceMs > sinceMs) return;
      this.#evict(run);
    }
    this.clear();
  }

  #evict(run: DecidedRun): void {
    this.#idle.delete(run.runId);
    this.#drop(run);
  }
}
