/**
 * Chunks of running handlers on one StreamResult stream: in order, acknowledged, sent again when it breaks.
 *
 * Must not hold without bound: a task with too many unacknowledged chunks waits.
 */

import { Duplex, type Line, type Talk } from "./duplex.js";
import { TaskCancelled, type RequestError } from "./errors.js";
import type { HeldTask } from "./held.js";
import { payloadBytes } from "./payload.js";
import { fromRefusal } from "./status.js";
import type { Payload } from "./v1/stellwerk/v1/payload.js";
import type { StreamResultRequest, StreamResultResponse } from "./v1/stellwerk/v1/worker.js";

const WINDOW_CHUNKS = 256;
const WINDOW_BYTES = 4 * 1024 * 1024;

interface Pending {
  readonly message: StreamResultRequest;
  readonly bytes: number;
}

/** The unacknowledged chunks of one attempt. */
export class TaskChunks {
  readonly held: HeldTask;
  pending: Pending[] = [];
  error: RequestError | undefined;
  #last = 0;
  #pendingBytes = 0;
  #waiters: (() => void)[] = [];

  constructor(held: HeldTask) {
    this.held = held;
  }

  /** Give a chunk its number. */
  add(chunk: Payload): StreamResultRequest {
    this.#last += 1;
    const message = { token: this.held.task.token, sequence: this.#last, chunk };
    if (this.error === undefined) {
      const bytes = payloadBytes(chunk);
      this.pending.push({ message, bytes });
      this.#pendingBytes += bytes;
    }
    return message;
  }

  /** Everything up to this number is durable. */
  acknowledge(sequence: number): void {
    const after = this.pending.findIndex(({ message }) => message.sequence > sequence);
    const durable = this.pending.splice(0, after < 0 ? this.pending.length : after);
    for (const { bytes } of durable) this.#pendingBytes -= bytes;
  }

  /** Nothing of it will be acknowledged any more. */
  drop(error?: RequestError): void {
    this.error ??= error;
    this.pending = [];
    this.#pendingBytes = 0;
  }

  /** Wait until there is room for another chunk. Rejects with a refusal or TaskCancelled. */
  room(): Promise<void> {
    return this.#until(() => this.pending.length < WINDOW_CHUNKS && this.#pendingBytes < WINDOW_BYTES);
  }

  /** Wait until every chunk is durable. Rejects with a refusal or TaskCancelled. */
  flushed(): Promise<void> {
    return this.#until(() => this.pending.length === 0);
  }

  /** Let whoever waits look again. */
  wake(): void {
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const waiter of waiters) waiter();
  }

  async #until(ready: () => boolean): Promise<void> {
    while (!ready()) {
      if (this.error !== undefined) throw this.error;
      if (this.held.cancelReason) throw new TaskCancelled(this.held.cancelReason);
      await new Promise<void>((resolve) => this.#waiters.push(resolve));
    }
    if (this.error !== undefined) throw this.error;
  }
}

/** The worker's chunk stream; opened with its first chunk. */
export class ChunkLine implements Talk<StreamResultRequest, StreamResultResponse> {
  readonly #line: Duplex<StreamResultRequest, StreamResultResponse>;
  readonly #tasks = new Map<string, TaskChunks>();
  #unsaid: StreamResultRequest[] = [];
  #said = 0;

  constructor(line: Line<StreamResultRequest, StreamResultResponse>) {
    this.#line = new Duplex(line, this);
  }

  /** Put a chunk on the line; the promise is for the handler to be slowed down to the line's speed. */
  push(held: HeldTask, chunk: Payload): Promise<void> {
    const chunks = (held.chunks ??= new TaskChunks(held));
    this.#tasks.set(held.key, chunks);
    const message = chunks.add(chunk);
    if (chunks.error === undefined) {
      this.#unsaid.push(message);
      this.#line.wake();
    }
    return chunks.room();
  }

  /** The task is done: whatever is still unacknowledged has no lease any more. */
  forget(held: HeldTask): void {
    if (held.chunks === undefined) return;
    this.#tasks.delete(held.key);
    held.chunks.drop();
    held.chunks.wake();
  }

  /** End the stream. */
  close(): void {
    this.#line.close();
  }

  /** The next chunk to write. */
  take(): StreamResultRequest | undefined {
    if (this.#said < this.#unsaid.length) return this.#unsaid[this.#said++];
    this.#unsaid = [];
    this.#said = 0;
    return undefined;
  }

  /** Every unacknowledged chunk goes again; the server ignores numbers it has. */
  restart(): void {
    this.#unsaid = [...this.#tasks.values()].flatMap((chunks) => chunks.pending.map(({ message }) => message));
    this.#said = 0;
  }

  /** Drop what is durable; a refusal ends the task's chunks. */
  receive(message: StreamResultResponse): void {
    const chunks = this.#tasks.get(message.token.toString("latin1"));
    if (chunks === undefined) return;
    if (message.refusal === undefined) chunks.acknowledge(message.sequence);
    else this.#refuse(chunks, fromRefusal(message.refusal));
    chunks.wake();
  }

  /** True while a chunk is unacknowledged. */
  busy(): boolean {
    for (const chunks of this.#tasks.values()) if (chunks.pending.length > 0) return true;
    return false;
  }

  /** Nothing to do: a lease that is lost meanwhile cancels its handler. */
  failed(): void {
    return undefined;
  }

  #refuse(chunks: TaskChunks, error: RequestError): void {
    chunks.drop(error);
    if (error.reason === "LEASE_LOST") chunks.held.cancel("LEASE_LOST");
  }
}
