// The history as it was recorded: every event with its number, a filter, and the event itself as JSON when asked for.
// It is read when somebody opens it; what comes live is appended.

import { useEffect, useMemo, useState } from "preact/hooks";

import { everyPage } from "../../api/client.js";
import { asApiError } from "../../api/problem.js";
import type { Json, RunEvent } from "../../api/types.js";
import { ErrorNotice } from "../../components/feedback.js";
import { JsonView } from "../../components/json_view.js";
import { Time } from "../../components/time.js";
import { VirtualTable } from "../../components/virtual_table.js";
import type { Column } from "../../components/virtual_table.js";
import { useSession } from "../../session.js";
import type { Picture } from "./projection.js";
import type { RunStore } from "./store.js";
import { failureText } from "./waiting.js";

const PAGE = 2_000;

interface HistoryProps {
  store: RunStore;
  picture: Picture;
  onStep: (step: string) => void;
}

/** Newest last, as it happened. */
export function HistoryView({ store, picture, onStep }: HistoryProps) {
  const { events, error, isLoading } = useHistory(store, picture);
  const [search, setSearch] = useState("");
  const [opened, setOpened] = useState<RunEvent>();
  const words = search.toLowerCase().trim();
  const rows = words === "" ? events : events.filter((event) => matches(event, words));
  return (
    <div class="history-view">
      <div class="bar-line">
        <input class="input" type="search" aria-label="Filter events" placeholder="Type, step or worker" value={search} onInput={(event) => setSearch(event.currentTarget.value)} />
        <span class="muted" role="status">{isLoading ? "reading… " : ""}{rows.length.toLocaleString("en")} of {picture.sequence.toLocaleString("en")} events</span>
      </div>
      {error === undefined ? null : <ErrorNotice error={asApiError(error)} />}
      <VirtualTable label="History" class="event-rows" columns={columnsOf(onStep, setOpened)} rows={rows} keyOf={(event) => String(event.sequence)} rowHeight={40} isSelected={(event) => event === opened} />
      {opened === undefined ? null : (
        <section class="event-opened" aria-label={`Event ${opened.sequence}`}>
          <header><h3>Event {opened.sequence} <span class="muted">{opened.type}</span></h3><button type="button" class="button small" onClick={() => setOpened(undefined)}>Close</button></header>
          <JsonView value={opened as unknown as Json} label={`Event ${opened.sequence} as JSON`} />
        </section>
      )}
    </div>
  );
}

/** What was recorded before the page was opened, then what came since. */
function useHistory(store: RunStore, picture: Picture) {
  const { api } = useSession();
  const [old, setOld] = useState<readonly RunEvent[]>([]);
  const [isLoading, setIsLoading] = useState(true);
  const [error, setError] = useState<unknown>();
  const runId = picture.run.run_id;
  useEffect(() => {
    const abort = new AbortController();
    const read = async () => {
      const pages = everyPage("events", (page_token) => api.history(runId, { page_size: PAGE, ...(page_token ? { page_token } : {}) }, { signal: abort.signal }));
      for await (const page of pages) setOld((before) => [...before, ...page]);
      setIsLoading(false);
    };
    setOld([]);
    read().catch((thrown: unknown) => abort.signal.aborted || setError(thrown));
    return () => abort.abort();
  }, [api, runId]);
  const live = store.events.length;
  const events = useMemo(() => {
    const last = old.at(-1)?.sequence ?? 0;
    return isLoading ? old : [...old, ...store.events.filter((event) => event.sequence > last)];
  }, [old, live, isLoading]);
  return { events, error, isLoading };
}

function matches(event: RunEvent, words: string): boolean {
  return `${event.sequence} ${event.type} ${event.step ?? ""} ${event.worker_id ?? ""}`.toLowerCase().includes(words);
}

function columnsOf(onStep: (step: string) => void, open: (event: RunEvent) => void): Column<RunEvent>[] {
  return [
    { key: "sequence", title: "#", class: "num muted", cell: (event) => event.sequence },
    { key: "time", title: "Time", cell: (event) => <Time at={event.time} absolute /> },
    { key: "type", title: "Event", cell: (event) => <button type="button" class="step-link mono" onClick={() => open(event)}>{event.type}</button> },
    { key: "step", title: "Step", cell: (event) => (event.step ? <button type="button" class="step-link ellipsis" title={event.step} onClick={() => onStep(event.step ?? "")}>{event.step}</button> : "") },
    { key: "note", title: "Note", cell: (event) => <span class="muted ellipsis">{noteOf(event)}</span> },
  ];
}

function noteOf(event: RunEvent): string {
  const attempt = event.attempt && event.attempt > 1 ? `attempt ${event.attempt}` : "";
  const facts = event.attributes ?? {};
  const reason = typeof facts["reason"] === "string" ? facts["reason"] : "";
  const told = typeof facts["signal"] === "string" ? `signal ${facts["signal"]}` : typeof facts["key"] === "string" ? facts["key"] : "";
  const failure = event.failure === undefined ? "" : failureText(event.failure);
  return [attempt, failure, reason, told, event.worker_id ?? ""].filter((part) => part !== "").join(" · ");
}
