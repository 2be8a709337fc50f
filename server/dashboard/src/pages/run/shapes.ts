// The steps of a run as shapes for the graph. A run of code has no graph: nobody knows what its code will ask for.

import type { Step } from "../../api/types.js";
import type { Shape, StepKind } from "../../graph/shape.js";

const KINDS: ReadonlySet<string> = new Set<StepKind>(["action", "sleep", "signal", "workflow", "foreach", "local"]);

/** Shapes of all steps, in their order. */
export function shapesOfSteps(steps: Iterable<Step>): Shape[] {
  return Array.from(steps, (step) => ({ id: step.step, kind: kindOf(step), detail: detailOf(step), needs: step.needs ?? [] }));
}

/** The kind a step is drawn as. */
export function kindOf(step: Step): StepKind {
  if (step.items !== undefined && step.items > 0) return "foreach";
  return KINDS.has(step.kind ?? "") ? (step.kind as StepKind) : "action";
}

/** What a step does, in a few words. */
export function detailOf(step: Step): string {
  switch (step.kind) {
    case "sleep":
      return "sleep";
    case "signal":
      return `signal ${step.signal ?? ""}`.trim();
    case "workflow":
      return `workflow ${step.action ?? ""}`.trim();
    case "local":
      return "in the worker that decides";
    default:
      return step.action ?? "";
  }
}
