// Actions that show before they are confirmed: an overlay of expected values that the event confirms or a refusal takes back.
// It must never change what the projection itself holds.

import { signal, type ReadonlySignal } from "@preact/signals";

interface Expected<T> {
  value: T;
  token: number;
}

/** What is expected, by key. An expectation ends when it is confirmed, refused, or nothing came for too long. */
export class Optimistic<T> {
  private readonly expected = signal<ReadonlyMap<string, Expected<T>>>(new Map());
  private nextToken = 0;
  private readonly patienceMs: number;

  constructor(patienceMs = 15_000) {
    this.patienceMs = patienceMs;
  }

  get changes(): ReadonlySignal<unknown> {
    return this.expected;
  }

  get(key: string): T | undefined {
    return this.expected.value.get(key)?.value;
  }

  /** Shows `value` for `key` now and acts; a refusal takes it back and is thrown on. */
  async act<R>(key: string, value: T, action: () => Promise<R>): Promise<R> {
    const token = ++this.nextToken;
    this.put(key, { value, token });
    try {
      const answer = await action();
      // The event should be here within milliseconds; without it the truth that is shown is the older one.
      setTimeout(() => this.takeBack(key, token), this.patienceMs);
      return answer;
    } catch (error) {
      this.takeBack(key, token);
      throw error;
    }
  }

  /** What was expected has come, or something else that ends waiting for it. */
  settle(key: string): void {
    if (this.expected.peek().has(key)) this.put(key, undefined);
  }

  private takeBack(key: string, token: number): void {
    if (this.expected.peek().get(key)?.token === token) this.put(key, undefined);
  }

  private put(key: string, value: Expected<T> | undefined): void {
    const next = new Map(this.expected.peek());
    if (value) next.set(key, value);
    else next.delete(key);
    this.expected.value = next;
  }
}
