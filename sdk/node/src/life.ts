/**
 * One life of a worker, from its first poll to its farewell: wires the parts and takes them down in order.
 *
 * Must not know handlers' insides; everything in it is thrown away at the end.
 */

import { hostname } from "node:os";

import type { Client } from "@grpc/grpc-js";

import { metadataOf, open, type Target } from "./channel.js";
import { ChunkLine } from "./chunks.js";
import { Decider } from "./decider.js";
import { durationMessage } from "./duration.js";
import type { HandlerPlan } from "./handler.js";
import { Heartbeat } from "./heartbeat.js";
import type { Logger } from "./logger.js";
import { Outbox } from "./outbox.js";
import { Poller, TIMEOUT_MS, WAIT_MS } from "./poller.js";
import { pause } from "./retry.js";
import { readHistory } from "./run_history.js";
import { released, Runner } from "./runner.js";
import type { WorkerSpans } from "./spans.js";
import { flush, spans } from "./telemetry.js";
import { TurnMark } from "./turn_mark.js";
import { Calls, type Call } from "./unary.js";
import {
  WorkerServiceService,
  type HeartbeatRequest,
  type PollTaskRequest,
  type PollTaskResponse,
  type Task,
} from "./v1/stellwerk/v1/worker.js";
import { VERSION } from "./version.js";
import type { WorkflowPlan } from "./workflow.js";

const CALL_TIMEOUT_MS = 15_000;
const FLUSH_MS = 5_000;
// Handlers get this long to see that they were cancelled at the end of the drain.
const UNWIND_MS = 2_000;
const FAREWELL_MS = 1_000;
const BACKLOG_MIN = 1_000;
// Decisions that may be in hand at once; they take little time, and no handler's place.
const DECISIONS = 200;

/** The worker's options, checked. */
export interface Settings {
  readonly target: Target;
  readonly workerId: string;
  readonly queue: string;
  readonly slots: number;
  readonly polls: number;
  readonly drainMs: number;
  readonly logger: Logger;
  readonly build: string;
  readonly pinRuns: boolean;
  readonly cachedRuns: number;
}

/** What a worker can do. */
export interface Skills {
  readonly handlers: ReadonlyMap<string, HandlerPlan>;
  readonly workflows: ReadonlyMap<string, WorkflowPlan>;
}

/** `live` resolves when the worker has stopped. */
export class Life {
  readonly #settings: Settings;
  readonly #skills: Skills;
  readonly #spans: WorkerSpans | undefined;
  readonly #client: Client;
  readonly #calls: Calls;
  readonly #stop = new AbortController();
  readonly #closing = new AbortController();
  readonly #heartbeat: Heartbeat;
  readonly #chunks: ChunkLine;
  readonly #outbox: Outbox;
  readonly #runner: Runner;
  readonly #decider: Decider;
  readonly #pollers: readonly Poller[];
  readonly #turn = new TurnMark();
  #waiting = new AbortController();
  #hurried = false;

  constructor(settings: Settings, skills: Skills) {
    this.#settings = settings;
    this.#skills = skills;
    const traced = spans(settings.target.namespace);
    this.#spans = traced?.ofWorker(settings.queue, settings.workerId);
    this.#client = open(settings.target, traced?.grpcClient);
    this.#calls = new Calls(this.#client, metadataOf(settings.target));
    const turn = skills.workflows.size > 0 ? this.#turn.shared : undefined;
    const line = { target: settings.target, hello: this.#hello(), turn };
    this.#heartbeat = new Heartbeat(line, settings.logger, {
      opened: () => {
        for (const poller of this.#pollers) poller.lineOpened();
      },
      cancelled: (token, reason) => {
        if (!this.#decider.cancel(token, reason)) this.#runner.cancel(token, reason || "CANCELLED");
      },
    });
    this.#chunks = this.#openChunks();
    this.#outbox = this.#openOutbox();
    this.#runner = this.#openRunner(skills.handlers);
    this.#decider = this.#openDecider();
    this.#pollers = this.#openPollers();
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
    for (const poller of this.#pollers) poller.start();
    await aborted(this.#stop.signal);
    logger.info("stopping", { drain_ms: drainMs, tasks: this.#running });
    await this.#drain(drainMs);
    await this.#close();
  }

  /** No new tasks; the running ones end by themselves or are ended; their results get out. */
  async #drain(drainMs: number): Promise<void> {
    await Promise.all(this.#pollers.map((poller) => poller.stop()));
    if (!(await this.#settles(this.#hurried ? 0 : drainMs))) {
      this.#runner.stopAll();
      this.#decider.giveUp();
      await this.#settles(UNWIND_MS);
    }
    this.#runner.giveUp();
    this.#closing.abort();
    const patience = new AbortController();
    await Promise.race([this.#outbox.flush(), pause(FLUSH_MS, patience.signal)]);
    patience.abort();
  }

  /** Wait for the running handlers, for so long or until somebody is in a hurry. */
  async #settles(limitMs: number): Promise<boolean> {
    if (this.#running > 0 && limitMs > 0) {
      this.#waiting = new AbortController();
      await pause(limitMs, this.#waiting.signal);
    }
    return this.#running === 0;
  }

  get #running(): number {
    return this.#runner.running + this.#decider.running;
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
    this.#wake();
    if (this.#running === 0) this.#waiting.abort();
  }

  #wake(): void {
    for (const poller of this.#pollers) poller.wake();
  }

  /** None while results pile up that the server does not take. */
  #free(places: number, running: number): number {
    return this.#outbox.unsettled > Math.max(BACKLOG_MIN, 4 * this.#settings.slots) ? 0 : places - running;
  }

  #settled(token: Buffer): void {
    this.#runner.forget(token);
    if (this.#outbox.unsettled <= BACKLOG_MIN) this.#wake();
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

  #openDecider(): Decider {
    const { target, logger, build, pinRuns, cachedRuns } = this.#settings;
    return new Decider(this.#skills.workflows, {
      ...{ logger, build, pinRuns, cachedRuns, watch: this.#turn },
      hold: (tokens) => this.#heartbeat.hold(tokens, true),
      release: (place) => {
        this.#heartbeat.release(place);
      },
      send: (result, told) => {
        this.#outbox.add(result, told);
      },
      history: (runId) => readHistory(this.#calls, target, runId, this.#closing.signal),
      freed: () => {
        this.#freed();
      },
    });
  }

  /** Handlers and decisions have places of their own, so that neither takes the other's. */
  #openPollers(): Poller[] {
    const { handlers, workflows } = this.#skills;
    const { slots } = this.#settings;
    const [runner, decider, traced] = [this.#runner, this.#decider, this.#spans];
    const pollers: Poller[] = [];
    if (handlers.size > 0) {
      const polling = traced && ((call: Call<PollTaskResponse>) => traced.polling(call));
      pollers.push(this.#openPoller(actionsOf(handlers), slots, runner, polling));
    }
    if (workflows.size > 0) {
      const actions = actionsOf(workflows).map((name) => `workflow:${name}`);
      pollers.push(this.#openPoller(actions, DECISIONS, decider));
    }
    return pollers;
  }

  #openPoller(
    actions: string[],
    places: number,
    taker: Runner | Decider,
    polling?: (call: Call<PollTaskResponse>) => Call<PollTaskResponse>,
  ): Poller {
    const { polls, target, logger } = this.#settings;
    const request = this.#pollRequest(actions);
    return new Poller({
      polls,
      target,
      logger,
      poll: (maxTasks) => {
        const call = this.#calls.send(WorkerServiceService.pollTask, { ...request, maxTasks }, TIMEOUT_MS);
        return polling?.(call) ?? call;
      },
      freeSlots: () => this.#free(places, taker.running),
      accept: (tasks) => {
        taker.accept(tasks);
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
    const { target, workerId, queue, slots, build, pinRuns } = this.#settings;
    const { handlers, workflows } = this.#skills;
    const who = { namespace: target.namespace, workerId, queue, actions: actionsOf(handlers), slots };
    const code = { workflows: actionsOf(workflows), build: workflows.size > 0 ? build : "", pinRuns };
    return { ...who, ...code, held: [], leaving: false, sdk: `node ${VERSION}`, host: hostname() };
  }

  #pollRequest(actions: string[]): PollTaskRequest {
    const { target, workerId, queue, build, pinRuns } = this.#settings;
    const pinnedBuild = pinRuns ? build : "";
    const who = { namespace: target.namespace, workerId, queue, actions, pinnedBuild };
    return { ...who, maxTasks: 0, wait: durationMessage(WAIT_MS) };
  }
}

function actionsOf(plans: ReadonlyMap<string, unknown>): string[] {
  return [...plans.keys()].sort();
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => { resolve(); }, { once: true });
  });
}
