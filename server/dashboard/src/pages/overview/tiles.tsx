// The figures of the overview, each a link to what it counts.

import type { ComponentChildren } from "preact";
import type { Overview } from "../../api/types.js";
import { spanText } from "../../components/moments.js";
import { lookOf } from "../../components/states.js";
import { now } from "../../components/time.js";
import { Link } from "../../router.js";
import { plural } from "./concerns.js";
import { totals } from "./minutes.js";

export function Tiles({ overview }: { overview: Overview | undefined }) {
  const hour = totals(overview?.activity ?? []);
  const open = Object.values(overview?.runs_open ?? {}).reduce((sum, count) => sum + count, 0);
  const isThere = overview !== undefined;
  return (
    <section class="tiles" aria-label="Figures">
      <Tile to="/runs?state=RUNNING&state=BLOCKED&state=PAUSED&state=PENDING" title="Open runs" value={isThere && open}>
        <Shares counts={overview?.runs_open ?? {}} />
      </Tile>
      <Tile to="/runs?state=FAILED&since=1h" title="Failed, last hour" value={isThere && hour.failed} tone={hour.failed ? "bad" : undefined}>
        {isThere && rate(hour.failed, hour.ended)}
      </Tile>
      <Tile to="/runs?state=SUCCEEDED&since=1h" title="Succeeded, last hour" value={isThere && hour.succeeded}>
        {isThere && `${hour.started.toLocaleString("en")} started`}
      </Tile>
      <Tile to="/queues" title="Tasks ready" value={isThere && overview.tasks_ready}>
        {isThere && <Age since={overview.oldest_ready_time} leased={overview.tasks_leased} />}
      </Tile>
      <Tile to="/workers" title="Workers" value={isThere && overview.workers} tone={isThere && !overview.workers ? "warn" : undefined}>
        {isThere && `${plural(overview.tasks_leased, "task")} in hand`}
      </Tile>
      <Tile to="/dead-letters" title="Dead letters" value={isThere && overview.dead_letters_open} tone={overview?.dead_letters_open ? "bad" : undefined}>
        waiting for a decision
      </Tile>
      <Tile to="/timers" title="Timers" value={isThere && overview.timers}>
        retries, sleeps, deadlines
      </Tile>
      <Tile to="/runs?state=RUNNING" title="Stalled" value={isThere && overview.runs_stalled} tone={overview?.runs_stalled ? "bad" : undefined}>
        runs nothing will move
      </Tile>
    </section>
  );
}

interface TileProps {
  to: string;
  title: string;
  value: number | false;
  tone?: string | undefined;
  children: ComponentChildren;
}

function Tile({ to, title, value, tone, children }: TileProps) {
  return (
    <Link to={to} class={`tile${tone ? ` tone-${tone}` : ""}`}>
      <span class="label">{title}</span>
      <span class="value">{value === false ? <span class="skeleton" /> : value.toLocaleString("en")}</span>
      <span class="note">{children}</span>
    </Link>
  );
}

/** How the open runs divide into states, as a bar and in words. */
function Shares({ counts }: { counts: Record<string, number> }) {
  const shown = Object.entries(counts).filter(([, count]) => count > 0);
  if (shown.length === 0) return <>nothing is running</>;
  return (
    <>
      <span class="shares" aria-hidden="true">
        {shown.map(([state, count]) => (
          <span key={state} class={`tone-${lookOf(state).tone}`} style={{ flexGrow: count }} />
        ))}
      </span>
      {shown.map(([state, count]) => `${count.toLocaleString("en")} ${lookOf(state).label.toLowerCase()}`).join(", ")}
    </>
  );
}

function Age({ since, leased }: { since: string | undefined; leased: number }) {
  if (!since) return <>{leased.toLocaleString("en")} running</>;
  return <>oldest waits {spanText(Math.max(1000, now.value - Date.parse(since)))}</>;
}

function rate(failed: number, ended: number): string {
  if (ended === 0) return "none has ended";
  const percent = (100 * failed) / ended;
  return `${percent > 0 && percent < 0.1 ? "< 0.1" : percent.toFixed(percent < 10 ? 1 : 0)} % of ${ended.toLocaleString("en")} ended`;
}
