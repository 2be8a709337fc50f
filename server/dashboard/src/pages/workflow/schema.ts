// A JSON Schema as fields of a form. What a form cannot say (oneOf, references that never end, …) becomes a field of JSON.
// It must never refuse what the server would take: the server's check is the one that counts.

import type { Json } from "../../api/types.js";
import { asObject } from "./definition.js";

/** What a person fills in, by how it is asked for. */
export type FieldKind = "text" | "number" | "integer" | "boolean" | "choice" | "object" | "list" | "json";

/** One field of the form. */
export interface Field {
  kind: FieldKind;
  /** The key in the object around it; "" for the root and for entries of a list. */
  name: string;
  label: string;
  description: string;
  required: boolean;
  /** From the schema; what the form begins with. */
  initial: Json | undefined;
  /** Of a choice: the values, any JSON. */
  options: Json[];
  /** Of an object: its fields. */
  fields: Field[];
  /** Of a list: what its entries are. */
  entry: Field | undefined;
  /** Bounds and the like, handed to the control as they are. */
  rules: Rules;
}

/** What the schema says about a single value. */
export interface Rules {
  format: string;
  minimum?: number;
  maximum?: number;
  minLength?: number;
  maxLength?: number;
  pattern?: string;
  multipleOf?: number;
  minItems?: number;
  maxItems?: number;
  /** null is a value of its own here. */
  nullable: boolean;
}

const MAX_DEPTH = 8;
/** Words that say more than a form can: such a field is asked for as JSON. */
const BEYOND = ["oneOf", "anyOf", "allOf", "not", "if", "dependentSchemas", "patternProperties", "prefixItems", "$dynamicRef"];

/** The form of a schema. A schema that says nothing is one field of JSON. */
export function formOf(schema: unknown): Field {
  return fieldOf(schema, { root: schema, depth: 0, name: "", required: true });
}

interface Place {
  root: unknown;
  depth: number;
  name: string;
  required: boolean;
}

function fieldOf(written: unknown, place: Place): Field {
  const schema = asObject(resolved(written, place.root));
  const field: Field = {
    kind: place.depth > MAX_DEPTH ? "json" : kindOf(schema),
    name: place.name,
    label: texted(schema["title"]) || place.name,
    description: texted(schema["description"]),
    required: place.required,
    initial: initialOf(schema),
    options: optionsOf(schema),
    fields: [],
    entry: undefined,
    rules: rulesOf(schema),
  };
  if (field.kind === "object") field.fields = fieldsOf(schema, place);
  if (field.kind === "list") field.entry = fieldOf(schema["items"], { ...place, depth: place.depth + 1, name: "", required: true });
  return field;
}

function fieldsOf(schema: Record<string, unknown>, place: Place): Field[] {
  const required = new Set(Array.isArray(schema["required"]) ? schema["required"] : []);
  return Object.entries(asObject(schema["properties"]))
    .map(([name, inner]) => fieldOf(inner, { ...place, depth: place.depth + 1, name, required: required.has(name) }))
    .sort((a, b) => Number(b.required) - Number(a.required));
}

function kindOf(schema: Record<string, unknown>): FieldKind {
  if (BEYOND.some((word) => word in schema)) return "json";
  if (Array.isArray(schema["enum"]) || "const" in schema) return "choice";
  const types = typesOf(schema);
  if (types.length !== 1) return "json";
  switch (types[0]) {
    case "string":
      return "text";
    case "number":
    case "integer":
    case "boolean":
      return types[0];
    case "array":
      return "items" in schema && typeof schema["items"] === "object" ? "list" : "json";
    case "object":
      return Object.keys(asObject(schema["properties"])).length > 0 && !isOpenObject(schema) ? "object" : "json";
    default:
      return "json";
  }
}

/** Keys that nobody has named are typed by hand: only JSON can say them. */
function isOpenObject(schema: Record<string, unknown>): boolean {
  const more = schema["additionalProperties"];
  return typeof more === "object" && more !== null;
}

/** The types it allows, without null; guessed where none is written. */
function typesOf(schema: Record<string, unknown>): string[] {
  const written = schema["type"];
  const types = (Array.isArray(written) ? written : [written]).filter((type): type is string => typeof type === "string" && type !== "null");
  if (types.length > 0) return types;
  return "properties" in schema ? ["object"] : "items" in schema ? ["array"] : [];
}

function optionsOf(schema: Record<string, unknown>): Json[] {
  if (Array.isArray(schema["enum"])) return schema["enum"] as Json[];
  return "const" in schema ? [schema["const"] as Json] : [];
}

function initialOf(schema: Record<string, unknown>): Json | undefined {
  if ("default" in schema) return schema["default"] as Json;
  return "const" in schema ? (schema["const"] as Json) : undefined;
}

const NUMBERS = ["minimum", "maximum", "minLength", "maxLength", "multipleOf", "minItems", "maxItems"] as const;

function rulesOf(schema: Record<string, unknown>): Rules {
  const types = Array.isArray(schema["type"]) ? schema["type"] : [];
  const rules: Rules = { format: texted(schema["format"]), nullable: types.includes("null") };
  for (const name of NUMBERS) {
    const value = schema[name];
    if (typeof value === "number") rules[name] = value;
  }
  if (typeof schema["pattern"] === "string") rules.pattern = schema["pattern"];
  return rules;
}

/** What a local `$ref` points at, through several; the words beside it win. */
function resolved(schema: unknown, root: unknown, left = MAX_DEPTH): unknown {
  const written = asObject(schema);
  const reference = written["$ref"];
  if (typeof reference !== "string") return schema;
  if (left === 0 || !reference.startsWith("#")) return {};
  const { $ref: _reference, ...beside } = written;
  return { ...asObject(resolved(pointed(root, reference), root, left - 1)), ...beside };
}

function pointed(root: unknown, reference: string): unknown {
  let node = root;
  for (const raw of reference.slice(1).split("/").slice(1)) {
    const key = decodeURIComponent(raw).replaceAll("~1", "/").replaceAll("~0", "~");
    node = Array.isArray(node) ? (node as unknown[])[Number(key)] : asObject(node)[key];
  }
  return node;
}

function texted(value: unknown): string {
  return typeof value === "string" ? value : "";
}
