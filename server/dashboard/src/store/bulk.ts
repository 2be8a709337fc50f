// One action on many things: a few at a time, how far it is, and what was refused. Pure but for the action itself.

export interface BulkProgress {
  total: number;
  done: number;
  failures: { key: string; error: unknown }[];
  isStopped: boolean;
}

const AT_A_TIME = 6;

/** Acts on every key and tells after each how far it is; `stop` of the answer leaves the rest as it is. */
export function actOnMany(
  keys: readonly string[],
  act: (key: string) => Promise<unknown>,
  tell: (progress: BulkProgress) => void,
): { finished: Promise<BulkProgress>; stop: () => void } {
  const progress: BulkProgress = { total: keys.length, done: 0, failures: [], isStopped: false };
  let next = 0;
  const lane = async (): Promise<void> => {
    for (let key = keys[next++]; key !== undefined && !progress.isStopped; key = keys[next++]) {
      try {
        await act(key);
      } catch (error) {
        progress.failures.push({ key, error });
      }
      progress.done++;
      tell({ ...progress });
    }
  };
  const lanes = Array.from({ length: Math.min(AT_A_TIME, keys.length) }, lane);
  const finished = Promise.all(lanes).then(() => ({ ...progress }));
  return { finished, stop: () => (progress.isStopped = true) };
}
