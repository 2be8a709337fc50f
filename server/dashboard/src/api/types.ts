// The messages of docs/http.md in their JSON form. Names are those of the protos; what is empty is absent.
// It must hold nothing but types and the words of the contract.

export const OPEN_STATES = ["PENDING", "RUNNING", "PAUSED", "BLOCKED"] as const;
export const ENDED_STATES = ["SUCCEEDED", "FAILED", "CANCELLED", "TERMINATED", "TIMED_OUT", "CONTINUED"] as const;
export const RUN_STATES = [...OPEN_STATES, ...ENDED_STATES] as const;

export type RunState = (typeof RUN_STATES)[number];
export type StepState =
  "PENDING" | "READY" | "LEASED" | "WAITING" | "SUCCEEDED" | "FAILED" | "SKIPPED" | "CANCELLED" | "DEAD";
export type DeadLetterState = "OPEN" | "REQUEUED" | "DISCARDED";
/** A moment: RFC 3339, UTC, microseconds. */
export type Time = string;
export type Json = null | boolean | number | string | Json[] | { [name: string]: Json };
/** Any JSON value; what is not JSON is `{"$bytes": base64, "content_type"}`. */
export type Payload = Json;
export type Attributes = Record<string, Json>;

export interface Failure {
  type?: string;
  message?: string;
  stack?: string;
  category?: string;
  terminal?: boolean;
  retry_after?: string;
  details?: Payload;
  cause?: Failure;
  step?: string;
  attempt?: number;
  worker_id?: string;
  occur_time?: Time;
}

export interface Run {
  run_id: string;
  namespace?: string;
  workflow: string;
  version: number;
  state: RunState;
  input?: Payload;
  output?: Payload;
  failure?: Failure;
  idempotency_key?: string;
  create_time?: Time;
  end_time?: Time;
  deadline?: Time;
  forked_from?: string;
  sequence: number;
  block_reason?: string;
  steps?: Step[];
  parent_run_id?: string;
  parent_step?: string;
  published?: Record<string, Payload>;
  attributes?: Attributes;
  waiting_for?: string;
  continued_as?: string;
}

export type CauseKind =
  | "ENDED"
  | "TIMER"
  | "SIGNAL"
  | "NO_WORKER"
  | "WORKERS_BUSY"
  | "QUEUED"
  | "LEASED"
  | "BACKING_OFF"
  | "CHILD_RUN"
  | "DEAD_LETTER"
  | "PARKED"
  | "NEWS"
  | "CANCELLING"
  | "STALLED"
  | "DATABASE_DOWN";

/** One thing a run waits for; of its facts only those the pages show. */
export interface Cause {
  kind: CauseKind;
  /** The first of the steps; absent for the run as a whole and for a decision of its code. */
  step?: string;
  steps?: number;
  sentence: string;
  child_run_id?: string;
}

/** What a run waits for, most telling first. */
export interface Explanation {
  run_id: string;
  state?: RunState;
  now?: Time;
  summary: string;
  causes: Cause[];
  more_causes?: number;
}

export interface Attempt {
  attempt: number;
  worker_id?: string;
  start_time?: Time;
  end_time?: Time;
  /** Absent while it runs. */
  outcome?: string;
  failure?: Failure;
}

export interface Step {
  step: string;
  action?: string;
  queue?: string;
  state: StepState;
  attempt: number;
  max_attempts?: number;
  input?: Payload;
  output?: Payload;
  failure?: Failure;
  due_time?: Time;
  worker_id?: string;
  ready_time?: Time;
  start_time?: Time;
  end_time?: Time;
  needs?: string[];
  items?: number;
  items_finished?: number;
  progress?: Payload;
  waiting_for?: string;
  child_run_id?: string;
  attempts?: Attempt[];
  item_states?: Record<string, number>;
  kind?: string;
  signal?: string;
}

/** One entry of a run's history. */
export interface RunEvent {
  sequence: number;
  time: Time;
  type: string;
  step?: string;
  attempt?: number;
  payload?: Payload;
  failure?: Failure;
  worker_id?: string;
  start_time?: Time;
  attributes?: Attributes;
}

/** An event of the namespace: it also says whose it is. */
export interface FeedEvent extends RunEvent {
  run_id: string;
  workflow: string;
  version: number;
}

export interface Chunk {
  step: string;
  attempt: number;
  sequence: number;
  payload?: Payload;
  time?: Time;
}

export interface RunResult {
  run_id?: string;
  state?: RunState;
  output?: Payload;
  failure?: Failure;
  continued_as?: string;
}

export interface Workflow {
  namespace?: string;
  name: string;
  version: number;
  definition: Record<string, Json>;
  create_time?: Time;
  current?: boolean;
}

export interface DeadLetter {
  dead_letter_id: string;
  run_id: string;
  step: string;
  attempt: number;
  workflow: string;
  action?: string;
  queue?: string;
  input?: Payload;
  failure?: Failure;
  reason?: string;
  state: DeadLetterState;
  create_time?: Time;
  requeued_run_id?: string;
}

export interface Worker {
  worker_id: string;
  queue: string;
  actions?: string[];
  slots: number;
  leased: number;
  sdk?: string;
  host?: string;
  first_seen_time?: Time;
  last_seen_time?: Time;
}

export interface Queue {
  queue: string;
  action: string;
  ready: number;
  leased: number;
  workers: number;
  oldest_ready_time?: Time;
}

export interface Timer {
  run_id: string;
  workflow: string;
  step?: string;
  kind: string;
  due_time: Time;
}

export interface Activity {
  time: Time;
  started: number;
  succeeded: number;
  failed: number;
  ended_otherwise: number;
}

export interface Overview {
  now: Time;
  runs_open?: Record<string, number>;
  dead_letters_open: number;
  tasks_ready: number;
  tasks_leased: number;
  oldest_ready_time?: Time;
  workers: number;
  timers: number;
  runs_stalled: number;
  activity?: Activity[];
}

export interface ServerInfo {
  version: string;
  start_time?: Time;
  now?: Time;
  draining: boolean;
  database_up: boolean;
  redis_up: boolean;
  max_payload_bytes?: number;
}

export interface Signal {
  name: string;
  payload?: Payload;
  signal_id?: string;
}

export interface Trigger {
  input?: Payload;
  timeout?: string;
  version?: number;
  signal?: Signal;
  request_id?: string;
}

export interface Triggered {
  run_id: string;
  deduplicated: boolean;
  result?: RunResult;
}

export interface FieldProblem {
  field?: string;
  description?: string;
}

/** RFC 9457, with the reason gRPC has. */
export interface Problem {
  type?: string;
  title?: string;
  status: number;
  reason: string;
  detail: string;
  errors?: FieldProblem[];
  metadata?: Record<string, string>;
}

export interface RunFilter {
  workflow?: string;
  state?: RunState[];
  created_after?: Time;
  created_before?: Time;
  attributes?: Attributes;
  page_size?: number;
  page_token?: string;
}

export interface StepFilter {
  step?: string[];
  state?: StepState[];
  payloads?: boolean;
  attempts?: boolean;
  omit_items?: boolean;
  page_size?: number;
  page_token?: string;
}

export interface DeadLetterFilter {
  workflow?: string;
  action?: string;
  run_id?: string;
  state?: DeadLetterState[];
  page_size?: number;
  page_token?: string;
}
