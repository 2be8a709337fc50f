// The open dead letters, live: read once, and those of a run again when an event says that they changed.

import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import { everyPage, type Api } from "../api/client.js";
import type { ApiError } from "../api/problem.js";
import type { DeadLetter, FeedEvent } from "../api/types.js";
import { useRead } from "../live/hooks.js";
import { useSession } from "../session.js";
import { withRun } from "./letters.js";
import { Optimistic } from "./optimistic.js";
import { isEnded, stateAfter } from "./run_events.js";
import { useFeed, useReread } from "./use_feed.js";

export const LETTERS_MOST = 10_000;
const RUNS_AT_ONCE = 20;
const TYPES = ["STEP_DEAD", "STEP_DISCARDED", "STEP_SCHEDULED", "RUN_*"];

/** Letters that an action has sent away, by id: they are gone from the list until a refusal brings them back. */
export const leaving = new Optimistic<"REQUEUED" | "DISCARDED">();

export interface LiveLetters {
  letters: readonly DeadLetter[] | undefined;
  error: ApiError | undefined;
  isCut: boolean;
  reload: () => void;
}

export function useLetters(filter: { run_id?: string; workflow?: string }): LiveLetters {
  const { api } = useSession();
  const key = JSON.stringify(filter);
  const reading = useRead((signal) => readAll(api, JSON.parse(key) as typeof filter, signal), [api, key]);
  const [letters, setLetters] = useState<readonly DeadLetter[]>();
  useEffect(() => setLetters(reading.data), [reading.data]);
  const latest = useRef(letters);
  latest.current = letters;
  const reread = useReread(reading.reload);
  const take = useCallback(
    (events: FeedEvent[]) => {
      const changed = runsChanged(events, latest.current ?? [], filter);
      if (changed.length > RUNS_AT_ONCE) reread.changed();
      else changed.forEach((runId) => readRun(api, runId, setLetters));
    },
    [api, key, reread],
  );
  useFeed({ types: TYPES, workflow: filter.workflow }, take, reading.reload);
  const isCut = (letters?.length ?? 0) >= LETTERS_MOST;
  return { letters, error: reading.error, isCut, reload: reading.reload };
}

/** The runs whose letters may be others now: a step died, or something moved in a run that has letters here. */
export function runsChanged(events: readonly FeedEvent[], letters: readonly DeadLetter[], filter: { run_id?: string }): string[] {
  const known = new Set(letters.map((letter) => letter.run_id));
  const changed = new Set<string>();
  for (const event of events) {
    const origin = event.attributes?.forked_from;
    if (event.type === "STEP_DEAD" && (!filter.run_id || filter.run_id === event.run_id)) changed.add(event.run_id);
    else if (known.has(event.run_id) && mayClose(event)) changed.add(event.run_id);
    else if (typeof origin === "string" && known.has(origin)) changed.add(origin);
  }
  return [...changed];
}

function mayClose(event: FeedEvent): boolean {
  const state = stateAfter(event.type);
  return event.type === "STEP_DISCARDED" || event.type === "STEP_SCHEDULED" || state === "RUNNING" || (state !== undefined && isEnded(state));
}

async function readAll(api: Api, filter: object, signal: AbortSignal): Promise<DeadLetter[]> {
  const letters: DeadLetter[] = [];
  const read = (page_token: string | undefined) => api.deadLetters({ ...filter, page_size: 500, ...(page_token ? { page_token } : {}) }, { signal });
  for await (const page of everyPage("dead_letters", read, LETTERS_MOST)) letters.push(...page);
  return letters;
}

type SetLetters = (next: (old: readonly DeadLetter[] | undefined) => readonly DeadLetter[] | undefined) => void;

function readRun(api: Api, runId: string, setLetters: SetLetters): void {
  api.deadLetters({ run_id: runId, page_size: 500 }).then(
    ({ dead_letters: read }) => setLetters((old) => old && withRun(old, runId, read ?? [])),
    () => undefined, // The next event or reload shows it.
  );
}
