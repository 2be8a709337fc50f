/** Rejections of workflows' code that nobody looks at: they must not end the program. Must not touch anybody else's. */

const FORGET_MS = 1_000;

const EVENT = "unhandledRejection";

let others: NodeJS.UnhandledRejectionListener[] = [];

/** Ignore everything that is left rejected from now on, until `blame` is called; nobody else is told either. */
export function ignoreAll(): void {
  if (process.listenerCount(EVENT) > 0) {
    others = process.rawListeners(EVENT) as NodeJS.UnhandledRejectionListener[];
    process.removeAllListeners(EVENT);
  }
  process.on(EVENT, ignore);
}

/** What is left rejected counts again. */
export function blame(): void {
  process.off(EVENT, ignore);
  for (const listener of others) process.on(EVENT, listener);
  others = [];
}

/** Ignore this one error, should a promise be left rejected with it soon. */
export function forgive(error: Error): void {
  const listener = (reason: unknown): void => {
    // Without a listener the program would have ended.
    if (reason !== error && process.listenerCount(EVENT) === 1) throw reason as Error;
  };
  process.on(EVENT, listener);
  setTimeout(() => {
    process.off(EVENT, listener);
  }, FORGET_MS).unref();
}

function ignore(): void {
  // The code may look later, or never.
}
