// Reads a list again when events say that it has changed: soon after the first of them, and not again before a while has passed.

const SOONEST_MS = 200;
const APART_MS = 2_000;

/** Calls `read` once for all calls of `changed` that come together. Nothing happens without a call. */
export class Reread {
  private timer: ReturnType<typeof setTimeout> | undefined;
  private last = -Infinity;
  private readonly read: () => void;

  constructor(read: () => void) {
    this.read = read;
  }

  changed(): void {
    if (this.timer !== undefined) return;
    const wait = Math.max(SOONEST_MS, this.last + APART_MS - performance.now());
    this.timer = setTimeout(() => {
      this.timer = undefined;
      this.last = performance.now();
      this.read();
    }, wait);
  }

  stop(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
  }
}
