// JSON as coloured pieces of text, cut where it grows too long to draw. Pure; it makes no markup.

import type { Json } from "../api/types.js";

export interface Piece {
  kind: "plain" | "key" | "text" | "number" | "word" | "fold";
  text: string;
  /** Of a fold: the path of what it hides. */
  path?: string;
}

const TEXT_CHARS = 2_000;
const ITEMS = 50;

/** The pieces of a value, indented; whatever is long is a fold unless its path is in `opened`. */
export function piecesOf(value: Json, opened: ReadonlySet<string> = new Set()): Piece[] {
  const pieces: Piece[] = [];
  write(value, "", "", opened, pieces);
  return pieces;
}

function write(value: Json, indent: string, path: string, opened: ReadonlySet<string>, out: Piece[]): void {
  if (typeof value === "string") return writeText(value, path, opened, out);
  if (typeof value === "number") return add(out, "number", String(value));
  if (value === null || typeof value === "boolean") return add(out, "word", String(value));
  const isList = Array.isArray(value);
  const entries: [string, Json][] = isList ? value.map((each, index) => [String(index), each]) : Object.entries(value);
  const [open, close] = isList ? ["[", "]"] : ["{", "}"];
  if (entries.length === 0) return add(out, "plain", open + close);
  add(out, "plain", `${open}\n`);
  const shown = opened.has(path) ? entries : entries.slice(0, ITEMS);
  for (const [index, [name, each]] of shown.entries()) {
    add(out, "plain", `${indent}  `);
    if (!isList) {
      add(out, "key", JSON.stringify(name));
      add(out, "plain", ": ");
    }
    write(each, `${indent}  `, `${path}/${name}`, opened, out);
    add(out, "plain", index < entries.length - 1 ? ",\n" : "\n");
  }
  if (shown.length < entries.length) {
    add(out, "plain", `${indent}  `);
    out.push({ kind: "fold", text: `${entries.length - shown.length} more`, path });
    add(out, "plain", "\n");
  }
  add(out, "plain", indent + close);
}

function writeText(value: string, path: string, opened: ReadonlySet<string>, out: Piece[]): void {
  if (value.length <= TEXT_CHARS || opened.has(path)) return add(out, "text", JSON.stringify(value));
  add(out, "text", JSON.stringify(value.slice(0, TEXT_CHARS)).slice(0, -1));
  out.push({ kind: "fold", text: `${value.length - TEXT_CHARS} more characters`, path });
}

function add(out: Piece[], kind: Piece["kind"], text: string): void {
  const last = out[out.length - 1];
  if (last?.kind === kind && kind === "plain") last.text += text;
  else out.push({ kind, text });
}
