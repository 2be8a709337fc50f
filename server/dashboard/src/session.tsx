// What all parts of a page share: the server it speaks to, the namespace, and one live connection.
// It must not hold what was read; that is the stores'.

import { signal, type ReadonlySignal } from "@preact/signals";
import { createContext } from "preact";
import { useContext } from "preact/hooks";
import { Api } from "./api/client.js";
import { LiveConnection, type LiveState } from "./live/connection.js";

export interface Session {
  readonly api: Api;
  readonly live: LiveConnection;
  readonly liveState: ReadonlySignal<LiveState>;
  /** Goes up with every connection after the first: what was read while away may be old. */
  readonly returns: ReadonlySignal<number>;
  close(): void;
}

/** A server and a namespace; `base` is "" on the server's own pages. */
export function openSession(base: string, namespace: string): Session {
  const api = new Api(base, namespace);
  const liveState = signal<LiveState>("connecting");
  const returns = signal(0);
  let wasLost = false;
  const live = new LiveConnection(api.socketUrl(), (state) => {
    if (state === "live" && wasLost) returns.value++;
    wasLost = state === "reconnecting" || (wasLost && state === "connecting");
    liveState.value = state;
  });
  const hurry = () => {
    if (document.visibilityState === "visible") live.hurry();
  };
  addEventListener("online", hurry);
  document.addEventListener("visibilitychange", hurry);
  const close = () => {
    removeEventListener("online", hurry);
    document.removeEventListener("visibilitychange", hurry);
    live.close();
  };
  return { api, live, liveState, returns, close };
}

const SessionContext = createContext<Session | undefined>(undefined);
export const SessionProvider = SessionContext.Provider;

export function useSession(): Session {
  const session = useContext(SessionContext);
  if (!session) throw new Error("useSession: expected a SessionProvider above, came none");
  return session;
}
