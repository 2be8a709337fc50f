// Moments that keep themselves current. One clock ticks for all of them; nothing is asked of the server for it.

import { signal } from "@preact/signals";
import { recall, remember } from "./remembered.js";
import { absoluteText, relativeText, spanMs, spanText } from "./moments.js";

/** The time now, in milliseconds, once a second. */
export const now = signal(Date.now());
setInterval(() => {
  if (document.visibilityState === "visible") now.value = Date.now();
}, 1000);
document.addEventListener("visibilitychange", () => (now.value = Date.now()));

/** Whether moments show in UTC or in the zone of the browser; kept between visits. */
export const isUtc = signal(recall("stellwerk.utc") === "true");
isUtc.subscribe((value) => remember("stellwerk.utc", String(value)));

/** "3m ago", with the moment itself when pointed at; `absolute` turns that around. */
export function Time({ at, absolute = false }: { at: string | undefined; absolute?: boolean }) {
  if (!at) return <span class="muted">–</span>;
  const ms = Date.parse(at);
  const exact = absoluteText(ms, isUtc.value);
  const near = relativeText(ms, now.value);
  return (
    <time dateTime={at} title={absolute ? near : exact}>
      {absolute ? exact : near}
    </time>
  );
}

/** How long something took, or takes so far while `end` is absent. */
export function Span({ start, end }: { start: string | undefined; end: string | undefined }) {
  const ms = spanMs(start, end, end ? 0 : now.value);
  return <span class={end ? undefined : "muted"}>{ms === undefined ? "–" : spanText(ms)}</span>;
}
