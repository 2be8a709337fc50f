/** The values the client gives back, plain objects with payloads read; `reading.ts` fills them. Must not talk. */

/** Where a run stands. */
export type RunState =
  | "UNSPECIFIED"
  | "PENDING"
  | "RUNNING"
  | "PAUSED"
  | "BLOCKED"
  | "SUCCEEDED"
  | "FAILED"
  | "CANCELLED"
  | "TERMINATED"
  | "TIMED_OUT"
  | "CONTINUED";

/** Where a step stands. WAITING is a retry or a timer; DEAD stands in the dead letters. */
export type StepState =
  | "UNSPECIFIED"
  | "PENDING"
  | "READY"
  | "LEASED"
  | "WAITING"
  | "SUCCEEDED"
  | "FAILED"
  | "SKIPPED"
  | "CANCELLED"
  | "DEAD";

/** What became of a dead letter. */
export type DeadLetterState = "UNSPECIFIED" | "OPEN" | "REQUEUED" | "DISCARDED";

/** Whose fault a failure is. */
export type FailureCategory =
  | "UNSPECIFIED"
  | "USER"
  | "TIMEOUT"
  | "WORKER_LOST"
  | "CANCELLED"
  | "LIMIT"
  | "DEFINITION"
  | "INTERNAL";

const TERMINAL: ReadonlySet<RunState> = new Set<RunState>([
  ...(["SUCCEEDED", "FAILED", "CANCELLED", "TERMINATED", "TIMED_OUT", "CONTINUED"] as const),
]);

/** True when a run in this state has ended and will never change again. */
export function isTerminal(state: RunState): boolean {
  return TERMINAL.has(state);
}

/** One thing wrong with one field: its path, and what was expected and what came. */
export interface FieldProblem {
  readonly field: string;
  readonly description: string;
}

/** How user code, or the attempt to run it, failed. */
export interface Failure {
  readonly type: string;
  readonly message: string;
  readonly stack: string;
  readonly category: FailureCategory;
  readonly terminal: boolean;
  readonly details: unknown;
  readonly cause: Failure | undefined;
  readonly step: string;
  readonly attempt: number;
  readonly workerId: string;
  readonly occurTime: Date | undefined;
}

/** One step of a run; `attempt` is 0 before the first, `waitingFor` says why it does not start. */
export interface Step {
  readonly step: string;
  readonly action: string;
  readonly queue: string;
  readonly state: StepState;
  readonly attempt: number;
  readonly maxAttempts: number;
  readonly input: unknown;
  readonly output: unknown;
  readonly failure: Failure | undefined;
  readonly progress: unknown;
  readonly needs: readonly string[];
  readonly items: number;
  readonly itemsFinished: number;
  readonly waitingFor: string;
  /** The last run a step of kind `workflow` has started. */
  readonly childRunId: string;
  readonly workerId: string;
  readonly dueTime: Date | undefined;
  readonly readyTime: Date | undefined;
  readonly startTime: Date | undefined;
  readonly endTime: Date | undefined;
}

/** Searchable values of a run, by name. */
export type Attributes = Readonly<Record<string, string | number | bigint | boolean>>;

/** A run as it is now. `steps` is empty unless it was asked for; lists come without payloads. */
export interface Run {
  readonly runId: string;
  readonly namespace: string;
  readonly workflow: string;
  readonly version: number;
  readonly state: RunState;
  readonly input: unknown;
  readonly output: unknown;
  readonly failure: Failure | undefined;
  readonly idempotencyKey: string;
  readonly createTime: Date | undefined;
  readonly endTime: Date | undefined;
  readonly deadline: Date | undefined;
  readonly forkedFrom: string;
  readonly sequence: number;
  readonly blockReason: string;
  /** The run and its step that started this one, if any. */
  readonly parentRunId: string;
  readonly parentStep: string;
  /** What its code has published, by key; empty in lists. */
  readonly published: Readonly<Record<string, unknown>>;
  /** Searchable values. */
  readonly attributes: Attributes;
  /** Why nobody can decide this run of a code workflow; empty when somebody can. */
  readonly waitingFor: string;
  /** The run that goes on after a CONTINUED one. */
  readonly continuedAs: string;
  readonly steps: readonly Step[];
}

/** What sort of a thing a run waits for. */
export type CauseKind =
  | "UNSPECIFIED"
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

/** One thing a run waits for; what its `kind` has nothing to say of is empty, 0 or undefined. */
export interface Cause {
  readonly kind: CauseKind;
  readonly sentence: string;
  /** The first of the steps that wait for this; empty for the run as a whole and for a decision of its code. */
  readonly step: string;
  /** How many steps wait for this. */
  readonly steps: number;
  /** When it goes on by itself. */
  readonly dueTime: Date | undefined;
  readonly sinceTime: Date | undefined;
  /** When the wait is given up. */
  readonly timeoutTime: Date | undefined;
  readonly signal: string;
  readonly action: string;
  readonly queue: string;
  readonly workerId: string;
  readonly lastSeenTime: Date | undefined;
  readonly otherQueues: readonly string[];
  readonly similar: readonly string[];
  readonly attempt: number;
  readonly maxAttempts: number;
  readonly workers: number;
  readonly slots: number;
  readonly busySlots: number;
  /** Tasks that are handed out before, up to 1,000. */
  readonly ahead: number;
  readonly childRunId: string;
  readonly childState: RunState;
  readonly childSummary: string;
  readonly reason: string;
  readonly failure: Failure | undefined;
  readonly deadLetterId: string;
  readonly build: string;
}

/**
 * What a run waits for, or how it has ended, at the moment `now` of the database's clock.
 *
 * `summary` is one sentence; `causes` stand with the most telling first and are never empty, `moreCauses` were left out.
 * While the server's database is away there is the one cause DATABASE_DOWN, and `state` is what was last known.
 */
export interface Explanation {
  readonly runId: string;
  readonly state: RunState;
  readonly now: Date | undefined;
  readonly summary: string;
  readonly causes: readonly Cause[];
  readonly moreCauses: number;
  readonly deadline: Date | undefined;
}

/** One entry of a run's history; `sequence` counts from 1 without gaps. */
export interface Event {
  readonly kind: "event";
  readonly sequence: number;
  readonly time: Date | undefined;
  readonly type: string;
  readonly step: string;
  readonly attempt: number;
  readonly payload: unknown;
  readonly failure: Failure | undefined;
  readonly workerId: string;
  readonly startTime: Date | undefined;
  readonly attributes: Readonly<Record<string, unknown>>;
}

/** A chunk a handler streamed; `sequence` counts from 1 within the attempt. */
export interface Chunk {
  readonly kind: "chunk";
  readonly step: string;
  readonly attempt: number;
  readonly sequence: number;
  readonly value: unknown;
  readonly time: Date | undefined;
}

/** A registered definition (canonical JSON). `created` is false when the same content was there before. */
export interface Workflow {
  readonly name: string;
  readonly version: number;
  readonly definition: string;
  readonly createTime: Date | undefined;
  readonly current: boolean;
  readonly created: boolean;
}

/** A step whose attempts are used up, kept until somebody decides. */
export interface DeadLetter {
  readonly deadLetterId: string;
  readonly runId: string;
  readonly step: string;
  readonly attempt: number;
  readonly workflow: string;
  readonly action: string;
  readonly queue: string;
  readonly input: unknown;
  readonly failure: Failure | undefined;
  readonly reason: string;
  readonly state: DeadLetterState;
  readonly createTime: Date | undefined;
  readonly requeuedRunId: string;
}

/** A worker the server knows; `leased` is how many tasks it holds. */
export interface WorkerInfo {
  readonly workerId: string;
  readonly queue: string;
  readonly actions: readonly string[];
  readonly slots: number;
  readonly leased: number;
  readonly sdk: string;
  readonly host: string;
  readonly firstSeenTime: Date | undefined;
  readonly lastSeenTime: Date | undefined;
}

/** Tasks of one action on one queue, and how many live workers serve it. */
export interface QueueInfo {
  readonly queue: string;
  readonly action: string;
  readonly ready: number;
  readonly leased: number;
  readonly workers: number;
  readonly oldestReadyTime: Date | undefined;
}

/** What will happen to a run at a moment; `step` is empty when it is about the run as a whole. */
export interface TimerInfo {
  readonly runId: string;
  readonly workflow: string;
  readonly step: string;
  /** RETRY, SLEEP, STEP_TIMEOUT, START_TIMEOUT, SIGNAL_TIMEOUT, RUN_TIMEOUT or DECISION_RETRY. */
  readonly kind: string;
  readonly dueTime: Date | undefined;
}

/** The runs of the minute that begins at `time`. */
export interface Activity {
  readonly time: Date | undefined;
  readonly started: number;
  readonly succeeded: number;
  readonly failed: number;
  readonly endedOtherwise: number;
}

/** A namespace at a glance; `activity` has the minutes of the last hour in which something started or ended. */
export interface Overview {
  readonly now: Date | undefined;
  readonly runsOpen: Readonly<Record<string, number>>;
  readonly runsStalled: number;
  readonly deadLettersOpen: number;
  readonly tasksReady: number;
  readonly tasksLeased: number;
  readonly oldestReadyTime: Date | undefined;
  readonly workers: number;
  readonly timers: number;
  readonly activity: readonly Activity[];
}

/** The server that answered; `now` is its database's clock. */
export interface ServerInfo {
  readonly version: string;
  readonly startTime: Date | undefined;
  readonly now: Date | undefined;
  readonly draining: boolean;
  readonly databaseUp: boolean;
  readonly redisUp: boolean;
  readonly maxPayloadBytes: number;
}
