// <stellwerk-run base-url run-id namespace? theme?>: one run, live, on anybody's page.

import { signal } from "@preact/signals";
import { useEffect, useMemo } from "preact/hooks";

import type { Run } from "../api/types.js";
import { ErrorBoundary, Notice } from "../components/feedback.js";
import { Toasts } from "../components/toasts.js";
import { RunShown } from "../pages/run.js";
import { match, RouterProvider } from "../router.js";
import type { Place, Router } from "../router.js";
import { openSession, SessionProvider } from "../session.js";
import { StellwerkElement } from "./element.js";

/** Shows the run and those it leads to; every change of its state is a `stellwerk-state` event. */
export class StellwerkRun extends StellwerkElement {
  static readonly observedAttributes = ["base-url", "run-id", "namespace"];

  protected view() {
    const tell = (run: Run) => this.tell({ run_id: run.run_id, workflow: run.workflow, state: run.state });
    return <EmbeddedRun base={this.base} runId={this.getAttribute("run-id") ?? ""} namespace={this.getAttribute("namespace") || "default"} onState={tell} />;
  }
}

interface EmbeddedProps {
  base: string;
  runId: string;
  namespace: string;
  onState: (run: Run) => void;
}

function EmbeddedRun({ base, runId, namespace, onState }: EmbeddedProps) {
  const session = useMemo(() => openSession(base, namespace), [base, namespace]);
  useEffect(() => () => session.close(), [session]);
  const router = useMemo(() => runRouter(base, namespace, runId), [base, namespace, runId]);
  const shown = match("/runs/:id", router.place.value.path)?.["id"] ?? "";
  return (
    <SessionProvider value={session}>
      <RouterProvider value={router}>
        <div class="stellwerk embedded-run">
          {shown === "" ? <Notice tone="warn" icon="warn" title="No run.">Set the attribute run-id.</Notice> : (
            <ErrorBoundary at={`${base} ${shown}`}><RunShown key={`${base} ${namespace} ${shown}`} id={shown} onState={onState} /></ErrorBoundary>
          )}
          <Toasts />
        </div>
      </RouterProvider>
    </SessionProvider>
  );
}

/** Leads from run to run inside of the element; everything else is a page of the server's own dashboard. */
function runRouter(base: string, namespace: string, runId: string): Router {
  const place = signal<Place>({ path: runId === "" ? "/" : `/runs/${encodeURIComponent(runId)}`, query: new URLSearchParams() });
  const href = (to: string) => {
    const url = new URL(to, "http://here");
    if (namespace !== "default") url.searchParams.set("namespace", namespace);
    return base + url.pathname + url.search;
  };
  const go = (to: string) => {
    const url = new URL(to, "http://here");
    if (match("/runs/:id", url.pathname) === undefined) window.open(href(to), "_blank", "noopener");
    else place.value = { path: url.pathname, query: url.searchParams };
  };
  return { place, href, go };
}
