// What only the server knows of why a run waits (who serves an action, whose slots are busy, what a child run waits for),
// put into the page's own sentences. It must say nothing of a step that has moved on since.

import { isEnded } from "../../store/run_events.js";
import type { Cause, CauseKind, Explanation, Run, Step } from "../../api/types.js";
import { worstFirst } from "./waiting.js";
import type { Reason, Tone } from "./waiting.js";

/** Causes that a step can have while it is in a state, and how bad they are. */
const OF_STEP: Partial<Record<CauseKind, [state: string, tone: Tone]>> = {
  NO_WORKER: ["READY", "stuck"],
  WORKERS_BUSY: ["READY", "waiting"],
  QUEUED: ["READY", "waiting"],
  CHILD_RUN: ["WAITING", "waiting"],
};
/** Causes that are about the run, or about a decision of its code. */
const OF_RUN: Partial<Record<CauseKind, Tone>> = {
  STALLED: "stuck",
  DATABASE_DOWN: "stuck",
  NO_WORKER: "stuck",
  WORKERS_BUSY: "waiting",
  QUEUED: "waiting",
  LEASED: "working",
  BACKING_OFF: "waiting",
  NEWS: "waiting",
  CANCELLING: "waiting",
};

/** The summary in a whole sentence; empty when there is nothing to say. */
export function summaryOf(run: Run, explanation: Explanation | undefined): string {
  if (explanation === undefined || isEnded(run.state) || explanation.causes[0]?.kind === "ENDED") return "";
  return sentence(explanation.summary);
}

/** The page's reasons, each with the server's words where it knows more, and before them those about the run. */
export function withCauses(reasons: readonly Reason[], steps: ReadonlyMap<string, Step>, explanation: Explanation | undefined): Reason[] {
  const causes = explanation?.causes ?? [];
  const bySteps = new Map(causes.filter((cause) => cause.step).map((cause) => [stepOf(cause), cause]));
  const ofRun = causes.flatMap((cause) => aboutTheRun(cause));
  const own = reasons.filter((reason) => reason.step !== "" || ofRun.length === 0 || reason.text.startsWith("The run is blocked"));
  return worstFirst([...ofRun, ...own.map((reason) => told(reason, steps.get(reason.step), bySteps.get(reason.step)))]);
}

function aboutTheRun(cause: Cause): Reason[] {
  const tone = OF_RUN[cause.kind];
  if (tone === undefined || (cause.step && cause.kind !== "STALLED")) return [];
  return [{ step: "", tone, text: sentence(cause.sentence) }];
}

function told(reason: Reason, step: Step | undefined, cause: Cause | undefined): Reason {
  const [state, tone] = (cause && OF_STEP[cause.kind]) ?? [];
  if (step === undefined || cause === undefined || tone === undefined) return reason;
  if (step.items) return { ...reason, tone, text: `${reason.text} ${sentence(cause.sentence)}` };
  const words = cause.sentence.startsWith(`step ${step.step} `) ? cause.sentence.slice(step.step.length + 6) : cause.sentence;
  // A child run is named by the reason itself.
  const { runId: _named, ...rest } = reason;
  return step.state === state ? { ...rest, tone, text: sentence(words) } : reason;
}

/** The step a cause is shown with: that of a foreach for its items. */
function stepOf(cause: Cause): string {
  return (cause.step ?? "").replace(/\[\d+\]$/, "");
}

function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}${/[.!?]$/.test(text) ? "" : "."}`;
}
