// The queues: how much waits, how long, and whether somebody serves it.

import type { Queue } from "../api/types.js";
import { Empty, ErrorNotice, SkeletonRows } from "../components/feedback.js";
import { Icon } from "../components/icon.js";
import { isNarrow } from "../components/media.js";
import { spanText } from "../components/moments.js";
import { Page } from "../components/page.js";
import { now } from "../components/time.js";
import { VirtualTable, type Column } from "../components/virtual_table.js";
import { useLiveState } from "../live/hooks.js";

const OLD_MS = 30_000;

export function QueuesPage() {
  const { data, error } = useLiveState<{ queues?: Queue[] }>("queues");
  const queues = data?.queues && [...data.queues].sort(byUrgency);
  const ready = queues?.reduce((sum, queue) => sum + queue.ready, 0) ?? 0;
  const leased = queues?.reduce((sum, queue) => sum + queue.leased, 0) ?? 0;
  const aside = queues && <span class="muted">{`${ready.toLocaleString("en")} ready, ${leased.toLocaleString("en")} running`}</span>;
  return (
    <Page title="Queues" aside={aside}>
      {error && <ErrorNotice error={error} />}
      <div class="card table-card">{queues ? <QueueTable queues={queues} /> : !error && <SkeletonRows />}</div>
    </Page>
  );
}

// Order must not jump with every number: what nobody serves first, the rest by name.
function byUrgency(a: Queue, b: Queue): number {
  return Number(isUnserved(b)) - Number(isUnserved(a)) || a.queue.localeCompare(b.queue) || a.action.localeCompare(b.action);
}

function isUnserved(queue: Queue): boolean {
  return queue.workers === 0 && queue.ready > 0;
}

function QueueTable({ queues }: { queues: Queue[] }) {
  if (queues.length === 0) {
    return (
      <Empty icon="queues" title="No queue has tasks or workers">
        <p>A queue is there as soon as a step names it or a worker serves it.</p>
      </Empty>
    );
  }
  const most = Math.max(1, ...queues.map((queue) => queue.ready));
  return (
    <VirtualTable
      label="Queues"
      class="queues-table"
      columns={columns(most)}
      rows={queues}
      keyOf={(queue) => `${queue.queue} ${queue.action}`}
      rowHeight={isNarrow.value ? 84 : 44}
    />
  );
}

const columns = (most: number): Column<Queue>[] => [
  {
    key: "action",
    title: "Action",
    class: "ellipsis",
    cell: (queue) => (
      <span class="mono" title={queue.action}>
        {queue.action}
      </span>
    ),
  },
  { key: "queue", title: "Queue", cell: (queue) => <span class="tag">{queue.queue}</span> },
  {
    key: "ready",
    title: "Ready",
    cell: (queue) => (
      <span class="meter">
        <span class={`bar tone-${isUnserved(queue) ? "bad" : "info"}`} aria-hidden="true">
          <span style={{ width: `${(100 * queue.ready) / most}%` }} />
        </span>
        <span>
          {queue.ready.toLocaleString("en")}
          <span class="hidden"> ready</span>
        </span>
      </span>
    ),
  },
  { key: "oldest", title: "Oldest waits", cell: (queue) => <Oldest since={queue.oldest_ready_time} /> },
  { key: "leased", title: "Running", class: "num", cell: (queue) => queue.leased.toLocaleString("en") },
  { key: "workers", title: "Workers", cell: (queue) => <Served queue={queue} /> },
];

function Oldest({ since }: { since: string | undefined }) {
  if (!since) return <span class="muted">–</span>;
  const age = Math.max(0, now.value - Date.parse(since));
  return <span class={age > OLD_MS ? "tone-warn toned" : undefined}>{spanText(Math.max(1000, age))}</span>;
}

function Served({ queue }: { queue: Queue }) {
  if (queue.workers > 0) return <>{queue.workers.toLocaleString("en")}</>;
  if (!isUnserved(queue)) return <span class="muted">none</span>;
  return (
    <span class="badge tone-bad">
      <Icon name="warn" size={12} />
      No worker
    </span>
  );
}
