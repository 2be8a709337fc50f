/** Lengths of time as people write them, and as protobuf does. Must not read a clock. */

import type { Duration as DurationMessage } from "./v1/google/protobuf/duration.js";

/** A length of time: milliseconds, or text such as "500ms", "30s", "5m", "1h" or "1h30m". */
export type Duration = number | string;

const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const TEXT = /^(?:\d+(?:\.\d+)?(?:ms|s|m|h|d))+$/;
const PART = /(\d+(?:\.\d+)?)(ms|s|m|h|d)/g;

/** The milliseconds of a duration, at least `least`. Throws RangeError naming the option. */
export function milliseconds(name: string, duration: Duration, least: number): number {
  const found = typeof duration === "number" ? duration : parsed(duration);
  if (!Number.isFinite(found) || found < least) {
    throw new RangeError(`${name}: expected a number >= ${least}, came ${String(duration)}`);
  }
  return found;
}

/** A duration message of so many milliseconds. */
export function durationMessage(ms: number): DurationMessage {
  const seconds = Math.floor(ms / 1_000);
  return { seconds, nanos: Math.round((ms - seconds * 1_000) * 1e6) };
}

/** The milliseconds of a duration message. */
export function messageMs(message: DurationMessage): number {
  return message.seconds * 1_000 + message.nanos / 1e6;
}

function parsed(text: string): number {
  if (!TEXT.test(text)) return Number.NaN;
  let sum = 0;
  for (const [, number, unit] of text.matchAll(PART)) sum += Number(number) * (UNITS[unit ?? ""] ?? Number.NaN);
  return sum;
}
