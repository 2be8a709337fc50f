/** What may be registered, and how it is called. Must not run anything: the runner does. */

import type { TaskContext } from "./context.js";

/** What a handler may give: a value, something to await, or a generator whose yields are chunks. */
export type HandlerResult<Out> = Out | PromiseLike<Out> | Generator<unknown, Out> | AsyncGenerator<unknown, Out>;

/** A handler: `(input)` or `(input, ctx)`. `In` is a claim of the compiler; nothing is checked. */
export type Handler<In, Out> = (input: In, ctx: TaskContext) => HandlerResult<Out>;

/** A handler ready to be called. */
export interface HandlerPlan {
  readonly action: string;
  readonly handler: (input: unknown, ctx: TaskContext) => unknown;
}

/** Check what is registered. Throws TypeError when it is no handler. */
export function plan(action: unknown, handler: unknown): HandlerPlan {
  if (typeof action !== "string" || action === "") {
    throw new TypeError(`action: expected a non-empty string, came '${String(action)}'`);
  }
  if (typeof handler !== "function") {
    const came = handler === null ? "null" : typeof handler;
    throw new TypeError(`handler of '${action}': expected a function, came ${came}`);
  }
  if (handler.length > 2) {
    throw new TypeError(`handler of '${action}': expected (input) or (input, ctx), came ${handler.length} parameters`);
  }
  return { action, handler: handler as HandlerPlan["handler"] };
}

/** True for what has to be awaited. */
export function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === "object" && value !== null && "then" in value && typeof value.then === "function";
}

/** True for a generator at work, sync or async: its yields are chunks. */
export function isGenerator(value: unknown): value is Generator | AsyncGenerator {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return false;
  if (!("next" in value) || typeof value.next !== "function") return false;
  return Symbol.asyncIterator in value || Symbol.iterator in value;
}
