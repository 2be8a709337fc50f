// The frame of every page: its title, what can be done on it, and its content.

import type { ComponentChildren } from "preact";
import { useEffect } from "preact/hooks";

interface PageProps {
  title: string;
  /** Beside the title: a badge, a count. */
  aside?: ComponentChildren;
  actions?: ComponentChildren;
  children: ComponentChildren;
}

export function Page({ title, aside, actions, children }: PageProps) {
  useEffect(() => {
    document.title = `${title} · Stellwerk`;
  }, [title]);
  return (
    <>
      <header class="page-head">
        <div class="page-title">
          <h1>{title}</h1>
          {aside}
        </div>
        {actions && <div class="actions">{actions}</div>}
      </header>
      {children}
    </>
  );
}
