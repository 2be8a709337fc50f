// The workflows of the namespace: what there is, which version is current, and how it is made.

import "../styles/workflow.css";
import { useCallback, useState } from "preact/hooks";

import { everyPage } from "../api/client.js";
import type { Workflow } from "../api/types.js";
import { Empty, ErrorNotice, SkeletonRows } from "../components/feedback.js";
import { Page } from "../components/page.js";
import { Time } from "../components/time.js";
import { VirtualTable } from "../components/virtual_table.js";
import type { Column } from "../components/virtual_table.js";
import { useRead } from "../live/hooks.js";
import { Link, to } from "../router.js";
import { useSession } from "../session.js";
import { RecentStates } from "./workflow/recent.js";
import { isCode, stepsOf } from "./workflow/definition.js";

const MOST = 5_000;

/** `/workflows`. */
export function WorkflowsPage() {
  const { api } = useSession();
  const [search, setSearch] = useState("");
  const read = useCallback(async (signal: AbortSignal) => {
    const all: Workflow[] = [];
    const pages = everyPage("workflows", (page_token) => api.workflows(page_token ? { page_token } : {}, { signal }), MOST);
    for await (const page of pages) all.push(...page);
    return all;
  }, [api]);
  const { data, error, reload } = useRead(read, [api]);
  const words = search.toLowerCase();
  const rows = (data ?? []).filter((workflow) => workflow.name.toLowerCase().includes(words));
  return (
    <Page title="Workflows" aside={data === undefined ? null : <span class="muted">{data.length.toLocaleString("en")}</span>}>
      {error === undefined ? null : <ErrorNotice error={error} retry={reload} />}
      <section class="card">
        <header>
          <input class="input search" type="search" aria-label="Search workflows" placeholder="Search workflows" value={search} onInput={(event) => setSearch(event.currentTarget.value)} />
        </header>
        {data === undefined ? <SkeletonRows /> : rows.length === 0 ? <Nothing isSearch={search !== ""} /> : (
          <VirtualTable label="Workflows" class="workflow-rows" columns={COLUMNS} rows={rows} keyOf={(row) => row.name} rowHeight={48} />
        )}
      </section>
    </Page>
  );
}

function Nothing({ isSearch }: { isSearch: boolean }) {
  if (isSearch) return <Empty icon="search" title="No workflow is called that" />;
  return (
    <Empty icon="workflows" title="No workflow yet">
      <p>Register one with <code>stellwerk workflow apply file.yaml</code>, or start a worker that brings its own as code.</p>
    </Empty>
  );
}

const COLUMNS: Column<Workflow>[] = [
  { key: "name", title: "Workflow", cell: (row) => <Link to={to.workflow(row.name)} class="ellipsis" title={row.name}>{row.name}</Link> },
  { key: "version", title: "Version", cell: (row) => <span class="tag">v{row.version}</span> },
  { key: "steps", title: "Made of", cell: (row) => <span class="muted">{madeOf(row)}</span> },
  { key: "recent", title: "Last runs", cell: (row) => <RecentStates workflow={row.name} /> },
  { key: "since", title: "Since", cell: (row) => <Time at={row.create_time} /> },
];

function madeOf(row: Workflow): string {
  if (isCode(row.definition)) return "code";
  const count = stepsOf(row.definition).length;
  return count === 1 ? "1 step" : `${count.toLocaleString("en")} steps`;
}
