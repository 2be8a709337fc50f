/**
 * Tells the server of code that does not come to a wait; lives in the heartbeat's thread, which such code cannot hold.
 *
 * Must not load code of workflows, and sends nothing itself.
 */

import { readLeases, sharedNowMs, type Shared } from "./lease_table.js";
import { readTurn, type SharedTurn } from "./turn_mark.js";
import { Failure, FailureCategory } from "./v1/stellwerk/v1/payload.js";
import type { TaskResult } from "./v1/stellwerk/v1/worker.js";

const BLOCKED_MS = 5_000;
const LOOK_MS = 500;

/** Looks from time to time; each turn is told of once. */
export class Watchdog {
  readonly #turn: SharedTurn;
  readonly #leases: () => Shared;
  readonly #send: (results: TaskResult[]) => void;
  #told = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(turn: SharedTurn, leases: () => Shared, send: (results: TaskResult[]) => void) {
    this.#turn = turn;
    this.#leases = leases;
    this.#send = send;
  }

  /** Begin looking. */
  start(): void {
    this.#timer = setInterval(() => {
      this.#look();
    }, LOOK_MS);
  }

  /** End it. */
  stop(): void {
    clearInterval(this.#timer);
  }

  #look(): void {
    const turn = readTurn(this.#turn);
    const blockedMs = sharedNowMs() - (turn?.sinceMs ?? Number.POSITIVE_INFINITY);
    if (turn === undefined || blockedMs < BLOCKED_MS || turn.use === this.#told) return;
    this.#told = turn.use;
    const seconds = Math.floor(blockedMs / 1_000);
    const failed = turn.runs.map(({ token, workflow, runId }) => ({
      token,
      failure: blocked(seconds, `workflow ${workflow}, run ${runId}`),
    }));
    const blamed = new Set(failed.map(({ token }) => token.toString("latin1")));
    const others = readLeases(this.#leases()).filter((held) => held.decision && !blamed.has(held.token.toString("latin1")));
    // Those wait behind it, and other workers may be free.
    this.#send([...failed, ...others.map(({ token }) => ({ token, release: {} }))]);
  }
}

function blocked(seconds: number, where: string): Failure {
  return Failure.create({
    type: "WorkflowBlocked",
    message: `the code has not come to a wait for ${seconds} s: ${where}`,
    category: FailureCategory.FAILURE_CATEGORY_USER,
  });
}
