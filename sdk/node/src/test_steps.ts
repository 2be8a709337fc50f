/** Steps of a run under test: what is recorded of a command, and what a failed attempt leads to. Must not run anything. */

import { messageMs } from "./duration.js";
import { delayMs, type Policy } from "./step_options.js";
import type { Duration } from "./v1/google/protobuf/duration.js";
import { Failure, FailureCategory, type Payload } from "./v1/stellwerk/v1/payload.js";
import type { ActionCommand, ChildCommand, Command, RetryPolicy } from "./v1/stellwerk/v1/worker.js";

/** What becomes of a step that is there. */
export interface TestStep {
  readonly step: string;
  readonly kind: "action" | "child" | "sleep" | "signal";
  /** The action, workflow or signal. */
  readonly about: string;
  readonly input: Payload | undefined;
  readonly policy: Policy;
  readonly parentClose: string;
  attempt: number;
  over: boolean;
  /** The last child run, once there is one. */
  child: string;
  /** What takes its alarms back. */
  readonly alarms: (() => void)[];
}

/** What else an event carries. */
export type Facts = Record<string, unknown>;

/** A step that is there from now on. */
export function stepOf({ step, action, child, signal }: Command): TestStep {
  const kind = action ? "action" : child ? "child" : signal ? "signal" : "sleep";
  return {
    ...{ step, kind, attempt: 1, over: false, child: "", alarms: [] },
    about: action?.action ?? child?.workflow ?? signal?.signal ?? "",
    input: action?.input ?? child?.input,
    policy: policy(action?.retry ?? child?.retry, child === undefined ? 4 : 1),
    parentClose: child?.parentClose || "cancel",
  };
}

/** What the server notes with an action. */
export function actionFacts({ action, queue, priority, retry, timeout }: ActionCommand): Facts {
  const bounds = timeout && spans({ attempt_s: timeout.attempt, total_s: timeout.total, start_s: timeout.start });
  return {
    action,
    ...(queue && queue !== "default" ? { queue } : {}),
    ...(priority ? { priority } : {}),
    ...(retry ? { retry: retryFacts(retry) } : {}),
    ...(bounds && Object.keys(bounds).length > 0 ? { timeout: bounds } : {}),
  };
}

/** What the server notes with a child. */
export function childFacts({ workflow, parentClose, retry, timeout }: ChildCommand): Facts {
  return {
    workflow,
    parent_close: parentClose || "cancel",
    ...(retry ? { retry: retryFacts(retry) } : {}),
    ...(timeout ? { timeout: spans({ total_s: timeout }) } : {}),
  };
}

/** The seconds of spans that are given. */
export function spans(given: Readonly<Record<string, Duration | undefined>>): Record<string, number> {
  const entries = Object.entries(given).flatMap(([name, span]) => (span ? [[name, messageMs(span) / 1_000]] : []));
  return Object.fromEntries(entries) as Record<string, number>;
}

/** After how many milliseconds the next attempt follows; undefined: none does. */
export function retryAfterMs({ policy: { maxAttempts, nonRetryable }, policy, attempt }: TestStep, failure: Failure) {
  if (failure.terminal || nonRetryable.includes(failure.type) || attempt >= maxAttempts) return undefined;
  if (failure.category === FailureCategory.FAILURE_CATEGORY_WORKER_LOST) return 0;
  if (failure.retryAfter !== undefined) return messageMs(failure.retryAfter);
  return delayMs(policy, attempt, 0);
}

/** What a step fails with that was not done in time. */
export function lateFailure(type: string, message: string): Failure {
  return Failure.create({ type, message, category: FailureCategory.FAILURE_CATEGORY_TIMEOUT, terminal: true });
}

function retryFacts(retry: RetryPolicy): Facts {
  const { maxAttempts, backoff, jitter, nonRetryable } = retry;
  return {
    ...(maxAttempts === undefined ? {} : { max_attempts: maxAttempts }),
    ...(backoff === undefined ? {} : { backoff }),
    ...(jitter === undefined ? {} : { jitter }),
    ...spans({ initial_s: retry.initial, max_s: retry.max }),
    ...(nonRetryable.length > 0 ? { non_retryable: [...new Set(nonRetryable)].sort() } : {}),
  };
}

function policy(retry: RetryPolicy | undefined, maxAttempts: number): Policy {
  return {
    maxAttempts: retry?.maxAttempts ?? maxAttempts,
    initialMs: retry?.initial === undefined ? 1_000 : messageMs(retry.initial),
    backoff: retry?.backoff ?? 2,
    maxMs: retry?.max === undefined ? 60_000 : messageMs(retry.max),
    jitter: 0,
    nonRetryable: retry?.nonRetryable ?? [],
  };
}
