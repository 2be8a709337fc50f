// Why a run does not go on, one plain sentence for each open step: the first thing to read of a run that is stuck.
// It must say only what is known, and never ask the server.

import { moment } from "../../timeline/spans.js";
import { spanText } from "../../components/moments.js";
import { isEnded } from "../../store/run_events.js";
import type { Failure, Run, Step } from "../../api/types.js";

/** How bad it is: nothing will move it, somebody or some time will, it is at work, its turn has not come. */
export type Tone = "stuck" | "waiting" | "working" | "later";

/** One sentence. `step` is "" for one about the run. */
export interface Reason {
  step: string;
  tone: Tone;
  text: string;
  /** Another run it waits for. */
  runId?: string;
}

const ORDER: Tone[] = ["stuck", "waiting", "working", "later"];

/** Sentences for everything open, the worst first; none once the run has ended. */
export function reasonsOf(run: Run, steps: Iterable<Step>, now: number): Reason[] {
  if (isEnded(run.state)) return [];
  const reasons = ofRun(run);
  for (const step of steps) {
    const reason = ofStep(step, run, now);
    if (reason !== undefined) reasons.push(reason);
  }
  return worstFirst(reasons);
}

/** The same, the worst first. */
export function worstFirst(reasons: Reason[]): Reason[] {
  return reasons.sort((a, b) => ORDER.indexOf(a.tone) - ORDER.indexOf(b.tone));
}

function ofRun(run: Run): Reason[] {
  const reasons: Reason[] = [];
  if (run.state === "BLOCKED") {
    const what = run.block_reason === undefined || run.block_reason === "" ? "nobody has said why" : run.block_reason;
    reasons.push({ step: "", tone: "stuck", text: `The run is blocked: ${stop(what)} It goes on when somebody decides.` });
  }
  if (run.waiting_for !== undefined && run.waiting_for !== "") {
    reasons.push({ step: "", tone: "stuck", text: sentence(run.waiting_for) });
  }
  return reasons;
}

function ofStep(step: Step, run: Run, now: number): Reason | undefined {
  switch (step.state) {
    case "READY":
      return step.items === undefined ? ready(step, now) : items(step);
    case "LEASED":
      return working(step, now);
    case "WAITING":
      return waiting(step, now);
    case "DEAD":
      return run.state === "BLOCKED" ? dead(step) : undefined;
    case "PENDING":
      return { step: step.step, tone: "later", text: later(step) };
    default:
      return undefined;
  }
}

function ready(step: Step, now: number): Reason {
  const since = moment(step.ready_time);
  const waited = since === undefined ? "" : ` for ${spanText(now - since)}`;
  if (step.waiting_for !== undefined && step.waiting_for !== "") {
    return { step: step.step, tone: "stuck", text: `Ready${waited}, but ${stop(step.waiting_for)}` };
  }
  return { step: step.step, tone: "waiting", text: `Ready${waited}: waits for a free worker of queue '${step.queue || "default"}'.` };
}

function working(step: Step, now: number): Reason {
  const since = moment(step.start_time);
  const where = step.worker_id === undefined ? "" : ` on ${step.worker_id}`;
  const time = since === undefined ? "" : ` for ${spanText(now - since)}`;
  return { step: step.step, tone: "working", text: `Runs${where}${time}${attemptText(step)}.` };
}

function waiting(step: Step, now: number): Reason {
  const id = step.step;
  const due = moment(step.due_time);
  const left = due === undefined ? "" : spanText(due - now);
  if (step.items !== undefined && step.items > 0) return items(step);
  if (step.kind === "signal" || (step.signal !== undefined && step.signal !== "")) {
    const until = due === undefined ? "" : `; gives up in ${left}`;
    return { step: id, tone: "waiting", text: `Waits for somebody to send the signal '${step.signal || id}'${until}.` };
  }
  if (step.failure !== undefined && due !== undefined) {
    const next = `attempt ${step.attempt + 1}${step.max_attempts ? ` of ${step.max_attempts}` : ""}`;
    return { step: id, tone: "waiting", text: `Failed with ${failureText(step.failure)}; ${next} ${due > now ? `begins in ${left}` : "is due now"}.` };
  }
  if (step.child_run_id !== undefined && step.child_run_id !== "") {
    return { step: id, tone: "waiting", text: `Waits for its own run of ${step.action || "another workflow"} to end:`, runId: step.child_run_id };
  }
  if (due !== undefined) return { step: id, tone: "waiting", text: due > now ? `Sleeps for another ${left}.` : "Has slept; wakes any moment." };
  return { step: id, tone: "waiting", text: step.waiting_for ? sentence(step.waiting_for) : "Waits." };
}

const ITEM_WORDS: [string, string][] = [
  ["LEASED", "running"],
  ["READY", "waiting for a worker"],
  ["WAITING", "waiting for a retry or a run of their own"],
  ["DEAD", "dead"],
  ["FAILED", "failed"],
];

function items(step: Step): Reason {
  const counts = step.item_states ?? {};
  const parts = ITEM_WORDS.filter(([state]) => (counts[state] ?? 0) > 0).map(
    ([state, word]) => `${number(counts[state] ?? 0)} ${word}`,
  );
  const head = `${number(step.items_finished ?? 0)} of ${number(step.items ?? 0)} items have finished`;
  const nobody = step.waiting_for ? `; ${step.waiting_for}` : "";
  const moving = (counts["LEASED"] ?? 0) > 0 ? "working" : "waiting";
  const text = `${[head, parts.join(", ")].filter((part) => part !== "").join(": ")}${nobody}.`;
  return { step: step.step, tone: step.waiting_for ? "stuck" : moving, text };
}

function dead(step: Step): Reason {
  const tries = step.attempt ? ` after ${step.attempt === 1 ? "one attempt" : `${step.attempt} attempts`}` : "";
  const why = step.failure === undefined ? "" : `: ${failureText(step.failure)}`;
  return { step: step.step, tone: "stuck", text: `Dead${tries}${why}. Requeue it to try again.` };
}

function later(step: Step): string {
  const needs = step.needs ?? [];
  if (needs.length === 0) return "Has not begun.";
  const shown = needs.slice(0, 3).map((need) => `'${need}'`);
  const more = needs.length > 3 ? ` and ${needs.length - 3} more` : "";
  return `Comes after ${more === "" ? joined(shown) : shown.join(", ") + more}.`;
}

function attemptText(step: Step): string {
  if (!step.attempt || step.attempt < 2) return "";
  return ` (attempt ${step.attempt}${step.max_attempts ? ` of ${step.max_attempts}` : ""})`;
}

/** A failure in a few words. */
export function failureText(failure: Failure): string {
  const message = (failure.message ?? "").split("\n")[0] ?? "";
  const short = message.length > 160 ? `${message.slice(0, 157)}…` : message;
  return [failure.type, short].filter((part) => part !== undefined && part !== "").join(": ") || "an unknown failure";
}

function joined(list: readonly string[]): string {
  const last = list.at(-1) ?? "";
  return list.length < 2 ? last : `${list.slice(0, -1).join(", ")} and ${last}`;
}

function number(count: number): string {
  return count.toLocaleString("en");
}

function stop(text: string): string {
  return /[.!?]$/.test(text) ? text : `${text}.`;
}

function sentence(text: string): string {
  return stop(text.charAt(0).toUpperCase() + text.slice(1));
}
