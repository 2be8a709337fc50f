// The filter of the runs page as it stands in the address, so that a list can be sent to somebody. Pure.

import { RUN_STATES, type Attributes, type Json, type Run, type RunFilter, type RunState } from "../../api/types.js";

export const PERIODS: Record<string, { title: string; ms: number }> = {
  "15m": { title: "Last 15 minutes", ms: 15 * 60_000 },
  "1h": { title: "Last hour", ms: 3_600_000 },
  "24h": { title: "Last 24 hours", ms: 86_400_000 },
  "7d": { title: "Last 7 days", ms: 7 * 86_400_000 },
};

/** The fields of the form, as texts. */
export interface FilterForm {
  search: string;
  workflow: string;
  states: RunState[];
  since: string;
  attributes: string;
}

export function formOf(query: URLSearchParams): FilterForm {
  const states = query.getAll("state").filter((state): state is RunState => (RUN_STATES as readonly string[]).includes(state));
  const text = (name: string) => query.get(name) ?? "";
  return { search: text("q"), workflow: text("workflow"), states, since: text("since"), attributes: text("attributes") };
}

export function addressOf(form: FilterForm): string {
  const query = new URLSearchParams();
  if (form.search) query.set("q", form.search);
  if (form.workflow) query.set("workflow", form.workflow);
  form.states.forEach((state) => query.append("state", state));
  if (form.since) query.set("since", form.since);
  if (form.attributes) query.set("attributes", form.attributes);
  const search = query.toString();
  return search ? `/runs?${search}` : "/runs";
}

/** What the server is asked for; `nowMs` is the moment the period ends. */
export function filterOf(form: FilterForm, nowMs: number): RunFilter {
  const filter: RunFilter = {};
  if (form.workflow) filter.workflow = form.workflow;
  if (form.states.length) filter.state = form.states;
  const period = PERIODS[form.since];
  if (period) filter.created_after = new Date(nowMs - period.ms).toISOString();
  const attributes = attributesOf(form.attributes);
  if (Object.keys(attributes).length) filter.attributes = attributes;
  return filter;
}

/** "customer=acme, amount=12" as {customer: "acme", amount: 12}; what has no "=" is left out. */
export function attributesOf(text: string): Attributes {
  const pairs = text.split(",").flatMap((part): [string, Json][] => {
    const at = part.indexOf("=");
    return at > 0 ? [[part.slice(0, at).trim(), valueOf(part.slice(at + 1).trim())]] : [];
  });
  return Object.fromEntries(pairs);
}

function valueOf(text: string): Json {
  if (text === "true" || text === "false") return text === "true";
  if (/^-?\d+(\.\d+)?$/.test(text)) return Number(text);
  return text.replace(/^"(.*)"$/, "$1");
}

/** Whether a row has the searched text in its id, workflow, key or attributes. */
export function isFound(run: Run, search: string): boolean {
  const wanted = search.trim().toLowerCase();
  if (!wanted) return true;
  const attributes = run.attributes ? JSON.stringify(run.attributes) : "";
  return [run.run_id, run.workflow, run.idempotency_key ?? "", attributes].some((text) => text.toLowerCase().includes(wanted));
}

/** A text that is a whole run id: it can be asked for even when it is not in the list. */
export function isRunId(text: string): boolean {
  return /^run_[0-9a-z]{13}$/.test(text.trim());
}
