// A live list of runs: pages as they are scrolled to, events on top, and what an action expects.
// It must not decide how rows look.

import { useCallback, useEffect, useMemo, useRef, useState } from "preact/hooks";
import { asApiError, type ApiError } from "../api/problem.js";
import type { FeedEvent, Run, RunFilter, RunState } from "../api/types.js";
import { backoffMs } from "../live/backoff.js";
import { useSession } from "../session.js";
import { Optimistic } from "./optimistic.js";
import { RunTable } from "./run_table.js";
import { useFeed } from "./use_feed.js";

const PAGE_SIZE = 100;
const ROWS_MOST = 20_000;

/** States that actions have asked for, of all lists. */
export const expectedStates = new Optimistic<RunState>();

export interface LiveRuns {
  rows: readonly Run[];
  held: number;
  error: ApiError | undefined;
  isLoading: boolean;
  hasMore: boolean;
  loadMore: () => void;
  release: () => void;
  hold: (isHolding: boolean) => void;
}

interface Paging {
  token: string | undefined;
  isBusy: boolean;
  isFirst: boolean;
  error: ApiError | undefined;
}

const BEGINNING: Paging = { token: undefined, isBusy: true, isFirst: true, error: undefined };

/** The runs of a filter; another filter (by value) is another list. */
export function useRuns(filter: RunFilter): LiveRuns {
  const key = JSON.stringify(filter);
  const table = useMemo(() => new RunTable(JSON.parse(key) as RunFilter), [key]);
  const [, draw] = useState({});
  const redraw = useCallback(() => draw({}), []);
  const { paging, readFirst, loadMore } = usePages(table, redraw);
  useRunEvents(table, redraw, readFirst);
  const release = useCallback(() => {
    table.release();
    redraw();
  }, [table]);
  const hold = useCallback(
    (isHolding: boolean) => {
      if (table.isHolding === isHolding) return;
      table.isHolding = isHolding;
      if (!isHolding && table.held.length) release();
    },
    [table],
  );
  const hasMore = paging.token !== undefined && table.rows.length < ROWS_MOST;
  const isLoading = paging.isFirst && paging.isBusy;
  return { rows: table.rows, held: table.held.length, error: paging.error, isLoading, hasMore, loadMore, release, hold };
}

function usePages(table: RunTable, redraw: () => void) {
  const { api } = useSession();
  const state = useMemo(() => ({ current: { ...BEGINNING } }), [table]);
  const abort = useRef<AbortController | undefined>(undefined);
  const read = useCallback(
    async (token: string | undefined, failures: number): Promise<void> => {
      abort.current?.abort();
      const mine = new AbortController();
      abort.current = mine;
      state.current = { ...state.current, isBusy: true };
      try {
        const query = { ...table.filter, page_size: PAGE_SIZE, ...(token ? { page_token: token } : {}) };
        const page = await api.runs(query, { signal: mine.signal });
        if (mine.signal.aborted) return;
        if (token) table.addPage(page.runs ?? []);
        else table.begin(page.runs ?? []);
        state.current = { token: page.next_page_token || undefined, isBusy: false, isFirst: false, error: undefined };
      } catch (thrown) {
        if (mine.signal.aborted) return;
        const error = asApiError(thrown);
        state.current = { ...state.current, error, isBusy: false };
        if (error.isAway) later(mine.signal, backoffMs(failures + 1), () => void read(token, failures + 1));
      }
      redraw();
    },
    [api, table, state],
  );
  const readFirst = useCallback(() => void read(undefined, 0), [read]);
  const loadMore = useCallback(() => {
    const { token, isBusy } = state.current;
    if (token && !isBusy && table.rows.length < ROWS_MOST) void read(token, 0);
  }, [read, table]);
  useEffect(() => {
    readFirst();
    return () => abort.current?.abort();
  }, [readFirst]);
  return { paging: state.current, readFirst, loadMore };
}

function useRunEvents(table: RunTable, redraw: () => void, readFirst: () => void): void {
  const { api } = useSession();
  const take = useCallback(
    (events: FeedEvent[]) => {
      for (const runId of table.apply(events)) expectedStates.settle(runId);
      readWanted(table, (runId) => api.run(runId), redraw);
      redraw();
    },
    [api, table],
  );
  // What was read before the stream began may have missed something; what is on its way then is read anew.
  useFeed({ types: ["RUN_*"], workflow: table.filter.workflow }, take, readFirst);
}

function readWanted(table: RunTable, read: (runId: string) => Promise<Run>, redraw: () => void): void {
  for (const runId of [...table.wanted]) {
    table.wanted.delete(runId);
    read(runId).then(
      (run) => {
        table.addRead(run);
        redraw();
      },
      () => undefined, // The list stays right without it; it comes with the next read.
    );
  }
}

function later(signal: AbortSignal, ms: number, callback: () => void): void {
  const timer = setTimeout(callback, ms);
  signal.addEventListener("abort", () => clearTimeout(timer));
}
