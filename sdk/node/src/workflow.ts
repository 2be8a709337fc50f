/** What may be registered as a workflow, for one worker or for all of the program. Must not run anything. */

import { createHash } from "node:crypto";

import type { WorkflowContext } from "./workflow_context.js";

/** The code of a workflow: `(ctx, input)`. `In` is a claim of the compiler; nothing is checked. */
export type WorkflowFunction<In, Out> = (ctx: WorkflowContext, input: In) => Out | PromiseLike<Out>;

/** A workflow ready to be called. */
export interface WorkflowPlan {
  readonly name: string;
  readonly fn: (ctx: WorkflowContext, input: unknown) => unknown;
}

const defined = new Map<string, WorkflowPlan>();

/**
 * Have every worker of the program decide the runs of this workflow.
 *
 *     defineWorkflow("signup", async (ctx, user) => {
 *       await ctx.step("sendWelcomeEmail", user);
 *       await ctx.wait("1h");
 *       await ctx.step("sendFollowupEmail", user);
 *     });
 *
 * Throws TypeError for what is no function, RangeError when the name is taken.
 */
// An input without a type of its own is plain JSON, which only the code knows.
// eslint-disable-next-line @typescript-eslint/no-explicit-any
export function defineWorkflow<In = any, Out = unknown>(name: string, fn: WorkflowFunction<In, Out>): void {
  add(defined, name, fn);
}

/** The workflows of a worker: its own and those of the program. Throws RangeError when both have one. */
export function allWorkflows(own: ReadonlyMap<string, WorkflowPlan>): Map<string, WorkflowPlan> {
  for (const name of own.keys()) if (defined.has(name)) throw taken(name);
  return new Map([...defined, ...own]);
}

/** Check a workflow and put it to others. Throws TypeError and RangeError. */
export function add(plans: Map<string, WorkflowPlan>, name: unknown, fn: unknown): void {
  if (typeof name !== "string" || name === "") {
    throw new TypeError(`workflow: expected a non-empty string, came '${String(name)}'`);
  }
  if (typeof fn !== "function") {
    const came = fn === null ? "null" : typeof fn;
    throw new TypeError(`workflow '${name}': expected a function, came ${came}`);
  }
  if (fn.length > 2) {
    throw new TypeError(`workflow '${name}': expected (ctx) or (ctx, input), came ${fn.length} parameters`);
  }
  if (plans.has(name)) throw taken(name);
  plans.set(name, { name, fn: fn as WorkflowPlan["fn"] });
}

/** Which code that is: 12 hex digits of the functions' source. */
export function buildOf(plans: ReadonlyMap<string, WorkflowPlan>): string {
  const digest = createHash("sha256");
  for (const name of [...plans.keys()].sort()) digest.update(`${name}\0${String(plans.get(name)?.fn)}\0`);
  return digest.digest("hex").slice(0, 12);
}

function taken(name: string): RangeError {
  return new RangeError(`workflow '${name}': expected one, came a second`);
}
