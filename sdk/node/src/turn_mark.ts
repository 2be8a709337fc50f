/**
 * Which code runs now, in memory that two threads share: the worker's writes, the heartbeat's reads.
 *
 * Must not be written by more than one thread.
 */

import type { DecidedRun } from "./decided_run.js";
import { sharedNowMs } from "./lease_table.js";
import type { TurnWatch } from "./turns.js";

/** The shared memory, as it is handed to the other thread. */
export interface SharedTurn {
  readonly head: SharedArrayBuffer;
  readonly marks: SharedArrayBuffer;
}

/** A turn that has not ended. */
export interface OpenTurn {
  /** Changes with every turn. */
  readonly use: number;
  readonly sinceMs: number;
  readonly runs: readonly MarkedRun[];
}

/** A run whose code may go on in that turn. */
export interface MarkedRun {
  readonly token: Buffer;
  readonly workflow: string;
  readonly runId: string;
}

// A number that changes with every turn (0: none is open), when it began, and the length of its marks.
const HEAD = 3;
const MARKS_BYTES = 512 * 1024;
const TICK_MS = 10;

/** The writing side. */
export class TurnMark implements TurnWatch<DecidedRun> {
  readonly shared: SharedTurn = {
    head: new SharedArrayBuffer(HEAD * Int32Array.BYTES_PER_ELEMENT),
    marks: new SharedArrayBuffer(MARKS_BYTES),
  };
  readonly #head = new Int32Array(this.shared.head);
  readonly #marks = Buffer.from(this.shared.marks);
  #uses = 0;

  /** These runs go on now. */
  begin(runs: readonly DecidedRun[]): void {
    const length = this.#write(runs);
    this.#head[1] = Math.floor(sharedNowMs() / TICK_MS);
    this.#head[2] = length;
    this.#uses = (this.#uses % 0x7fffffff) + 1;
    Atomics.store(this.#head, 0, this.#uses);
  }

  /** They have come to a wait. */
  end(): void {
    Atomics.store(this.#head, 0, 0);
  }

  /** A line for each run; those that do not fit are not watched. */
  #write(runs: readonly DecidedRun[]): number {
    let length = 0;
    for (const { mark } of runs) {
      if (length + 3 * mark.length + 1 > MARKS_BYTES) break;
      length += this.#marks.write(`${mark}\n`, length);
    }
    return length;
  }
}

/** The reading side: the turn that is open, if one is. */
export function readTurn({ head, marks }: SharedTurn): OpenTurn | undefined {
  const words = new Int32Array(head);
  const use = Atomics.load(words, 0);
  if (use === 0) return undefined;
  const sinceMs = (words[1] ?? 0) * TICK_MS;
  const text = Buffer.from(Buffer.from(marks).subarray(0, words[2] ?? 0)).toString();
  // Another turn has begun meanwhile: nothing is stuck.
  if (Atomics.load(words, 0) !== use) return undefined;
  const runs = text.split("\n").filter(Boolean).map((line) => {
    const [token = "", workflow = "", runId = ""] = JSON.parse(line) as string[];
    return { token: Buffer.from(token, "base64"), workflow, runId };
  });
  return { use, sinceMs, runs };
}
