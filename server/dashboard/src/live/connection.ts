// One WebSocket for all live subscriptions of a page: it connects again by itself and goes on behind the last id seen.
// It must not interpret what it carries, nor keep more than the position of each subscription.

import type { Problem } from "../api/types.js";
import { backoffMs } from "./backoff.js";

export type LiveState = "connecting" | "live" | "reconnecting" | "closed";

export interface Frame {
  event: string;
  id?: string;
  data: unknown;
}

export type Wish =
  | { subscribe: "run"; run_id: string; after?: string; chunks?: boolean }
  | { subscribe: "events"; after?: string; workflow?: string; types?: string[]; payloads?: boolean }
  | { subscribe: "overview" | "workers" | "queues" };

export interface Reader {
  /** Frames in order, each once, also over reconnects. `ready`, `error` and a server's farewell are not among them. */
  frames: (frames: Frame[]) => void;
  /** The stream begins (again) without a position: what was read before may have gaps, read it (again) now. */
  ready?: () => void;
  /** It cannot be had; `error` never comes for what mends itself. */
  failed?: (problem: Problem) => void;
}

/** What the connection needs of a socket and of a clock; tests bring their own. */
export interface Surroundings {
  open: (url: string) => WebSocket;
  later: (callback: () => void, ms: number) => () => void;
  random: () => number;
}

const BROWSER: Surroundings = {
  open: (url) => new WebSocket(url),
  later: (callback, ms) => {
    const timer = setTimeout(callback, ms);
    return () => clearTimeout(timer);
  },
  random: Math.random,
};

interface Subscription {
  id: string;
  wish: Wish;
  reader: Reader;
  /** Where it goes on; undefined: where such a stream begins. */
  position: string | undefined;
  isOver: boolean;
  failures: number;
  /** Ends the wait before it is asked for again. */
  stopWaiting: (() => void) | undefined;
}

const POSITIONLESS = new Set(["overview", "workers", "queues"]);
const STABLE_MS = 5_000;

/** Subscriptions over one socket. It opens with the first of them and closes `close()`. */
export class LiveConnection {
  private readonly url: string;
  private readonly around: Surroundings;
  private readonly onState: (state: LiveState, attempt: number) => void;
  private readonly subscriptions = new Map<string, Subscription>();
  private socket: WebSocket | undefined;
  private stopWaiting: (() => void) | undefined;
  private attempt = 0;
  private nextId = 0;
  private wasLive = false;
  private isClosed = false;

  constructor(url: string, onState: (state: LiveState, attempt: number) => void, around: Surroundings = BROWSER) {
    this.url = url;
    this.onState = onState;
    this.around = around;
  }

  /** Begins a subscription; the answer ends it. */
  subscribe(wish: Wish, reader: Reader): () => void {
    const id = `s${++this.nextId}`;
    // The wish's own beginning is only where it begins: after that the position is what counts.
    const { after: position, ...rest } = wish as Wish & { after?: string };
    const subscription: Subscription = { id, wish: rest, reader, position, isOver: false, failures: 0, stopWaiting: undefined };
    this.subscriptions.set(id, subscription);
    if (this.socket?.readyState === OPEN) this.ask(subscription);
    else this.connect();
    return () => this.unsubscribe(subscription);
  }

  /** Connects although nobody has subscribed: whether the server is there is worth knowing on every page. */
  open(): void {
    this.connect();
  }

  /** Tries now rather than when the wait is over: the machine woke up, the network is back. */
  hurry(): void {
    if (!this.stopWaiting) return;
    this.stopWaiting();
    this.stopWaiting = undefined;
    this.connect();
  }

  close(): void {
    this.isClosed = true;
    this.stopWaiting?.();
    this.stopWaiting = undefined;
    for (const subscription of this.subscriptions.values()) this.end(subscription);
    this.subscriptions.clear();
    this.drop();
    this.onState("closed", 0);
  }

  private unsubscribe(subscription: Subscription): void {
    const wasAsked = !subscription.isOver && !subscription.stopWaiting;
    this.end(subscription);
    this.subscriptions.delete(subscription.id);
    if (wasAsked && this.socket?.readyState === OPEN) this.say({ unsubscribe: subscription.id });
  }

  private end(subscription: Subscription): void {
    subscription.isOver = true;
    subscription.stopWaiting?.();
    subscription.stopWaiting = undefined;
  }

  private connect(): void {
    if (this.isClosed || this.socket || this.stopWaiting) return;
    this.onState(this.wasLive ? "reconnecting" : "connecting", this.attempt);
    const socket = this.around.open(this.url);
    this.socket = socket;
    let stopCounting: (() => void) | undefined;
    socket.onopen = () => {
      if (socket !== this.socket) return;
      this.wasLive = true;
      this.onState("live", 0);
      // A server that takes connections and drops them at once must not be asked in a tight loop.
      stopCounting = this.around.later(() => (this.attempt = 0), STABLE_MS);
      for (const subscription of this.subscriptions.values()) this.askAnew(subscription);
    };
    socket.onmessage = (message: MessageEvent<string>) => {
      if (socket === this.socket) this.receive(message.data);
    };
    socket.onclose = () => {
      stopCounting?.();
      if (socket === this.socket) this.lost();
    };
  }

  /** The socket is gone: wait, then connect again. */
  private lost(): void {
    this.drop();
    if (this.isClosed) return;
    const wait = backoffMs(this.attempt++, this.around.random);
    this.onState(this.wasLive ? "reconnecting" : "connecting", this.attempt);
    this.stopWaiting = this.around.later(() => {
      this.stopWaiting = undefined;
      this.connect();
    }, wait);
  }

  private drop(): void {
    const socket = this.socket;
    this.socket = undefined;
    if (!socket) return;
    socket.onopen = socket.onmessage = socket.onclose = null;
    if (socket.readyState < CLOSING) socket.close();
  }

  private askAnew(subscription: Subscription): void {
    subscription.stopWaiting?.();
    subscription.stopWaiting = undefined;
    if (!subscription.isOver) this.ask(subscription);
  }

  private ask({ id, wish, position }: Subscription): void {
    this.say({ ...wish, id, ...(position === undefined ? {} : { after: position }) });
  }

  private say(message: object): void {
    this.socket?.send(JSON.stringify(message));
  }

  private receive(text: string): void {
    const message = JSON.parse(text) as { id?: string; frames?: Frame[] };
    const subscription = this.subscriptions.get(message.id ?? "");
    if (!subscription || subscription.isOver || subscription.stopWaiting) return;
    let batch: Frame[] = [];
    const flush = () => {
      if (batch.length) subscription.reader.frames(batch);
      batch = [];
    };
    for (const frame of message.frames ?? []) {
      // These may call the reader themselves: what came before must be there first.
      if (frame.event === "error" || frame.event === "ready") flush();
      if (this.take(subscription, frame)) batch.push(frame);
    }
    flush();
  }

  /** Notes the position; whether the frame is the reader's. */
  private take(subscription: Subscription, frame: Frame): boolean {
    if (frame.event === "error") return this.refused(subscription, frame.data as Problem);
    if (frame.event === "end") return this.ended(subscription, frame.data as { reason?: string });
    if (frame.event === "ready") {
      const isBeginning = subscription.position === undefined;
      if (frame.id !== undefined) subscription.position ??= frame.id;
      if (isBeginning) subscription.reader.ready?.();
      return false;
    }
    subscription.failures = 0;
    if (frame.id !== undefined && !POSITIONLESS.has(subscription.wish.subscribe)) subscription.position = frame.id;
    return true;
  }

  private ended(subscription: Subscription, data: { reason?: string }): boolean {
    if (data.reason === "DRAINING") {
      this.lost();
      return false;
    }
    subscription.isOver = true;
    return true;
  }

  private refused(subscription: Subscription, problem: Problem): boolean {
    if (problem.reason === "EVENTS_EXPIRED" || problem.status === 410) subscription.position = undefined;
    else if (problem.status < 500 && problem.status !== 429 && problem.status !== 408) {
      subscription.isOver = true;
      subscription.reader.failed?.(problem);
      return false;
    }
    const wait = backoffMs(subscription.failures++, this.around.random);
    subscription.stopWaiting = this.around.later(() => {
      subscription.stopWaiting = undefined;
      if (this.socket?.readyState === OPEN) this.ask(subscription);
    }, wait);
    return false;
  }
}

// Of WebSocket.readyState; the constants are not there where tests run.
const OPEN = 1;
const CLOSING = 2;
