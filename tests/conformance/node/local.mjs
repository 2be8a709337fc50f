// What a local step of the code workflow does: a few ops, run here, not recorded one by one.
// Must not know ctx: it is what the code does outside.

import { appendFileSync, closeSync, existsSync, openSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import { fail, MAKE } from "./programs.mjs";

const LOOK_MS = 20;

/** Local steps of all runs of this worker; counts the tries of each since the worker began. */
export class Local {
  #folder;
  #tries = new Map();

  constructor(folder) {
    this.#folder = folder;
  }

  /** The function that ctx.run gets. */
  performed(runId, { name, do: ops }, value) {
    const key = `${runId} ${name}`;
    return async () => {
      const attempt = (this.#tries.get(key) ?? 0) + 1;
      this.#tries.set(key, attempt);
      for (const op of ops) {
        if (attempt < (op.from ?? 1) || attempt > (op.upto ?? attempt)) continue;
        if (op.op === "make") return MAKE[op.kind](Number(op.size ?? 0));
        if (op.op === "return") return op.value === undefined ? value : op.value;
        await this.#act(op, `node ${key} ${attempt}`);
      }
      return null;
    };
  }

  async #act(op, place) {
    switch (op.op) {
      case "fail":
        return fail(op);
      case "sleep":
        return await sleep(op.s * 1_000);
      case "await":
        while (!existsSync(join(this.#folder, op.latch))) await sleep(LOOK_MS);
        return undefined;
      case "note":
        return appendFileSync(join(this.#folder, "notes"), `${place} ${op.text}\n`);
      default:
        return dieOnce(join(this.#folder, op.once));
    }
  }
}

/** As kill -9 does, unless somebody has died at this latch before. */
export function dieOnce(latch) {
  try {
    closeSync(openSync(latch, "wx"));
  } catch (error) {
    if (error.code === "EEXIST") return;
    throw error;
  }
  process.kill(process.pid, "SIGKILL");
}
