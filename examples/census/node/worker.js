// The census worker: three handlers, registered by name, that a Stellwerk server hands tasks to.
//
//     node worker.js                   # serves 127.0.0.1:7400, or STELLWERK_ADDRESS
//
// Paths are Buffers here: a file's name need not be UTF-8, and the figures must be right all the same.

import { createReadStream } from "node:fs";
import { readdir, stat, writeFile } from "node:fs/promises";

import { TerminalError, Worker } from "stellwerk";

const SKIP = [
  ...[".git", ".hg", ".svn", ".venv", "venv", "node_modules", "__pycache__", ".tox", ".nox", "build", "dist", "target"],
  ...["*.egg-info", "*_cache", ".hypothesis", ".idea", ".gradle", ".make", ".stellwerk"],
];
const CHUNK_EVERY_FILES = 200;
const READ_BYTES = 1 << 16;
const UNREADABLE_SHOWN = 20;
const NEWLINE = 0x0a;
const SLASH = 0x2f;
const SEPARATOR = Buffer.from("/");
const TRICKS = /[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/g;
const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** @typedef {{files: number, lines: number, bytes: number}} Totals */
/** @typedef {{folder: string, languages: Record<string, Totals>, unreadable: string[]}} Count */
/** @typedef {{folder: string, skip?: string[], report?: string | null}} Request the workflow's input */

/**
 * Every folder of the tree, from the top; links are not followed.
 * @param {Request} request
 * @param {import("stellwerk").TaskContext} ctx
 */
async function folders(request, ctx) {
  const root = Buffer.from(request.folder);
  if (!(await isFolder(root))) {
    throw new TerminalError(`folder: expected a folder, came '${request.folder}'`, { type: "NoSuchFolder" });
  }
  const skipped = skipping(request.skip ?? SKIP);
  const found = [];
  const waiting = [Buffer.from("")];
  for (let folder = waiting.pop(); folder !== undefined; folder = waiting.pop()) {
    found.push(toText(folder.length ? folder : Buffer.from(".")));
    const below = await foldersIn(join(root, folder));
    for (const name of below.reverse()) {
      if (!skipped.test(name.toString("latin1"))) waiting.push(join(folder, name));
    }
    ctx.heartbeat({ folders: found.length });
  }
  return found;
}

/**
 * Count the files of one folder, without those below it; every chunk says how far it is.
 * @param {{root: string, folder: string}} part
 */
async function* count(part) {
  /** @type {Record<string, Totals>} */
  const languages = {};
  /** @type {Buffer[]} */
  const unreadable = [];
  let seen = 0;
  for (const path of await filesOf(join(Buffer.from(part.root), fromText(part.folder)), unreadable)) {
    try {
      add((languages[languageOf(path)] ??= nothing()), await measure(path));
    } catch {
      unreadable.push(path);
      continue;
    }
    seen += 1;
    if (seen % CHUNK_EVERY_FILES === 0) yield `${shown(part.folder)}: ${seen} files so far`;
  }
  if (seen) yield `${shown(part.folder)}: ${say(total(languages))}`;
  return { folder: part.folder, languages, unreadable: unreadable.map(toText) };
}

/**
 * Add everything up and write the Markdown.
 * @param {{request: Request, counts: Count[]}} counted
 */
async function report({ request, counts }) {
  /** @type {Record<string, Totals>} */
  const languages = {};
  for (const part of counts) {
    for (const [name, totals] of Object.entries(part.languages)) add((languages[name] ??= nothing()), totals);
  }
  const unreadable = counts.flatMap((part) => part.unreadable);
  const markdown = draw(request.folder, languages, counts.length, unreadable.map(shown));
  if (request.report) await writeFile(request.report, markdown);
  return {
    folders: counts.length,
    total: total(languages),
    languages,
    unreadable,
    report: request.report ?? null,
    markdown,
  };
}

/** @param {Buffer} path */
async function isFolder(path) {
  try {
    return (await stat(path)).isDirectory();
  } catch {
    return false;
  }
}

/** @param {string[]} patterns names of folders that are left out; * stands for anything */
function skipping(patterns) {
  const names = patterns.map((pattern) => Buffer.from(pattern).toString("latin1").split("*").map(escaped).join(".*"));
  return new RegExp(`^(?:${names.join("|")})$`, "s");
}

const escaped = (/** @type {string} */ text) => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");

/**
 * The names of the folders right in a folder; none when it cannot be read, which `count` will tell.
 * @param {Buffer} folder
 */
async function foldersIn(folder) {
  try {
    return (await entriesOf(folder)).filter((entry) => entry.isDirectory()).map(nameOf).sort(Buffer.compare);
  } catch {
    return [];
  }
}

/**
 * The regular files right in a folder, no links, pipes or sockets; notes a folder that cannot be read.
 * @param {Buffer} folder
 * @param {Buffer[]} unreadable
 */
async function filesOf(folder, unreadable) {
  try {
    const names = (await entriesOf(folder)).filter((entry) => entry.isFile()).map(nameOf).sort(Buffer.compare);
    return names.map((name) => join(folder, name));
  } catch {
    unreadable.push(folder);
    return [];
  }
}

const entriesOf = (/** @type {Buffer} */ folder) => readdir(folder, { withFileTypes: true, encoding: "buffer" });
const nameOf = (/** @type {{name: Buffer}} */ entry) => entry.name;

/**
 * @param {Buffer} folder
 * @param {Buffer} name
 */
function join(folder, name) {
  const between = folder.length === 0 || folder.at(-1) === SLASH ? [] : [SEPARATOR];
  return Buffer.concat([folder, ...between, name]);
}

/**
 * Lines as `wc -l` counts them (newline bytes) and bytes as `wc -c` does, of one and the same reading.
 * @param {Buffer} path
 * @returns {Promise<Totals>}
 */
async function measure(path) {
  const totals = { files: 1, lines: 0, bytes: 0 };
  for await (const piece of createReadStream(path, { highWaterMark: READ_BYTES })) {
    for (let at = piece.indexOf(NEWLINE); at >= 0; at = piece.indexOf(NEWLINE, at + 1)) totals.lines += 1;
    totals.bytes += piece.length;
  }
  return totals;
}

/** @returns {Totals} */
const nothing = () => ({ files: 0, lines: 0, bytes: 0 });

/**
 * @param {Totals} to
 * @param {Totals} other
 */
function add(to, other) {
  to.files += other.files;
  to.lines += other.lines;
  to.bytes += other.bytes;
}

/** @param {Record<string, Totals>} languages */
function total(languages) {
  const everything = nothing();
  for (const totals of Object.values(languages)) add(everything, totals);
  return everything;
}

const number = new Intl.NumberFormat("en-US");
const say = (/** @type {Totals} */ { files, lines, bytes }) =>
  `${number.format(files)} files, ${number.format(lines)} lines, ${number.format(bytes)} bytes`;

/**
 * The report: a table, most lines first.
 * @param {string} folder
 * @param {Record<string, Totals>} languages
 * @param {number} folders
 * @param {string[]} unreadable
 */
function draw(folder, languages, folders, unreadable) {
  const ordered = Object.entries(languages).sort(([a, x], [b, y]) => y.lines - x.lines || (a < b ? -1 : 1));
  const lines = [
    `# Census of ${folder}`,
    "",
    `${number.format(folders)} folders. Lines are newline characters, as \`wc -l\` counts them.`,
    "",
    "| Language | Files | Lines | Bytes |",
    "|---|--:|--:|--:|",
    ...[...ordered, /** @type {const} */ (["**all**", total(languages)])].map(([name, totals]) => row(name, totals)),
  ];
  if (unreadable.length) {
    const more = unreadable.length - UNREADABLE_SHOWN;
    lines.push("", `${number.format(unreadable.length)} files and folders could not be read and are in no figure:`, "");
    lines.push(...unreadable.slice(0, UNREADABLE_SHOWN).map((path) => `- \`${path}\``));
    if (more > 0) lines.push(`- and ${number.format(more)} more`);
  }
  return [...lines, ""].join("\n");
}

/**
 * One line of the table.
 * @param {string} name
 * @param {Totals} totals
 */
function row(name, { files, lines, bytes }) {
  return `| ${name} | ${number.format(files)} | ${number.format(lines)} | ${number.format(bytes)} |`;
}

/** A name as text that any payload can carry: all but printable ASCII, and the percent sign, is encoded. */
function toText(/** @type {Buffer} */ name) {
  const encoded = (/** @type {string} */ c) => `%${c.charCodeAt(0).toString(16).toUpperCase().padStart(2, "0")}`;
  return name.toString("latin1").replace(/[^ -~]|%/g, encoded);
}

/** The name again, byte for byte. */
function fromText(/** @type {string} */ text) {
  return Buffer.from(text.replace(/%([0-9A-F]{2})/g, (_, hex) => String.fromCharCode(parseInt(hex, 16))), "latin1");
}

/** The name for people: as it is when it is UTF-8, without what would play tricks on a terminal. */
function shown(/** @type {string} */ text) {
  try {
    return strict.decode(fromText(text)).replace(TRICKS, "\ufffd");
  } catch {
    return text;
  }
}

/** The language of a file; "other" when neither its name nor its extension says. */
function languageOf(/** @type {Buffer} */ path) {
  const name = path.subarray(path.lastIndexOf(SLASH) + 1).toString("latin1").toLowerCase();
  const extension = /[^.].*(\.[^.]*)$/s.exec(name)?.[1] ?? "";
  return NAMES.get(name) ?? BY_EXTENSION.get(extension) ?? OTHER;
}

const OTHER = "other";
const EXTENSIONS = {
  C: "c h",
  "C#": "cs",
  "C++": "cc cpp cxx hh hpp hxx",
  CSS: "css scss sass less",
  Clojure: "clj cljs cljc edn",
  Dart: "dart",
  Elixir: "ex exs",
  Erlang: "erl hrl",
  Go: "go",
  HTML: "html htm",
  Haskell: "hs",
  JSON: "json jsonl",
  Java: "java",
  JavaScript: "js jsx mjs cjs",
  Kotlin: "kt kts",
  Lua: "lua",
  Markdown: "md markdown",
  OCaml: "ml mli",
  PHP: "php",
  Perl: "pl pm",
  Protobuf: "proto",
  Python: "py pyi",
  R: "r",
  Ruby: "rb",
  Rust: "rs",
  SQL: "sql",
  Scala: "scala sc",
  Shell: "sh bash zsh fish",
  Swift: "swift",
  TOML: "toml",
  Text: "txt rst",
  TypeScript: "ts tsx mts cts",
  XML: "xml xsd xsl",
  YAML: "yaml yml",
  Zig: "zig",
};
const NAMES = new Map([
  ["makefile", "Make"],
  ["gnumakefile", "Make"],
  ["dockerfile", "Dockerfile"],
  ["cmakelists.txt", "CMake"],
]);
const BY_EXTENSION = new Map(
  Object.entries(EXTENSIONS).flatMap(([language, ends]) => ends.split(" ").map((end) => [`.${end}`, language])),
);

const worker = new Worker();
worker.register("census.folders", folders);
worker.register("census.count", count);
worker.register("census.report", report);
await worker.start();
