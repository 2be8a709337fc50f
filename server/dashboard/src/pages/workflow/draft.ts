// What somebody has typed into a form so far, and the JSON it stands for. Numbers are kept as they were typed.
// It must not know how fields look, nor throw: what is wrong is said with its path, in the server's words.

import type { FieldProblem, Json } from "../../api/types.js";
import type { Field } from "./schema.js";

/** Text for what is typed, a flag for a checkbox, parts for objects and lists; undefined: left out. */
export type Draft = string | boolean | undefined | Draft[] | { [name: string]: Draft };

/** A value, or what is wrong with it. Without either it is left out. */
export interface Outcome {
  value?: Json;
  problems: FieldProblem[];
}

/** What a form begins with: this value, else the schema's defaults, else nothing. */
export function draftOf(field: Field, value: Json | undefined = field.initial): Draft {
  switch (field.kind) {
    case "object":
      return Object.fromEntries(field.fields.map((inner) => [inner.name, draftOf(inner, partOf(value, inner.name) ?? inner.initial)]));
    case "list":
      return Array.isArray(value) && field.entry !== undefined ? value.map((each) => draftOf(field.entry as Field, each)) : fewest(field);
    case "choice":
      return optionDraft(field, value);
    case "boolean":
      return typeof value === "boolean" ? value : undefined;
    case "json":
      return value === undefined ? "" : JSON.stringify(value, null, 2);
    default:
      return value === undefined || value === null ? "" : typeof value === "object" ? JSON.stringify(value) : String(value);
  }
}

/** The JSON a draft stands for, or everything that is wrong with it. */
export function valueOf(field: Field, draft: Draft, path: string): Outcome {
  switch (field.kind) {
    case "object":
      return objectOf(field, draft, path);
    case "list":
      return listOf(field, draft, path);
    case "choice":
      return typeof draft === "string" && draft !== "" ? given(field.options[Number(draft)]) : leftOut(field, path, "one of the choices");
    case "boolean":
      return typeof draft === "boolean" ? given(draft) : leftOut(field, path, "true or false");
    case "json":
      return parsed(field, draft, path);
    case "number":
    case "integer":
      return numberOf(field, draft, path);
    default:
      return typeof draft === "string" && draft !== "" ? given(draft) : leftOut(field, path, "a text");
  }
}

/** The path of a part, as the server writes it. */
export function childPath(path: string, key: string | number): string {
  if (typeof key === "number") return `${path}[${key}]`;
  return /^[A-Za-z_][\w-]*$/.test(key) ? `${path}.${key}` : `${path}[${JSON.stringify(key)}]`;
}

function objectOf(field: Field, draft: Draft, path: string): Outcome {
  const value: Record<string, Json> = {};
  const problems: FieldProblem[] = [];
  for (const inner of field.fields) {
    const outcome = valueOf(inner, partDraft(draft, inner.name), childPath(path, inner.name));
    problems.push(...outcome.problems);
    if (outcome.value !== undefined) value[inner.name] = outcome.value;
  }
  // An object nobody has begun is left out, with what it would need.
  if (!field.required && Object.keys(value).length === 0 && isUntouched(draft)) return { problems: [] };
  return problems.length > 0 ? { problems } : { value, problems };
}

function listOf(field: Field, draft: Draft, path: string): Outcome {
  const parts = Array.isArray(draft) ? draft : [];
  if (parts.length === 0 && !field.required) return { problems: [] };
  const outcomes = parts.map((part, index) => valueOf(field.entry as Field, part, childPath(path, index)));
  const problems = outcomes.flatMap((outcome) => outcome.problems);
  return problems.length > 0 ? { problems } : { value: outcomes.map((outcome) => outcome.value ?? null), problems };
}

function numberOf(field: Field, draft: Draft, path: string): Outcome {
  const text = typeof draft === "string" ? draft.trim() : "";
  const wanted = field.kind === "integer" ? "a whole number" : "a number";
  if (text === "") return leftOut(field, path, wanted);
  const value = Number(text);
  if (!Number.isFinite(value) || (field.kind === "integer" && !Number.isInteger(value))) return wrong(path, wanted, text);
  // Sent as it is read here: a number that would change on the way is refused, not bent.
  if (Number.isInteger(value) && !Number.isSafeInteger(value)) return wrong(path, "a number below 2^53, or the JSON editor", text);
  return given(value);
}

function parsed(field: Field, draft: Draft, path: string): Outcome {
  const text = typeof draft === "string" ? draft : "";
  if (text.trim() === "") return field.name === "" ? { problems: [] } : leftOut(field, path, "JSON");
  try {
    return given(JSON.parse(text) as Json);
  } catch (error) {
    return { problems: [{ field: path, description: `expected JSON: ${error instanceof Error ? error.message : String(error)}` }] };
  }
}

function given(value: Json | undefined): Outcome {
  return value === undefined ? { problems: [] } : { value, problems: [] };
}

function leftOut(field: Field, path: string, wanted: string): Outcome {
  if (!field.required) return { problems: [] };
  if (field.rules.nullable) return given(null);
  return wrong(path, wanted, "");
}

function wrong(path: string, wanted: string, came: string): Outcome {
  return { problems: [{ field: path, description: `expected ${wanted}, came ${came === "" ? "nothing" : came}` }] };
}

function isUntouched(draft: Draft): boolean {
  if (typeof draft !== "object") return draft === undefined || draft === "";
  return Object.values(draft).every(isUntouched);
}

function fewest(field: Field): Draft[] {
  const entry = field.entry;
  return entry === undefined ? [] : Array.from({ length: Math.min(20, field.required ? (field.rules.minItems ?? 0) : 0) }, () => draftOf(entry));
}

function optionDraft(field: Field, value: Json | undefined): Draft {
  if (value === undefined) return undefined;
  const index = field.options.findIndex((option) => JSON.stringify(option) === JSON.stringify(value));
  return index < 0 ? undefined : String(index);
}

function partOf(value: Json | undefined, name: string): Json | undefined {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? value[name] : undefined;
}

/** The draft of one field of an object. */
export function partDraft(draft: Draft, name: string): Draft {
  return typeof draft === "object" && !Array.isArray(draft) ? draft[name] : undefined;
}
