// The shell around the pages: navigation, whether it is live, theme, namespace. Which path is which page stands in PAGES.
// It must not read anything for a page.

import { useEffect, useMemo, useState } from "preact/hooks";
import type { ComponentType } from "preact";
import { ErrorBoundary, Empty } from "./components/feedback.js";
import { Icon, type IconName } from "./components/icon.js";
import { lazy } from "./components/lazy.js";
import { Page } from "./components/page.js";
import { isUtc } from "./components/time.js";
import { Toasts } from "./components/toasts.js";
import type { LiveState } from "./live/connection.js";
import { DeadLettersPage } from "./pages/dead_letters.js";
import { OverviewPage } from "./pages/overview.js";
import { QueuesPage } from "./pages/queues.js";
import { RunsPage } from "./pages/runs.js";
import { TimersPage } from "./pages/timers.js";
import { WorkersPage } from "./pages/workers.js";
import { Link, match, RouterProvider, usePlace, useRouter, type Router } from "./router.js";
import { openSession, SessionProvider, useSession } from "./session.js";
import { ThemeSwitch } from "./theme.js";

type PageProps = Record<string, string>;

const PAGES: [pattern: string, page: ComponentType<PageProps>][] = [
  ["/", OverviewPage],
  ["/runs", RunsPage],
  ["/runs/:id", lazy(async () => (await import("./pages/run.js")).RunPage as ComponentType<PageProps>)],
  ["/workflows", lazy(async () => (await import("./pages/workflows.js")).WorkflowsPage)],
  ["/workflows/:name", lazy(async () => (await import("./pages/workflow.js")).WorkflowPage as ComponentType<PageProps>)],
  ["/workers", WorkersPage],
  ["/queues", QueuesPage],
  ["/timers", TimersPage],
  ["/dead-letters", DeadLettersPage],
];

const NAV: [path: string, icon: IconName, title: string][] = [
  ["/", "overview", "Overview"],
  ["/runs", "runs", "Runs"],
  ["/workflows", "workflows", "Workflows"],
  ["/workers", "workers", "Workers"],
  ["/queues", "queues", "Queues"],
  ["/timers", "timers", "Timers"],
  ["/dead-letters", "dead", "Dead letters"],
];

/** The whole dashboard for one server; the namespace is `?namespace=` of the place. */
export function Dashboard({ base, router, namespace }: { base: string; router: Router; namespace?: string }) {
  const name = namespace ?? (router.place.value.query.get("namespace") || "default");
  const session = useMemo(() => openSession(base, name), [base, name]);
  useEffect(() => {
    session.live.open();
    return () => session.close();
  }, [session]);
  return (
    <SessionProvider value={session}>
      <RouterProvider value={router}>
        <div class="stellwerk">
          <Shell key={`${base} ${name}`} />
          <Toasts />
        </div>
      </RouterProvider>
    </SessionProvider>
  );
}

function Shell() {
  const { path } = usePlace();
  const [isOpen, setIsOpen] = useState(false);
  useEffect(() => setIsOpen(false), [path]);
  return (
    <div class="shell">
      <a class="skip" href="#main">
        Skip to content
      </a>
      <header class="topbar">
        <button type="button" class="button quiet icon-only" aria-label="Menu" aria-expanded={isOpen} onClick={() => setIsOpen(!isOpen)}>
          <Icon name="menu" />
        </button>
        <Brand />
        <LiveIndicator />
      </header>
      {isOpen && <button type="button" class="sidebar-scrim" aria-label="Close menu" onClick={() => setIsOpen(false)} />}
      <Sidebar isOpen={isOpen} close={() => setIsOpen(false)} />
      <AwayBar />
      <main id="main" class="page" tabIndex={-1}>
        <ErrorBoundary at={path}>
          <CurrentPage path={path} />
        </ErrorBoundary>
      </main>
    </div>
  );
}

function CurrentPage({ path }: { path: string }) {
  for (const [pattern, Shown] of PAGES) {
    const values = match(pattern, path);
    if (values) return <Shown key={path} {...values} />;
  }
  return (
    <Page title="No such page">
      <Empty icon="search" title="There is nothing at this address">
        <Link to="/">To the overview</Link>
      </Empty>
    </Page>
  );
}

function Brand() {
  return (
    <Link to="/" class="brand">
      <svg width="22" height="22" viewBox="0 0 32 32" aria-hidden="true">
        <rect width="32" height="32" rx="8" fill="#4f46e5" />
        <path
          d="M7 21h6l6-10h6M7 11h6l1.8 3M17.2 18l1.8 3h6"
          fill="none"
          stroke="#fff"
          stroke-width="2.6"
          stroke-linecap="round"
          stroke-linejoin="round"
        />
      </svg>
      Stellwerk
    </Link>
  );
}

function Sidebar({ isOpen, close }: { isOpen: boolean; close: () => void }) {
  const { path } = usePlace();
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key === "Escape") close();
  };
  return (
    <aside class={`sidebar${isOpen ? " open" : ""}`} aria-label="Menu" onKeyDown={onKeyDown}>
      <Brand />
      <nav class="nav" aria-label="Pages">
        {NAV.map(([target, icon, title]) => (
          <Link key={target} to={target} current={target === "/" ? path === "/" : path.startsWith(target)}>
            <Icon name={icon} />
            {title}
          </Link>
        ))}
        <ApiDocsLink />
      </nav>
      <div class="foot">
        <NamespaceSwitch />
        <LiveIndicator />
        <div class="line">
          <ZoneSwitch />
          <ThemeSwitch />
        </div>
      </div>
    </aside>
  );
}

function ApiDocsLink() {
  const { api } = useSession();
  return (
    <a href={`${api.base}/docs`}>
      <Icon name="docs" />
      API
    </a>
  );
}

function NamespaceSwitch() {
  const { api } = useSession();
  const router = useRouter();
  const change = (event: Event & { currentTarget: HTMLInputElement }) => {
    const name = event.currentTarget.value.trim() || "default";
    if (name !== api.namespace) router.go(`/?namespace=${encodeURIComponent(name)}`);
  };
  return (
    <label class="field">
      <span>Namespace</span>
      <input class="input" value={api.namespace} spellcheck={false} autocomplete="off" onChange={change} />
    </label>
  );
}

const LIVE: Record<LiveState, [tone: string, text: string]> = {
  live: ["good", "Live"],
  connecting: ["neutral", "Connecting"],
  reconnecting: ["warn", "Reconnecting"],
  closed: ["neutral", "Not live"],
};

function LiveIndicator() {
  const [tone, text] = LIVE[useSession().liveState.value];
  return (
    <span class={`live tone-${tone}`} role="status">
      {text}
    </span>
  );
}

/** Over the page rather than in it, so that nothing jumps when the server goes and comes. */
function AwayBar() {
  if (useSession().liveState.value !== "reconnecting") return null;
  return (
    <div class="away" role="status">
      <Icon name="warn" />
      The server is away: what you see may be old. This page goes on by itself when it is back.
    </div>
  );
}

function ZoneSwitch() {
  const name = isUtc.value ? "UTC" : "Local";
  return (
    <button
      type="button"
      class="button quiet small"
      title="Times in UTC or in your time zone"
      aria-label={`Times: ${name}. Change.`}
      onClick={() => (isUtc.value = !isUtc.value)}
    >
      {name}
    </button>
  );
}
