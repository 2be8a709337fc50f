/** The text of a workflow definition, however it is given. Must not look into it: the server does. */

import { readFile } from "node:fs/promises";

import { encodeJson } from "./payload.js";

/** A workflow: the path or file URL of one, YAML or JSON text, or the definition as an object. */
export type Definition = string | URL | Readonly<Record<string, unknown>>;

/** The text of a definition: a one-line string that does not begin with `{` is a path. */
export async function definitionText(definition: Definition): Promise<string> {
  if (definition instanceof URL) return readFile(definition, "utf8");
  if (typeof definition === "object") return encodeJson(definition);
  const isText = definition.includes("\n") || definition.trimStart().startsWith("{");
  return isText ? definition : readFile(definition, "utf8");
}
