/**
 * Results on their way to the server: in natural batches, again and again until each has its verdict.
 *
 * Must not lose a result: only a verdict, a lost lease or the end of the worker takes one out.
 */

import { BATCH_BYTES_MAX, type Target } from "./channel.js";
import { commandBytes } from "./commands.js";
import { RequestError } from "./errors.js";
import { clean } from "./failure.js";
import type { Logger } from "./logger.js";
import { payloadBytes } from "./payload.js";
import { Backoff, isRetryable, pause } from "./retry.js";
import type { WorkerSpans } from "./spans.js";
import { fromCall, fromRefusal } from "./status.js";
import { Failure, FailureCategory } from "./v1/stellwerk/v1/payload.js";
import type { CompleteTaskResponse, Journal, TaskResult } from "./v1/stellwerk/v1/worker.js";

const BATCH_MAX = 200;
const IN_FLIGHT_MAX = 2;
// After this many answers that blame the server, the batch is cut up: one of its items may be the reason.
const SUSPECT_AFTER = 5;
// How long a result waits that the server could not take just then.
const AGAIN_MS = 500;
// What a result weighs beside its payload, generously.
const OVERHEAD_BYTES = 1_024;

/** What became of a result: a refusal that will stay, or else it is recorded. */
export interface Verdict {
  readonly problem?: RequestError | undefined;
  /** Of a decision that keeps its lease: what came in meanwhile. */
  readonly journal?: Journal | undefined;
}

/** Where results go, and who is told that one has its verdict. */
export interface Post {
  readonly target: Target;
  readonly logger: Logger;
  /** What makes the spans of deliveries; undefined when nothing is traced. */
  readonly spans: WorkerSpans | undefined;
  send(results: TaskResult[]): Promise<CompleteTaskResponse>;
  settled(token: Buffer): void;
}

/** While one CompleteTask is on its way the next one fills. */
export class Outbox {
  /** Results without a verdict. */
  unsettled = 0;
  readonly #post: Post;
  readonly #ending = new AbortController();
  readonly #replaced = new Set<string>();
  readonly #told = new Map<string, (verdict: Verdict) => void>();
  #waiting: TaskResult[] = [];
  #inFlight = 0;
  #pumpDue = false;
  #whenEmpty: (() => void)[] = [];

  constructor(post: Post) {
    this.#post = post;
  }

  /** Send a result with the next batch; whoever wants its verdict is `told` it, and nobody else. */
  add(result: TaskResult, told?: (verdict: Verdict) => void): void {
    this.unsettled += 1;
    if (told !== undefined) this.#told.set(result.token.toString("latin1"), told);
    this.#enqueue(result);
  }

  /** Wait until every result has its verdict. */
  async flush(): Promise<void> {
    if (this.unsettled > 0) await new Promise<void>((resolve) => this.#whenEmpty.push(resolve));
  }

  /** Stop sending; what has no verdict yet goes out again when its lease ends. */
  close(): void {
    if (this.unsettled > 0) {
      this.#post.logger.warn("results could not be delivered; their tasks will run again", { results: this.unsettled });
    }
    this.#waiting = [];
    this.#ending.abort();
  }

  #enqueue(result: TaskResult): void {
    if (this.#ending.signal.aborted) return;
    this.#waiting.push(result);
    if (this.#pumpDue || this.#inFlight >= IN_FLIGHT_MAX) return;
    // At the end of this turn of the loop, so that what ends in the same turn travels together.
    this.#pumpDue = true;
    setImmediate(() => {
      this.#pumpDue = false;
      this.#pump();
    });
  }

  #pump(): void {
    while (this.#waiting.length > 0 && this.#inFlight < IN_FLIGHT_MAX) {
      this.#inFlight += 1;
      const batch = this.#take();
      const deliver = (): Promise<void> => this.#deliver(batch);
      void (this.#post.spans?.deliver(batch, deliver) ?? deliver()).then(() => {
        this.#inFlight -= 1;
        this.#pump();
      });
    }
  }

  #take(): TaskResult[] {
    let bytes = 0;
    let count = 0;
    for (const result of this.#waiting) {
      bytes += resultBytes(result);
      if (count === BATCH_MAX || (count > 0 && bytes > BATCH_BYTES_MAX)) break;
      count += 1;
    }
    return this.#waiting.splice(0, count);
  }

  /** Send until there is an answer; a batch the server cannot take is cut in two to find out why. */
  async #deliver(batch: TaskResult[]): Promise<void> {
    const backoff = new Backoff();
    for (let blames = 0; ; ) {
      const problem = await this.#try(batch);
      if (problem === undefined || this.#ending.signal.aborted) return;
      if (problem.code === "INTERNAL" || problem.code === "UNKNOWN") blames += 1;
      if (blamesContent(problem) || blames >= SUSPECT_AFTER) {
        await this.#split(batch, problem);
        return;
      }
      this.#post.logger.info("results could not be delivered, sending them again", { error: problem });
      await pause(Math.max(backoff.nextMs(), problem.retryAfterMs ?? 0), this.#ending.signal);
    }
  }

  async #split(batch: TaskResult[], problem: RequestError): Promise<void> {
    const [first] = batch;
    if (batch.length === 1 && first !== undefined) {
      this.#refused(first, problem);
      return;
    }
    const half = Math.floor(batch.length / 2);
    await this.#deliver(batch.slice(0, half));
    await this.#deliver(batch.slice(half));
  }

  /** One call; undefined when it was answered. */
  async #try(batch: TaskResult[]): Promise<RequestError | undefined> {
    if (this.#ending.signal.aborted) return undefined;
    let response: CompleteTaskResponse;
    try {
      response = await this.#post.send(batch);
    } catch (error) {
      return fromCall(error, this.#post.target);
    }
    batch.forEach((result, index) => {
      const verdict = response.verdicts[index];
      if (verdict === undefined) this.#enqueue(result);
      else if (verdict.refusal === undefined) this.#settle(result, verdict);
      else this.#refused(result, fromRefusal(verdict.refusal));
    });
    return undefined;
  }

  /** A result the server does not take becomes a failure it can; a lost lease ends the matter. */
  #refused(result: TaskResult, problem: RequestError): void {
    const key = result.token.toString("latin1");
    const { logger } = this.#post;
    if (this.#told.has(key) && (!isRetryable(problem) || problem.code === "RESOURCE_EXHAUSTED")) {
      this.#settle(result, { problem });
      return;
    }
    if (blamesContent(problem) && result.release === undefined && !this.#replaced.has(key)) {
      this.#replaced.add(key);
      this.#enqueue(replacement(result, problem));
    } else if (isRetryable(problem)) {
      logger.info("a result was not taken now, sending it again", { error: problem });
      void pause(AGAIN_MS * (0.5 + Math.random() / 2), this.#ending.signal).then(() => {
        this.#enqueue(result);
      });
    } else {
      if (problem.reason === "LEASE_LOST") logger.info("a result came too late, its task has gone elsewhere", {});
      else logger.error("a result was refused and is dropped", { error: problem });
      this.#settle(result);
    }
  }

  #settle(result: TaskResult, verdict: Verdict = {}): void {
    this.unsettled -= 1;
    const key = result.token.toString("latin1");
    const told = this.#told.get(key);
    this.#told.delete(key);
    this.#replaced.delete(key);
    if (told === undefined) this.#post.settled(result.token);
    else told(verdict);
    if (this.unsettled > 0) return;
    const waiters = this.#whenEmpty;
    this.#whenEmpty = [];
    for (const waiter of waiters) waiter();
  }
}

function resultBytes({ output, failure, decision }: TaskResult): number {
  if (decision !== undefined) {
    return decision.commands.reduce((bytes, command) => bytes + commandBytes(command), OVERHEAD_BYTES);
  }
  if (output !== undefined) return OVERHEAD_BYTES + payloadBytes(output);
  return OVERHEAD_BYTES + (failure === undefined ? 0 : Failure.encode(failure).finish().length);
}

function blamesContent(problem: RequestError): boolean {
  if (problem.reason === "LEASE_LOST") return false;
  return ["INVALID_ARGUMENT", "OUT_OF_RANGE"].includes(problem.code) || problem.reason === "PAYLOAD_TOO_LARGE";
}

/** The failure that tells what was wrong with the result. */
function replacement({ token, failure }: TaskResult, problem: RequestError): TaskResult {
  const tooLarge = problem.reason === "PAYLOAD_TOO_LARGE";
  const subject = failure === undefined ? "the output" : `the failure '${failure.type}'`;
  const told = Failure.create({
    type: tooLarge ? "PayloadTooLarge" : "EncodeError",
    message: clean(`${subject} was refused by the server: ${problem.toString()}`),
    category: tooLarge ? FailureCategory.FAILURE_CATEGORY_LIMIT : FailureCategory.FAILURE_CATEGORY_USER,
    terminal: failure?.terminal ?? true,
  });
  return { token, output: undefined, failure: told, release: undefined };
}
