/**
 * A server that keeps the transport contract on a real socket and follows a script: it may refuse, cut or delay.
 *
 * Must not become an engine: it hands out the tasks a test offers and remembers what came back.
 */

import { setTimeout as sleep } from "node:timers/promises";

import {
  Metadata,
  Server,
  ServerCredentials,
  status as Code,
  type ServerDuplexStream,
  type ServerUnaryCall,
  type ServerWritableStream,
  type sendUnaryData,
} from "@grpc/grpc-js";

import { Client, Worker, type Handler, type Logger, type WorkerOptions, type WorkflowFunction } from "../src/index.js";
import { Status } from "../src/v1/google/rpc/status.js";
import * as admin from "../src/v1/stellwerk/v1/admin.js";
import { DeadLetter, DeadLetterServiceService, DeadLetterState } from "../src/v1/stellwerk/v1/dead_letter.js";
import type { Payload, Refusal } from "../src/v1/stellwerk/v1/payload.js";
import * as runs from "../src/v1/stellwerk/v1/run.js";
import * as workers from "../src/v1/stellwerk/v1/worker.js";
import { Workflow, WorkflowServiceService } from "../src/v1/stellwerk/v1/workflow.js";

const LOOK_MS = 2;
const PATIENCE_MS = 15_000;

/** Played before a method does what it always does; a refusal ends the call, anything else given is the answer. */
export type Act = (request: unknown) => unknown;

/** A status to end a call with. */
export class Refused {
  constructor(
    readonly code: Code,
    readonly message: string,
    readonly details: { typeUrl: string; value: Buffer }[],
  ) {}
}

/** An act that ends the call with a status, and google.rpc details if there are any. */
export function refusing(code: Code, message = "no", ...details: { typeUrl: string; value: Buffer }[]): Act {
  return () => new Refused(code, message, details);
}

/** A JSON payload. */
export function json(value: unknown): Payload {
  return { json: JSON.stringify(value), data: undefined, contentType: "", metadata: {} };
}

/** A task whose token is its run id. */
export function task(action = "noop", value: unknown = null, fields: Partial<workers.Task> = {}): workers.Task {
  const runId = fields.runId ?? "run_1";
  return {
    ...{ token: Buffer.from(runId), runId, step: "s1", attempt: 1, maxAttempts: 4, action, workflow: "wf" },
    ...{ input: json(value), deadline: undefined, trace: {}, journal: undefined },
    ...fields,
  };
}

/** A refusal of one item. */
export function refusal(reason: string, code: Code, message = "no"): Refusal {
  return { reason, message, metadata: {}, code, fields: [] };
}

type Unary = (call: ServerUnaryCall<unknown, unknown>, answer: sendUnaryData<unknown>) => void;

export class FakeServer {
  port = 0;
  readonly seen: Record<string, any[] | undefined> = {};
  readonly tasks: workers.Task[] = [];
  readonly results = new Map<string, workers.TaskResult>();
  readonly verdicts = new Map<string, Refusal[]>();
  readonly ended = new Map<string, runs.RunResult>();
  readonly startRefusals: (Refusal | undefined)[] = [];
  readonly watches: runs.WatchRunResponse[][] = [];
  readonly lines = new Set<ServerDuplexStream<workers.HeartbeatRequest, workers.HeartbeatResponse>>();
  chunkRefusal: Refusal | undefined;
  endAtOnce = false;
  intervalMs = 100;
  metadata = new Metadata();
  readonly #acts: Record<string, Act[] | undefined> = {};
  #server: Server | undefined;

  get address(): string {
    return `127.0.0.1:${this.port}`;
  }

  /** Listen on a free port, or on the one it had before. */
  async start(): Promise<void> {
    const server = new Server({ "grpc.so_reuseport": 0, "grpc.max_receive_message_length": -1 });
    server.addService(workers.WorkerServiceService, this.#workerService());
    server.addService(runs.RunServiceService, this.#runService());
    server.addService(WorkflowServiceService, this.#workflowService());
    server.addService(DeadLetterServiceService, this.#deadLetterService());
    server.addService(admin.AdminServiceService, this.#adminService());
    this.port = await new Promise((resolve, reject) => {
      server.bindAsync(this.address, ServerCredentials.createInsecure(), (error, port) => {
        if (error === null) resolve(port);
        else reject(error);
      });
    });
    this.#server = server;
  }

  /** Cut every connection. */
  stop(): void {
    this.lines.clear();
    this.#server?.forceShutdown();
  }

  /** Put acts into the script of a method. */
  play(method: string, ...acts: Act[]): void {
    (this.#acts[method] ??= []).push(...acts);
  }

  offer(...tasks: workers.Task[]): void {
    this.tasks.push(...tasks);
  }

  /** End a run: whoever awaits it hears of it. */
  end(runId: string, state = runs.RunState.RUN_STATE_SUCCEEDED, output: unknown = null, failure?: object): void {
    const result = { runId, state, output: json(output), failure: failure as never };
    this.ended.set(runId, runs.RunResult.fromPartial(result));
  }

  /** Send on every open heartbeat line, once there is one. */
  async tellLines(response: object): Promise<void> {
    await this.until(() => this.lines.size > 0);
    for (const line of this.lines) line.write(workers.HeartbeatResponse.fromPartial(response));
  }

  /** Wait until it is so. */
  async until<T>(condition: () => T): Promise<NonNullable<T>> {
    const endMs = Date.now() + PATIENCE_MS;
    for (;;) {
      const value = condition();
      if (value) return value;
      if (Date.now() > endMs) throw new Error(`it did not become true: ${condition.toString()}`);
      await sleep(LOOK_MS);
    }
  }

  result(token = "run_1"): Promise<workers.TaskResult> {
    return this.until(() => this.results.get(token));
  }

  async #enter(method: string, request: unknown, metadata?: Metadata): Promise<unknown> {
    (this.seen[method] ??= []).push(request);
    if (metadata !== undefined) this.metadata = metadata;
    return this.#acts[method]?.shift()?.(request);
  }

  #unary(method: string, usual: (request: any, ended: () => boolean) => unknown): Unary {
    return (call, answer) => {
      const work = async (): Promise<void> => {
        const played = await this.#enter(method, call.request, call.metadata);
        if (played instanceof Refused) answer(statusOf(played));
        else answer(null, played ?? (await usual(call.request, () => call.cancelled)));
      };
      void work();
    };
  }

  #workerService() {
    return {
      pollTask: this.#unary("PollTask", async ({ maxTasks }: workers.PollTaskRequest, ended) => {
        while (this.tasks.length === 0 && !ended()) await sleep(LOOK_MS);
        return { tasks: ended() ? [] : this.tasks.splice(0, maxTasks) };
      }),
      completeTask: this.#unary("CompleteTask", ({ results }: workers.CompleteTaskRequest) => {
        return { verdicts: results.map((result) => this.#judge(result)) };
      }),
      heartbeat: (call: ServerDuplexStream<workers.HeartbeatRequest, workers.HeartbeatResponse>) => {
        void this.#openLine(call);
        call.on("data", (beat) => void this.#enter("beat", beat));
        call.on("cancelled", () => this.lines.delete(call));
        call.on("end", () => {
          this.lines.delete(call);
          call.end();
        });
      },
      streamResult: (call: ServerDuplexStream<workers.StreamResultRequest, workers.StreamResultResponse>) => {
        void this.#enter("StreamResult", undefined);
        void this.#acknowledge(call);
      },
    };
  }

  async #openLine(call: ServerDuplexStream<workers.HeartbeatRequest, workers.HeartbeatResponse>): Promise<void> {
    const played = await this.#enter("Heartbeat", undefined);
    if (played instanceof Refused) {
      call.emit("error", statusOf(played));
      return;
    }
    this.lines.add(call);
    call.write(workers.HeartbeatResponse.fromPartial({ intervalMs: this.intervalMs }));
  }

  #judge(result: workers.TaskResult): workers.TaskVerdict {
    const key = result.token.toString();
    const refused = this.verdicts.get(key)?.shift();
    if (refused === undefined) this.results.set(key, result);
    return { refusal: refused, journal: undefined };
  }

  async #acknowledge(call: ServerDuplexStream<workers.StreamResultRequest, workers.StreamResultResponse>) {
    for await (const message of call) {
      const { token, sequence } = message as workers.StreamResultRequest;
      const played = await this.#enter("chunk", message);
      if (played instanceof Refused) {
        call.emit("error", statusOf(played));
        return;
      }
      call.write({ token, sequence, refusal: this.chunkRefusal });
    }
    call.end();
  }

  #runService() {
    const state = (ended: runs.RunState) => () => ({ state: ended });
    return {
      startRuns: this.#unary("StartRuns", ({ starts }: runs.StartRunsRequest) => ({
        results: starts.map((start) => this.#begin(start)),
      })),
      awaitRuns: (call: ServerDuplexStream<runs.AwaitRunsRequest, runs.AwaitRunsResponse>) => {
        void this.#awaitRuns(call);
      },
      watchRun: (call: ServerWritableStream<runs.WatchRunRequest, runs.WatchRunResponse>) => {
        for (const message of this.watches.shift() ?? []) call.write(message);
        void this.#enter("WatchRun", call.request).then((played) => {
          if (played instanceof Refused) call.emit("error", statusOf(played));
          else call.end();
        });
      },
      getRun: this.#unary("GetRun", ({ runId }: runs.GetRunRequest) => {
        const steps = [runs.Step.fromPartial({ step: "s1", state: runs.StepState.STEP_STATE_DEAD, attempt: 4 })];
        const createTime = new Date(1e12);
        return { run: runs.Run.fromPartial({ runId, state: runs.RunState.RUN_STATE_FAILED, steps, createTime }) };
      }),
      explainRun: this.#unary("ExplainRun", ({ runId }: runs.ExplainRunRequest) => {
        const failure = { type: "Boom", message: "no" };
        const kind = runs.CauseKind.CAUSE_KIND_BACKING_OFF;
        const unknownKind = Number("99");
        const causes = [
          runs.Cause.fromPartial({ kind, step: "s1", steps: 1, attempt: 3, failure, dueTime: new Date(1e12) }),
          runs.Cause.fromPartial({
            kind: runs.CauseKind.CAUSE_KIND_CHILD_RUN,
            childState: runs.RunState.RUN_STATE_BLOCKED,
          }),
          runs.Cause.fromPartial({ kind: unknownKind, sentence: "of a newer server" }),
        ];
        const state = runs.RunState.RUN_STATE_RUNNING;
        return runs.ExplainRunResponse.fromPartial({ runId, state, summary: "it backs off", causes, moreCauses: 4 });
      }),
      listRuns: this.#unary("ListRuns", ({ pageToken }: runs.ListRunsRequest) => {
        const page = Number(pageToken || 0);
        const listed = [0, 1].map((index) => runs.Run.fromPartial({ runId: `run_${page}${index}` }));
        return { runs: listed, nextPageToken: page < 2 ? String(page + 1) : "" };
      }),
      getHistory: this.#unary("GetHistory", () => ({
        events: [runs.Event.fromPartial({ sequence: 1, type: "RUN_STARTED" })],
        nextPageToken: "",
      })),
      cancelRun: this.#unary("CancelRun", state(runs.RunState.RUN_STATE_CANCELLED)),
      terminateRun: this.#unary("TerminateRun", state(runs.RunState.RUN_STATE_TERMINATED)),
      retryRun: this.#unary("RetryRun", () => ({ runId: "run_fork", deduplicated: false })),
      signalRun: this.#unary("SignalRun", ({ runId }: runs.SignalRunRequest) => ({
        runId: runId || "run_of_key",
        deduplicated: true,
      })),
      startRun: this.#unary("StartRun", () => ({})),
      waitRun: this.#unary("WaitRun", () => ({})),
    };
  }

  #begin(start: runs.StartRunRequest): runs.StartRunResponse {
    const refused = this.startRefusals.shift();
    if (refused !== undefined) return runs.StartRunResponse.fromPartial({ refusal: refused });
    const runId = `run_${start.requestId}`;
    if (this.endAtOnce) {
      const state = runs.RunState.RUN_STATE_SUCCEEDED;
      this.ended.set(runId, runs.RunResult.fromPartial({ runId, state, output: start.input ?? json(null) }));
    }
    return runs.StartRunResponse.fromPartial({ runId });
  }

  async #awaitRuns(call: ServerDuplexStream<runs.AwaitRunsRequest, runs.AwaitRunsResponse>): Promise<void> {
    const played = await this.#enter("AwaitRuns", undefined);
    if (played instanceof Refused) {
      call.emit("error", statusOf(played));
      return;
    }
    const asked = new Set<string>();
    call.on("data", ({ runIds }: runs.AwaitRunsRequest) => {
      void this.#enter("ids", runIds);
      for (const runId of runIds) asked.add(runId);
    });
    while (!call.cancelled) {
      const ended = [...asked].filter((runId) => this.ended.has(runId));
      const unknown = [...asked].filter((runId) => runId.startsWith("unknown"));
      for (const runId of [...ended, ...unknown]) asked.delete(runId);
      const results = ended.flatMap((runId) => this.ended.get(runId) ?? []);
      if (ended.length + unknown.length > 0) call.write({ results, unknown });
      await sleep(LOOK_MS);
    }
  }

  #workflowService() {
    return {
      applyWorkflow: this.#unary("ApplyWorkflow", ({ definition }: { definition: string }) => ({
        workflow: Workflow.fromPartial({ name: "wf", version: 2, definition, current: true }),
        created: true,
      })),
      validateWorkflow: this.#unary("ValidateWorkflow", () => ({
        problems: [{ field: "steps[0].id", description: "expected an id, came nothing" }],
      })),
      getWorkflow: this.#unary("GetWorkflow", ({ name }: { name: string }) => ({
        workflow: Workflow.fromPartial({ name, version: 1 }),
      })),
      listWorkflows: this.#unary("ListWorkflows", () => ({ workflows: [], nextPageToken: "" })),
    };
  }

  #deadLetterService() {
    const state = DeadLetterState.DEAD_LETTER_STATE_OPEN;
    return {
      listDeadLetters: this.#unary("ListDeadLetters", () => ({
        deadLetters: [DeadLetter.fromPartial({ deadLetterId: "d1", runId: "run_1", state })],
        nextPageToken: "",
      })),
      requeueDeadLetter: this.#unary("RequeueDeadLetter", () => ({ runId: "run_again" })),
      discardDeadLetter: this.#unary("DiscardDeadLetter", () => ({})),
    };
  }

  #adminService() {
    return {
      getServer: this.#unary("GetServer", () => {
        return admin.GetServerResponse.fromPartial({ version: "9", databaseUp: true });
      }),
      listWorkers: this.#unary("ListWorkers", () => ({
        workers: [admin.Worker.fromPartial({ workerId: "w", slots: 3 })],
      })),
      listTimers: this.#unary("ListTimers", ({ pageToken }: admin.ListTimersRequest) =>
        pageToken
          ? { timers: [admin.Timer.fromPartial({ runId: "run_2", kind: "SLEEP" })], nextPageToken: "" }
          : { timers: [admin.Timer.fromPartial({ runId: "run_1" })], nextPageToken: "more" },
      ),
      getOverview: this.#unary("GetOverview", () => {
        const activity = [{ started: 3, failed: 1 }];
        return admin.GetOverviewResponse.fromPartial({ runsOpen: { RUNNING: 2 }, tasksReady: 5, activity });
      }),
      listQueues: this.#unary("ListQueues", () => ({
        queues: [admin.Queue.fromPartial({ queue: "default", action: "noop", ready: 2 })],
      })),
    };
  }
}

function statusOf({ code, message, details }: Refused) {
  const metadata = new Metadata();
  if (details.length > 0) {
    metadata.set("grpc-status-details-bin", Buffer.from(Status.encode({ code, message, details }).finish()));
  }
  return { name: "Error", message, details: message, code, metadata };
}

/** A logger that keeps what it is told. */
export class Records implements Logger {
  readonly all: { level: string; message: string; fields: Readonly<Record<string, unknown>> }[] = [];
  readonly debug = this.#keep("debug");
  readonly info = this.#keep("info");
  readonly warn = this.#keep("warn");
  readonly error = this.#keep("error");

  #keep(level: string) {
    return (message: string, fields: Readonly<Record<string, unknown>>): void => {
      this.all.push({ level, message, fields });
    };
  }
}

/** A server, its workers and clients, all gone at the end of the test. */
export class Bench {
  readonly server = new FakeServer();
  readonly records = new Records();
  readonly #closing: (() => Promise<unknown>)[] = [];

  static async open(): Promise<Bench> {
    const bench = new Bench();
    await bench.server.start();
    return bench;
  }

  /** A running worker. */
  work(
    handlers: Record<string, Handler<any, unknown>>,
    options: WorkerOptions = {},
    workflows: Record<string, WorkflowFunction<any, unknown>> = {},
  ): Worker {
    const worker = new Worker({ address: this.server.address, logger: this.records, drainMs: 200, ...options });
    for (const [action, handler] of Object.entries(handlers)) worker.register(action, handler);
    for (const [name, fn] of Object.entries(workflows)) worker.workflow(name, fn);
    const running = worker.run();
    this.#closing.push(async () => {
      worker.stop();
      await running;
    });
    return worker;
  }

  client(options: ConstructorParameters<typeof Client>[0] = {}): Client {
    const client = new Client({ address: this.server.address, logger: this.records, retryMs: 10_000, ...options });
    this.#closing.push(() => client.close());
    return client;
  }

  async close(): Promise<void> {
    for (const close of this.#closing.reverse()) await close();
    this.server.stop();
  }
}

/** Something a test waits for, or lets others wait for. */
export class Gate {
  open!: () => void;
  readonly opened = new Promise<void>((resolve) => {
    this.open = resolve;
  });
}
