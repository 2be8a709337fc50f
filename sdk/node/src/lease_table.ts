/**
 * The tokens of the held tasks in memory that two threads share: the worker's writes, the heartbeat's reads.
 *
 * A write costs no message and no wake-up, and is there before the handler is entered, however long that one keeps
 * the event loop. Must not be written by more than one thread.
 */

/** The shared memory, as it is handed to the other thread. */
export interface Shared {
  readonly heads: SharedArrayBuffer;
  readonly tokens: SharedArrayBuffer;
  readonly tokenBytes: number;
}

/** A token that is held, and since when. */
export interface Lease {
  readonly token: Buffer;
  readonly sinceMs: number;
  /** A decision of a workflow's code, not a handler's task. */
  readonly decision: boolean;
}

// Per place: a number that changes with every use (0: free), the token's length, when it was taken, and for what.
const HEAD = 4;
const TOKEN_BYTES = 128;
const TICK_MS = 100;

/** Milliseconds on a clock that all threads of the process share and nobody sets. */
export function sharedNowMs(): number {
  const [seconds, nanos] = process.hrtime();
  return seconds * 1_000 + nanos / 1e6;
}

/** The writing side. */
export class LeaseTable {
  #shared: Shared;
  #heads: Int32Array;
  #tokens: Buffer;
  #free: number[] = [];
  #uses = 0;
  readonly #moved: (shared: Shared) => void;

  /** Room for so many; grows when that is not enough, and then tells where it has `moved`. */
  constructor(places: number, moved: (shared: Shared) => void) {
    this.#moved = moved;
    this.#shared = allocate(places, TOKEN_BYTES);
    this.#heads = new Int32Array(this.#shared.heads);
    this.#tokens = Buffer.from(this.#shared.tokens);
    this.#addFree(0, places);
  }

  /** The memory as it is now. */
  get shared(): Shared {
    return this.#shared;
  }

  /** Enter a token; gives its place. */
  hold(token: Uint8Array, nowMs: number, decision = false): number {
    if (token.length > this.#shared.tokenBytes) this.#grow(this.#places, token.length * 2);
    if (this.#free.length === 0) this.#grow(this.#places * 2, this.#shared.tokenBytes);
    const place = this.#free.pop() ?? 0;
    this.#tokens.set(token, place * this.#shared.tokenBytes);
    this.#uses = (this.#uses % 0x7fffffff) + 1;
    this.#heads[place * HEAD + 1] = token.length;
    this.#heads[place * HEAD + 2] = Math.floor(nowMs / TICK_MS);
    this.#heads[place * HEAD + 3] = decision ? 1 : 0;
    Atomics.store(this.#heads, place * HEAD, this.#uses);
    return place;
  }

  /** Take a token out. */
  release(place: number): void {
    Atomics.store(this.#heads, place * HEAD, 0);
    this.#free.push(place);
  }

  get #places(): number {
    return this.#heads.length / HEAD;
  }

  #addFree(from: number, to: number): void {
    for (let place = to - 1; place >= from; place--) this.#free.push(place);
  }

  /** Copy everything, every token at its place, into larger memory. */
  #grow(places: number, tokenBytes: number): void {
    const [before, oldHeads, oldTokens, oldPlaces] = [this.#shared, this.#heads, this.#tokens, this.#places];
    this.#shared = allocate(places, tokenBytes);
    this.#heads = new Int32Array(this.#shared.heads);
    this.#tokens = Buffer.from(this.#shared.tokens);
    for (let place = 0; place < oldPlaces; place++) {
      const begin = place * before.tokenBytes;
      oldTokens.copy(this.#tokens, place * tokenBytes, begin, begin + before.tokenBytes);
    }
    this.#heads.set(oldHeads);
    this.#addFree(oldPlaces, places);
    this.#moved(this.#shared);
  }
}

/** The reading side: every token that is held now. */
export function readLeases({ heads, tokens, tokenBytes }: Shared): Lease[] {
  const head = new Int32Array(heads);
  const bytes = Buffer.from(tokens);
  const leases: Lease[] = [];
  for (let place = 0; place * HEAD < head.length; place++) {
    const use = Atomics.load(head, place * HEAD);
    if (use === 0) continue;
    const begin = place * tokenBytes;
    const token = Buffer.from(bytes.subarray(begin, begin + (head[place * HEAD + 1] ?? 0)));
    const sinceMs = (head[place * HEAD + 2] ?? 0) * TICK_MS;
    const decision = head[place * HEAD + 3] === 1;
    // Used anew while it was read: the old token is gone, and the new one too young to matter.
    if (Atomics.load(head, place * HEAD) === use) leases.push({ token, sinceMs, decision });
  }
  return leases;
}

function allocate(places: number, tokenBytes: number): Shared {
  return {
    heads: new SharedArrayBuffer(places * HEAD * Int32Array.BYTES_PER_ELEMENT),
    tokens: new SharedArrayBuffer(places * tokenBytes),
    tokenBytes,
  };
}
