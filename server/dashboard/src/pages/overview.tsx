// The overview: what needs somebody first, then how much is going on. Every figure leads to where it comes from.

import { useMemo } from "preact/hooks";
import type { Overview, Queue, Run } from "../api/types.js";
import { StateBadge } from "../components/badge.js";
import { Empty, ErrorNotice, SkeletonRows } from "../components/feedback.js";
import { Page } from "../components/page.js";
import { Time } from "../components/time.js";
import { useLiveState } from "../live/hooks.js";
import { Link, to } from "../router.js";
import { useRuns } from "../store/use_runs.js";
import { Attention } from "./overview/attention.js";
import { Throughput } from "./overview/throughput.js";
import { Tiles } from "./overview/tiles.js";

const LATEST = 8;

export function OverviewPage() {
  const overview = useLiveState<Overview>("overview");
  const queues = useLiveState<{ queues?: Queue[] }>("queues");
  return (
    <Page title="Overview">
      {overview.error && <ErrorNotice error={overview.error} />}
      <Attention overview={overview.data} queues={queues.data?.queues} />
      <Tiles overview={overview.data} />
      <Throughput overview={overview.data} />
      <div class="halves">
        <Latest title="Latest runs" state={undefined} />
        <Latest title="Latest failures" state="FAILED" />
      </div>
    </Page>
  );
}

function Latest({ title, state }: { title: string; state: "FAILED" | undefined }) {
  const filter = useMemo(() => ({ ...(state ? { state: [state] } : {}) }), [state]);
  const { rows, isLoading } = useRuns(filter);
  return (
    <section class="card latest" aria-label={title}>
      <header>
        <h2>{title}</h2>
        <Link to={to.runs(state ? { state } : {})}>All</Link>
      </header>
      {isLoading ? <SkeletonRows count={LATEST} /> : <LatestRows rows={rows.slice(0, LATEST)} isFailures={state !== undefined} />}
    </section>
  );
}

function LatestRows({ rows, isFailures }: { rows: readonly Run[]; isFailures: boolean }) {
  if (rows.length === 0) {
    const text = isFailures ? "Runs that fail show here as it happens." : "Start one with the form of a workflow or over the API.";
    return (
      <Empty icon={isFailures ? "check" : "runs"} title={isFailures ? "No run has failed" : "No runs yet"}>
        <p>{text}</p>
      </Empty>
    );
  }
  return (
    <ul>
      {rows.map((run) => (
        <li key={run.run_id} class="latest-row">
          <StateBadge state={run.state} />
          <span class="pair">
            <Link to={to.run(run.run_id)} class="ellipsis" title={run.run_id}>
              {run.workflow}
            </Link>
            <span class="mono muted">{run.run_id.slice(-6)}</span>
          </span>
          <span class="muted">
            <Time at={run.end_time ?? run.create_time} />
          </span>
        </li>
      ))}
    </ul>
  );
}
