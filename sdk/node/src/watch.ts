/** A WatchRun that survives its connection, and must not give anything twice: it remembers what was seen. */

import { performance } from "node:perf_hooks";

import type { Connection } from "./connection.js";
import { Unavailable, type RequestError } from "./errors.js";
import { chunk as readChunk, event as readEvent } from "./reading.js";
import type { Chunk, Event } from "./records.js";
import { Backoff, isRetryable, pause } from "./retry.js";
import { fromCall } from "./status.js";
import type { WatchRunResponse } from "./v1/stellwerk/v1/run.js";

interface Wanted {
  readonly afterSequence?: number | undefined;
  readonly chunks?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** One watch of one run. */
export class Watch {
  readonly #connection: Connection;
  readonly #runId: string;
  readonly #chunks: boolean;
  readonly #signal: AbortSignal | undefined;
  readonly #chunksSeen = new Map<string, number>();
  readonly #backoff = new Backoff();
  #sequence: number;
  #aliveMs = performance.now();

  constructor(connection: Connection, runId: string, wanted: Wanted) {
    this.#connection = connection;
    this.#runId = runId;
    this.#sequence = wanted.afterSequence ?? 0;
    this.#chunks = wanted.chunks ?? true;
    this.#signal = wanted.signal;
  }

  /** Every event and chunk, once. */
  async *items(): AsyncGenerator<Event | Chunk, void, undefined> {
    for (;;) {
      this.#signal?.throwIfAborted();
      let failure: RequestError;
      const stream = this.#open();
      const cut = (): void => {
        stream.cancel();
      };
      this.#signal?.addEventListener("abort", cut, { once: true });
      this.#connection.closed.addEventListener("abort", cut, { once: true });
      try {
        for await (const message of stream) {
          this.#aliveMs = performance.now();
          this.#backoff.reset();
          yield* this.#unseen(message as WatchRunResponse);
        }
        return;
      } catch (error) {
        failure = fromCall(error, this.#connection.target);
      } finally {
        this.#signal?.removeEventListener("abort", cut);
        this.#connection.closed.removeEventListener("abort", cut);
        stream.cancel();
      }
      await this.#pause(failure);
    }
  }

  #open() {
    const stream = this.#connection.watch({
      namespace: this.#connection.namespace,
      runId: this.#runId,
      afterSequence: this.#sequence,
      includeChunks: this.#chunks,
    });
    // Whoever leaves the loop early cancels the stream, and nobody listens to its error then.
    stream.on("error", () => undefined);
    return stream;
  }

  /** Chunks come first: they were streamed before the event that ends their attempt. */
  #unseen(message: WatchRunResponse): (Event | Chunk)[] {
    const items: (Event | Chunk)[] = [];
    for (const chunk of message.chunks) {
      const key = `${chunk.attempt} ${chunk.step}`;
      if (chunk.sequence <= (this.#chunksSeen.get(key) ?? 0)) continue;
      this.#chunksSeen.set(key, chunk.sequence);
      items.push(readChunk(chunk));
    }
    for (const event of message.events) {
      if (event.sequence <= this.#sequence) continue;
      this.#sequence = event.sequence;
      items.push(readEvent(event));
    }
    return items;
  }

  async #pause(failure: RequestError): Promise<void> {
    this.#signal?.throwIfAborted();
    this.#connection.checkOpen();
    const late = performance.now() - this.#aliveMs > this.#connection.retryMs;
    if (!isRetryable(failure) || (late && failure instanceof Unavailable)) throw failure;
    await pause(this.#backoff.nextMs(), this.#signal ?? this.#connection.closed);
  }
}
