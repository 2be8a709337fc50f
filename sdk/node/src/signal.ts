/** What a run is told by name, and its message. Must not send it. */

import { encode } from "./payload.js";
import { Signal as SignalMessage } from "./v1/stellwerk/v1/run.js";

/** Something to tell a run by name. */
export interface Signal extends SignalOptions {
  readonly name: string;
  /** Any JSON value, or bytes (default: null). */
  readonly payload?: unknown;
}

/** What makes a signal safe to send again. */
export interface SignalOptions {
  /** A run takes the same one once (default: a fresh one). */
  readonly signalId?: string | undefined;
}

/** The message of a signal. Throws EncodeError. */
export function signalMessage({ name, payload, signalId }: Signal): SignalMessage {
  return SignalMessage.fromPartial({ name, payload: encode(payload), signalId: signalId ?? "" });
}
