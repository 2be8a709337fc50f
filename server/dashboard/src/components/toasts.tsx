// Short messages about what was just done. Errors stay until they are closed.

import { signal } from "@preact/signals";
import { asApiError } from "../api/problem.js";
import { Icon, type IconName } from "./icon.js";
import type { Tone } from "./states.js";

interface Toast {
  id: number;
  tone: Tone;
  text: string;
}

const shown = signal<Toast[]>([]);
const ICONS: Record<Tone, IconName> = { good: "check", bad: "warn", warn: "warn", info: "info", wait: "info", neutral: "info" };
const MOST = 4;
const STAY_MS = 5_000;
let nextId = 0;

/** Says something for a few seconds. */
export function toast(text: string, tone: Tone = "good"): void {
  const id = ++nextId;
  shown.value = [...shown.value, { id, tone, text }].slice(-MOST);
  if (tone !== "bad") setTimeout(() => close(id), STAY_MS);
}

/** Says that something was refused, in the words of the server. */
export function toastError(what: string, error: unknown): void {
  toast(`${what}: ${asApiError(error).message}`, "bad");
}

function close(id: number): void {
  shown.value = shown.value.filter((each) => each.id !== id);
}

export function Toasts() {
  return (
    <div class="toasts" aria-live="polite" role="status">
      {shown.value.map(({ id, tone, text }) => (
        <div class={`toast tone-${tone}`} key={id}>
          <Icon name={ICONS[tone]} />
          <span class="text">{text}</span>
          <button type="button" class="button quiet small icon-only" aria-label="Close" onClick={() => close(id)}>
            <Icon name="close" size={12} />
          </button>
        </div>
      ))}
    </div>
  );
}
