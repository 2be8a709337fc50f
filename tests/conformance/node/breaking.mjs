// Code that breaks the rules of workflow code, each rule in Node's way. What comes back are outcomes.

import { kept } from "./calls.mjs";

/** Break the op's rule. */
export async function breaks(op, ctx) {
  return (await RULES[op.rule](ctx, op)) ?? [];
}

const RULES = {
  foreign_await: () => new Promise(() => undefined),
  block(_, op) {
    const untilMs = performance.now() + op.s * 1_000;
    while (performance.now() < untilMs);
  },
  keep_ctx(ctx) {
    kept.push(ctx);
  },
  /** There is no other thread that could have ctx: what comes after the turn, and before the next, stands for it. */
  async from_thread(ctx) {
    const outcomes = [];
    setImmediate(() => {
      try {
        ctx.step("perform", { do: [] });
        outcomes.push({ ok: null });
      } catch (error) {
        outcomes.push({ error: { kind: error.constructor.name, message: error.message } });
      }
    });
    await ctx.sleep(200);
    return outcomes;
  },
  too_many: (ctx, op) => Promise.all(Array.from({ length: op.times }, () => ctx.sleep(3_600_000))),
};
