/** When to try a call again, and after how long. Must not know what is sent. */

import { performance } from "node:perf_hooks";
import { setTimeout as sleep } from "node:timers/promises";

import type { RequestError } from "./errors.js";

// After these the same request is sent again. CANCELLED here is the server's or a proxy's, never ours.
const RETRYABLE_CODES: ReadonlySet<string> = new Set([
  ...["UNAVAILABLE", "ABORTED", "RESOURCE_EXHAUSTED", "DEADLINE_EXCEEDED", "CANCELLED"],
]);

/** Growing delays with jitter: each is between half of its step and all of it. */
export class Backoff {
  readonly #initialMs: number;
  readonly #maxMs: number;
  #stepMs: number;

  constructor(initialMs = 100, maxMs = 5_000) {
    this.#initialMs = initialMs;
    this.#maxMs = maxMs;
    this.#stepMs = initialMs;
  }

  /** The next delay in milliseconds. */
  nextMs(): number {
    const stepMs = this.#stepMs;
    this.#stepMs = Math.min(stepMs * 2, this.#maxMs);
    return stepMs * (0.5 + Math.random() / 2);
  }

  /** Start small again, after a success. */
  reset(): void {
    this.#stepMs = this.#initialMs;
  }
}

/** How long one call may be tried again: gives the delay before the next try until time is up. */
export class Budget {
  readonly #backoff = new Backoff();
  readonly #endMs: number;

  constructor(retryMs: number) {
    this.#endMs = performance.now() + retryMs;
  }

  /** Milliseconds to wait before sending again; undefined when the error is final or the time is up. */
  delayMs(error: RequestError): number | undefined {
    if (!isRetryable(error)) return undefined;
    const delayMs = Math.max(this.#backoff.nextMs(), error.retryAfterMs ?? 0);
    return performance.now() + delayMs < this.#endMs ? delayMs : undefined;
  }
}

/** True when sending the same request again may help (and, with its request id, cannot hurt). */
export function isRetryable(error: RequestError): boolean {
  if (RETRYABLE_CODES.has(error.code)) return error.reason !== "PAYLOAD_TOO_LARGE";
  return ["INTERNAL", "UNKNOWN"].includes(error.code) && /RST_STREAM|GOAWAY|Stream removed/.test(error.message);
}

/** Wait, but not past the end of whoever waits; true when the time is over, false when the signal came first. */
export async function pause(delayMs: number, ended: AbortSignal): Promise<boolean> {
  try {
    await sleep(delayMs, undefined, { signal: ended });
    return true;
  } catch {
    return false;
  }
}
