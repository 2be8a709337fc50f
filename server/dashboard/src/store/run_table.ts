// The rows of a list of runs: pages that were read, and events applied on top of them. Pure: it asks nobody for anything.
// Each row's own sequence decides what is news, so pages and events may come in any order and more than once.

import type { FeedEvent, Run, RunFilter } from "../api/types.js";
import { applyToRun, runOf, stateAfter } from "./run_events.js";

const RECENT_RUNS = 2_000;
const WANTED_MOST = 50;

/** What a list shows: only `workflow`, `state`, times and `attributes` of the filter are looked at. */
export class RunTable {
  readonly filter: RunFilter;
  /** Newest first. A new array whenever something changed. */
  rows: readonly Run[] = [];
  /** New runs that wait above the list while somebody reads further down. */
  held: readonly Run[] = [];
  isHolding = false;
  /** Runs that may belong here now but are not known well enough to tell: to be read, then given to `addRead`. */
  readonly wanted = new Set<string>();
  private positions = new Map<string, number>();
  // Events of runs that no page has brought yet: a page read before them would show these runs as they were.
  private readonly recent = new Map<string, FeedEvent[]>();

  constructor(filter: RunFilter) {
    this.filter = filter;
  }

  /** The first page: what was there before goes, except runs that were born while it was read. */
  begin(runs: readonly Run[]): void {
    const newest = runs[0]?.create_time ?? "";
    this.held = [];
    this.set([]);
    this.addPage(runs);
    for (const [runId, events] of this.recent) {
      const [first, ...rest] = events;
      if (first?.type !== "RUN_STARTED" || this.positions.has(runId) || first.time < newest || this.filter.attributes) continue;
      const run = rest.reduce(applyToRun, runOf(first));
      if (this.fits(run)) this.insert([run]);
    }
  }

  /** A page of the list, in the server's order, behind what is there. */
  addPage(runs: readonly Run[]): void {
    const fresh = runs.map((run) => this.withRecent(run));
    const known = fresh.filter((run) => this.positions.has(run.run_id));
    const news = fresh.filter((run) => !this.positions.has(run.run_id) && this.fits(run));
    this.set([...this.rows, ...news]);
    for (const run of known) this.replaceIfNewer(run);
  }

  /** A single run that was read because it was wanted. */
  addRead(run: Run): void {
    this.wanted.delete(run.run_id);
    const fresh = this.withRecent(run);
    if (this.positions.has(run.run_id)) this.replaceIfNewer(fresh);
    else if (this.fits(fresh)) this.insert([fresh]);
  }

  /** Events as they come; the ids of the runs whose state they changed. */
  apply(events: readonly FeedEvent[]): string[] {
    const moved: string[] = [];
    const born: Run[] = [];
    const next = [...this.rows];
    for (const event of events) {
      this.note(event);
      if (stateAfter(event.type)) moved.push(event.run_id);
      const position = this.positions.get(event.run_id);
      const row = position === undefined ? undefined : next[position];
      if (position !== undefined && row) next[position] = applyToRun(row, event);
      else if (!applyTo(born, event) && !this.applyToHeld(event)) this.meet(event, born);
    }
    this.set(next.filter((run) => this.fits(run)));
    this.insert(born.filter((run) => this.fits(run)));
    return moved;
  }

  /** Shows what was held back. */
  release(): void {
    const held = this.held;
    this.held = [];
    this.set([...held, ...this.rows]);
  }

  /** Whether a row belongs to this list as far as can be told. */
  fits(run: Run): boolean {
    const { workflow, state, created_after: after, created_before: before, attributes } = this.filter;
    if (workflow && run.workflow !== workflow) return false;
    if (state?.length && !state.includes(run.state)) return false;
    if (after && run.create_time && Date.parse(run.create_time) <= Date.parse(after)) return false;
    if (before && run.create_time && Date.parse(run.create_time) >= Date.parse(before)) return false;
    return Object.entries(attributes ?? {}).every(([name, value]) => run.attributes?.[name] === value);
  }

  /** An event of a run that is no row yet: it is born, may belong here, or does not matter. */
  private meet(event: FeedEvent, born: Run[]): void {
    const { workflow, state, attributes } = this.filter;
    if (workflow && event.workflow !== workflow) return;
    const isFiltered = Boolean(state?.length) || attributes !== undefined;
    if (event.type === "RUN_STARTED" && !attributes) born.push(runOf(event));
    else if (isFiltered && this.mayEnter(event) && this.wanted.size < WANTED_MOST) this.wanted.add(event.run_id);
  }

  private mayEnter(event: FeedEvent): boolean {
    const state = stateAfter(event.type);
    if (event.type === "RUN_ATTRIBUTES") return this.filter.attributes !== undefined;
    return state !== undefined && (!this.filter.state?.length || this.filter.state.includes(state));
  }

  private applyToHeld(event: FeedEvent): boolean {
    if (!this.held.some((run) => run.run_id === event.run_id)) return false;
    this.held = this.held.map((run) => (run.run_id === event.run_id ? applyToRun(run, event) : run)).filter((run) => this.fits(run));
    return true;
  }

  private note(event: FeedEvent): void {
    const events = this.recent.get(event.run_id);
    if (events) {
      events.push(event);
      return;
    }
    this.recent.set(event.run_id, [event]);
    if (this.recent.size <= RECENT_RUNS) return;
    const [oldest] = this.recent.keys();
    if (oldest !== undefined) this.recent.delete(oldest);
  }

  private withRecent(run: Run): Run {
    return (this.recent.get(run.run_id) ?? []).reduce(applyToRun, run);
  }

  private replaceIfNewer(run: Run): void {
    const position = this.positions.get(run.run_id);
    const row = position === undefined ? undefined : this.rows[position];
    if (position === undefined || !row) return;
    // What was read knows more of a run than its events do, even when both are as of the same event.
    if (run.sequence < row.sequence) return;
    this.set(this.rows.map((each, index) => (index === position ? run : each)).filter((each) => this.fits(each)));
  }

  private insert(runs: readonly Run[]): void {
    if (runs.length === 0) return;
    if (this.isHolding) this.held = newestFirst([...runs, ...this.held]);
    else this.set(newestFirst([...runs, ...this.rows]));
  }

  private set(rows: readonly Run[]): void {
    this.rows = rows;
    this.positions = new Map(rows.map((run, index) => [run.run_id, index]));
  }
}

function applyTo(runs: Run[], event: FeedEvent): boolean {
  const index = runs.findIndex((run) => run.run_id === event.run_id);
  const run = runs[index];
  if (!run) return false;
  runs[index] = applyToRun(run, event);
  return true;
}

// Both halves are sorted already, so this is nearly a merge.
function newestFirst(runs: Run[]): Run[] {
  return runs.sort((a, b) => (b.create_time ?? "").localeCompare(a.create_time ?? ""));
}
