// How a run looks in the list.

import type { Attributes, Json, Run } from "../../api/types.js";
import { StateBadge } from "../../components/badge.js";
import { Span, Time } from "../../components/time.js";
import type { Column } from "../../components/virtual_table.js";
import { Link, to } from "../../router.js";
import { expectedStates } from "../../store/use_runs.js";

interface Selecting {
  selected: ReadonlySet<string>;
  toggle: (runId: string) => void;
  toggleAll: () => void;
  isAll: boolean;
}

export function runColumns({ selected, toggle, toggleAll, isAll }: Selecting): Column<Run>[] {
  return [
    {
      key: "pick",
      title: (
        <label class="pick">
          <input type="checkbox" aria-label="Select all that are shown" checked={isAll} onChange={toggleAll} />
        </label>
      ),
      cell: (run) => (
        <label class="pick">
          <input type="checkbox" aria-label={`Select ${run.run_id}`} checked={selected.has(run.run_id)} onChange={() => toggle(run.run_id)} />
        </label>
      ),
    },
    { key: "state", title: "State", cell: (run) => <RunBadge run={run} /> },
    {
      key: "run",
      title: "Run",
      cell: (run) => (
        <span class="run-cell">
          <Link to={to.run(run.run_id)} class="mono ellipsis" title={run.idempotency_key && `Key: ${run.idempotency_key}`}>
            {run.run_id}
          </Link>
          <AttributeTags attributes={run.attributes} />
        </span>
      ),
    },
    {
      key: "workflow",
      title: "Workflow",
      class: "ellipsis",
      cell: (run) => (
        <>
          {run.workflow} <span class="muted">v{run.version}</span>
        </>
      ),
    },
    { key: "started", title: "Started", class: "ellipsis", cell: (run) => <Time at={run.create_time} /> },
    { key: "took", title: "Took", class: "num", cell: (run) => <Span start={run.create_time} end={run.end_time} /> },
  ];
}

function RunBadge({ run }: { run: Run }) {
  const expected = expectedStates.get(run.run_id);
  const isExpected = expected !== undefined && expected !== run.state;
  return <StateBadge state={isExpected ? expected : run.state} expected={isExpected} />;
}

const TAGS = 3;

function AttributeTags({ attributes }: { attributes: Attributes | undefined }) {
  const entries = Object.entries(attributes ?? {}).slice(0, TAGS);
  if (entries.length === 0) return null;
  return (
    <span class="tags">
      {entries.map(([name, value]) => (
        <span key={name} class="tag">
          {name}={shown(value)}
        </span>
      ))}
    </span>
  );
}

function shown(value: Json): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}
