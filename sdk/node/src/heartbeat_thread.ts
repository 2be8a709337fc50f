/**
 * The thread that keeps the Heartbeat stream open for the worker's life, on a connection of its own.
 *
 * Must not load handlers or share anything with the event loop but the lease table and messages.
 */

import { parentPort, workerData } from "node:worker_threads";

import type { ClientDuplexStream } from "@grpc/grpc-js";

import { metadataOf, open } from "./channel.js";
import type { Order, Report, ThreadData } from "./heartbeat.js";
import { readLeases, sharedNowMs, type Shared } from "./lease_table.js";
import { Backoff } from "./retry.js";
import { fromCall } from "./status.js";
import { Watchdog } from "./watchdog.js";
import type { Payload } from "./v1/stellwerk/v1/payload.js";
import {
  WorkerServiceService,
  type HeartbeatRequest,
  type HeartbeatResponse,
  type HeldTask,
  type TaskResult,
} from "./v1/stellwerk/v1/worker.js";

const INTERVAL_MS = 3_000;
// An open line says enough while nothing is held; a thousand idle workers should cost nothing.
const IDLE_MS = 60_000;
// Shorter tasks are done before anybody could doubt them.
const YOUNG_MS = 1_000;
const PROGRESS_GAP_MS = 100;
const FAREWELL_MS = 900;
const BATCH_MAX = 200;
const CALL_TIMEOUT_MS = 15_000;

type Stream = ClientDuplexStream<HeartbeatRequest, HeartbeatResponse>;

interface Progress {
  readonly payload: Payload;
  said: boolean;
}

/** One worker's line: streams after each other, beats on each. */
class Line {
  readonly #data: ThreadData;
  readonly #report: (report: Report) => void;
  readonly #client;
  readonly #metadata;
  readonly #backoff = new Backoff(50, 1_000);
  readonly #progress = new Map<string, Progress>();
  #leases: Shared;
  #stream: Stream | undefined;
  #intervalMs = INTERVAL_MS;
  #saidMs = 0;
  #poked = false;
  #opened = false;
  #timer: NodeJS.Timeout | undefined;
  #leaving = false;
  readonly #watchdog: Watchdog | undefined;

  constructor(data: ThreadData, report: (report: Report) => void) {
    this.#data = data;
    this.#report = report;
    this.#leases = data.leases;
    this.#client = open(data.target);
    this.#metadata = metadataOf(data.target);
    if (data.turn === undefined) return;
    this.#watchdog = new Watchdog(
      data.turn,
      () => this.#leases,
      (results) => {
        this.#tellBlocked(results);
      },
    );
    this.#watchdog.start();
  }

  /** Open a stream; when it ends the next one is opened. */
  hold(): void {
    const method = WorkerServiceService.heartbeat;
    const stream: Stream = this.#client.makeBidiStreamRequest(
      method.path,
      method.requestSerialize,
      method.responseDeserialize,
      this.#metadata,
    );
    this.#stream = stream;
    stream.on("data", (response: HeartbeatResponse) => {
      this.#heard(stream, response);
    });
    stream.on("error", (error) => {
      if (!this.#leaving) this.#report({ kind: "broken", message: fromCall(error, this.#data.target).message });
      this.#ended(stream);
    });
    stream.on("end", () => {
      this.#ended(stream);
    });
    this.#say(this.#greeting());
    this.#arm(this.#intervalMs);
  }

  /** The table has been copied to larger memory. */
  moved(leases: Shared): void {
    this.#leases = leases;
  }

  /** Tell this with a beat, soon. */
  progress(token: Uint8Array, payload: Payload): void {
    this.#progress.set(Buffer.from(token).toString("latin1"), { payload, said: false });
    this.#poked = true;
    if (this.#stream !== undefined) this.#arm(this.#saidMs + PROGRESS_GAP_MS - sharedNowMs());
  }

  /** Say good-bye; the thread ends with the line. */
  leave(): void {
    this.#leaving = true;
    clearTimeout(this.#timer);
    const stream = this.#stream;
    if (stream === undefined) {
      this.#close();
      return;
    }
    const { namespace, workerId } = this.#data.hello;
    this.#say({ ...this.#blank(), namespace, workerId, leaving: true });
    stream.end();
    this.#timer = setTimeout(() => {
      this.#close();
    }, FAREWELL_MS);
  }

  #heard(stream: Stream, response: HeartbeatResponse): void {
    this.#backoff.reset();
    if (!this.#opened) this.#report({ kind: "opened" });
    this.#opened = true;
    if (response.intervalMs > 0 && response.intervalMs !== this.#intervalMs) {
      this.#intervalMs = response.intervalMs;
      if (!this.#leaving && !this.#poked) this.#arm(this.#intervalMs);
    }
    if (response.cancelled.length > 0) this.#report({ kind: "cancelled", tasks: response.cancelled });
    if (response.draining && !this.#leaving) {
      stream.cancel();
      this.#ended(stream);
    }
  }

  #ended(stream: Stream): void {
    if (this.#stream !== stream) return;
    this.#stream = undefined;
    clearTimeout(this.#timer);
    if (this.#leaving) {
      this.#close();
      return;
    }
    this.#timer = setTimeout(() => {
      this.hold();
    }, this.#backoff.nextMs());
  }

  /** Sent here, for the event loop is held up; a worker that is cut off as well loses its leases anyway. */
  #tellBlocked(results: TaskResult[]): void {
    const { namespace, workerId } = this.#data.hello;
    const { path, requestSerialize, responseDeserialize } = WorkerServiceService.completeTask;
    for (const { failure } of results) {
      if (failure !== undefined) this.#report({ kind: "blocked", message: failure.message });
    }
    for (let first = 0; first < results.length; first += BATCH_MAX) {
      const request = { namespace, workerId, results: results.slice(first, first + BATCH_MAX) };
      const deadline = { deadline: Date.now() + CALL_TIMEOUT_MS };
      const told = (error: Error | null): void => {
        if (error !== null) this.#report({ kind: "broken", message: fromCall(error, this.#data.target).message });
      };
      this.#client.makeUnaryRequest(path, requestSerialize, responseDeserialize, request, this.#metadata, deadline, told);
    }
  }

  #close(): void {
    this.#watchdog?.stop();
    clearTimeout(this.#timer);
    this.#stream?.cancel();
    this.#stream = undefined;
    this.#client.close();
    parentPort?.close();
  }

  #arm(delayMs: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(
      () => {
        this.#beat();
      },
      Math.max(delayMs, 0),
    );
  }

  /** Name the tasks held for a while and new progress; say nothing when there is nothing to say yet. */
  #beat(): void {
    const nowMs = sharedNowMs();
    this.#poked = false;
    const held = this.#held((sinceMs, progress) => progress?.said === false || sinceMs < nowMs - YOUNG_MS, false);
    if (held.length > 0 || nowMs - this.#saidMs >= IDLE_MS - INTERVAL_MS / 2) {
      const { namespace, workerId } = this.#data.hello;
      this.#say({ ...this.#blank(), namespace, workerId, held });
    }
    this.#arm(this.#intervalMs);
  }

  /** Tells everything, so that a server that knows nothing of this worker can go on. */
  #greeting(): HeartbeatRequest {
    return { ...this.#data.hello, held: this.#held(() => true, true) };
  }

  #held(wanted: (sinceMs: number, progress: Progress | undefined) => boolean, anew: boolean): HeldTask[] {
    const gone = new Set(this.#progress.keys());
    const held: HeldTask[] = [];
    for (const { token, sinceMs } of readLeases(this.#leases)) {
      const key = token.toString("latin1");
      const progress = this.#progress.get(key);
      gone.delete(key);
      if (!wanted(sinceMs, progress)) continue;
      held.push({ token, progress: progress !== undefined && (anew || !progress.said) ? progress.payload : undefined });
      if (progress !== undefined) progress.said = true;
    }
    for (const key of gone) this.#progress.delete(key);
    return held;
  }

  #say(message: HeartbeatRequest): void {
    this.#saidMs = sharedNowMs();
    this.#poked = false;
    this.#stream?.write(message);
  }

  #blank(): HeartbeatRequest {
    const empty = { namespace: "", workerId: "", queue: "", actions: [], slots: 0 };
    const code = { workflows: [], build: "", pinRuns: false };
    return { ...empty, ...code, held: [], leaving: false, sdk: "", host: "" };
  }
}

function obey(line: Line, order: Order): void {
  switch (order.kind) {
    case "moved":
      line.moved(order.leases);
      break;
    case "progress":
      line.progress(order.token, order.progress);
      break;
    case "leave":
      line.leave();
      break;
  }
}

if (parentPort !== null) {
  const port = parentPort;
  const line = new Line(workerData as ThreadData, (report) => {
    port.postMessage(report);
  });
  port.on("message", (order: Order) => {
    obey(line, order);
  });
  line.hold();
}
