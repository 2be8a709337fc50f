/**
 * A task while this worker holds it: from the poll that brought it to the verdict on its result.
 *
 * Must not run the handler or send anything: it only ties a task to the lines that do.
 */

import type { ChunkLine, TaskChunks } from "./chunks.js";
import { TaskCancelled } from "./errors.js";
import type { HandlerPlan } from "./handler.js";
import type { Logger } from "./logger.js";
import type { TaskSpan } from "./spans.js";
import type { Payload } from "./v1/stellwerk/v1/payload.js";
import type { Task } from "./v1/stellwerk/v1/worker.js";

/** What the tasks of one worker share. */
export interface Lines {
  readonly chunks: Pick<ChunkLine, "push" | "forget">;
  readonly logger: Logger;
  progress(token: Uint8Array, progress: Payload): void;
}

/** One attempt in this worker's hands. */
export class HeldTask {
  readonly key: string;
  /** Its place in the lease table, which the heartbeat's thread reads. */
  lease = -1;
  chunks: TaskChunks | undefined;
  span: TaskSpan | undefined;
  cancelReason = "";
  entered = false;
  settled = false;
  #abort: AbortController | undefined;

  constructor(
    readonly task: Task,
    readonly plan: HandlerPlan | undefined,
    readonly lines: Lines,
  ) {
    this.key = task.token.toString("latin1");
  }

  /** Aborted when the task is cancelled; made when first asked for. */
  get signal(): AbortSignal {
    if (this.#abort === undefined) {
      this.#abort = new AbortController();
      if (this.cancelReason) this.#abort.abort(new TaskCancelled(this.cancelReason));
    }
    return this.#abort.signal;
  }

  /** Tell the handler to stop; one that has not begun yet never will. */
  cancel(reason: string): void {
    if (this.settled || this.cancelReason) return;
    this.cancelReason = reason;
    this.#abort?.abort(new TaskCancelled(reason));
    this.chunks?.wake();
  }
}
