// How each state looks and is called: tone and icon together, so that colour is never the only sign.

import type { IconName } from "./icon.js";

export type Tone = "good" | "bad" | "info" | "warn" | "wait" | "neutral";

export interface Look {
  tone: Tone;
  icon: IconName;
  label: string;
  isMoving?: boolean;
}

const LOOKS: Record<string, Look> = {
  PENDING: { tone: "neutral", icon: "circle", label: "Pending" },
  RUNNING: { tone: "info", icon: "spinner", label: "Running", isMoving: true },
  PAUSED: { tone: "wait", icon: "pause", label: "Paused" },
  BLOCKED: { tone: "warn", icon: "blocked", label: "Blocked" },
  SUCCEEDED: { tone: "good", icon: "check", label: "Succeeded" },
  FAILED: { tone: "bad", icon: "cross", label: "Failed" },
  CANCELLED: { tone: "neutral", icon: "stop", label: "Cancelled" },
  TERMINATED: { tone: "bad", icon: "stop", label: "Terminated" },
  TIMED_OUT: { tone: "bad", icon: "timers", label: "Timed out" },
  CONTINUED: { tone: "good", icon: "next", label: "Continued" },
  READY: { tone: "info", icon: "circle", label: "Ready" },
  LEASED: { tone: "info", icon: "spinner", label: "Running", isMoving: true },
  WAITING: { tone: "wait", icon: "hourglass", label: "Waiting" },
  SKIPPED: { tone: "neutral", icon: "skip", label: "Skipped" },
  DEAD: { tone: "bad", icon: "dead", label: "Dead" },
  OPEN: { tone: "bad", icon: "dead", label: "Open" },
  REQUEUED: { tone: "good", icon: "retry", label: "Requeued" },
  DISCARDED: { tone: "neutral", icon: "trash", label: "Discarded" },
};

/** The look of a state of a run, a step, an attempt or a dead letter; unknown ones show as they are. */
export function lookOf(state: string): Look {
  return LOOKS[state] ?? { tone: "neutral", icon: "dot", label: state };
}
