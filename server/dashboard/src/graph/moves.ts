// Moving a drawing by hand: drag with a mouse, two fingers on glass, the wheel with Ctrl. One finger up and down
// scrolls the page, as everywhere. It must not move anything by itself.

import { useEffect, useMemo, useRef } from "preact/hooks";

import { zoomed } from "./viewport.js";
import type { Viewport } from "./viewport.js";

type Change = (next: (now: Viewport) => Viewport) => void;

interface Held {
  x: number;
  y: number;
}

/** A drag of more than this is no click. */
const SLACK = 4;

/** Listens on the frame while it is there. */
export function useMoves(frame: { current: HTMLElement | null }, change: Change): { wasDragged: () => boolean } {
  const travelled = useRef(0);
  useEffect(() => {
    const element = frame.current;
    return element === null ? undefined : listen(element, change, travelled);
  }, [frame, change]);
  return useMemo(() => ({ wasDragged: () => travelled.current > SLACK }), []);
}

function listen(element: HTMLElement, change: Change, travelled: { current: number }): () => void {
  const held = new Map<number, Held>();
  const place = (event: MouseEvent): Held => {
    const box = element.getBoundingClientRect();
    return { x: event.clientX - box.left, y: event.clientY - box.top };
  };
  const down = (event: PointerEvent) => {
    if (event.button !== 0) return;
    if (held.size === 0) travelled.current = 0;
    held.set(event.pointerId, place(event));
  };
  const move = (event: PointerEvent) => {
    const before = held.get(event.pointerId);
    if (before === undefined) return;
    const now = place(event);
    travelled.current += Math.abs(now.x - before.x) + Math.abs(now.y - before.y);
    if (travelled.current <= SLACK) return;
    // Captured only now: a click on a node must stay a click on the node.
    if (!element.hasPointerCapture(event.pointerId)) element.setPointerCapture(event.pointerId);
    const other = [...held].find(([id]) => id !== event.pointerId)?.[1];
    held.set(event.pointerId, now);
    change((view) => (other === undefined ? panned(view, before, now) : pinched(view, before, now, other)));
  };
  const up = (event: PointerEvent) => void held.delete(event.pointerId);
  const wheel = (event: WheelEvent) => {
    if (!event.ctrlKey && !event.metaKey) return;
    event.preventDefault();
    const factor = Math.exp(-event.deltaY / (event.deltaMode === 0 ? 300 : 12));
    change((view) => zoomed(view, factor, place(event)));
  };
  const stop = new AbortController();
  const { signal } = stop;
  element.addEventListener("pointerdown", down, { signal });
  element.addEventListener("pointermove", move, { signal });
  element.addEventListener("pointerup", up, { signal });
  element.addEventListener("pointercancel", up, { signal });
  element.addEventListener("wheel", wheel, { signal, passive: false });
  return () => stop.abort();
}

function panned(view: Viewport, before: Held, now: Held): Viewport {
  return { ...view, x: view.x + now.x - before.x, y: view.y + now.y - before.y };
}

function pinched(view: Viewport, before: Held, now: Held, other: Held): Viewport {
  const factor = distance(now, other) / Math.max(1, distance(before, other));
  const middle = { x: (now.x + other.x) / 2, y: (now.y + other.y) / 2 };
  const old = { x: (before.x + other.x) / 2, y: (before.y + other.y) / 2 };
  return panned(zoomed(view, factor, middle), old, middle);
}

function distance(a: Held, b: Held): number {
  return Math.hypot(a.x - b.x, a.y - b.y);
}
