// Dead letters in groups of the same trouble: error type, action, and the message without what differs from case to case. Pure.

import type { DeadLetter } from "../api/types.js";

export interface LetterGroup {
  /** The same trouble has the same key, also after a reload. */
  key: string;
  type: string;
  action: string;
  /** The message with … where cases differ. */
  pattern: string;
  /** Newest first. */
  letters: DeadLetter[];
  workflows: string[];
}

const MESSAGE_CHARS = 300;
// What differs from case to case, the longest forms first.
const VARYING: RegExp[] = [
  /\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b/gi,
  /\b\d{4}-\d\d-\d\d[T ][\d:.]+(?:Z|[+-]\d\d:?\d\d)?/g,
  /\b(?:run|dl)_[0-9a-z]{6,}\b/g,
  /\b0x[0-9a-f]+\b/gi,
  /\b[0-9a-f]*\d[0-9a-f]*[a-f][0-9a-f]{4,}\b/gi,
  /"[^"\n]{1,200}"|'[^'\n]{1,200}'/g,
  /\b[A-Za-z]{1,4}-\d+\b/g,
  /\d+(?:[.,]\d+)*/g,
];

/** What is the same in messages of the same trouble: "card of order … declined". */
export function fingerprint(message: string): string {
  const cut = VARYING.reduce((text, pattern) => text.replace(pattern, "…"), message.slice(0, MESSAGE_CHARS));
  return cut.replace(/\s+/g, " ").trim();
}

export function groupKey(letter: DeadLetter): string {
  return JSON.stringify([letter.failure?.type ?? "", letter.action ?? "", fingerprint(letter.failure?.message ?? "")]);
}

/** Groups of letters, the biggest first; of equal ones the one with the newest letter. */
export function groupsOf(letters: readonly DeadLetter[]): LetterGroup[] {
  const groups = new Map<string, LetterGroup>();
  for (const letter of letters) {
    const key = groupKey(letter);
    const group = groups.get(key);
    if (group) group.letters.push(letter);
    else groups.set(key, emptyGroup(key, letter));
  }
  for (const group of groups.values()) group.workflows = [...new Set(group.letters.map((letter) => letter.workflow))].sort();
  return [...groups.values()].sort((a, b) => b.letters.length - a.letters.length || newest(b).localeCompare(newest(a)));
}

function emptyGroup(key: string, letter: DeadLetter): LetterGroup {
  const { failure, action } = letter;
  const pattern = fingerprint(failure?.message ?? "") || "(no message)";
  return { key, type: failure?.type || letter.reason || "Failure", action: action ?? "", pattern, letters: [letter], workflows: [] };
}

function newest(group: LetterGroup): string {
  return group.letters[0]?.create_time ?? "";
}

/** The letters with those of one run as they were just read; order stays newest first. */
export function withRun(letters: readonly DeadLetter[], runId: string, read: readonly DeadLetter[]): DeadLetter[] {
  const others = letters.filter((letter) => letter.run_id !== runId);
  return [...read, ...others].sort((a, b) => (b.create_time ?? "").localeCompare(a.create_time ?? ""));
}
