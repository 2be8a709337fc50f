// A page whose code comes when it is first wanted, so that the first paint does not wait for it.

import type { ComponentType } from "preact";
import { useEffect, useState } from "preact/hooks";
import { asApiError } from "../api/problem.js";
import { ErrorNotice, SkeletonRows } from "./feedback.js";

/** Wraps `load`; until the code is there the page shows a skeleton. */
export function lazy<Props extends object>(load: () => Promise<ComponentType<Props>>): ComponentType<Props> {
  let loaded: ComponentType<Props> | undefined;
  return function Lazy(props: Props) {
    const [state, setState] = useState<{ page: ComponentType<Props> | undefined; error?: unknown }>({ page: loaded });
    const [turn, setTurn] = useState(0);
    useEffect(() => {
      if (loaded) return;
      load().then(
        (page) => {
          loaded = page;
          setState({ page });
        },
        (error: unknown) => setState({ page: undefined, error }),
      );
    }, [turn]);
    const Page = state.page;
    if (Page) return <Page {...props} />;
    if (state.error !== undefined) return <ErrorNotice error={asApiError(state.error)} retry={() => setTurn(turn + 1)} />;
    return <SkeletonRows />;
  };
}
