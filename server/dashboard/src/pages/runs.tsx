// The list of runs: live, filtered by the address, with actions on many at once and keys for all of it.

import { useMemo, useRef, useState } from "preact/hooks";
import type { Run } from "../api/types.js";
import { BulkDialog, type BulkAction } from "../components/bulk_dialog.js";
import { Empty, ErrorNotice, SkeletonRows } from "../components/feedback.js";
import { KeysHelp } from "../components/help.js";
import { Icon } from "../components/icon.js";
import { isNarrow } from "../components/media.js";
import { Page } from "../components/page.js";
import { VirtualTable } from "../components/virtual_table.js";
import { useKeys } from "../keys.js";
import { useRead } from "../live/hooks.js";
import { Link, to, usePlace, useRouter } from "../router.js";
import { useSession } from "../session.js";
import { useRuns, type LiveRuns } from "../store/use_runs.js";
import { addressOf, filterOf, formOf, isFound, isRunId, type FilterForm } from "./runs/filter.js";
import { FilterBar } from "./runs/filter_bar.js";
import { runColumns } from "./runs/columns.js";
import { bulkAction, eligible, type BulkKind } from "./runs/bulk.js";

const SEARCH_ID = "runs-search";
const KEYS = [
  ["j k", "next, previous run"],
  ["Enter", "open the run"],
  ["x", "select the run"],
  ["/", "search"],
  ["Escape", "clear the selection"],
  ["?", "this list"],
] as const;

export function RunsPage() {
  const { query } = usePlace();
  const router = useRouter();
  const form = formOf(query);
  const key = addressOf({ ...form, search: "" });
  const filter = useMemo(() => filterOf(form, Date.now()), [key]);
  const runs = useRuns(filter);
  const rows = useMemo(() => runs.rows.filter((run) => isFound(run, form.search)), [runs.rows, form.search]);
  const [isHelping, setIsHelping] = useState(false);
  const [action, setAction] = useState<BulkAction>();
  const selection = useSelection(rows);
  const change = (part: Partial<FilterForm>) => router.go(addressOf({ ...form, ...part }), { replace: true });
  const cursor = useCursor(rows, selection, () => setIsHelping(true));
  const onDone = (didAct: boolean) => {
    setAction(undefined);
    if (didAct) selection.clear();
  };
  return (
    <Page title="Runs" actions={<BulkBar selected={selection.runs} clear={selection.clear} act={setAction} help={() => setIsHelping(true)} />}>
      <FilterBar form={form} change={change} searchId={SEARCH_ID} />
      {runs.error && <ErrorNotice error={runs.error} />}
      <SearchedRun search={form.search} rows={runs.rows} />
      <RunList runs={runs} rows={rows} selection={selection} cursor={cursor} isFiltered={addressOf(form) !== "/runs"} />
      {isHelping && <KeysHelp keys={KEYS} onClose={() => setIsHelping(false)} />}
      {action && <BulkDialog action={action} onDone={onDone} />}
    </Page>
  );
}

interface Selection {
  ids: ReadonlySet<string>;
  runs: Run[];
  toggle: (runId: string) => void;
  toggleAll: () => void;
  clear: () => void;
  isAll: boolean;
}

function useSelection(rows: readonly Run[]): Selection {
  const [ids, setIds] = useState<ReadonlySet<string>>(new Set());
  const runs = rows.filter((run) => ids.has(run.run_id));
  const isAll = rows.length > 0 && runs.length === rows.length;
  const toggle = (runId: string) =>
    setIds((old) => {
      const next = new Set(old);
      if (!next.delete(runId)) next.add(runId);
      return next;
    });
  const toggleAll = () => setIds(isAll ? new Set() : new Set(rows.map((run) => run.run_id)));
  return { ids, runs, toggle, toggleAll, clear: () => setIds(new Set()), isAll };
}

/** The row the keyboard is at: by run, so that it stays on it while others come in above. */
function useCursor(rows: readonly Run[], selection: Selection, help: () => void): number {
  const router = useRouter();
  const [at, setAt] = useState<string>();
  const index = at === undefined ? -1 : rows.findIndex((run) => run.run_id === at);
  const move = (by: number) => setAt(rows[Math.min(rows.length - 1, Math.max(0, index + by))]?.run_id);
  useKeys({
    j: () => move(1),
    k: () => move(-1),
    ArrowDown: () => move(1),
    ArrowUp: () => move(-1),
    Enter: () => {
      if (at !== undefined && index >= 0) router.go(to.run(at));
    },
    x: () => {
      if (at !== undefined && index >= 0) selection.toggle(at);
    },
    "/": () => document.getElementById(SEARCH_ID)?.focus(),
    "?": help,
    Escape: () => selection.clear(),
  });
  return index;
}

interface ListProps {
  runs: LiveRuns;
  rows: readonly Run[];
  selection: Selection;
  cursor: number;
  isFiltered: boolean;
}

function RunList({ runs, rows, selection, cursor, isFiltered }: ListProps) {
  const { toggle, toggleAll, ids, isAll } = selection;
  const columns = useMemo(() => runColumns({ selected: ids, toggle, toggleAll, isAll }), [ids, rows]);
  const holder = useRef(runs.hold);
  holder.current = runs.hold;
  if (runs.isLoading) return <div class="card table-card">{runs.error ? null : <SkeletonRows count={12} />}</div>;
  if (rows.length === 0 && runs.held === 0) return <NoRuns isFiltered={isFiltered} hasMore={runs.hasMore} loadMore={runs.loadMore} />;
  return (
    <div class="card table-card">
      {runs.held > 0 && (
        <button type="button" class="button small new-runs" onClick={runs.release}>
          <Icon name="up" size={12} />
          {runs.held.toLocaleString("en")} new
        </button>
      )}
      <VirtualTable
        label="Runs"
        class="runs-table"
        columns={columns}
        rows={rows}
        keyOf={(run) => run.run_id}
        rowHeight={isNarrow.value ? 68 : 44}
        onNearEnd={runs.loadMore}
        cursor={cursor}
        isSelected={(run) => ids.has(run.run_id)}
        onScrollTop={(top) => holder.current(top > 4)}
        foot={<p class="table-foot muted">{footText(rows.length, runs)}</p>}
      />
    </div>
  );
}

function footText(count: number, runs: LiveRuns): string {
  const shown = `${count.toLocaleString("en")} ${count === 1 ? "run" : "runs"}`;
  return runs.hasMore ? `${shown} loaded, scroll for more` : shown;
}

function NoRuns({ isFiltered, hasMore, loadMore }: { isFiltered: boolean; hasMore: boolean; loadMore: () => void }) {
  return (
    <div class="card table-card">
      <Empty icon="runs" title={isFiltered ? "No run fits" : "No runs yet"}>
        <p>{isFiltered ? "Runs that fit show here as they come." : "Start one with the form of a workflow, a client, or the API."}</p>
        {isFiltered && hasMore && (
          <button type="button" class="button small" onClick={loadMore}>
            Look further back
          </button>
        )}
        {isFiltered ? <Link to="/runs">Show all runs</Link> : <Link to="/workflows">To the workflows</Link>}
      </Empty>
    </div>
  );
}

interface BulkBarProps {
  selected: Run[];
  clear: () => void;
  act: (action: BulkAction) => void;
  help: () => void;
}

const BULK: [BulkKind, string][] = [
  ["retry", "Retry"],
  ["cancel", "Cancel"],
  ["terminate", "Terminate"],
];

function BulkBar({ selected, clear, act, help }: BulkBarProps) {
  const { api } = useSession();
  return (
    <>
      {selected.length > 0 && (
        <>
          <button type="button" class="button quiet" onClick={clear}>
            {selected.length.toLocaleString("en")} selected
            <Icon name="close" size={12} />
          </button>
          {BULK.map(([kind, title]) => (
            <button
              type="button"
              key={kind}
              class={`button${kind === "retry" ? "" : " danger"}`}
              disabled={eligible(kind, selected).length === 0}
              onClick={() => act(bulkAction(kind, selected, api))}
            >
              {title}
            </button>
          ))}
        </>
      )}
      <button type="button" class="button quiet icon-only keys-button" aria-label="Keyboard help" title="Keyboard (?)" onClick={help}>
        <Icon name="keyboard" />
      </button>
    </>
  );
}

/** A whole run id that is not in the list is asked for. */
function SearchedRun({ search, rows }: { search: string; rows: readonly Run[] }) {
  const { api } = useSession();
  const runId = search.trim();
  const isWanted = isRunId(runId) && !rows.some((run) => run.run_id === runId);
  const { data } = useRead((signal) => (isWanted ? api.run(runId, { signal }) : Promise.resolve(undefined)), [api, isWanted, runId]);
  if (!isWanted || !data) return null;
  return (
    <p class="card found-run">
      Found outside of this list: <Link to={to.run(runId)}>{runId}</Link> {data.workflow}
    </p>
  );
}
