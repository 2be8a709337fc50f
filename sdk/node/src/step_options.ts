/** How steps of code are run, as its author says it and as it is sent. Must not send anything. */

import { durationMessage, milliseconds, type Duration } from "./duration.js";
import type { Duration as DurationMessage } from "./v1/google/protobuf/duration.js";
import type { RetryPolicy, Timeouts } from "./v1/stellwerk/v1/worker.js";

/** When a failed attempt is followed by another; what is left out has the default of workflow definitions. */
export interface RetryOptions {
  /** Default 4 (of a child: 1). */
  readonly maxAttempts?: number | undefined;
  /** The delay after the first attempt (default 1 s). */
  readonly initial?: Duration | undefined;
  /** What each delay is multiplied by to give the next (default 2). */
  readonly backoff?: number | undefined;
  /** The longest delay (default 60 s). */
  readonly max?: Duration | undefined;
  /** How far a delay is spread, as a part of it (default 0.2). */
  readonly jitter?: number | undefined;
  /** Types of failures after which no attempt follows. */
  readonly nonRetryable?: readonly string[] | undefined;
}

/** Bounds of a step (default: none). */
export interface TimeoutOptions {
  /** Of each attempt. */
  readonly attempt?: Duration | undefined;
  /** Of all attempts together. */
  readonly total?: Duration | undefined;
  /** Of one wait for a worker. */
  readonly start?: Duration | undefined;
}

/** How a step is run. */
export interface StepOptions {
  /** Of the step (default: the action). */
  readonly name?: string | undefined;
  /** Whose workers run it (default "default"). */
  readonly queue?: string | undefined;
  /** -100 to 100, higher first (default 0). */
  readonly priority?: number | undefined;
  readonly retry?: RetryOptions | undefined;
  readonly timeout?: TimeoutOptions | undefined;
}

/** How a step that is run here is tried again. */
export interface RunOptions {
  readonly retry?: RetryOptions | undefined;
}

/** How a signal is waited for. */
export interface SignalWaitOptions {
  /** After this the wait throws SignalTimeout (default: never). */
  readonly timeout?: Duration | undefined;
}

/** How a run is started from a run. */
export interface ChildOptions {
  /** Of the step (default: the workflow). */
  readonly name?: string | undefined;
  /** What becomes of the child when this run ends before it (default "cancel"). */
  readonly parentClose?: "cancel" | "terminate" | "abandon" | undefined;
  readonly retry?: RetryOptions | undefined;
  /** The child ends as TIMED_OUT after this (default: none). */
  readonly timeout?: Duration | undefined;
}

/** A retry policy whose every field is known; times in milliseconds. */
export interface Policy {
  readonly maxAttempts: number;
  readonly initialMs: number;
  readonly backoff: number;
  readonly maxMs: number;
  readonly jitter: number;
  readonly nonRetryable: readonly string[];
}

/** The policy of a step (default: 4 attempts, 1 s, doubling up to 60 s, spread by 20 %). Throws RangeError. */
export function policyOf(retry: RetryOptions = {}): Policy {
  return {
    maxAttempts: number("retry.maxAttempts", retry.maxAttempts, 1) ?? 4,
    initialMs: span("retry.initial", retry.initial) ?? 1_000,
    backoff: number("retry.backoff", retry.backoff, 1) ?? 2,
    maxMs: span("retry.max", retry.max) ?? 60_000,
    jitter: number("retry.jitter", retry.jitter, 0) ?? 0.2,
    nonRetryable: retry.nonRetryable ?? [],
  };
}

/** The delay after that attempt; `spread` is between -1 and 1. */
export function delayMs(policy: Policy, attempt: number, spread: number): number {
  const ms = Math.min(policy.initialMs * policy.backoff ** (attempt - 1), policy.maxMs);
  return Math.min(ms * (1 + policy.jitter * spread), policy.maxMs);
}

/** The message of a policy. Throws RangeError. */
export function retryMessage(retry: RetryOptions | undefined): RetryPolicy | undefined {
  if (retry === undefined) return undefined;
  return {
    maxAttempts: number("retry.maxAttempts", retry.maxAttempts, 1),
    initial: spanMessage("retry.initial", retry.initial),
    backoff: number("retry.backoff", retry.backoff, 1),
    max: spanMessage("retry.max", retry.max),
    jitter: number("retry.jitter", retry.jitter, 0),
    nonRetryable: [...(retry.nonRetryable ?? [])],
  };
}

/** The message of bounds. Throws RangeError. */
export function timeoutMessage(timeout: TimeoutOptions | undefined): Timeouts | undefined {
  if (timeout === undefined) return undefined;
  return {
    attempt: spanMessage("timeout.attempt", timeout.attempt),
    total: spanMessage("timeout.total", timeout.total),
    start: spanMessage("timeout.start", timeout.start),
  };
}

/** The message of a length of time. Throws RangeError. */
export function spanMessage(name: string, value: Duration | undefined): DurationMessage | undefined {
  return value === undefined ? undefined : durationMessage(milliseconds(name, value, 0));
}

function span(name: string, value: Duration | undefined): number | undefined {
  return value === undefined ? undefined : milliseconds(name, value, 0);
}

function number(name: string, value: number | undefined, least: number): number | undefined {
  if (value !== undefined && !(value >= least)) {
    throw new RangeError(`${name}: expected a number >= ${least}, came ${value}`);
  }
  return value;
}
