/**
 * Stellwerk for Node: run handlers with Worker, start and watch runs with Client.
 *
 * Everything public is exported here; anything else may change at any time.
 */

export type { Pending } from "./calls.js";
export type { ConnectionOptions, Tls } from "./channel.js";
export {
  Client,
  type ClientOptions,
  type DeadLettersOptions,
  type ListRunsOptions,
  type StartOptions,
  type TimersOptions,
} from "./client.js";
export type { Stubs } from "./connection.js";
export type { TaskContext } from "./context.js";
export type { Definition } from "./definition.js";
export type { Duration } from "./duration.js";
export {
  AlreadyExists,
  ChildFailed,
  DeadlineExceeded,
  EncodeError,
  FailedPrecondition,
  HandlerError,
  IdempotencyKeyReused,
  InputError,
  InvalidArgument,
  LeaseLost,
  NotFound,
  PayloadTooLarge,
  PermissionDenied,
  RequestError,
  ResourceExhausted,
  RetryableError,
  RunCancelled,
  RunFailed,
  RunTerminal,
  RunTerminated,
  RunTimedOut,
  SignalTimeout,
  StellwerkError,
  StepFailed,
  TaskCancelled,
  TerminalError,
  Unauthenticated,
  Unavailable,
  type FailureOptions,
} from "./errors.js";
export { RunHandle, type ResultOptions, type WatchOptions } from "./handle.js";
export type { Handler, HandlerResult } from "./handler.js";
export type { Fields, Logger } from "./logger.js";
export {
  isTerminal,
  type Activity,
  type Attributes,
  type Cause,
  type CauseKind,
  type Chunk,
  type DeadLetter,
  type DeadLetterState,
  type Event,
  type Explanation,
  type Failure,
  type FailureCategory,
  type FieldProblem,
  type Overview,
  type QueueInfo,
  type Run,
  type RunState,
  type ServerInfo,
  type Step,
  type StepState,
  type TimerInfo,
  type Workflow,
  type WorkerInfo,
} from "./records.js";
export type { Signal, SignalOptions } from "./signal.js";
export type {
  ChildOptions,
  RetryOptions,
  RunOptions,
  SignalWaitOptions,
  StepOptions,
  TimeoutOptions,
} from "./step_options.js";
export { defineWorkflow, type WorkflowFunction } from "./workflow.js";
export { WorkflowContext } from "./workflow_context.js";
export { Worker, type WorkerOptions } from "./worker.js";
