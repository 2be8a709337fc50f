/** The client: starts runs, waits for them, registers workflows. Must not run handlers. */

import type { Metadata } from "@grpc/grpc-js";

import { targetOf, type ConnectionOptions, type Target } from "./channel.js";
import { Connection, requestId, type Stubs } from "./connection.js";
import { checkSize } from "./context.js";
import { definitionText, type Definition } from "./definition.js";
import { durationMessage, milliseconds, type Duration } from "./duration.js";
import { StellwerkError } from "./errors.js";
import { outcome, RunHandle } from "./handle.js";
import { stderrLogger, type Logger } from "./logger.js";
import { encode, encodeJson } from "./payload.js";
import * as reading from "./reading.js";
import type * as records from "./records.js";
import { configure, flush } from "./telemetry.js";
import { signalMessage, type Signal, type SignalOptions } from "./signal.js";
import type { UnaryMethod } from "./unary.js";
import { AdminServiceService } from "./v1/stellwerk/v1/admin.js";
import { DeadLetterServiceService } from "./v1/stellwerk/v1/dead_letter.js";
import { RunServiceService, SignalRunRequest, StartRunRequest } from "./v1/stellwerk/v1/run.js";
import { WorkflowServiceService } from "./v1/stellwerk/v1/workflow.js";

const PAGE_MAX = 500;

/** How a client speaks to its server. */
export interface ClientOptions extends ConnectionOptions {
  /** How long a call is sent again while the server cannot be reached or is busy (default 30 s). */
  readonly retryMs?: Duration | undefined;
  /** Where it logs to (default: warnings and errors as lines on stderr). */
  readonly logger?: Logger | undefined;
}

/** How a run is started. */
export interface StartOptions {
  /** The same key and input give the same run (`handle.deduplicated`); another input is IdempotencyKeyReused. */
  readonly idempotencyKey?: string | undefined;
  /** Milliseconds or text like "1h" until the run ends as TIMED_OUT (default: the definition's). */
  readonly timeout?: Duration | undefined;
  /** Of the workflow (default 0: the current one). */
  readonly version?: number | undefined;
  /** W3C trace context, handed to every task of the run (default: the current span's, if traced). */
  readonly trace?: Readonly<Record<string, string>> | undefined;
  /** Told to the run in the transaction that starts it; when the key finds a run there, to that one. */
  readonly signal?: Signal | undefined;
}

/** Which runs to list; all filters are optional. */
export interface ListRunsOptions {
  readonly states?: Iterable<records.RunState> | undefined;
  readonly createdAfter?: Date | undefined;
  readonly createdBefore?: Date | undefined;
  /** Only runs with all these attributes. */
  readonly attributes?: records.Attributes | undefined;
  /** The most to give (default: all). */
  readonly limit?: number | undefined;
}

/** Which dead letters to list; all filters are optional. */
export interface DeadLettersOptions {
  readonly workflow?: string | undefined;
  readonly action?: string | undefined;
  readonly runId?: string | undefined;
  /** Default: the open ones. */
  readonly states?: Iterable<records.DeadLetterState> | undefined;
  /** The most to give (default: all). */
  readonly limit?: number | undefined;
}

/** Which timers to list. */
export interface TimersOptions {
  /** Only those of runs of this workflow. */
  readonly workflow?: string | undefined;
  /** The most to give (default: all). */
  readonly limit?: number | undefined;
}

interface Page {
  readonly nextPageToken: string;
}

/**
 * A connection to a server, shared by any number of concurrent callers.
 *
 *     const client = new Client();
 *     const result = await client.run("order", { total: 3 }, { idempotencyKey: "o-17" });
 *     await client.close();
 *
 * Every changing call carries a request id, so sending it again never does it twice. All methods reject with
 * RequestError and its kinds.
 */
export class Client {
  readonly #target: Target;
  readonly #retryMs: number;
  readonly #logger: Logger;
  #open: Connection | undefined;
  #closed = false;

  /** Throws RangeError for a bad option. */
  constructor(options: ClientOptions = {}) {
    this.#retryMs = milliseconds("retryMs", options.retryMs ?? 30_000, 0);
    this.#target = targetOf(options);
    this.#logger = options.logger ?? stderrLogger;
    configure(this.#logger);
  }

  /** Close the connection; callers that still wait get a StellwerkError. Twice is the same as once. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#open?.close();
    this.#open = undefined;
    await flush();
  }

  /** `await using client = new Client()`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** The server's host:port. */
  get address(): string {
    return this.#target.address;
  }

  /** The namespace of every call. */
  get namespace(): string {
    return this.#target.namespace;
  }

  /** The generated stubs, for what this class lacks: they do not retry; pass `client.metadata` with every call. */
  get stubs(): Stubs {
    return this.#connection.stubs;
  }

  /** The metadata (token, client name and version) every call must carry. */
  get metadata(): Metadata {
    return this.#connection.metadata;
  }

  /**
   * Start a run and give its handle once it is durable. Concurrent starts travel together.
   *
   * `input` is any JSON value, or bytes. Rejects with EncodeError, NotFound, InvalidArgument, ...
   */
  async start(workflow: string, input: unknown = null, options: StartOptions = {}): Promise<RunHandle> {
    const request = startRequest(workflow, input, options);
    const connection = this.#connection;
    const { runId, deduplicated } = await connection.start(request);
    return new RunHandle(connection, runId, deduplicated);
  }

  /** Start a run and wait for its output. Rejects with RunFailed and its kinds when the run does not succeed. */
  // An output without a type is plain JSON, which only the caller knows.
  // eslint-disable-next-line @typescript-eslint/no-explicit-any
  async run<Out = any>(workflow: string, input: unknown = null, options: StartOptions = {}): Promise<Out> {
    const { runId } = await this.start(workflow, input, options);
    return outcome(await this.#connection.awaits.lastResult(runId)) as Out;
  }

  /**
   * Tell the run that was started with this key something; otherwise as `RunHandle.signal`.
   *
   * `deduplicated` of the handle says whether the run had the signal before. Rejects with NotFound.
   */
  async signal(
    workflow: string,
    idempotencyKey: string,
    name: string,
    payload: unknown = null,
    options: SignalOptions = {},
  ): Promise<RunHandle> {
    const signal = signalMessage({ name, payload, signalId: options.signalId });
    const whose = { namespace: this.namespace, workflow, idempotencyKey };
    const request = SignalRunRequest.fromPartial({ ...whose, signal, requestId: requestId() });
    const { runId, deduplicated } = await this.#connection.call(RunServiceService.signalRun, request);
    return new RunHandle(this.#connection, runId, deduplicated);
  }

  /** The handle of a run known by its id; asks nobody, so a wrong id shows with the first call. */
  handle(runId: string): RunHandle {
    return new RunHandle(this.#connection, runId);
  }

  /** Runs, newest first and without payloads: `for await (const run of client.listRuns("order"))`. */
  async *listRuns(workflow = "", options: ListRunsOptions = {}): AsyncGenerator<records.Run, void, undefined> {
    const filter = {
      namespace: this.namespace,
      workflow,
      states: reading.runStateNumbers(options.states ?? []),
      createdAfter: options.createdAfter,
      createdBefore: options.createdBefore,
      attributes: options.attributes === undefined ? "" : encodeJson(options.attributes),
    };
    for await (const page of this.#pages(RunServiceService.listRuns, filter, ({ runs }) => runs, options.limit)) {
      yield* page.map(reading.run);
    }
  }

  /**
   * Register a workflow; the same content is the same version, changed content the next.
   *
   * Rejects with InvalidArgument whose `fields` lists everything that is wrong.
   */
  async applyWorkflow(definition: Definition): Promise<records.Workflow> {
    const text = await definitionText(definition);
    const request = { namespace: this.namespace, definition: text, requestId: requestId() };
    const { workflow, created } = await this.#connection.call(WorkflowServiceService.applyWorkflow, request);
    return reading.workflow(workflow, created);
  }

  /** Everything that is wrong with a definition (empty: it is good); stores nothing. */
  async validateWorkflow(definition: Definition): Promise<records.FieldProblem[]> {
    const request = { definition: await definitionText(definition) };
    const { problems } = await this.#connection.call(WorkflowServiceService.validateWorkflow, request);
    return problems;
  }

  /** A registered workflow (default: its current version). Rejects with NotFound. */
  async getWorkflow(name: string, options: { readonly version?: number | undefined } = {}): Promise<records.Workflow> {
    const request = { namespace: this.namespace, name, version: options.version ?? 0 };
    return reading.workflow((await this.#connection.call(WorkflowServiceService.getWorkflow, request)).workflow);
  }

  /** The current version of every workflow, or all versions of the one named. */
  async *listWorkflows(name = ""): AsyncGenerator<records.Workflow, void, undefined> {
    const filter = { namespace: this.namespace, name };
    for await (const page of this.#pages(WorkflowServiceService.listWorkflows, filter, ({ workflows }) => workflows)) {
      yield* page.map((message) => reading.workflow(message));
    }
  }

  /** Dead letters, newest first (default: the open ones). */
  async *deadLetters(options: DeadLettersOptions = {}): AsyncGenerator<records.DeadLetter, void, undefined> {
    const filter = {
      namespace: this.namespace,
      workflow: options.workflow ?? "",
      action: options.action ?? "",
      runId: options.runId ?? "",
      states: reading.deadStateNumbers(options.states ?? []),
    };
    const method = DeadLetterServiceService.listDeadLetters;
    for await (const page of this.#pages(method, filter, ({ deadLetters }) => deadLetters, options.limit)) {
      yield* page.map(reading.deadLetter);
    }
  }

  /** Try a dead letter again; gives the run that goes on: the same, or the fork of an ended one. */
  async requeue(deadLetterId: string): Promise<RunHandle> {
    const request = { namespace: this.namespace, deadLetterId, requestId: requestId() };
    const { runId } = await this.#connection.call(DeadLetterServiceService.requeueDeadLetter, request);
    return new RunHandle(this.#connection, runId);
  }

  /** Give a dead letter up; a run that is BLOCKED on it fails. */
  async discard(deadLetterId: string, reason = ""): Promise<void> {
    const request = { namespace: this.namespace, deadLetterId, reason, requestId: requestId() };
    await this.#connection.call(DeadLetterServiceService.discardDeadLetter, request);
  }

  /** The workers the server knows in this namespace. */
  async workers(): Promise<records.WorkerInfo[]> {
    const request = { namespace: this.namespace };
    return (await this.#connection.call(AdminServiceService.listWorkers, request)).workers;
  }

  /** Every queue and action with tasks or workers in this namespace. */
  async queues(): Promise<records.QueueInfo[]> {
    const request = { namespace: this.namespace };
    return (await this.#connection.call(AdminServiceService.listQueues, request)).queues;
  }

  /** Timers that are set, soonest first. */
  async *timers(options: TimersOptions = {}): AsyncGenerator<records.TimerInfo, void, undefined> {
    const filter = { namespace: this.namespace, workflow: options.workflow ?? "" };
    for await (const page of this.#pages(AdminServiceService.listTimers, filter, ({ timers }) => timers, options.limit)) {
      yield* page;
    }
  }

  /** How this namespace stands, in one answer. */
  async overview(): Promise<records.Overview> {
    return this.#connection.call(AdminServiceService.getOverview, { namespace: this.namespace });
  }

  /** What the server says about itself; the cheapest call to see whether it is there. */
  async server(): Promise<records.ServerInfo> {
    return this.#connection.call(AdminServiceService.getServer, {});
  }

  get #connection(): Connection {
    if (this.#closed) throw new StellwerkError("the client is closed");
    return (this.#open ??= new Connection(this.#target, this.#retryMs, this.#logger));
  }

  /** The messages of page after page, at most `limit`. */
  async *#pages<Filter, Response extends Page, Message>(
    method: UnaryMethod<Filter & { pageSize: number; pageToken: string }, Response>,
    filter: Filter,
    messages: (response: Response) => Message[],
    limit = Number.POSITIVE_INFINITY,
  ): AsyncGenerator<Message[], void, undefined> {
    const pageSize = Math.min(limit, PAGE_MAX);
    let pageToken = "";
    let left = limit;
    do {
      if (left <= 0) return;
      const response = await this.#connection.call(method, { ...filter, pageSize, pageToken });
      const page = messages(response).slice(0, left);
      left -= page.length;
      pageToken = response.nextPageToken;
      yield page;
    } while (pageToken);
  }
}

function startRequest(workflow: string, input: unknown, options: StartOptions): StartRunRequest {
  const payload = encode(input);
  checkSize("input", payload);
  return StartRunRequest.fromPartial({
    workflow,
    input: payload,
    idempotencyKey: options.idempotencyKey ?? "",
    requestId: requestId(),
    timeout: options.timeout === undefined ? undefined : durationMessage(timeoutMs(options.timeout)),
    version: options.version ?? 0,
    trace: { ...options.trace },
    signal: options.signal === undefined ? undefined : signalMessage(options.signal),
  });
}

function timeoutMs(timeout: Duration): number {
  const ms = milliseconds("timeout", timeout, 0);
  if (ms === 0) throw new RangeError(`timeout: expected more than 0 seconds, came ${String(timeout)}`);
  return ms;
}
