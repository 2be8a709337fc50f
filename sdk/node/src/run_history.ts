/** Reads a run's whole history for the code that decides it. Must not give up while that may help. */

import type { Target } from "./channel.js";
import { Backoff, isRetryable, pause } from "./retry.js";
import { fromCall } from "./status.js";
import type { Calls } from "./unary.js";
import { RunServiceService, type Event, type GetHistoryResponse } from "./v1/stellwerk/v1/run.js";

const PAGE = 1_000;
const CALL_TIMEOUT_MS = 15_000;

/** All events of a run, page after page. Rejects with RequestError; waits for ever once it has `ended`. */
export async function readHistory(
  calls: Calls,
  target: Target,
  runId: string,
  ended: AbortSignal,
): Promise<Event[]> {
  const events: Event[] = [];
  const backoff = new Backoff();
  for (let pageToken = ""; ; ) {
    const request = { namespace: target.namespace, runId, pageSize: PAGE, pageToken };
    let page: GetHistoryResponse;
    try {
      page = await calls.send(RunServiceService.getHistory, request, CALL_TIMEOUT_MS).answer;
    } catch (error) {
      const problem = fromCall(error, target);
      if (ended.aborted) return new Promise(() => undefined);
      if (!isRetryable(problem)) throw problem;
      await pause(Math.max(backoff.nextMs(), problem.retryAfterMs ?? 0), ended);
      continue;
    }
    for (const event of page.events) events.push(event);
    pageToken = page.nextPageToken;
    if (!pageToken) return events;
  }
}
