// Moments and spans as people read them. Pure; it must not read a clock.

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** "3.2s", "4m 10s", "2h 5m", "3d 4h"; below a second "120ms". */
export function spanText(ms: number): string {
  const size = Math.abs(ms);
  if (size < SECOND) return `${Math.round(size)}ms`;
  if (size < 10 * SECOND) return `${(size / SECOND).toFixed(1)}s`;
  if (size < MINUTE) return `${Math.floor(size / SECOND)}s`;
  if (size < HOUR) return two(size, MINUTE, "m", SECOND, "s");
  if (size < DAY) return two(size, HOUR, "h", MINUTE, "m");
  return two(size, DAY, "d", HOUR, "h");
}

function two(ms: number, big: number, bigName: string, small: number, smallName: string): string {
  const rest = Math.floor((ms % big) / small);
  return `${Math.floor(ms / big)}${bigName}${rest ? ` ${rest}${smallName}` : ""}`;
}

/** "just now", "12s ago", "in 3m". */
export function relativeText(then: number, now: number): string {
  const away = then - now;
  if (Math.abs(away) < SECOND) return "just now";
  const span = coarse(Math.abs(away));
  return away < 0 ? `${span} ago` : `in ${span}`;
}

function coarse(ms: number): string {
  if (ms < MINUTE) return `${Math.floor(ms / SECOND)}s`;
  if (ms < HOUR) return `${Math.floor(ms / MINUTE)}m`;
  if (ms < DAY) return `${Math.floor(ms / HOUR)}h`;
  return `${Math.floor(ms / DAY)}d`;
}

/** "2026-11-21 16:57:09.120", in UTC or in the zone of the browser. */
export function absoluteText(ms: number, isUtc: boolean): string {
  const shifted = isUtc ? ms : ms - new Date(ms).getTimezoneOffset() * MINUTE;
  const text = new Date(shifted).toISOString();
  return `${text.slice(0, 10)} ${text.slice(11, 23)}${isUtc ? " UTC" : ""}`;
}

/** From a start to an end, in milliseconds; undefined when the start is not known. */
export function spanMs(start: string | undefined, end: string | undefined, now: number): number | undefined {
  if (!start) return undefined;
  return Math.max(0, (end ? Date.parse(end) : now) - Date.parse(start));
}
