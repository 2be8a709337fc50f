/** One call of code that waits: a promise that can be given up. Must not decide what resolves it. */

/** What the waiting calls of a context give: a promise, and a way to give it up. */
export interface Pending<Value> extends Promise<Value> {
  /** Give the call up: it is cancelled, and the promise rejects with StepFailed. Nothing happens when it is done. */
  cancel(): void;
}

/** What a call waits for. */
export type CallKind = "action" | "sleep" | "signal" | "child" | "local";

/** A call that is open, by the id of its step. */
export class Call {
  readonly promise: Pending<unknown>;
  resolve!: (value: unknown) => void;
  reject!: (error: unknown) => void;

  constructor(
    readonly kind: CallKind,
    readonly step: string,
    /** The name of the signal, workflow or action. */
    readonly about: string,
    cancel: (call: Call) => void,
  ) {
    const promise = new Promise<unknown>((resolve, reject) => {
      this.resolve = resolve;
      this.reject = reject;
    });
    this.promise = pending(promise, () => {
      cancel(this);
    });
  }
}

/** A promise with `cancel`; nobody has to look at it. */
export function pending<Value>(promise: Promise<Value>, cancel: () => void): Pending<Value> {
  promise.catch(ignore);
  return Object.assign(promise, { cancel });
}

function ignore(): void {
  // Code may leave a promise alone; that must not bring the program down.
}
