// Gathers what comes in many small pieces and hands it on once a frame, so that a busy server does not draw a page a thousand times.

/** Calls `flush` with everything gathered, at most once per animation frame; a page in the background less often. */
export class Batches<T> {
  private pending: T[] = [];
  private cancel: (() => void) | undefined;
  private readonly flush: (items: T[]) => void;

  constructor(flush: (items: T[]) => void) {
    this.flush = flush;
  }

  add(items: readonly T[]): void {
    for (const item of items) this.pending.push(item);
    this.cancel ??= soon(() => {
      this.cancel = undefined;
      const batch = this.pending;
      this.pending = [];
      this.flush(batch);
    });
  }

  stop(): void {
    this.cancel?.();
    this.pending = [];
  }
}

// No frame comes while the page is hidden, hence the timer beside it.
function soon(callback: () => void): () => void {
  const cancel = () => {
    cancelAnimationFrame(frame);
    clearTimeout(timer);
  };
  const once = () => {
    cancel();
    callback();
  };
  const frame = requestAnimationFrame(once);
  const timer = setTimeout(once, 500);
  return cancel;
}
