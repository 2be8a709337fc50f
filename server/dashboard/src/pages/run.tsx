// The page of one run: what it is, why it does not go on, its steps as graph, timeline, list or history, and what one can do.
// It must not fold events itself; the store does.

import "../styles/graph.css";
import "../styles/run.css";
import { useEffect, useMemo } from "preact/hooks";

import type { Run } from "../api/types.js";
import { ErrorNotice, SkeletonRows } from "../components/feedback.js";
import { Page } from "../components/page.js";
import { usePlace, useRouter } from "../router.js";
import { useSession } from "../session.js";
import { RunView } from "./run/view.js";
import { RunStore } from "./run/store.js";

/** `/runs/:id`. */
export function RunPage({ id }: { id: string }) {
  return <RunShown id={id} onState={(run) => (document.title = `${run.workflow} ${run.state.toLowerCase()} · Stellwerk`)} />;
}

/** The run, on its page or in a web component. The tab and the chosen step are in the address, so that it can be sent to somebody. */
export function RunShown({ id, onState }: { id: string; onState: (run: Run) => void }) {
  const store = useRunStore(id);
  const run = store.version.value >= 0 ? store.picture?.run : undefined;
  useEffect(() => {
    if (run !== undefined) onState(run);
  }, [run?.run_id, run?.state]);
  const place = usePlace();
  const router = useRouter();
  const put = (name: string, value: string | undefined) => {
    const query = new URLSearchParams(place.query);
    if (value === undefined) query.delete(name);
    else query.set(name, value);
    const search = query.toString();
    router.go(`${place.path}${search === "" ? "" : `?${search}`}`, { replace: true });
  };
  if (run === undefined) {
    return <Page title={`Run ${id}`}>{store.error === undefined ? <SkeletonRows /> : <ErrorNotice error={store.error} />}</Page>;
  }
  return (
    <RunView
      store={store}
      tab={place.query.get("tab") ?? "graph"}
      onTab={(tab) => put("tab", tab)}
      step={place.query.get("step") ?? undefined}
      onStep={(step) => put("step", step)}
    />
  );
}

/** A run that is followed while the component is there. */
export function useRunStore(id: string): RunStore {
  const session = useSession();
  const store = useMemo(() => new RunStore(session, id), [session, id]);
  useEffect(() => {
    void store.open();
    return () => store.close();
  }, [store]);
  return store;
}
