// A run as it is now: what was read once, and every event since folded onto it. The twin of the server's evolve.py;
// it must not ask the server anything, and an event it has seen already must change nothing.

import { evolveItem, isItemOf } from "./items.js";
import type { Chunk, Run, RunEvent, Step, StepState } from "../../api/types.js";
import { applyToRun, isEnded, stateAfter } from "../../store/run_events.js";
import { isOver } from "./states.js";

/** The run, its steps without items of a foreach, and what has been streamed. */
export interface Picture {
  run: Run;
  /** In the order of the definition, or of the code's asking. */
  steps: Map<string, Step>;
  /** States of items as events told them; `item_states` of the foreach counts them all. */
  items: Map<string, StepState>;
  /** What the current attempt of a step has streamed. */
  streams: Map<string, Stream>;
  /** Every event up to here is in the steps; `run.sequence` says so of the run, which was read beside them. */
  sequence: number;
}

/** Chunks of one attempt of a step, in order; at most the last `CHUNKS_KEPT`. */
export interface Stream {
  attempt: number;
  chunks: Chunk[];
  /** How many were dropped from the front. */
  dropped: number;
}

export const CHUNKS_KEPT = 2_000;

/** A picture of what the routes said. */
export function pictureOf(run: Run, steps: readonly Step[], sequence: number): Picture {
  return {
    run: { ...run },
    steps: new Map(steps.map((step) => [step.step, known(step)])),
    items: new Map(),
    streams: new Map(),
    sequence,
  };
}

/** Adds a later page of steps, read as of `sequence`, behind those of the pages before it; what events made since stays last. */
export function addSteps(picture: Picture, pages: readonly string[], steps: readonly Step[], sequence: number): void {
  const merged = new Map<string, Step>();
  for (const id of pages) {
    const step = picture.steps.get(id);
    if (step !== undefined) merged.set(id, step);
  }
  for (const step of steps) {
    const told = sequence < picture.sequence ? picture.steps.get(step.step) : undefined;
    merged.set(step.step, { ...known(step), ...told });
  }
  for (const [id, step] of picture.steps) if (!merged.has(id)) merged.set(id, step);
  picture.steps = merged;
}

/** Where its events go on: what is behind this is in the picture. */
export function positionOf(picture: Picture): number {
  return Math.min(picture.sequence, picture.run.sequence);
}

/** Folds an event in place; false when the picture had it already. */
export function evolve(picture: Picture, event: RunEvent): boolean {
  const isNewToRun = event.sequence > picture.run.sequence;
  const isNewToSteps = event.sequence > picture.sequence;
  if (isNewToRun) evolveRun(picture, event);
  if (isNewToSteps) {
    picture.sequence = event.sequence;
    if (event.step && !event.type.startsWith("DECISION_")) evolveAny(picture, event.step, event);
    const state = stateAfter(event.type);
    if (state !== undefined && isEnded(state)) closeSteps(picture, event.time);
  }
  return isNewToRun || isNewToSteps;
}

function evolveAny(picture: Picture, id: string, event: RunEvent): void {
  const parent = isItemOf(picture.steps, id);
  if (parent === undefined) return evolveStep(picture, id, event);
  const changed = { ...parent };
  evolveItem(changed, picture.items, event);
  picture.steps.set(parent.step, changed);
}

/** Adds a chunk, once; one of a later attempt begins anew. */
export function addChunk(picture: Picture, chunk: Chunk): void {
  const stream = streamOf(picture, chunk.step, chunk.attempt);
  const last = stream.chunks.at(-1);
  if (chunk.attempt < stream.attempt || (last !== undefined && chunk.sequence <= last.sequence)) return;
  stream.chunks.push(chunk);
  if (stream.chunks.length > CHUNKS_KEPT) {
    const over = stream.chunks.length - CHUNKS_KEPT;
    stream.chunks.splice(0, over);
    stream.dropped += over;
  }
}

/** The chunks of earlier attempts are void. */
export function resetStream(picture: Picture, step: string, attempt: number): void {
  streamOf(picture, step, attempt);
}

/** Takes over what the server says of these steps, unless events have already said more. */
export function refresh(picture: Picture, steps: readonly Step[], sequence: number): void {
  if (sequence < picture.sequence) return;
  for (const step of steps) {
    const before = picture.steps.get(step.step);
    if (before !== undefined) picture.steps.set(step.step, { ...kept(before), ...known(step) });
  }
}

/** Without the lists and counts that are only there because lists and counts always are. */
function known(step: Step): Step {
  const { attempts, items, items_finished, item_states, ...rest } = step;
  const isForeach = step.kind === "foreach" && step.state !== "PENDING";
  return {
    ...rest,
    ...(attempts !== undefined && attempts.length > 0 ? { attempts } : {}),
    ...(isForeach ? { items: items ?? 0, items_finished: items_finished ?? 0, item_states: item_states ?? {} } : {}),
  };
}

/** What a step's page has read and a list does not carry. */
function kept(step: Step): Partial<Step> {
  const { input, output, attempts } = step;
  return {
    ...(input === undefined ? {} : { input }),
    ...(output === undefined ? {} : { output }),
    ...(attempts === undefined ? {} : { attempts }),
  };
}

function streamOf(picture: Picture, step: string, attempt: number): Stream {
  const known = picture.streams.get(step);
  if (known !== undefined && known.attempt >= attempt) return known;
  const fresh: Stream = { attempt, chunks: [], dropped: 0 };
  picture.streams.set(step, fresh);
  return fresh;
}

function evolveRun(picture: Picture, event: RunEvent): void {
  const run = applyToRun(picture.run, event);
  picture.run = run;
  const facts = event.attributes ?? {};
  if (event.type === "RUN_BLOCKED") run.block_reason = text(facts["reason"]);
  if (event.type === "RUN_PUBLISHED") {
    run.published = { ...run.published, [text(facts["key"])]: event.payload ?? null };
  }
  if (!isEnded(run.state)) return;
  delete run.waiting_for;
  if (run.state === "CONTINUED") run.continued_as = text(event.payload);
  else if (event.payload !== undefined) run.output = event.payload;
}

/** What was open ends with its run, without an event of its own. */
function closeSteps(picture: Picture, time: string): void {
  for (const [id, step] of picture.steps) {
    if (isOver(step.state)) continue;
    const { due_time: _due, waiting_for: _waiting, ...rest } = step;
    const begun = step.state !== "PENDING";
    picture.steps.set(id, { ...rest, state: "CANCELLED", ...(begun ? { end_time: time } : {}), ...closedItems(step) });
  }
}

/** Items that were open end with their run. */
function closedItems(step: Step): Partial<Step> {
  if (step.item_states === undefined) return {};
  const counts: Record<string, number> = {};
  for (const [state, count] of Object.entries(step.item_states)) {
    const now = isOver(state as StepState) ? state : "CANCELLED";
    counts[now] = (counts[now] ?? 0) + count;
  }
  return { item_states: counts };
}

function evolveStep(picture: Picture, id: string, event: RunEvent): void {
  const apply = STEP_EVENTS[event.type];
  if (apply === undefined) return;
  const step: Step = { ...(picture.steps.get(id) ?? { step: id, state: "PENDING", attempt: 0, needs: [], ...asked(event) }) };
  apply(step, event);
  picture.steps.set(id, step);
}

/** What code has said of a step it asked for just now. */
function asked(event: RunEvent): Partial<Step> {
  const facts = event.attributes ?? {};
  const kind = event.type === "STEP_RAN" || facts["local"] === true ? "local"
    : event.type === "STEP_SLEEPING" ? "sleep"
    : event.type === "STEP_AWAITING" ? "signal"
    : facts["workflow"] !== undefined ? "workflow" : "action";
  return {
    kind,
    ...(facts["action"] === undefined ? {} : { action: text(facts["action"]) }),
    ...(facts["workflow"] === undefined ? {} : { action: text(facts["workflow"]) }),
    ...(facts["signal"] === undefined ? {} : { signal: text(facts["signal"]) }),
  };
}

const STEP_EVENTS: Record<string, (step: Step, event: RunEvent) => void> = {
  STEP_SCHEDULED(step, event) {
    step.state = "READY";
    step.attempt = event.attempt ?? 1;
    step.ready_time = event.time;
    drop(step, "due_time", "worker_id", "start_time", "end_time", "progress", "waiting_for");
    if (event.payload !== undefined) step.input = event.payload;
  },
  STEP_SUCCEEDED(step, event) {
    finish(step, event, "SUCCEEDED");
    drop(step, "failure");
    if (event.payload !== undefined) step.output = event.payload;
    if (step.items !== undefined) step.items_finished = step.items;
  },
  STEP_ATTEMPT_FAILED(step, event) {
    step.state = "WAITING";
    worked(step, event);
    ended(step, event, "FAILED");
    drop(step, "child_run_id", "waiting_for");
    if (event.failure !== undefined) step.failure = event.failure;
    step.due_time = instant(event.attributes?.["due_at"]) ?? event.time;
  },
  STEP_DEAD(step, event) {
    finish(step, event, "DEAD");
    if (event.failure !== undefined) step.failure = event.failure;
  },
  STEP_FAILED(step, event) {
    finish(step, event, "FAILED");
    if (event.failure !== undefined) step.failure = event.failure;
  },
  STEP_SKIPPED: (step, event) => finish(step, event, "SKIPPED"),
  STEP_CANCELLED: (step, event) => finish(step, event, "CANCELLED"),
  STEP_SLEEPING(step, event) {
    step.state = "WAITING";
    step.ready_time = event.time;
    const due = instant(event.attributes?.["due_at"]);
    if (due !== undefined) step.due_time = due;
  },
  STEP_AWAITING(step, event) {
    step.state = "WAITING";
    step.ready_time = event.time;
    step.waiting_for = `signal '${step.signal ?? step.step}' has not come`;
  },
  STEP_CHILD_STARTED(step, event) {
    step.state = "WAITING";
    step.child_run_id = text(event.attributes?.["child"]);
    step.waiting_for = `its run ${step.child_run_id} has not ended`;
  },
  STEP_EXPANDED(step, event) {
    const items = Array.isArray(event.payload) ? event.payload.length : 0;
    step.state = "WAITING";
    step.ready_time = event.time;
    step.items = items;
    step.items_finished = 0;
    step.item_states = { READY: items };
  },
  STEP_KEPT(step, event) {
    step.attempt = event.attempt ?? 0;
    finish(step, event, (event.attributes?.["state"] as StepState | undefined) ?? "SUCCEEDED");
    if (event.payload !== undefined) step.output = event.payload;
  },
  STEP_RAN(step, event) {
    step.attempt = event.attempt ?? 1;
    finish(step, event, event.failure === undefined ? "SUCCEEDED" : "FAILED");
    if (event.payload !== undefined) step.output = event.payload;
    if (event.failure !== undefined) step.failure = event.failure;
  },
};

function finish(step: Step, event: RunEvent, state: StepState): void {
  step.state = state;
  worked(step, event);
  ended(step, event, state);
  step.end_time = event.time;
  drop(step, "due_time", "waiting_for");
}

function worked(step: Step, event: RunEvent): void {
  if (event.worker_id !== undefined) step.worker_id = event.worker_id;
  if (event.start_time !== undefined) step.start_time = event.start_time;
}

/** Writes the attempt that has ended behind the others, when they are known. */
function ended(step: Step, event: RunEvent, outcome: string): void {
  const number = event.attempt;
  if (number === undefined || event.start_time === undefined) return;
  const others = (step.attempts ?? []).filter((attempt) => attempt.attempt !== number);
  if (step.attempts === undefined && number > 1) return;
  const { worker_id, start_time, failure } = event;
  step.attempts = [
    ...others,
    {
      attempt: number,
      start_time,
      end_time: event.time,
      outcome,
      ...(worker_id === undefined ? {} : { worker_id }),
      ...(failure === undefined ? {} : { failure }),
    },
  ];
}

function drop(step: Step, ...names: (keyof Step)[]): void {
  for (const name of names) Reflect.deleteProperty(step, name);
}

/** Microseconds since 1970, as events carry them, as RFC 3339. */
export function instant(micros: unknown): string | undefined {
  const number = typeof micros === "number" ? micros : Number(micros);
  return micros === undefined || Number.isNaN(number) ? undefined : new Date(number / 1_000).toISOString();
}

function text(value: unknown): string {
  return typeof value === "string" ? value : "";
}
