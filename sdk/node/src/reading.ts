/** Messages of the server to the values of `records.ts`, and state names to their numbers. Must not talk to anybody. */

import { decode, decodeJson } from "./payload.js";
import type * as records from "./records.js";
import * as dead from "./v1/stellwerk/v1/dead_letter.js";
import * as payloads from "./v1/stellwerk/v1/payload.js";
import * as runs from "./v1/stellwerk/v1/run.js";
import type * as workflows from "./v1/stellwerk/v1/workflow.js";

const RUN_STATE = "RUN_STATE_";
const STEP_STATE = "STEP_STATE_";
const DEAD_STATE = "DEAD_LETTER_STATE_";
const CATEGORY = "FAILURE_CATEGORY_";
const CAUSE = "CAUSE_KIND_";

type Names = Readonly<Record<number, string>>;

/** The name of a number on the wire; UNSPECIFIED for one this SDK does not know yet. */
function nameOf(names: Names, prefix: string, number: number): string {
  return (names[number] ?? `${prefix}UNSPECIFIED`).slice(prefix.length);
}

/** The state of a run. */
export function runState(number: runs.RunState): records.RunState {
  return nameOf(runs.RunState, RUN_STATE, number) as records.RunState;
}

/** The numbers of these states of runs. Throws RangeError for a name that is none. */
export function runStateNumbers(states: Iterable<records.RunState>): runs.RunState[] {
  return Array.from(states, (state) => numberOf(runs.RunState, RUN_STATE, state) as runs.RunState);
}

/** The numbers of these states of dead letters. Throws RangeError for a name that is none. */
export function deadStateNumbers(states: Iterable<records.DeadLetterState>): dead.DeadLetterState[] {
  return Array.from(states, (state) => numberOf(dead.DeadLetterState, DEAD_STATE, state) as dead.DeadLetterState);
}

function numberOf(numbers: object, prefix: string, state: string): unknown {
  const found = Object.entries(numbers).find(([name]) => name === prefix + state);
  if (found === undefined) throw new RangeError(`states: expected the name of a state, came '${state}'`);
  return found[1];
}

/** Read a failure. */
export function failure(message: payloads.Failure): records.Failure {
  const { type, stack, terminal, step, attempt, workerId, occurTime } = message;
  return {
    ...{ type, message: message.message, stack, terminal, step, attempt, workerId, occurTime },
    category: nameOf(payloads.FailureCategory, CATEGORY, message.category) as records.FailureCategory,
    details: decode(message.details),
    cause: failureIfAny(message.cause),
  };
}

/** Read a failure that need not be there. */
export function failureIfAny(message: payloads.Failure | undefined): records.Failure | undefined {
  return message === undefined ? undefined : failure(message);
}

/** Read a step. */
export function step(message: runs.Step): records.Step {
  return {
    ...message,
    state: nameOf(runs.StepState, STEP_STATE, message.state) as records.StepState,
    input: decode(message.input),
    output: decode(message.output),
    failure: failureIfAny(message.failure),
    progress: decode(message.progress),
  };
}

/** Read a run. */
export function run(message: runs.Run): records.Run {
  return {
    ...message,
    state: runState(message.state),
    input: decode(message.input),
    output: decode(message.output),
    failure: failureIfAny(message.failure),
    steps: message.steps.map(step),
    published: Object.fromEntries(Object.entries(message.published).map(([key, value]) => [key, decode(value)])),
    attributes: message.attributes ? (decodeJson(message.attributes) as records.Attributes) : {},
  };
}

/** Read an explanation. */
export function explanation(message: runs.ExplainRunResponse): records.Explanation {
  return { ...message, state: runState(message.state), causes: message.causes.map(cause) };
}

function cause(message: runs.Cause): records.Cause {
  return {
    ...message,
    kind: nameOf(runs.CauseKind, CAUSE, message.kind) as records.CauseKind,
    childState: runState(message.childState),
    failure: failureIfAny(message.failure),
  };
}

/** Read an event. */
export function event(message: runs.Event): records.Event {
  return {
    ...message,
    kind: "event",
    payload: decode(message.payload),
    failure: failureIfAny(message.failure),
    attributes: message.attributes ? (decodeJson(message.attributes) as Record<string, unknown>) : {},
  };
}

/** Read a chunk. */
export function chunk(message: runs.Chunk): records.Chunk {
  const { step: id, attempt, sequence, time } = message;
  return { kind: "chunk", step: id, attempt, sequence, value: decode(message.payload), time };
}

/** Read a workflow. */
export function workflow(message: workflows.Workflow | undefined, created = false): records.Workflow {
  const { name = "", version = 0, definition = "", createTime, current = false } = message ?? {};
  return { name, version, definition, createTime, current, created };
}

/** Read a dead letter. */
export function deadLetter(message: dead.DeadLetter): records.DeadLetter {
  return {
    ...message,
    input: decode(message.input),
    failure: failureIfAny(message.failure),
    state: nameOf(dead.DeadLetterState, DEAD_STATE, message.state) as records.DeadLetterState,
  };
}
