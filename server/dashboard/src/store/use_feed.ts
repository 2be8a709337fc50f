// Events of the namespace as lists take them: gathered, a batch a frame. What a list does with them is its own.

import { useEffect, useMemo } from "preact/hooks";
import type { FeedEvent } from "../api/types.js";
import { useLive } from "../live/hooks.js";
import { Batches } from "./batches.js";
import { Reread } from "./reread.js";

export interface FeedWish {
  types: string[];
  /** Empty or absent: of every workflow. */
  workflow?: string | undefined;
}

/** `take` gets the events from now on and must be the same function from one drawing to the next; `ready` is told when to read the list. */
export function useFeed({ types, workflow }: FeedWish, take: (events: FeedEvent[]) => void, ready: () => void): void {
  const batches = useMemo(() => new Batches(take), [take]);
  useEffect(() => () => batches.stop(), [batches]);
  useLive(
    { subscribe: "events", types, ...(workflow ? { workflow } : {}) },
    { frames: (frames) => batches.add(frames.filter((frame) => frame.event === "event").map((frame) => frame.data as FeedEvent)), ready },
  );
}

/** A way to have a list read again that may be asked for often. */
export function useReread(read: () => void): Reread {
  const reread = useMemo(() => new Reread(read), [read]);
  useEffect(() => () => reread.stop(), [reread]);
  return reread;
}
