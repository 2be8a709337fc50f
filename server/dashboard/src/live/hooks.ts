// Live subscriptions and reads as hooks; both go on by themselves when the server was away.
// They must not poll: a read is repeated only when it failed, or when what it depends on changed.

import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import { ApiError, asApiError } from "../api/problem.js";
import { useSession } from "../session.js";
import { backoffMs } from "./backoff.js";
import type { Reader, Wish } from "./connection.js";

/** Subscribes while the component is there; a changed `wish` (by value) begins anew, undefined ends it. */
export function useLive(wish: Wish | undefined, reader: Reader): void {
  const { live } = useSession();
  const latest = useRef(reader);
  latest.current = reader;
  const key = wish && JSON.stringify(wish);
  useEffect(() => {
    if (key === undefined) return undefined;
    return live.subscribe(JSON.parse(key) as Wish, {
      frames: (frames) => latest.current.frames(frames),
      ready: () => latest.current.ready?.(),
      failed: (problem) => latest.current.failed?.(problem),
    });
  }, [live, key]);
}

/** What the server tells now and whenever it changes; the first answer is asked for, so that it does not wait for the socket. */
export function useLiveState<T>(subscribe: "overview" | "workers" | "queues"): { data: T | undefined; error: ApiError | undefined } {
  const { api, returns } = useSession();
  const first = useRead((signal) => api[subscribe]({ signal }) as Promise<T>, [api, subscribe, returns.value]);
  const [told, setTold] = useState<T>();
  const [error, setError] = useState<ApiError>();
  useLive(
    { subscribe },
    {
      frames: (frames) => setTold(frames[frames.length - 1]?.data as T),
      failed: (problem) => setError(new ApiError(problem)),
    },
  );
  return { data: told ?? first.data, error: first.error ?? error };
}

export interface Reading<T> {
  data: T | undefined;
  error: ApiError | undefined;
  isLoading: boolean;
  reload: () => void;
}

/**
 * Reads once, again when `deps` change or `reload` is called, and after a while when the server was away.
 * What was read stays while it is read again under the same deps.
 */
export function useRead<T>(read: (signal: AbortSignal) => Promise<T>, deps: readonly unknown[]): Reading<T> {
  const [state, setState] = useState<Omit<Reading<T>, "reload">>({ data: undefined, error: undefined, isLoading: true });
  const [turn, setTurn] = useState(0);
  const before = useRef<readonly unknown[]>(deps);
  useEffect(() => {
    const isSame = before.current.length === deps.length && before.current.every((value, index) => Object.is(value, deps[index]));
    before.current = deps;
    setState((old) => ({ data: isSame ? old.data : undefined, error: isSame ? old.error : undefined, isLoading: true }));
    return untilRead(read, setState);
  }, [...deps, turn]);
  const reload = useCallback(() => setTurn((old) => old + 1), []);
  return { ...state, reload };
}

type SetReading<T> = (next: (old: Omit<Reading<T>, "reload">) => Omit<Reading<T>, "reload">) => void;

function untilRead<T>(read: (signal: AbortSignal) => Promise<T>, setState: SetReading<T>): () => void {
  const abort = new AbortController();
  let timer: ReturnType<typeof setTimeout> | undefined;
  const attempt = async (failures: number): Promise<void> => {
    try {
      const data = await read(abort.signal);
      if (!abort.signal.aborted) setState(() => ({ data, error: undefined, isLoading: false }));
    } catch (thrown) {
      if (abort.signal.aborted) return;
      const error = asApiError(thrown);
      setState((old) => ({ ...old, error, isLoading: false }));
      if (error.isAway || error.status === 429) timer = setTimeout(() => void attempt(failures + 1), backoffMs(failures + 1));
    }
  };
  void attempt(0);
  return () => {
    abort.abort();
    clearTimeout(timer);
  };
}
