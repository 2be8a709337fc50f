/**
 * The worker's line as the event loop sees it: a thread with a connection of its own that no handler can hold up.
 *
 * Must not speak to the server itself: `heartbeat_thread.ts` does.
 */

import { Worker as Thread } from "node:worker_threads";

import type { Target } from "./channel.js";
import { LeaseTable, sharedNowMs, type Shared } from "./lease_table.js";
import type { Logger } from "./logger.js";
import { Backoff, pause } from "./retry.js";
import type { SharedTurn } from "./turn_mark.js";
import type { Payload } from "./v1/stellwerk/v1/payload.js";
import type { HeartbeatRequest } from "./v1/stellwerk/v1/worker.js";

/** What the thread is born with. */
export interface ThreadData {
  readonly target: Target;
  /** The first message of each stream, without tasks. */
  readonly hello: HeartbeatRequest;
  readonly leases: Shared;
  /** Which code runs now; undefined for a worker without workflows. */
  readonly turn: SharedTurn | undefined;
}

/** What the thread is told. */
export type Order =
  | { readonly kind: "moved"; readonly leases: Shared }
  | { readonly kind: "progress"; readonly token: Uint8Array; readonly progress: Payload }
  | { readonly kind: "leave" };

/** What the thread tells. */
export type Report =
  | { readonly kind: "opened" }
  | { readonly kind: "cancelled"; readonly tasks: readonly { readonly token: Uint8Array; readonly reason: string }[] }
  | { readonly kind: "broken"; readonly message: string }
  | { readonly kind: "blocked"; readonly message: string };

/** Who is told what the server says. */
export interface Listener {
  /** It has answered on a new line. */
  opened(): void;
  cancelled(token: Uint8Array, reason: string): void;
}

/** Keeps the thread alive, and through it the leases of what is held. */
export class Heartbeat {
  readonly #data: Omit<ThreadData, "leases">;
  readonly #logger: Logger;
  readonly #heard: Listener;
  readonly #table: LeaseTable;
  readonly #backoff = new Backoff();
  readonly #ending = new AbortController();
  #thread: Thread | undefined;

  constructor(data: Omit<ThreadData, "leases">, logger: Logger, heard: Listener) {
    this.#data = data;
    this.#logger = logger;
    this.#heard = heard;
    this.#table = new LeaseTable(Math.max(2 * data.hello.slots, 64), (leases) => {
      this.#tell({ kind: "moved", leases });
    });
  }

  /** Open the line. */
  start(): void {
    const workerData: ThreadData = { ...this.#data, leases: this.#table.shared };
    const thread = new Thread(new URL("./heartbeat_thread.js", import.meta.url), {
      workerData,
      name: "stellwerk-heartbeat",
      // What the program loads into itself is not for this thread.
      execArgv: [],
    });
    this.#thread = thread;
    thread.on("message", (report: Report) => {
      this.#take(report);
    });
    thread.on("error", (error) => {
      this.#logger.error("the heartbeat thread failed", { error });
    });
    thread.on("exit", () => {
      this.#thread = undefined;
      void this.#restart();
    });
  }

  /** The tasks are held from now on; gives the place of each. */
  hold(tokens: readonly Uint8Array[], decisions = false): number[] {
    const nowMs = sharedNowMs();
    return tokens.map((token) => this.#table.hold(token, nowMs, decisions));
  }

  /** The task at that place has its verdict. */
  release(place: number): void {
    this.#table.release(place);
  }

  /** Beat soon: there is progress to tell. */
  progress(token: Uint8Array, progress: Payload): void {
    this.#tell({ kind: "progress", token, progress });
  }

  /** Say good-bye and close; takes at most that long. */
  async stop(timeoutMs: number): Promise<void> {
    this.#ending.abort();
    const thread = this.#thread;
    if (thread === undefined) return;
    const gone = new AbortController();
    thread.once("exit", () => {
      gone.abort();
    });
    this.#tell({ kind: "leave" });
    if (await pause(timeoutMs, gone.signal)) await thread.terminate();
  }

  #tell(order: Order): void {
    this.#thread?.postMessage(order);
  }

  #take(report: Report): void {
    switch (report.kind) {
      case "opened":
        this.#heard.opened();
        break;
      case "broken":
        this.#logger.info("the heartbeat line broke, opening it again", { error: report.message });
        break;
      case "blocked":
        this.#logger.error(report.message, {});
        break;
      case "cancelled":
        for (const { token, reason } of report.tasks) this.#heard.cancelled(token, reason);
        break;
    }
  }

  /** A bug of ours or of the transport's must not let the leases run out. */
  async #restart(): Promise<void> {
    if (!this.#ending.signal.aborted && (await pause(this.#backoff.nextMs(), this.#ending.signal))) this.start();
  }
}
