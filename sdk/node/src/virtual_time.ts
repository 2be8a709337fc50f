/** Time that passes when a test says so. Must not wait for the real one. */

import type { LocalClock } from "./local_steps.js";

interface Alarm {
  readonly dueMs: number;
  readonly ring: () => void;
}

/** A clock and the alarms set on it; those due at the same time ring in the order they were set. */
export class VirtualTime implements LocalClock {
  nowMs = Date.now();
  readonly #alarms = new Set<Alarm>();

  /** The moment it is. */
  now(): Date {
    return new Date(this.nowMs);
  }

  /** Call back after so long; gives what takes it back. */
  after(ms: number, ring: () => void): () => void {
    const alarm = { dueMs: this.nowMs + ms, ring };
    this.#alarms.add(alarm);
    return () => {
      this.#alarms.delete(alarm);
    };
  }

  /** Nothing is left to chance. */
  spread(): number {
    return 0;
  }

  /** When the next alarm is due, if any is set. */
  get nextMs(): number | undefined {
    return this.#next()?.dueMs;
  }

  /** Let time pass up to the next alarm, and ring it. */
  ringNext(): void {
    const alarm = this.#next();
    if (alarm === undefined) return;
    this.#alarms.delete(alarm);
    this.nowMs = Math.max(this.nowMs, alarm.dueMs);
    alarm.ring();
  }

  #next(): Alarm | undefined {
    let next: Alarm | undefined;
    for (const alarm of this.#alarms) if (next === undefined || alarm.dueMs < next.dueMs) next = alarm;
    return next;
  }
}
