/**
 * Every error of the SDK, for callers to catch. Must not know gRPC: `status.ts` maps calls to these.
 *
 * StellwerkError
 * ├── RequestError                 the server refused a call, or could not be reached
 * │   ├── InvalidArgument          `fields` names every problem
 * │   │   └── PayloadTooLarge
 * │   ├── NotFound
 * │   ├── AlreadyExists
 * │   ├── FailedPrecondition
 * │   │   ├── LeaseLost
 * │   │   ├── RunTerminal
 * │   │   └── IdempotencyKeyReused
 * │   ├── ResourceExhausted
 * │   ├── Unauthenticated
 * │   ├── PermissionDenied
 * │   ├── DeadlineExceeded
 * │   └── Unavailable
 * ├── RunFailed                    the run ended without a result
 * │   ├── RunCancelled
 * │   ├── RunTerminated
 * │   └── RunTimedOut
 * ├── EncodeError                  a value cannot travel as a payload
 * ├── InputError                   a payload is not what was asked for
 * ├── TaskCancelled                the server took the task back
 * ├── StepFailed                   in code of a workflow: what it waited for has failed
 * │   ├── ChildFailed
 * │   └── SignalTimeout
 * ├── NonDeterminism               in tests of workflows: the code does not do what is recorded
 * ├── TestStuck                    in tests of workflows: the run waits for what nobody sends
 * └── HandlerError                 for handlers to throw
 *     ├── TerminalError            no attempt follows
 *     └── RetryableError           try again, after a delay of the handler's choice
 */

import { milliseconds, type Duration } from "./duration.js";
import type { Failure, FailureCategory, FieldProblem, RunState } from "./records.js";

/** The root of every error this package throws on purpose. */
export class StellwerkError extends Error {}

/** What a RequestError knows beside its message. */
export interface RequestFacts {
  readonly code?: string;
  readonly reason?: string;
  readonly metadata?: Readonly<Record<string, string>>;
  readonly fields?: readonly FieldProblem[];
  readonly retryAfterMs?: number;
}

/**
 * The server refused a call, or the call did not get through.
 *
 * `code` is the gRPC status name ("NOT_FOUND"), `reason` the stable UPPER_SNAKE reason of the API ("LEASE_LOST",
 * empty when none was given), `metadata` its details, `fields` every field problem of an INVALID_ARGUMENT,
 * `retryAfterMs` the delay the server asked for, if any.
 */
export class RequestError extends StellwerkError {
  readonly code: string;
  readonly reason: string;
  readonly metadata: Readonly<Record<string, string>>;
  readonly fields: readonly FieldProblem[];
  readonly retryAfterMs: number | undefined;

  constructor(message: string, facts: RequestFacts = {}) {
    super(message);
    this.code = facts.code ?? "UNKNOWN";
    this.reason = facts.reason ?? "";
    this.metadata = facts.metadata ?? {};
    this.fields = facts.fields ?? [];
    this.retryAfterMs = facts.retryAfterMs;
  }

  /** The message, the reason, and a line for each field problem. */
  override toString(): string {
    const lines = this.fields.map((problem) => `\n  ${problem.field}: ${problem.description}`);
    return `${this.message} [${this.reason || this.code}]${lines.join("")}`;
  }
}

/** The request is malformed; `fields` lists everything that is wrong with it. */
export class InvalidArgument extends RequestError {}

/** A payload is larger than the server takes; `metadata` has `size`, `limit` and `field`. */
export class PayloadTooLarge extends InvalidArgument {}

/** The run, workflow or dead letter does not exist in this namespace. */
export class NotFound extends RequestError {}

/** Something with this name or id is there already. */
export class AlreadyExists extends RequestError {}

/** The thing is not in a state that allows this. */
export class FailedPrecondition extends RequestError {}

/** The task was handed to somebody else, or its run has ended. */
export class LeaseLost extends FailedPrecondition {}

/** The run has ended; nothing can be done with it but retry. */
export class RunTerminal extends FailedPrecondition {}

/** The idempotency key was used before with another input. */
export class IdempotencyKeyReused extends FailedPrecondition {}

/** A rate or quota is used up; `retryAfterMs` says when to come back. */
export class ResourceExhausted extends RequestError {}

/** The token is missing or wrong (option `token`, environment STELLWERK_TOKEN). */
export class Unauthenticated extends RequestError {}

/** The token does not allow this. */
export class PermissionDenied extends RequestError {}

/** No answer came in time, however often the call was sent. */
export class DeadlineExceeded extends RequestError {}

/** The server cannot be reached or is not ready; the message names the address. */
export class Unavailable extends RequestError {}

/** The run ended in another state than SUCCEEDED: `runId` and `state` say which and how, `failure` why, if known. */
export class RunFailed extends StellwerkError {
  readonly runId: string;
  readonly state: RunState;
  readonly failure: Failure | undefined;

  constructor(runId: string, state: RunState, failure?: Failure) {
    super(`run ${runId} ended as ${state}${ending(failure)}`);
    this.runId = runId;
    this.state = state;
    this.failure = failure;
  }
}

function ending(failure: Failure | undefined): string {
  if (failure === undefined) return "";
  const where = failure.step ? ` in step ${failure.step}, attempt ${failure.attempt}` : "";
  return `${where}: ${failure.type}: ${failure.message}`;
}

/** Somebody cancelled the run. In its own code it is what ends the wait, once; let it pass when all is tidy. */
export class RunCancelled extends RunFailed {}

/** Somebody terminated the run. */
export class RunTerminated extends RunFailed {}

/** The run's deadline passed before it was done. */
export class RunTimedOut extends RunFailed {}

/** A value cannot be written as a payload; the message names the place in it. */
export class EncodeError extends StellwerkError {}

/** A payload is not what was asked for: `field` (path), what was `expected`, what `came`. Handlers may throw it too. */
export class InputError extends StellwerkError {
  readonly field: string;
  readonly expected: string;
  readonly came: string;

  constructor(field: string, expected: string, came: string) {
    super(`${field}: expected ${expected}, came ${came}`);
    this.field = field;
    this.expected = expected;
    this.came = came;
  }
}

/**
 * The server took this task back: its run ended or its lease is gone.
 *
 * The reason of `ctx.signal`, and thrown by `ctx.heartbeat` and `ctx.stream` from then on; let it pass. `reason` is
 * the server's, for example "RUN_CANCELLED".
 */
export class TaskCancelled extends StellwerkError {
  readonly reason: string;

  constructor(reason: string) {
    super(`the task was cancelled: ${reason}`);
    this.reason = reason;
  }
}

/**
 * What code of a workflow waited for has failed for good: a step, a step run here, a child or a signal.
 *
 * `type`, `details` and `category` are the failure's own; `cause` is what was behind it, if that is known.
 */
export class StepFailed extends StellwerkError {
  readonly step: string;
  readonly type: string;
  readonly details: unknown;
  readonly attempt: number;
  readonly category: FailureCategory;
  /** All that is known of it. */
  readonly failure: Failure;

  constructor(step: string, failure: Failure) {
    const { cause } = failure;
    super(failure.message, cause === undefined ? undefined : { cause: new StepFailed(cause.step || step, cause) });
    this.step = step;
    this.type = failure.type;
    this.details = failure.details;
    this.attempt = failure.attempt;
    this.category = failure.category;
    this.failure = failure;
  }
}

/** A child run did not succeed. */
export class ChildFailed extends StepFailed {}

/** No signal came in time. */
export class SignalTimeout extends StepFailed {}

/** The code does something else than is recorded: `step 4: recorded charge("card"), now reserve("stock")`. */
export class NonDeterminism extends StellwerkError {}

/** A run under test can only wait for what nobody sends. */
export class TestStuck extends StellwerkError {}

/** What a handler may say about its failure. */
export interface FailureOptions {
  /** The name retry policies and other languages see (default: the class's own name). */
  readonly type?: string | undefined;
  /** Any JSON value, kept with the failure. */
  readonly details?: unknown;
  /** The error behind it; its message travels too. */
  readonly cause?: unknown;
}

/** What a handler throws to say how its failure is to be treated; throw one of the two below. */
export class HandlerError extends StellwerkError {
  readonly type: string;
  readonly details: unknown;

  constructor(message: string, options: FailureOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.type = options.type ?? new.target.name;
    this.details = options.details;
  }
}

/**
 * The step fails for good: no attempt follows, whatever its retry policy says.
 *
 *     throw new TerminalError("card declined", { type: "CardDeclined", details: { code: 51 } });
 */
export class TerminalError extends HandlerError {}

/**
 * The attempt fails and is tried again while the policy allows attempts.
 *
 * `retryAfter` (milliseconds or text like "30s"; default: the policy's delay) is the time before the next attempt.
 *
 *     throw new RetryableError("rate limited", { retryAfter: "30s" });
 */
export class RetryableError extends HandlerError {
  readonly retryAfterMs: number | undefined;

  constructor(message: string, options: FailureOptions & { readonly retryAfter?: Duration | undefined } = {}) {
    super(message, options);
    const { retryAfter } = options;
    this.retryAfterMs = retryAfter === undefined ? undefined : milliseconds("retryAfter", retryAfter, 0);
  }
}

// The head of a stack trace is the name on the prototype, and a name of its own on every error would be noise.
for (const kind of [
  StellwerkError,
  ...[RequestError, InvalidArgument, PayloadTooLarge, NotFound, AlreadyExists, FailedPrecondition, LeaseLost],
  ...[RunTerminal, IdempotencyKeyReused, ResourceExhausted, Unauthenticated, PermissionDenied, DeadlineExceeded],
  ...[Unavailable, RunFailed, RunCancelled, RunTerminated, RunTimedOut, EncodeError, InputError, TaskCancelled],
  ...[NonDeterminism, TestStuck, StepFailed, ChildFailed, SignalTimeout, HandlerError, TerminalError, RetryableError],
]) {
  Object.defineProperty(kind.prototype, "name", { value: kind.name, configurable: true, writable: true });
}
