// Small drawings of the kinds of steps, as strokes in a box of 16 by 16. States have those of the house (components/icon).

import type { StepKind } from "./shape.js";

/** What each kind of step looks like. */
export const KIND_GLYPHS: Record<StepKind, string> = {
  action: "M9 1.5 3.5 9H8l-1 5.5L12.5 7H8z",
  sleep: "M13.5 9.6A6 6 0 1 1 6.4 2.5a4.8 4.8 0 0 0 7.1 7.1z",
  signal: "M8 9.2a1.2 1.2 0 1 0 0-2.4 1.2 1.2 0 0 0 0 2.4zM5 11a4.2 4.2 0 0 1 0-6M11 5a4.2 4.2 0 0 1 0 6M2.9 13a7 7 0 0 1 0-10M13.1 3a7 7 0 0 1 0 10",
  workflow: "M2 2.5h5v4H2zM9 9.5h5v4H9zM4.5 6.5v5H9",
  foreach: "M5.5 5.5h8v8h-8zM2.5 10.5v-8h8",
  local: "M5.5 4.5 2 8l3.5 3.5M10.5 4.5 14 8l-3.5 3.5",
};
