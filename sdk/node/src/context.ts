/** What a handler may know and do about its task. Must not send anything itself: the worker's lines do. */

import { PayloadTooLarge, TaskCancelled } from "./errors.js";
import type { HeldTask } from "./held.js";
import { withFields, type Logger } from "./logger.js";
import { encode, PAYLOAD_BYTES_MAX, payloadBytes } from "./payload.js";
import type { TaskSpan } from "./spans.js";
import type { Payload } from "./v1/stellwerk/v1/payload.js";

/** The second argument of a handler; belongs to one attempt of one step. */
export class TaskContext {
  readonly #held: HeldTask;
  #logger: Logger | undefined;

  /** Made by the worker. */
  constructor(held: HeldTask) {
    this.#held = held;
  }

  /** The run this task belongs to. */
  get runId(): string {
    return this.#held.task.runId;
  }

  /** Name of the run's workflow. */
  get workflow(): string {
    return this.#held.task.workflow;
  }

  /** Id of the step; "id[3]" for an item of a foreach. */
  get step(): string {
    return this.#held.task.step;
  }

  /** The name the handler is registered for. */
  get action(): string {
    return this.#held.task.action;
  }

  /** 1 for the first attempt. */
  get attempt(): number {
    return this.#held.task.attempt;
  }

  /** How many attempts the retry policy allows. */
  get maxAttempts(): number {
    return this.#held.task.maxAttempts;
  }

  /** The same in every attempt of this step: hand it to the systems the handler calls. */
  get idempotencyKey(): string {
    return `${this.runId}/${this.step}`;
  }

  /** When the attempt is taken away whatever it does; undefined: not while the worker is alive. */
  get deadline(): Date | undefined {
    return this.#held.task.deadline;
  }

  /** W3C trace context (`traceparent`, `tracestate`), empty without one. */
  get trace(): Readonly<Record<string, string>> {
    return this.#held.task.trace;
  }

  /** True once the server has taken the task back, or the worker is stopped and the drain time is over. */
  get cancelled(): boolean {
    return this.#held.cancelReason !== "";
  }

  /** RUN_CANCELLED, RUN_TERMINATED, STEP_TIMED_OUT, LEASE_LOST or WORKER_STOPPED; empty before. */
  get cancelReason(): string {
    return this.#held.cancelReason;
  }

  /** Aborted when the task is cancelled, with a TaskCancelled as its reason: hand it to fetch and its like. */
  get signal(): AbortSignal {
    return this.#held.signal;
  }

  /** The worker's logger; its records carry run_id, step, attempt and trace_id. */
  get logger(): Logger {
    if (this.#logger === undefined) {
      const { runId, step, attempt, trace } = this.#held.task;
      const own = { run_id: runId, step, attempt, ...traceId(trace["traceparent"], this.#held.span) };
      this.#logger = withFields(this.#held.lines.logger, own);
    }
    return this.#logger;
  }

  /**
   * Report progress (any JSON value), shown with the step; does not wait.
   *
   * The lease needs no help: the worker extends it while the handler runs. Throws TaskCancelled once the task is
   * cancelled, and EncodeError.
   */
  heartbeat(progress: unknown = null): void {
    if (this.cancelled) throw new TaskCancelled(this.cancelReason);
    this.#held.lines.progress(this.#held.task.token, encode(progress));
  }

  /**
   * Send a chunk (JSON value or bytes) to whoever watches the run; kept in order and made durable.
   *
   * The promise waits while too many chunks are unacknowledged. It rejects with EncodeError, PayloadTooLarge, and
   * TaskCancelled or LeaseLost once the task is not the worker's any more.
   */
  stream(chunk: unknown): Promise<void> {
    const sent = this.#encodeAndSend(chunk);
    // Whoever does not wait for it learns of a refusal with the task's end, not by an unhandled rejection.
    sent.catch(() => undefined);
    return sent;
  }

  // Everything before the first await is done at once, so that chunks keep the order of the calls.
  async #encodeAndSend(chunk: unknown): Promise<void> {
    await sendChunk(this.#held, encode(chunk));
  }
}

/** Put a chunk on the line; waits while too many are unacknowledged. Rejects as `TaskContext.stream` does. */
export async function sendChunk(held: HeldTask, chunk: Payload): Promise<void> {
  if (held.cancelReason) throw new TaskCancelled(held.cancelReason);
  checkSize("chunk", chunk);
  await held.lines.chunks.push(held, chunk);
}

/** Refuse what the transport would cut off with a far less clear error. Throws PayloadTooLarge. */
export function checkSize(field: string, payload: Payload): void {
  const size = payloadBytes(payload);
  if (size <= PAYLOAD_BYTES_MAX) return;
  throw new PayloadTooLarge(`${field}: expected at most ${PAYLOAD_BYTES_MAX} bytes, came ${size}`, {
    code: "INVALID_ARGUMENT",
    reason: "PAYLOAD_TOO_LARGE",
    metadata: { field, size: String(size), limit: String(PAYLOAD_BYTES_MAX) },
  });
}

function traceId(traceparent: string | undefined, span: TaskSpan | undefined): { trace_id?: string } {
  const id = traceparent?.split("-")[1] ?? span?.place.traceId;
  return id === undefined ? {} : { trace_id: id };
}
