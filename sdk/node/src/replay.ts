/** Replays recorded histories against code, without a server. Must not run anything that the code did not replay. */

import { attributesOf } from "./commands.js";
import { NonDeterminism, StellwerkError } from "./errors.js";
import { eventsOf, type HistoryDocument } from "./history_document.js";
import { stderrLogger } from "./logger.js";
import type { RunState } from "./records.js";
import { Replayer, type Problem } from "./replayer.js";
import { Turns } from "./turns.js";
import type { Event } from "./v1/stellwerk/v1/run.js";
import type { WorkflowFunction, WorkflowPlan } from "./workflow.js";

const STATES: Readonly<Record<string, RunState>> = {
  RUN_STARTED: "RUNNING",
  RUN_RESUMED: "RUNNING",
  RUN_BLOCKED: "BLOCKED",
  RUN_SUCCEEDED: "SUCCEEDED",
  RUN_FAILED: "FAILED",
  RUN_CANCELLED: "CANCELLED",
  RUN_TERMINATED: "TERMINATED",
  RUN_TIMED_OUT: "TIMED_OUT",
  RUN_CONTINUED: "CONTINUED",
};

const turns = new Turns();

/**
 * Replay a history (a parsed `stellwerk run history --json`) and give the run's state as far as it goes.
 *
 * Rejects with NonDeterminism, naming step and difference, when the code does something else than is recorded.
 */
// An input without a type of its own is plain JSON, which only the code knows.
// eslint-disable-next-line @typescript-eslint/no-explicit-any
export async function replay<In = any, Out = unknown>(
  history: HistoryDocument,
  fn: WorkflowFunction<In, Out>,
): Promise<RunState> {
  const events = eventsOf(history);
  const plan = { name: history.workflow || started(events), fn: fn as WorkflowPlan["fn"] };
  await replayEvents(history.run_id, plan, events);
  return events.reduce<RunState>((state, { type }) => STATES[type] ?? state, "PENDING");
}

/** Feed all events to fresh code. Rejects with NonDeterminism, or with what else stands in the code's way. */
export async function replayEvents(runId: string, plan: WorkflowPlan, events: readonly Event[]): Promise<void> {
  const facts = { runId, plan, trace: {}, logger: stderrLogger, input: undefined };
  const replayer = new Replayer(facts, events);
  await fedAll(turns, replayer, events);
  const problem = replayer.stuck();
  if (problem !== undefined) throw errorOf(problem);
}

/** Feed events; resolves when the code can go no further. */
export function fedAll(through: Turns, replayer: Replayer, events: readonly Event[]): Promise<void> {
  return new Promise((resolve) => {
    through.feed({ replayer, events, alone: false, done: resolve });
  });
}

/** A decision's failure as a test sees it. */
export function errorOf({ type, message }: Problem): StellwerkError {
  return type === "NonDeterminism" ? new NonDeterminism(message) : new StellwerkError(`${type}: ${message}`);
}

function started(events: readonly Event[]): string {
  const [first] = events;
  const workflow = first === undefined ? undefined : attributesOf(first)["workflow"];
  return typeof workflow === "string" ? workflow : "";
}
