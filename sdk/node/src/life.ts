/**
 * One life of a worker, from its first poll to its farewell: wires the parts and takes them down in order.
 *
 * Must not know handlers' insides; everything in it is thrown away at the end.
 */

import { hostname } from "node:os";

import type { Client } from "@grpc/grpc-js";

import { metadataOf, open, type Target } from "./channel.js";
import { ChunkLine } from "./chunks.js";
import { durationMessage } from "./duration.js";
import type { HandlerPlan } from "./handler.js";
import { Heartbeat } from "./heartbeat.js";
import type { Logger } from "./logger.js";
import { Outbox } from "./outbox.js";
import { Poller, TIMEOUT_MS, WAIT_MS } from "./poller.js";
import { pause } from "./retry.js";
import { released, Runner } from "./runner.js";
import type { WorkerSpans } from "./spans.js";
import { flush, spans } from "./telemetry.js";
import { Calls } from "./unary.js";
import {
  WorkerServiceService,
  type HeartbeatRequest,
  type PollTaskRequest,
  type Task,
} from "./v1/stellwerk/v1/worker.js";
import { VERSION } from "./version.js";

const CALL_TIMEOUT_MS = 15_000;
const FLUSH_MS = 5_000;
// Handlers get this long to see that they were cancelled at the end of the drain.
const UNWIND_MS = 2_000;
const FAREWELL_MS = 1_000;
const BACKLOG_MIN = 1_000;

/** The worker's options, checked. */
export interface Settings {
  readonly target: Target;
  readonly workerId: string;
  readonly queue: string;
  readonly slots: number;
  readonly polls: number;
  readonly drainMs: number;
  readonly logger: Logger;
}

/** `live` resolves when the worker has stopped. */
export class Life {
  readonly #settings: Settings;
  readonly #actions: string[];
  readonly #spans: WorkerSpans | undefined;
  readonly #client: Client;
  readonly #calls: Calls;
  readonly #stop = new AbortController();
  readonly #heartbeat: Heartbeat;
  readonly #chunks: ChunkLine;
  readonly #outbox: Outbox;
  readonly #runner: Runner;
  readonly #poller: Poller;
  #waiting = new AbortController();
  #hurried = false;

  constructor(settings: Settings, plans: ReadonlyMap<string, HandlerPlan>) {
    this.#settings = settings;
    this.#actions = [...plans.keys()].sort();
    const traced = spans(settings.target.namespace);
    this.#spans = traced?.ofWorker(settings.queue, settings.workerId);
    this.#client = open(settings.target, traced?.grpcClient);
    this.#calls = new Calls(this.#client, metadataOf(settings.target));
    const line = { target: settings.target, hello: this.#hello() };
    this.#heartbeat = new Heartbeat(line, settings.logger, {
      opened: () => {
        this.#poller.lineOpened();
      },
      cancelled: (token, reason) => {
        this.#runner.cancel(token, reason || "CANCELLED");
      },
    });
    this.#chunks = this.#openChunks();
    this.#outbox = this.#openOutbox();
    this.#runner = this.#openRunner(plans);
    this.#poller = this.#openPoller();
  }

  /** Begin the drain; a second call ends it at once. */
  stop(): void {
    this.#hurried = this.#stop.signal.aborted;
    (this.#hurried ? this.#waiting : this.#stop).abort();
  }

  /** Work until stopped, then drain. */
  async live(): Promise<void> {
    const { drainMs, logger } = this.#settings;
    this.#heartbeat.start();
    this.#poller.start();
    await aborted(this.#stop.signal);
    logger.info("stopping", { drain_ms: drainMs, tasks: this.#runner.running });
    await this.#drain(drainMs);
    await this.#close();
  }

  /** No new tasks; the running ones end by themselves or are ended; their results get out. */
  async #drain(drainMs: number): Promise<void> {
    await this.#poller.stop();
    if (!(await this.#settles(this.#hurried ? 0 : drainMs))) {
      this.#runner.stopAll();
      await this.#settles(UNWIND_MS);
    }
    this.#runner.giveUp();
    const patience = new AbortController();
    await Promise.race([this.#outbox.flush(), pause(FLUSH_MS, patience.signal)]);
    patience.abort();
  }

  /** Wait for the running handlers, for so long or until somebody is in a hurry. */
  async #settles(limitMs: number): Promise<boolean> {
    if (this.#runner.running > 0 && limitMs > 0) {
      this.#waiting = new AbortController();
      await pause(limitMs, this.#waiting.signal);
    }
    return this.#runner.running === 0;
  }

  async #close(): Promise<void> {
    this.#outbox.close();
    this.#chunks.close();
    await this.#heartbeat.stop(FAREWELL_MS);
    this.#calls.cancelAll();
    this.#client.close();
    await flush();
  }

  #freed(): void {
    this.#poller.wake();
    if (this.#runner.running === 0) this.#waiting.abort();
  }

  /** None while results pile up that the server does not take. */
  #freeSlots(): number {
    const { slots } = this.#settings;
    return this.#outbox.unsettled > Math.max(BACKLOG_MIN, 4 * slots) ? 0 : slots - this.#runner.running;
  }

  #settled(token: Buffer): void {
    this.#runner.forget(token);
    if (this.#outbox.unsettled <= BACKLOG_MIN) this.#poller.wake();
  }

  #giveBack(tasks: readonly Task[]): void {
    for (const task of tasks) this.#outbox.add(released(task));
  }

  #openOutbox(): Outbox {
    const { target, workerId, logger } = this.#settings;
    const { namespace } = target;
    return new Outbox({
      target,
      logger,
      spans: this.#spans,
      send: (results) => {
        const request = { namespace, workerId, results };
        return this.#calls.send(WorkerServiceService.completeTask, request, CALL_TIMEOUT_MS).answer;
      },
      settled: (token) => {
        this.#settled(token);
      },
    });
  }

  #openRunner(plans: ReadonlyMap<string, HandlerPlan>): Runner {
    return new Runner(plans, {
      spans: this.#spans,
      lines: {
        chunks: this.#chunks,
        logger: this.#settings.logger,
        progress: (token, progress) => {
          this.#heartbeat.progress(token, progress);
        },
      },
      hold: (tokens) => this.#heartbeat.hold(tokens),
      release: (place) => {
        this.#heartbeat.release(place);
      },
      finish: (result) => {
        this.#outbox.add(result);
      },
      freed: () => {
        this.#freed();
      },
    });
  }

  #openPoller(): Poller {
    const { polls, target, logger } = this.#settings;
    const request = this.#pollRequest();
    return new Poller({
      polls,
      target,
      logger,
      poll: (maxTasks) => {
        const call = this.#calls.send(WorkerServiceService.pollTask, { ...request, maxTasks }, TIMEOUT_MS);
        return this.#spans?.polling(call) ?? call;
      },
      freeSlots: () => this.#freeSlots(),
      accept: (tasks) => {
        this.#runner.accept(tasks);
      },
      giveBack: (tasks) => {
        this.#giveBack(tasks);
      },
    });
  }

  #openChunks(): ChunkLine {
    const { target, logger } = this.#settings;
    const { path, requestSerialize, responseDeserialize } = WorkerServiceService.streamResult;
    const metadata = metadataOf(target);
    const call = () => this.#client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize, metadata);
    return new ChunkLine({ name: "StreamResult", target, logger, open: call });
  }

  #hello(): HeartbeatRequest {
    const { target, workerId, queue, slots } = this.#settings;
    const who = { namespace: target.namespace, workerId, queue, actions: this.#actions, slots };
    return { ...who, held: [], leaving: false, sdk: `node ${VERSION}`, host: hostname() };
  }

  #pollRequest(): PollTaskRequest {
    const { target, workerId, queue } = this.#settings;
    const who = { namespace: target.namespace, workerId, queue, actions: this.#actions };
    return { ...who, maxTasks: 0, wait: durationMessage(WAIT_MS) };
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => { resolve(); }, { once: true });
  });
}
