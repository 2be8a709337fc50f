// The order worker: failures that are tried again, one that is not, and one that somebody has to decide.
//
//     node worker.js                   # serves 127.0.0.1:7400, or STELLWERK_ADDRESS

import { existsSync } from "node:fs";

import { RetryableError, TerminalError, Worker } from "stellwerk";

const CARD_LIMIT = 100_000;

/** Any error that is no TerminalError is tried again, as the step's `retry` says. */
class WarehouseClosed extends Error {}

/**
 * Ask the bank, which is busy at first and takes small amounts only.
 * @param {{order: string, total: number}} order
 * @param {import("stellwerk").TaskContext} ctx
 */
async function charge(order, ctx) {
  if (ctx.attempt === 1) {
    throw new RetryableError("the bank is busy", { retryAfter: 100, type: "BankBusy" });
  }
  if (order.total >= CARD_LIMIT) {
    throw new TerminalError("the card was declined", { type: "CardDeclined", details: { limit: CARD_LIMIT } });
  }
  // The key is the same in every attempt: a bank that is asked twice charges once.
  return { amount: order.total, key: ctx.idempotencyKey, attempt: ctx.attempt };
}

/** @param {{order: string, closed_sign: string | null}} shipment */
function ship(shipment) {
  if (shipment.closed_sign && existsSync(shipment.closed_sign)) {
    throw new WarehouseClosed(`nobody is here to pack ${shipment.order}`);
  }
  return `parcel of ${shipment.order}`;
}

const worker = new Worker();
worker.register("order.charge", charge);
worker.register("order.ship", ship);
await worker.start();
