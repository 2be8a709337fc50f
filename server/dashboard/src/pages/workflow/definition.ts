// A definition as its pages read it: which steps it has and how they hang together. The server has checked it.

import type { Shape, StepKind } from "../../graph/shape.js";

/** A step as it was written; fields the pages do not name are shown as JSON. */
export interface WrittenStep {
  id: string;
  action?: string;
  sleep?: unknown;
  signal?: string;
  workflow?: string;
  needs?: string[];
  foreach?: unknown;
  [field: string]: unknown;
}

/** The object a definition is; {} for anything else. */
export function asObject(value: unknown): Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : {};
}

/** The steps as written, without what is no step. */
export function stepsOf(definition: unknown): WrittenStep[] {
  const steps = asObject(definition)["steps"];
  if (!Array.isArray(steps)) return [];
  return steps.filter((step): step is WrittenStep => typeof asObject(step)["id"] === "string");
}

/** Whether runs of it are decided by code: it then has no steps of its own. */
export function isCode(definition: unknown): boolean {
  return asObject(definition)["code"] !== undefined;
}

/** Its steps as shapes. No `needs` in the whole list means one after the other. */
export function shapesOf(definition: unknown): Shape[] {
  const steps = stepsOf(definition);
  const sequential = steps.every((step) => step.needs === undefined);
  return steps.map((step, index) => ({
    id: step.id,
    kind: kindOf(step),
    detail: detailOf(step),
    needs: sequential ? previous(steps, index) : (step.needs ?? []),
  }));
}

function previous(steps: readonly WrittenStep[], index: number): string[] {
  const before = steps[index - 1];
  return before === undefined ? [] : [before.id];
}

function kindOf(step: WrittenStep): StepKind {
  if (step.foreach !== undefined) return "foreach";
  if (step.sleep !== undefined) return "sleep";
  if (step.signal !== undefined) return "signal";
  return step.workflow === undefined ? "action" : "workflow";
}

function detailOf(step: WrittenStep): string {
  if (step.sleep !== undefined) return `sleep ${shown(step.sleep)}`;
  if (step.signal !== undefined) return `signal ${step.signal}`;
  return step.workflow === undefined ? shown(step.action) : `workflow ${step.workflow}`;
}

function shown(value: unknown): string {
  return typeof value === "string" ? value : value === undefined ? "" : JSON.stringify(value);
}
