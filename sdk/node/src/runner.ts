/** Runs the handlers of tasks: each ends as exactly one result. Must not poll, send or know the network. */

import { performance } from "node:perf_hooks";

import { sendChunk, TaskContext } from "./context.js";
import { EncodeError, RequestError, TaskCancelled } from "./errors.js";
import { cancelledFailure, failureOf, stoppedFailure, tooLargeFailure } from "./failure.js";
import { isGenerator, isThenable, type HandlerPlan } from "./handler.js";
import { HeldTask, type Lines } from "./held.js";
import { decode, encode, JsonText, PAYLOAD_BYTES_MAX, payloadBytes } from "./payload.js";
import type { WorkerSpans } from "./spans.js";
import type { Failure, Payload } from "./v1/stellwerk/v1/payload.js";
import type { Task, TaskResult } from "./v1/stellwerk/v1/worker.js";

// Cancels kept for tasks that have not arrived yet; most are for tasks that have just ended.
const EARLY_MAX = 1_000;
// Handlers are entered for so long in one turn of the loop; then results may leave and cancels come in.
const TURN_MS = 10;

/** Where the runner's tasks come from and its results go to. */
export interface Desk {
  readonly lines: Lines;
  /** What makes the tasks' spans; undefined when nothing is traced. */
  readonly spans: WorkerSpans | undefined;
  /** The tasks are this worker's from now on; gives a place in the lease table for each. */
  hold(tokens: readonly Uint8Array[]): number[];
  release(place: number): void;
  finish(result: TaskResult): void;
  freed(): void;
}

/** Holds the worker's tasks by token. */
export class Runner {
  /** Tasks whose handlers have not ended. */
  running = 0;
  readonly #plans: ReadonlyMap<string, HandlerPlan>;
  readonly #desk: Desk;
  readonly #held = new Map<string, HeldTask>();
  readonly #early = new Map<string, string>();
  #arrived: HeldTask[] = [];
  #entering = false;

  constructor(plans: ReadonlyMap<string, HandlerPlan>, desk: Desk) {
    this.#plans = plans;
    this.#desk = desk;
  }

  /** Begin a handler for each task; one that nobody here can run is given back. */
  accept(tasks: readonly Task[]): void {
    const places = this.#desk.hold(tasks.map((task) => task.token));
    tasks.forEach((task, index) => {
      const held = new HeldTask(task, this.#plans.get(task.action), this.#desk.lines);
      held.lease = places[index] ?? -1;
      held.span = this.#desk.spans?.begin(task);
      this.#held.set(held.key, held);
      this.running += 1;
      held.cancelReason = this.#early.get(held.key) ?? "";
      this.#early.delete(held.key);
      this.#arrived.push(held);
    });
    if (!this.#entering) this.#enter();
  }

  /** The server took a task back; the heartbeat line may be faster than the poll that brings it. */
  cancel(token: Uint8Array, reason: string): void {
    const key = Buffer.from(token).toString("latin1");
    const held = this.#held.get(key);
    if (held === undefined) {
      this.#early.set(key, reason);
      const [oldest] = this.#early.keys();
      if (this.#early.size > EARLY_MAX && oldest !== undefined) this.#early.delete(oldest);
    } else if (!held.settled) {
      const { runId, step } = held.task;
      this.#desk.lines.logger.info("a task was cancelled", { run_id: runId, step, reason });
      held.cancel(reason);
    }
  }

  /** The result has its verdict: the lease is no longer ours. */
  forget(token: Buffer): void {
    const key = token.toString("latin1");
    const held = this.#held.get(key);
    if (held === undefined) return;
    this.#held.delete(key);
    this.#desk.release(held.lease);
  }

  /** The drain time is over: tell the handlers. */
  stopAll(): void {
    for (const held of this.#held.values()) held.cancel("WORKER_STOPPED");
  }

  /** Settle handlers that ignored their cancellation. */
  giveUp(): void {
    for (const held of this.#held.values()) {
      if (!held.settled) this.#settle(held, failed(held, stoppedFailure()));
    }
  }

  /** Enter handlers, but leave the event loop a turn between batches of slow ones. */
  #enter(): void {
    this.#entering = true;
    const beganMs = performance.now();
    let entered = 0;
    for (const held of this.#arrived) {
      entered += 1;
      this.#begin(held);
      if (performance.now() - beganMs > TURN_MS) break;
    }
    this.#arrived.splice(0, entered);
    this.#entering = this.#arrived.length > 0;
    if (this.#entering) {
      setImmediate(() => {
        this.#enter();
      });
    }
  }

  #begin(held: HeldTask): void {
    const { plan, task } = held;
    if (held.settled) return;
    if (plan === undefined) {
      this.#settle(held, released(task));
      return;
    }
    held.entered = true;
    if (held.span === undefined) this.#call(held, plan);
    else {
      held.span.scope(() => {
        this.#call(held, plan);
      });
    }
  }

  /** Everything of the handler goes on from here, so that what is current here stays current for it. */
  #call(held: HeldTask, { handler }: HandlerPlan): void {
    try {
      if (held.cancelReason) throw new TaskCancelled(held.cancelReason);
      this.#ended(held, handler(decode(held.task.input), new TaskContext(held)));
    } catch (error) {
      this.#threw(held, error);
    }
  }

  /** What a handler gave: a value, or something that will become one. */
  #ended(held: HeldTask, given: unknown): void {
    if (isThenable(given)) {
      given.then(
        (value) => {
          if (isGenerator(value)) this.#ended(held, drain(held, value));
          else this.#returned(held, value);
        },
        (error: unknown) => {
          this.#threw(held, error);
        },
      );
    } else if (isGenerator(given)) {
      this.#ended(held, drain(held, given));
    } else {
      this.#returned(held, given);
    }
  }

  #returned(held: HeldTask, output: unknown): void {
    try {
      this.#leave(held, succeeded(held, output));
    } catch (error) {
      this.#threw(held, error);
    }
  }

  #threw(held: HeldTask, error: unknown): void {
    this.#leave(held, threw(held, error));
  }

  /** Chunks come before the result: once it is recorded they would have no lease. */
  #leave(held: HeldTask, result: TaskResult | undefined): void {
    if (held.chunks === undefined) {
      this.#settle(held, result);
      return;
    }
    held.chunks.flushed().then(
      () => {
        this.#settle(held, result);
      },
      (error: unknown) => {
        this.#settle(held, threw(held, error));
      },
    );
  }

  /** Hand the one result on and free the slot. None: there is nobody to tell any more. */
  #settle(held: HeldTask, result: TaskResult | undefined): void {
    if (held.settled) return;
    held.settled = true;
    this.running -= 1;
    this.#desk.lines.chunks.forget(held);
    const told = held.cancelReason === "LEASE_LOST" ? undefined : result;
    if (held.span !== undefined) this.#desk.spans?.end(held.task.token, held.span, told);
    if (told === undefined) this.forget(held.task.token);
    else this.#desk.finish(told);
    this.#desk.freed();
  }
}

/** Give a task back unused: the same attempt goes out again. */
export function released(task: Task): TaskResult {
  return { token: task.token, output: undefined, failure: undefined, release: {} };
}

function succeeded(held: HeldTask, value: unknown): TaskResult {
  const output = encode(value);
  const size = payloadBytes(output);
  if (size > PAYLOAD_BYTES_MAX) {
    return failed(held, tooLargeFailure(`output: expected at most ${PAYLOAD_BYTES_MAX} bytes, came ${size}`));
  }
  return { token: held.task.token, output, failure: undefined, release: undefined };
}

function failed(held: HeldTask, failure: Failure): TaskResult {
  return { token: held.task.token, output: undefined, failure, release: undefined };
}

/** The result of a handler that threw. */
function threw(held: HeldTask, error: unknown): TaskResult | undefined {
  if (held.cancelReason && isCancellation(error)) return stopped(held);
  const failure = failureOf(error);
  const { runId, step, attempt, maxAttempts } = held.task;
  const which = `step ${step} of ${runId}, attempt ${attempt} of ${maxAttempts}`;
  const fields = { run_id: runId, step, attempt };
  held.lines.logger.warn(`${which} failed: ${failure.type}: ${failure.message}`, fields);
  return failed(held, failure);
}

/** True for what a well-behaved handler ends with when its signal is aborted. */
function isCancellation(error: unknown): boolean {
  if (error instanceof TaskCancelled || error instanceof RequestError) return true;
  return error instanceof Error && error.name === "AbortError";
}

function stopped(held: HeldTask): TaskResult | undefined {
  if (held.cancelReason === "LEASE_LOST") return undefined;
  const failure = held.cancelReason === "WORKER_STOPPED" ? stoppedFailure() : cancelledFailure(held.cancelReason);
  return failed(held, failure);
}

/** Stream each yield; the output is what the generator returns, else the list of yields. */
async function drain(held: HeldTask, generator: Generator | AsyncGenerator): Promise<unknown> {
  const chunks: Payload[] = [];
  for (;;) {
    const { done, value } = (await generator.next()) as IteratorResult<unknown, unknown>;
    if (done) return value === undefined ? joined(chunks) : value;
    try {
      const chunk = encode(value);
      chunks.push(chunk);
      await sendChunk(held, chunk);
    } catch (error) {
      await closed(generator);
      throw error;
    }
  }
}

/** Let the generator's `finally` run; what that throws does not hide why it was closed. */
async function closed(generator: Generator | AsyncGenerator): Promise<void> {
  try {
    await generator.return(undefined);
  } catch {
    return;
  }
}

/** All chunks as one value: a list, or one run of bytes when every chunk is bytes. */
function joined(chunks: readonly Payload[]): unknown {
  const parts = chunks.flatMap(({ data }) => (data === undefined ? [] : [data]));
  if (parts.length > 0 && parts.length === chunks.length) return Buffer.concat(parts);
  if (parts.length > 0) {
    throw new EncodeError("chunks: expected all JSON or all bytes, came both; return a value instead");
  }
  return new JsonText(`[${chunks.map(({ json }) => json).join(",")}]`);
}
