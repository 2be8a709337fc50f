// A socket and a clock that tests move by hand; it holds no expectations of its own.

import type { Frame, Surroundings } from "../src/live/connection.js";

export class FakeSocket {
  static readonly made: FakeSocket[] = [];
  readyState = 0;
  readonly said: Record<string, unknown>[] = [];
  onopen: (() => void) | null = null;
  onmessage: ((message: { data: string }) => void) | null = null;
  onclose: (() => void) | null = null;
  readonly url: string;

  constructor(url: string) {
    this.url = url;
    FakeSocket.made.push(this);
  }

  send(text: string): void {
    this.said.push(JSON.parse(text) as Record<string, unknown>);
  }

  close(): void {
    this.readyState = 3;
  }

  open(): this {
    this.readyState = 1;
    this.onopen?.();
    return this;
  }

  tell(id: unknown, ...frames: Frame[]): void {
    this.onmessage?.({ data: JSON.stringify({ id, frames }) });
  }

  cut(): void {
    this.readyState = 3;
    this.onclose?.();
  }
}

/** Timers that fire when `pass` is called, whatever their time. */
export class FakeClock {
  private timers: { callback: () => void; ms: number }[] = [];
  readonly waits: number[] = [];

  later = (callback: () => void, ms: number): (() => void) => {
    const timer = { callback, ms };
    this.timers.push(timer);
    this.waits.push(ms);
    return () => (this.timers = this.timers.filter((each) => each !== timer));
  };

  /** Fires every timer that waits now. */
  pass(): void {
    const due = this.timers;
    this.timers = [];
    due.forEach(({ callback }) => callback());
  }
}

export function surroundings(clock: FakeClock): Surroundings {
  return { open: (url) => new FakeSocket(url) as unknown as WebSocket, later: clock.later, random: () => 1 };
}

/** The socket made last. */
export function lastSocket(): FakeSocket {
  const socket = FakeSocket.made[FakeSocket.made.length - 1];
  if (!socket) throw new Error("no socket was made");
  return socket;
}
