/** What handlers throw to Failure messages: type, message, stack, cause. Must not decide on retries. */

import { dirname } from "node:path";
import { inspect } from "node:util";

import { durationMessage } from "./duration.js";
import {
  EncodeError,
  HandlerError,
  InputError,
  RequestError,
  RetryableError,
  StepFailed,
  TaskCancelled,
  TerminalError,
} from "./errors.js";
import { encode } from "./payload.js";
import type { Failure as Known } from "./records.js";
import { Failure, FailureCategory, type Payload } from "./v1/stellwerk/v1/payload.js";

const STACK_CHARS_MAX = 16 * 1024;
const MESSAGE_CHARS_MAX = 16 * 1024;
const CAUSES_MAX = 5;
const OWN_FOLDER = `${dirname(import.meta.url)}/`;

/** What a thrown thing means to the server. */
export function failureOf(error: unknown, causesLeft = CAUSES_MAX): Failure {
  if (error instanceof StepFailed) return failureMessage(error.failure);
  const terminal = error instanceof TerminalError || error instanceof EncodeError || error instanceof InputError;
  const refused = error instanceof RequestError && error.code === "INVALID_ARGUMENT";
  const failure = Failure.create({
    type: clean(typeName(error)),
    message: clean(messageOf(error)).slice(0, MESSAGE_CHARS_MAX),
    stack: clean(stackOf(error)).slice(0, STACK_CHARS_MAX),
    category: FailureCategory.FAILURE_CATEGORY_USER,
    terminal: terminal || refused,
  });
  if (error instanceof RetryableError && error.retryAfterMs !== undefined) {
    failure.retryAfter = durationMessage(error.retryAfterMs);
  }
  if (error instanceof HandlerError && error.details !== undefined) failure.details = detailsOf(error.details);
  const cause = error instanceof Error ? error.cause : undefined;
  if (cause !== undefined && cause !== null && causesLeft > 0) failure.cause = failureOf(cause, causesLeft - 1);
  return failure;
}

/** The message of a failure that was read: it is handed on as it came. */
export function failureMessage(failure: Known): Failure {
  const { type, message, stack, category, terminal, step, attempt, workerId, occurTime } = failure;
  return {
    ...{ type, message, stack, terminal, step, attempt, workerId, occurTime, retryAfter: undefined },
    category: FailureCategory[`FAILURE_CATEGORY_${category}`],
    details: failure.details === undefined || failure.details === null ? undefined : detailsOf(failure.details),
    cause: failure.cause === undefined ? undefined : failureMessage(failure.cause),
  };
}

/** The outcome of a handler that stopped because the server took its task back. */
export function cancelledFailure(reason: string): Failure {
  return Failure.create({
    type: "TaskCancelled",
    message: new TaskCancelled(reason).message,
    category: FailureCategory.FAILURE_CATEGORY_CANCELLED,
    terminal: true,
  });
}

/** The outcome of a handler that was still running when its worker had to stop; it is tried again. */
export function stoppedFailure(): Failure {
  return Failure.create({
    type: "WorkerStopped",
    message: "the worker was stopped and the handler was not done within the drain time",
    category: FailureCategory.FAILURE_CATEGORY_WORKER_LOST,
  });
}

/** The outcome of a handler whose output is larger than a message may be. */
export function tooLargeFailure(message: string): Failure {
  return Failure.create({
    type: "PayloadTooLarge",
    message,
    category: FailureCategory.FAILURE_CATEGORY_LIMIT,
    terminal: true,
  });
}

/** Text that protobuf and Postgres both take: no lone surrogates, no NUL. */
export function clean(text: string): string {
  return text.toWellFormed().replaceAll("\0", "\ufffd");
}

function typeName(error: unknown): string {
  if (error instanceof HandlerError) return error.type;
  if (error instanceof EncodeError) return "EncodeError";
  if (error instanceof InputError) return "InputError";
  // DOMException is one class for many names: "AbortError", "TimeoutError".
  if (error instanceof DOMException) return error.name;
  const name = typeof error === "object" && error !== null ? constructorName(error) : "";
  if (error instanceof Error) return name || "Error";
  return name === "Object" || name === "Array" ? "NonError" : name || "NonError";
}

function constructorName(value: object): string {
  const made: unknown = value.constructor;
  return typeof made === "function" ? made.name : "";
}

function messageOf(error: unknown): string {
  if (error instanceof RequestError) return error.toString();
  if (typeof error === "object" && error !== null && "message" in error && typeof error.message === "string") {
    return error.message;
  }
  return typeof error === "string" ? error : inspect(error, { depth: 3 });
}

/** The user's part of the stack. */
function stackOf(error: unknown): string {
  if (!(error instanceof Error) || typeof error.stack !== "string") return "";
  const lines = error.stack.split("\n");
  return lines.filter((line) => !isFrame(line) || !isForeign(line)).join("\n");
}

function isFrame(line: string): boolean {
  return line.startsWith("    at ");
}

function isForeign(line: string): boolean {
  return line.includes(OWN_FOLDER) || /[( ]node:/.test(line);
}

function detailsOf(details: unknown): Payload {
  try {
    return encode(details);
  } catch {
    return encode(clean(inspect(details, { depth: 3 })).slice(0, MESSAGE_CHARS_MAX));
  }
}
