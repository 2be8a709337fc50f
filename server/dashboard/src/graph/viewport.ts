// Where one looks at a drawing from: pan, zoom and fit as plain numbers. It must not touch the DOM.

/** What is on the screen: drawing * scale + (x, y). */
export interface Viewport {
  x: number;
  y: number;
  scale: number;
}

/** A rectangle, in drawing or screen units. */
export interface Rect {
  x: number;
  y: number;
  width: number;
  height: number;
}

export const SCALE_MIN = 0.05;
export const SCALE_MAX = 2;
/** Below this names cannot be read. */
const READABLE = 0.6;
/** Down to this it is better to see the whole than to read every name. */
const WHOLE = 0.4;

/** The whole drawing in the middle of the screen; small ones are not blown up. */
export function fit(drawing: { width: number; height: number }, screen: { width: number; height: number }): Viewport {
  if (drawing.width <= 0 || drawing.height <= 0) return { x: 0, y: 0, scale: 1 };
  const scale = bound(Math.min(1, screen.width / drawing.width, screen.height / drawing.height));
  return {
    x: (screen.width - drawing.width * scale) / 2,
    y: Math.max(0, (screen.height - drawing.height * scale) / 2),
    scale,
  };
}

/** Where to begin: the whole drawing when it can be read then, else its top at a size that can. */
export function opening(drawing: { width: number; height: number }, screen: { width: number; height: number }): Viewport {
  const whole = fit(drawing, screen);
  if (whole.scale >= WHOLE) return whole;
  const scale = Math.max(READABLE, Math.min(1, screen.width / Math.max(1, drawing.width)));
  return { x: (screen.width - drawing.width * scale) / 2, y: 0, scale };
}

/** Zoomed by a factor, so that what is under the point (screen units) stays there. */
export function zoomed(view: Viewport, factor: number, point: { x: number; y: number }): Viewport {
  const scale = bound(view.scale * factor);
  const real = scale / view.scale;
  return { x: point.x - (point.x - view.x) * real, y: point.y - (point.y - view.y) * real, scale };
}

/** Moved as little as needed for this part of the drawing to be on the screen. */
export function revealed(view: Viewport, part: Rect, screen: { width: number; height: number }, margin = 24): Viewport {
  const left = part.x * view.scale + view.x;
  const top = part.y * view.scale + view.y;
  return {
    ...view,
    x: view.x + shift(left, left + part.width * view.scale, screen.width, margin),
    y: view.y + shift(top, top + part.height * view.scale, screen.height, margin),
  };
}

/** The part of the drawing that is on the screen, with a margin around it. */
export function visible(view: Viewport, screen: { width: number; height: number }, margin = 200): Rect {
  return {
    x: (-view.x - margin) / view.scale,
    y: (-view.y - margin) / view.scale,
    width: (screen.width + 2 * margin) / view.scale,
    height: (screen.height + 2 * margin) / view.scale,
  };
}

/** Whether two rectangles share a place. */
export function overlap(a: Rect, b: Rect): boolean {
  return a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height;
}

function shift(start: number, end: number, size: number, margin: number): number {
  if (start < margin) return margin - start;
  return end > size - margin ? Math.max(size - margin - end, margin - start) : 0;
}

function bound(scale: number): number {
  return Math.min(SCALE_MAX, Math.max(SCALE_MIN, scale));
}
