// What can be done to many runs at once, and to which of them it applies.

import { newId, type Api } from "../../api/client.js";
import type { Run, RunState } from "../../api/types.js";
import type { BulkAction } from "../../components/bulk_dialog.js";
import { isEnded } from "../../store/run_events.js";
import { expectedStates } from "../../store/use_runs.js";
import { plural } from "../overview/concerns.js";

export type BulkKind = "cancel" | "terminate" | "retry";

/** The runs an action applies to: open ones can be ended, ended ones without success tried again. */
export function eligible(kind: BulkKind, runs: readonly Run[]): Run[] {
  if (kind === "retry") return runs.filter((run) => isEnded(run.state) && run.state !== "SUCCEEDED" && run.state !== "CONTINUED");
  return runs.filter((run) => !isEnded(run.state));
}

/** The action with its question. Each run shows what is expected of it until its event comes. */
export function bulkAction(kind: BulkKind, runs: readonly Run[], api: Api): BulkAction {
  const keys = eligible(kind, runs).map((run) => run.run_id);
  const count = plural(keys.length, "run");
  const leftOut = runs.length - keys.length;
  const rest = leftOut ? ` ${plural(leftOut, "other")} of the selection cannot be and stay as they are.` : "";
  if (kind === "retry") {
    const text = `Each gets a new run that keeps the finished steps and does the rest again.${rest}`;
    // Made once: a second try of the same dialog must not fork twice.
    const requests = new Map(keys.map((key) => [key, newId()]));
    return { title: `Retry ${count}?`, verb: `Retry ${count}`, text, keys, act: (key) => api.retry(key, "", requests.get(key)) };
  }
  return { ...ending(kind, count, rest), isDanger: true, asksReason: true, keys, act: endingAct(kind, api) };
}

function ending(kind: "cancel" | "terminate", count: string, rest: string): { title: string; verb: string; text: string } {
  if (kind === "cancel") {
    const text = `Nothing new is handed out, and running handlers are told to stop. Code may clean up.${rest}`;
    return { title: `Cancel ${count}?`, verb: `Cancel ${count}`, text };
  }
  const text = `They end at once; what running handlers still report is refused, and nothing cleans up.${rest}`;
  return { title: `Terminate ${count}?`, verb: `Terminate ${count}`, text };
}

function endingAct(kind: "cancel" | "terminate", api: Api): BulkAction["act"] {
  const state: RunState = kind === "cancel" ? "CANCELLED" : "TERMINATED";
  return (runId, reason) => expectedStates.act(runId, state, () => api[kind](runId, reason));
}
