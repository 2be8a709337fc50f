// Which page is shown: the history API on the server's own pages, memory where the dashboard is embedded.
// It must not know what the pages are made of.

import { signal, type ReadonlySignal } from "@preact/signals";
import { createContext, type ComponentChildren } from "preact";
import { useContext } from "preact/hooks";

export interface Place {
  path: string;
  query: URLSearchParams;
}

export interface Router {
  readonly place: ReadonlySignal<Place>;
  go(to: string, how?: { replace?: boolean }): void;
  /** What an anchor to this place carries as href. */
  href(to: string): string;
}

/** The address bar. The namespace of the page travels along. */
export function historyRouter(): Router {
  const place = signal(placeOf(location.pathname + location.search));
  addEventListener("popstate", () => (place.value = placeOf(location.pathname + location.search)));
  const href = (to: string) => withNamespace(to, place.peek().query.get("namespace"));
  return {
    place,
    href,
    go(to, how) {
      const target = href(to);
      if (how?.replace) history.replaceState(null, "", target);
      else history.pushState(null, "", target);
      place.value = placeOf(target);
      if (!how?.replace) scrollTo(0, 0);
    },
  };
}

/** A place that only this page knows. */
export function memoryRouter(start = "/"): Router {
  const place = signal(placeOf(start));
  return { place, href: (to) => to, go: (to) => (place.value = placeOf(to)) };
}

function placeOf(to: string): Place {
  const url = new URL(to, "http://here");
  return { path: url.pathname.replace(/\/+$/, "") || "/", query: url.searchParams };
}

function withNamespace(to: string, namespace: string | null): string {
  const url = new URL(to, "http://here");
  if (namespace && !url.searchParams.has("namespace")) url.searchParams.set("namespace", namespace);
  return url.pathname + url.search;
}

/** The values of a pattern's ":names" in a path, or undefined when it does not fit. */
export function match(pattern: string, path: string): Record<string, string> | undefined {
  const wanted = pattern.split("/");
  const came = path.split("/");
  if (wanted.length !== came.length) return undefined;
  const values: Record<string, string> = {};
  for (const [index, part] of wanted.entries()) {
    const value = came[index] ?? "";
    if (part.startsWith(":")) values[part.slice(1)] = decoded(value);
    else if (part !== value) return undefined;
  }
  return values;
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

const RouterContext = createContext<Router | undefined>(undefined);
export const RouterProvider = RouterContext.Provider;

export function useRouter(): Router {
  const router = useContext(RouterContext);
  if (!router) throw new Error("useRouter: expected a RouterProvider above, came none");
  return router;
}

export function usePlace(): Place {
  return useRouter().place.value;
}

interface LinkProps {
  to: string;
  class?: string | undefined;
  title?: string | undefined;
  current?: boolean | undefined;
  label?: string | undefined;
  children: ComponentChildren;
}

/** An anchor to another page; with a modifier key it does what anchors do. */
export function Link({ to, children, current, label, ...rest }: LinkProps) {
  const router = useRouter();
  const follow = (event: MouseEvent) => {
    if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    router.go(to);
  };
  return (
    <a href={router.href(to)} onClick={follow} aria-current={current ? "page" : undefined} aria-label={label} {...rest}>
      {children}
    </a>
  );
}

/** Paths of the pages, so that no page builds another one's address. */
export const to = {
  run: (runId: string) => `/runs/${encodeURIComponent(runId)}`,
  workflow: (name: string) => `/workflows/${encodeURIComponent(name)}`,
  runs: (query: Record<string, string> = {}) => withQuery("/runs", query),
  deadLetters: (query: Record<string, string> = {}) => withQuery("/dead-letters", query),
};

function withQuery(path: string, query: Record<string, string>): string {
  const search = new URLSearchParams(query).toString();
  return search ? `${path}?${search}` : path;
}
