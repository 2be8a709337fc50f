// The last runs of a workflow, as dots in its row or as a list on its page. Only rows in view ask.

import { useCallback, useState } from "preact/hooks";

import type { FeedEvent, Run } from "../../api/types.js";
import { StateBadge } from "../../components/badge.js";
import { Empty, ErrorNotice, SkeletonRows } from "../../components/feedback.js";
import { Icon } from "../../components/icon.js";
import { lookOf } from "../../components/states.js";
import { Span, Time } from "../../components/time.js";
import { useLive, useRead } from "../../live/hooks.js";
import { Link, to } from "../../router.js";
import { useSession } from "../../session.js";
import { applyToRun, runOf } from "../../store/run_events.js";

const DOTS = 8;
const LISTED = 20;

/** The states of the last few runs, newest first. */
export function RecentStates({ workflow }: { workflow: string }) {
  const { api } = useSession();
  const { data } = useRead((signal) => api.runs({ workflow, page_size: DOTS }, { signal }), [api, workflow]);
  if (data === undefined) return null;
  const runs = data.runs ?? [];
  if (runs.length === 0) return <span class="muted">none</span>;
  return (
    <span class="recent">
      {runs.map((run) => {
        const look = lookOf(run.state);
        return (
          <Link key={run.run_id} to={to.run(run.run_id)} class={`recent-run tone-${look.tone}`} title={`${look.label}: ${run.run_id}`} label={`${look.label} run ${run.run_id}`}>
            <Icon name={look.icon} size={12} class={look.isMoving ? "spin" : undefined} />
          </Link>
        );
      })}
    </span>
  );
}

/** The last runs, live. */
export function RecentRuns({ workflow }: { workflow: string }) {
  const { api } = useSession();
  const read = useRead((signal) => api.runs({ workflow, page_size: LISTED }, { signal }), [api, workflow]);
  const [told, setTold] = useState<readonly FeedEvent[]>([]);
  const { reload } = read;
  const readAgain = useCallback(() => {
    setTold([]);
    reload();
  }, [reload]);
  useLive(
    { subscribe: "events", workflow, types: ["RUN_*"] },
    {
      ready: readAgain,
      frames: (frames) => setTold((old) => [...old, ...frames.filter((frame) => frame.event === "event").map((frame) => frame.data as FeedEvent)].slice(-500)),
    },
  );
  const runs = folded(read.data?.runs ?? [], told);
  return (
    <section class="card">
      <header>
        <h2>Last runs</h2>
        <Link to={to.runs({ workflow })}>All runs</Link>
      </header>
      {read.error === undefined ? null : <ErrorNotice error={read.error} retry={reload} />}
      {read.data === undefined ? <SkeletonRows count={4} /> : runs.length === 0 ? <Empty icon="runs" title="It has not run yet" /> : (
        <ul class="recent-list">
          {runs.map((run) => (
            <li key={run.run_id}>
              <StateBadge state={run.state} />
              <Link to={to.run(run.run_id)} class="mono ellipsis">{run.run_id}</Link>
              <span class="tag">v{run.version}</span>
              <Span start={run.create_time} end={run.end_time} />
              <Time at={run.create_time} />
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}

/** What was read with what was told since; runs that began meanwhile in front. */
export function folded(read: readonly Run[], told: readonly FeedEvent[]): Run[] {
  const runs = new Map(read.map((run) => [run.run_id, run]));
  const fresh: string[] = [];
  for (const event of told) {
    const known = runs.get(event.run_id);
    if (known !== undefined) runs.set(event.run_id, applyToRun(known, event));
    else if (event.type === "RUN_STARTED") {
      runs.set(event.run_id, runOf(event));
      fresh.unshift(event.run_id);
    }
  }
  const order = [...fresh, ...read.map((run) => run.run_id)];
  return order.flatMap((id) => runs.get(id) ?? []).slice(0, LISTED);
}
