// How long to wait before the next attempt to connect. It must not wait itself.

const FIRST_MS = 250;
const MOST_MS = 10_000;

/** Full jitter below a doubling ceiling, so that a thousand pages do not come back in the same moment. */
export function backoffMs(attempt: number, random: () => number = Math.random): number {
  const ceiling = Math.min(MOST_MS, FIRST_MS * 2 ** Math.min(attempt, 16));
  return ceiling / 4 + random() * ceiling * 0.75;
}
