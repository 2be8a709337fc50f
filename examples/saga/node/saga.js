// Three bookings that belong together; when one fails, all of them are undone, the last one first. worker.js serves this.

import { setTimeout as pause } from "node:timers/promises";

import { RunCancelled, StepFailed, TerminalError, Worker } from "stellwerk";

const PARTS = ["flight", "hotel", "car"];

/**
 * `slow_s`: how long the hotel takes to answer, for those who want to be in time to kill the worker.
 * @typedef {{to: string, slow_s?: number}} Trip
 */
/** @typedef {{what: string, to: string, number: string, slow_s: number}} Booking */

export const worker = new Worker();

worker.workflow("saga", async (ctx, /** @type {Trip} */ { to, slow_s = 0 }) => {
  /** @type {Booking[]} */
  const begun = [];
  const booked = [];
  try {
    for (const what of PARTS) {
      const booking = { what, to, number: `${ctx.runId}/${what}`, slow_s: what === "hotel" ? slow_s : 0 };
      begun.push(booking); // first: an attempt that got lost or was cancelled may have booked all the same
      booked.push(await ctx.step("saga.book", booking, { name: `book-${what}` }));
    }
  } catch (error) {
    if (!(error instanceof StepFailed || error instanceof RunCancelled)) throw error;
    for (const booking of begun.reverse()) {
      await ctx.step("saga.undo", booking, { name: `undo-${booking.what}` });
    }
    throw error;
  }
  return booked;
});

worker.register("saga.book", async (/** @type {Booking} */ { what, to, number, slow_s }, ctx) => {
  if (what === "car" && to === "Venice") throw new TerminalError("there are no cars in Venice", { type: "NoCars" });
  await pause(slow_s * 1000, undefined, { signal: ctx.signal });
  return `${what} to ${to}, booked as ${number}`;
});

// Whatever was booked under this number is undone; nothing may be, and that is well, too.
worker.register("saga.undo", (/** @type {Booking} */ { number }) => `${number} is free`);
