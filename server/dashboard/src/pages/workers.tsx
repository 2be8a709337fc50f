// The workers that poll this server, as they change.

import type { Worker } from "../api/types.js";
import { Empty, ErrorNotice, SkeletonRows } from "../components/feedback.js";
import { isNarrow } from "../components/media.js";
import { Page } from "../components/page.js";
import { now, Time } from "../components/time.js";
import { VirtualTable, type Column } from "../components/virtual_table.js";
import { useLiveState } from "../live/hooks.js";

const SILENT_MS = 30_000;

export function WorkersPage() {
  const { data, error } = useLiveState<{ workers?: Worker[] }>("workers");
  const workers = data?.workers;
  const slots = workers?.reduce((sum, worker) => sum + worker.slots, 0) ?? 0;
  const busy = workers?.reduce((sum, worker) => sum + worker.leased, 0) ?? 0;
  const aside = workers?.length ? <span class="muted">{`${workers.length} live, ${busy} of ${slots} slots busy`}</span> : undefined;
  return (
    <Page title="Workers" aside={aside}>
      {error && <ErrorNotice error={error} />}
      <div class="card table-card">{workers ? <WorkerTable workers={workers} /> : !error && <SkeletonRows />}</div>
    </Page>
  );
}

function WorkerTable({ workers }: { workers: Worker[] }) {
  if (workers.length === 0) {
    return (
      <Empty icon="workers" title="No worker is here">
        <p>
          Tasks wait until one comes. A worker is your own program with an SDK; it finds this server through <code>STELLWERK_ADDRESS</code>.
        </p>
      </Empty>
    );
  }
  return (
    <VirtualTable
      label="Workers"
      class="workers-table"
      columns={COLUMNS}
      rows={workers}
      keyOf={(worker) => `${worker.worker_id} ${worker.queue}`}
      rowHeight={isNarrow.value ? 92 : 52}
    />
  );
}

const COLUMNS: Column<Worker>[] = [
  {
    key: "worker",
    title: "Worker",
    cell: (worker) => (
      <span class="two-lines">
        <span class="mono ellipsis">{worker.worker_id}</span>
        <span class="muted ellipsis">{[worker.sdk, worker.host].filter(Boolean).join(" on ")}</span>
      </span>
    ),
  },
  { key: "queue", title: "Queue", class: "ellipsis", cell: (worker) => <span class="tag">{worker.queue}</span> },
  { key: "slots", title: "Slots", cell: (worker) => <Slots worker={worker} /> },
  { key: "actions", title: "Actions", cell: (worker) => <Actions actions={worker.actions ?? []} /> },
  { key: "seen", title: "Seen", class: "ellipsis", cell: (worker) => <Seen worker={worker} /> },
];

function Slots({ worker }: { worker: Worker }) {
  const part = worker.slots ? worker.leased / worker.slots : 0;
  const isFull = part >= 1;
  return (
    <span class="meter">
      <span class={`bar tone-${isFull ? "warn" : "info"}`} aria-hidden="true">
        <span style={{ width: `${Math.min(100, 100 * part)}%` }} />
      </span>
      <span>
        {worker.leased} of {worker.slots}
        {isFull && " (full)"}
      </span>
    </span>
  );
}

const ACTIONS = 4;

function Actions({ actions }: { actions: string[] }) {
  const rest = actions.slice(ACTIONS);
  return (
    <span class="tags">
      {actions.slice(0, ACTIONS).map((action) => (
        <span key={action} class="tag" title={action}>
          {action}
        </span>
      ))}
      {rest.length > 0 && (
        <span class="muted" title={rest.join(", ")}>
          and {rest.length} more
        </span>
      )}
    </span>
  );
}

function Seen({ worker }: { worker: Worker }) {
  const isSilent = worker.last_seen_time !== undefined && now.value - Date.parse(worker.last_seen_time) > SILENT_MS;
  return (
    <span class={isSilent ? "tone-warn toned" : "muted"}>
      <Time at={worker.last_seen_time} />
      {isSilent && " (silent)"}
    </span>
  );
}
