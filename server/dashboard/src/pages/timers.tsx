// Timers that are set, soonest first: retries, sleeps, deadlines.

import { useCallback, useEffect, useState } from "preact/hooks";
import { everyPage } from "../api/client.js";
import type { FeedEvent, Timer } from "../api/types.js";
import { Empty, ErrorNotice, SkeletonRows } from "../components/feedback.js";
import { Icon, type IconName } from "../components/icon.js";
import { isNarrow } from "../components/media.js";
import { spanText } from "../components/moments.js";
import { Page } from "../components/page.js";
import { now, Time } from "../components/time.js";
import { VirtualTable, type Column } from "../components/virtual_table.js";
import { useRead } from "../live/hooks.js";
import { Link, to } from "../router.js";
import { useSession } from "../session.js";
import { setsTimer, TIMER_EVENTS, timersAfter } from "../store/timer_events.js";
import { useFeed, useReread } from "../store/use_feed.js";

const TIMERS_MOST = 1_000;

export function TimersPage() {
  const { timers, error } = useTimers();
  const count = timers && (timers.length >= TIMERS_MOST ? `the next ${TIMERS_MOST.toLocaleString("en")}` : `${timers.length} set`);
  return (
    <Page title="Timers" aside={<span class="muted">{count}</span>}>
      {error && <ErrorNotice error={error} />}
      <div class="card table-card">{timers ? <TimerTable timers={timers} /> : !error && <SkeletonRows />}</div>
    </Page>
  );
}

/** Read once, shortened by events, and read again when events set new ones. */
function useTimers() {
  const { api } = useSession();
  const reading = useRead(
    async (signal) => {
      const timers: Timer[] = [];
      const read = (page_token: string | undefined) => api.timers({ page_size: 500, ...(page_token ? { page_token } : {}) }, { signal });
      for await (const page of everyPage("timers", read, TIMERS_MOST)) timers.push(...page);
      return timers;
    },
    [api],
  );
  const [timers, setTimers] = useState<readonly Timer[]>();
  useEffect(() => setTimers(reading.data), [reading.data]);
  const reread = useReread(reading.reload);
  const take = useCallback(
    (events: FeedEvent[]) => {
      setTimers((old) => old && timersAfter(old, events));
      if (setsTimer(events)) reread.changed();
    },
    [reread],
  );
  useFeed({ types: TIMER_EVENTS }, take, reading.reload);
  return { timers, error: reading.error };
}

function TimerTable({ timers }: { timers: readonly Timer[] }) {
  if (timers.length === 0) {
    return (
      <Empty icon="timers" title="No timer is set">
        <p>Retries, sleeps and deadlines stand here until they are due.</p>
      </Empty>
    );
  }
  return (
    <VirtualTable
      label="Timers"
      class="timers-table"
      columns={COLUMNS}
      rows={timers}
      keyOf={(timer) => `${timer.run_id} ${timer.step ?? ""} ${timer.kind}`}
      rowHeight={isNarrow.value ? 68 : 44}
    />
  );
}

const KINDS: Record<string, { title: string; icon: IconName }> = {
  RETRY: { title: "Retry", icon: "retry" },
  SLEEP: { title: "Sleep", icon: "moon" },
  SIGNAL_TIMEOUT: { title: "Signal timeout", icon: "signal" },
  STEP_TOTAL: { title: "Step deadline", icon: "hourglass" },
  STEP_START: { title: "Start deadline", icon: "hourglass" },
  RUN_DEADLINE: { title: "Run deadline", icon: "stop" },
};

const COLUMNS: Column<Timer>[] = [
  { key: "due", title: "Due", cell: (timer) => <Due at={timer.due_time} /> },
  {
    key: "kind",
    title: "Kind",
    cell: (timer) => {
      const kind = KINDS[timer.kind];
      return (
        <span class="badge tone-wait">
          <Icon name={kind?.icon ?? "timers"} size={12} />
          {kind?.title ?? timer.kind}
        </span>
      );
    },
  },
  { key: "run", title: "Run", cell: (timer) => <Link to={to.run(timer.run_id)} class="mono ellipsis">{timer.run_id}</Link> },
  { key: "step", title: "Step", class: "ellipsis", cell: (timer) => <span class="mono">{timer.step || "–"}</span> },
  { key: "workflow", title: "Workflow", class: "ellipsis", cell: (timer) => timer.workflow },
  { key: "at", title: "At", class: "ellipsis", cell: (timer) => <span class="muted"><Time at={timer.due_time} absolute /></span> },
];

function Due({ at }: { at: string }) {
  const left = Date.parse(at) - now.value;
  return <strong>{left > 1000 ? `in ${spanText(left)}` : "now"}</strong>;
}
