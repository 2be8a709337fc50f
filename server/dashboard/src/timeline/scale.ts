// Times as places on a line: spans to pixels and ticks that people can read. It must know nothing of steps.

/** A window of time, in milliseconds since 1970. */
export interface Window {
  start: number;
  end: number;
}

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const STEPS = [
  ...[1, 2, 5, 10, 20, 50, 100, 200, 500],
  ...[1, 2, 5, 10, 15, 30].map((n) => n * SECOND),
  ...[1, 2, 5, 10, 15, 30].map((n) => n * MINUTE),
  ...[1, 2, 3, 6, 12].map((n) => n * HOUR),
  ...[1, 2, 7, 14, 30, 90, 365].map((n) => n * DAY),
];

/** The place of a moment, in pixels from the left of a line of this width. */
export function placeOf(moment: number, window: Window, width: number): number {
  const span = Math.max(1, window.end - window.start);
  return ((moment - window.start) / span) * width;
}

/** Round offsets from the start of the window, at most `count` of them, the first 0. */
export function ticks(window: Window, count: number): number[] {
  const span = Math.max(1, window.end - window.start);
  const step = STEPS.find((each) => span / each <= Math.max(1, count)) ?? Math.ceil(span / Math.max(1, count) / DAY) * DAY;
  const offsets: number[] = [];
  for (let offset = 0; offset <= span; offset += step) offsets.push(offset);
  return offsets;
}

/** A window that is longer or shorter by a factor around its middle; undefined when that is the whole. */
export function zoomedWindow(window: Window, factor: number, whole: Window): Window | undefined {
  const size = Math.max(1, (window.end - window.start) * factor);
  if (size >= whole.end - whole.start) return undefined;
  const middle = (window.start + window.end) / 2;
  const start = Math.min(Math.max(whole.start, middle - size / 2), whole.end - size);
  return { start, end: start + size };
}
