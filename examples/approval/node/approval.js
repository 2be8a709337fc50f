// An expense waits for somebody's word, is paid, or what was done for it is undone. worker.js serves this.

import { RunCancelled, SignalTimeout, Worker } from "stellwerk";

const THREE_DAYS_S = 3 * 24 * 60 * 60;

/** @typedef {{who: string, amount: number, patience_s?: number}} Expense */
/** @typedef {import("stellwerk").WorkflowContext} WorkflowContext */

export const worker = new Worker();

worker.workflow("approval", async (ctx, /** @type {Expense} */ expense) => {
  ctx.setAttributes({ who: expense.who, amount: expense.amount });
  await ctx.step("approval.reserve", expense.amount);
  ctx.publish("state", "waiting for approval");
  const { approved, by } = await answerTo(ctx, expense);
  return approved ? pay(ctx, expense, by) : turnDown(ctx, expense, by);
});

/**
 * What somebody says, or that nobody says anything; nothing stays set aside for a run that is cancelled meanwhile.
 * @param {WorkflowContext} ctx
 * @param {Expense} expense
 */
async function answerTo(ctx, expense) {
  try {
    return await ctx.waitSignal("approval", { timeout: (expense.patience_s ?? THREE_DAYS_S) * 1000 });
  } catch (error) {
    if (error instanceof SignalTimeout) return { approved: false, by: "nobody" };
    if (error instanceof RunCancelled) await ctx.step("approval.release", expense.amount);
    throw error;
  }
}

/**
 * @param {WorkflowContext} ctx
 * @param {Expense} expense
 * @param {string} by
 */
async function pay(ctx, { who, amount }, by) {
  ctx.publish("state", "paying");
  const receipt = await ctx.step("approval.pay", { who, amount });
  ctx.publish("state", "paid");
  return { state: "paid", by, receipt };
}

/**
 * Undo the reservation and tell whoever waits for the money.
 * @param {WorkflowContext} ctx
 * @param {Expense} expense
 * @param {string} by
 */
async function turnDown(ctx, { who, amount }, by) {
  await ctx.step("approval.release", amount);
  const notice = await ctx.step("approval.notify", { who, by });
  ctx.publish("state", "turned down");
  return { state: "turned down", by, notice };
}

worker.register("approval.reserve", (amount) => `${amount} are set aside`);

worker.register("approval.release", (amount) => `${amount} are free again`);

// The key is the same in every attempt: a bank that is asked twice pays once.
worker.register("approval.pay", (/** @type {Expense} */ { who, amount }, ctx) => ({
  paid: amount,
  to: who,
  key: ctx.idempotencyKey,
}));

worker.register(
  "approval.notify",
  (/** @type {{who: string, by: string}} */ { who, by }) => `Dear ${who}, your expense was turned down by ${by}.`,
);
