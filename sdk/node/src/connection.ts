/** A client's connection and stubs, and the one way its unary calls are made. Must not shape any request. */

import { randomBytes } from "node:crypto";

import {
  credentials,
  type Client,
  type ClientDuplexStream,
  type ClientReadableStream,
  type Metadata,
} from "@grpc/grpc-js";

import { Awaits } from "./awaits.js";
import { metadataOf, open, type Target } from "./channel.js";
import { StellwerkError, type RequestError } from "./errors.js";
import type { Logger } from "./logger.js";
import { Budget, pause } from "./retry.js";
import type { Spans } from "./spans.js";
import { Starts } from "./starts.js";
import { fromCall } from "./status.js";
import { spans } from "./telemetry.js";
import { Calls, type UnaryMethod } from "./unary.js";
import { AdminServiceClient } from "./v1/stellwerk/v1/admin.js";
import { DeadLetterServiceClient } from "./v1/stellwerk/v1/dead_letter.js";
import {
  RunServiceClient,
  RunServiceService,
  type AwaitRunsRequest,
  type AwaitRunsResponse,
  type StartRunRequest,
  type StartRunResponse,
  type WatchRunRequest,
  type WatchRunResponse,
} from "./v1/stellwerk/v1/run.js";
import { WorkerServiceClient } from "./v1/stellwerk/v1/worker.js";
import { WorkflowServiceClient } from "./v1/stellwerk/v1/workflow.js";

const CALL_TIMEOUT_MS = 15_000;

/** The generated stubs of every service on one connection, for tools that need a bare call. */
export interface Stubs {
  readonly runs: RunServiceClient;
  readonly workflows: WorkflowServiceClient;
  readonly deadLetters: DeadLetterServiceClient;
  readonly admin: AdminServiceClient;
  readonly workers: WorkerServiceClient;
}

/** Opened by a client's first call. */
export class Connection {
  readonly metadata: Metadata;
  readonly starts: Starts;
  readonly awaits: Awaits;
  readonly stubs: Stubs;
  readonly #spans: Spans | undefined;
  readonly #client: Client;
  readonly #calls: Calls;
  readonly #ending = new AbortController();

  constructor(
    readonly target: Target,
    readonly retryMs: number,
    logger: Logger,
  ) {
    this.metadata = metadataOf(target);
    this.#spans = spans(target.namespace);
    this.#client = open(target, this.#spans?.grpcClient);
    this.#calls = new Calls(this.#client, this.metadata);
    this.stubs = stubsOn(this.#client, target);
    this.starts = new Starts(
      (request) => this.#calls.send(RunServiceService.startRuns, request, CALL_TIMEOUT_MS).answer,
      target,
      retryMs,
    );
    this.awaits = new Awaits({ name: "AwaitRuns", target, logger, open: () => this.#openAwaits() }, retryMs);
  }

  /** The namespace of every request. */
  get namespace(): string {
    return this.target.namespace;
  }

  /** Aborted when the client is closed. */
  get closed(): AbortSignal {
    return this.#ending.signal;
  }

  /** Start a run; the request must carry a request id. Rejects with RequestError. */
  start(request: StartRunRequest): Promise<StartRunResponse> {
    if (this.#spans === undefined) return this.starts.start(request);
    return this.#spans.start(request, (scope) => this.starts.start(request, scope));
  }

  /** Send a request, again and again within `retryMs` while that may help. Rejects with RequestError. */
  async call<Request, Response>(method: UnaryMethod<Request, Response>, request: Request): Promise<Response> {
    const budget = new Budget(this.retryMs);
    for (;;) {
      this.checkOpen();
      let failure: RequestError;
      try {
        return await this.#calls.send(method, request, CALL_TIMEOUT_MS).answer;
      } catch (error) {
        failure = fromCall(error, this.target);
      }
      this.checkOpen();
      const delayMs = budget.delayMs(failure);
      if (delayMs === undefined) throw failure;
      await pause(delayMs, this.closed);
    }
  }

  /** A WatchRun stream. */
  watch(request: WatchRunRequest): ClientReadableStream<WatchRunResponse> {
    this.checkOpen();
    const { path, requestSerialize, responseDeserialize } = RunServiceService.watchRun;
    return this.#client.makeServerStreamRequest(path, requestSerialize, responseDeserialize, request, this.metadata);
  }

  /** Throws StellwerkError once the client is closed. */
  checkOpen(): void {
    if (this.closed.aborted) throw new StellwerkError("the client is closed");
  }

  /** End both batchers and the connection; whoever still waits gets an error. */
  close(): void {
    this.#ending.abort();
    this.starts.close();
    this.awaits.close();
    this.#calls.cancelAll();
    this.#client.close();
  }

  #openAwaits(): ClientDuplexStream<AwaitRunsRequest, AwaitRunsResponse> {
    const { path, requestSerialize, responseDeserialize } = RunServiceService.awaitRuns;
    return this.#client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize, this.metadata);
  }
}

/** A fresh id that makes a changing call safe to send again. */
export function requestId(): string {
  return randomBytes(16).toString("hex");
}

function stubsOn(client: Client, target: Target): Stubs {
  const options = { channelOverride: client.getChannel() };
  const unused = credentials.createInsecure(); // the channel has its own
  return {
    runs: new RunServiceClient(target.address, unused, options),
    workflows: new WorkflowServiceClient(target.address, unused, options),
    deadLetters: new DeadLetterServiceClient(target.address, unused, options),
    admin: new AdminServiceClient(target.address, unused, options),
    workers: new WorkerServiceClient(target.address, unused, options),
  };
}
