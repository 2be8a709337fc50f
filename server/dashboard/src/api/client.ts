// Typed calls of docs/http.md for one server and one namespace.
// It must not keep what it reads, retry, or know who asks.

import { ApiError, refusal, unreachable } from "./problem.js";
import type * as t from "./types.js";

type Query = Record<string, string | number | boolean | readonly string[] | undefined>;
type Page<Name extends string, Item> = Partial<Record<Name, Item[]>> & { next_page_token?: string };

export interface Call {
  signal?: AbortSignal;
}

/** One server and one namespace. `base` is "" on the server's own pages. */
export class Api {
  readonly base: string;
  readonly namespace: string;

  constructor(base: string, namespace: string) {
    this.base = base.replace(/\/+$/, "");
    this.namespace = namespace;
  }

  /** The address of the WebSocket. */
  socketUrl(): string {
    const url = new URL(this.url("/api/ws"), document.baseURI);
    url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
    return url.href;
  }

  url(path: string, query: Query = {}): string {
    const search = new URLSearchParams();
    const given: Query = { namespace: this.namespace, ...query };
    for (const [name, value] of Object.entries(given)) {
      if (value === undefined || value === "" || value === false) continue;
      if (typeof value === "object") value.forEach((each) => search.append(name, each));
      else search.set(name, String(value));
    }
    return `${this.base}${path}?${search.toString()}`;
  }

  overview = (call?: Call) => this.get<t.Overview>("/api/overview", {}, call);
  server = (call?: Call) => this.get<t.ServerInfo>("/api/server", {}, call);
  workers = (call?: Call) => this.get<{ workers?: t.Worker[] }>("/api/workers", {}, call);
  queues = (call?: Call) => this.get<{ queues?: t.Queue[] }>("/api/queues", {}, call);

  timers = (query: { workflow?: string; page_size?: number; page_token?: string } = {}, call?: Call) =>
    this.get<Page<"timers", t.Timer>>("/api/timers", query, call);

  runs = ({ attributes, ...query }: t.RunFilter = {}, call?: Call) =>
    this.get<Page<"runs", t.Run>>("/api/runs", { ...query, attributes: attributes && JSON.stringify(attributes) }, call);

  run = async (runId: string, call?: Call): Promise<t.Run> =>
    inner<"run", t.Run>(await this.get<t.Run | { run: t.Run }>(`/api/runs/${encodeURIComponent(runId)}`, {}, call), "run");

  explain = (runId: string, call?: Call) => this.get<t.Explanation>(this.runPath(runId, "explain"), {}, call);

  steps = (runId: string, query: t.StepFilter = {}, call?: Call) =>
    this.get<Page<"steps", t.Step> & { sequence: number }>(this.runPath(runId, "tasks"), { ...query }, call);

  history = (runId: string, query: { page_size?: number; page_token?: string } = {}, call?: Call) =>
    this.get<Page<"events", t.RunEvent>>(this.runPath(runId, "history"), query, call);

  workflows = (query: { page_size?: number; page_token?: string } = {}, call?: Call) =>
    this.get<Page<"workflows", t.Workflow>>("/api/workflows", query, call);

  workflow = async (name: string, version?: number, call?: Call): Promise<t.Workflow> =>
    inner<"workflow", t.Workflow>(await this.get<t.Workflow | { workflow: t.Workflow }>(this.workflowPath(name), { version }, call), "workflow");

  versions = (name: string, query: { page_size?: number; page_token?: string } = {}, call?: Call) =>
    this.get<Page<"workflows", t.Workflow>>(this.workflowPath(name, "versions"), query, call);

  deadLetters = (query: t.DeadLetterFilter = {}, call?: Call) =>
    this.get<Page<"dead_letters", t.DeadLetter>>("/api/dead-letters", { ...query }, call);

  trigger = (name: string, body: t.Trigger, idempotencyKey?: string) =>
    this.post<t.Triggered>(this.workflowPath(name, "trigger"), body, idempotencyKey);

  cancel = (runId: string, reason = "") => this.post<{ state?: t.RunState }>(this.runPath(runId, "cancel"), { reason });
  terminate = (runId: string, reason = "") =>
    this.post<{ state?: t.RunState }>(this.runPath(runId, "terminate"), { reason });
  resume = (runId: string) => this.post<{ state?: t.RunState }>(this.runPath(runId, "resume"), {});

  /** Forks a new run; the same request id gives the same fork. */
  retry = (runId: string, fromStep = "", requestId: string = newId()) =>
    this.post<t.Triggered>(this.runPath(runId, "retry"), { from_step: fromStep, request_id: requestId });

  signal = (runId: string, signal: t.Signal) =>
    this.post<{ run_id: string; deduplicated: boolean }>(this.runPath(runId, "signal"), { ...signal });

  requeue = (id: string) => this.post<{ run_id: string }>(`/api/dead-letters/${encodeURIComponent(id)}/requeue`, {});
  discard = (id: string, reason = "") =>
    this.post<object>(`/api/dead-letters/${encodeURIComponent(id)}/discard`, { reason });

  private runPath = (runId: string, verb: string) => `/api/runs/${encodeURIComponent(runId)}/${verb}`;

  private workflowPath = (name: string, verb?: string) =>
    `/api/workflows/${encodeURIComponent(name)}${verb ? `/${verb}` : ""}`;

  private get<T>(path: string, query: Query, call?: Call): Promise<T> {
    return this.send<T>(this.url(path, query), call?.signal ? { signal: call.signal } : {});
  }

  private post<T>(path: string, body: object, idempotencyKey?: string): Promise<T> {
    const headers: Record<string, string> = { "Content-Type": "application/json" };
    if (idempotencyKey) headers["Idempotency-Key"] = idempotencyKey;
    return this.send<T>(this.url(path), { method: "POST", headers, body: JSON.stringify(body) });
  }

  private async send<T>(url: string, init: RequestInit): Promise<T> {
    let response: Response;
    try {
      response = await fetch(url, { ...init, credentials: "omit" });
    } catch (error) {
      if (init.signal?.aborted) throw error;
      throw unreachable(error);
    }
    if (!response.ok) throw await refusal(response);
    const type = response.headers.get("Content-Type") ?? "";
    if (!type.includes("json")) throw notOurs(response);
    return (await response.json()) as T;
  }
}

/** All pages of a list, handed on as they come; at most `limit` items. */
export async function* everyPage<Name extends string, Item>(
  name: Name,
  read: (page_token: string | undefined) => Promise<Page<Name, Item>>,
  limit = Infinity,
): AsyncGenerator<Item[]> {
  let token: string | undefined;
  let count = 0;
  do {
    const page = await read(token);
    const items = (page as Partial<Record<Name, Item[]>>)[name] ?? [];
    yield items;
    count += items.length;
    token = page.next_page_token;
  } while (token && count < limit);
}

/** Makes a command safe to send again. */
export function newId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

// GetRun and GetWorkflow answer with a message around the one asked for.
function inner<Name extends string, T extends object>(answer: T | Record<Name, T>, name: Name): T {
  return name in answer && !("version" in answer) ? (answer as Record<Name, T>)[name] : (answer as T);
}

function notOurs(response: Response): ApiError {
  const detail = `Something that is no Stellwerk server answered at ${new URL(response.url).origin}`;
  return new ApiError({ status: 502, reason: "NOT_STELLWERK", detail });
}
