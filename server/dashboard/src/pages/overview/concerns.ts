// What an operator should look at first, most urgent first. Pure: from the figures to sentences.

import type { Overview, Queue } from "../../api/types.js";
import type { IconName } from "../../components/icon.js";
import { spanText } from "../../components/moments.js";
import type { Tone } from "../../components/states.js";

export interface Concern {
  tone: Tone;
  icon: IconName;
  title: string;
  text: string;
  link: string;
}

const OLD_MS = 30_000;

/** Empty: nothing needs anybody. */
export function concernsOf(overview: Overview, queues: readonly Queue[] = []): Concern[] {
  return [...stalled(overview), ...unserved(queues), ...dead(overview), ...late(overview, queues), ...blocked(overview)];
}

function stalled({ runs_stalled: count }: Overview): Concern[] {
  if (!count) return [];
  const text = "Open, yet nothing will move them. docs/runbook.md says what to do.";
  return [{ tone: "bad", icon: "warn", title: `${plural(count, "run")} stalled`, text, link: "/runs?state=RUNNING" }];
}

function unserved(queues: readonly Queue[]): Concern[] {
  const waiting = queues.filter((queue) => queue.ready > 0 && queue.workers === 0);
  if (waiting.length === 0) return [];
  const tasks = waiting.reduce((sum, queue) => sum + queue.ready, 0);
  const names = waiting.slice(0, 3).map((queue) => `${queue.action} on ${queue.queue}`);
  const more = waiting.length > names.length ? ` and ${waiting.length - names.length} more` : "";
  const text = `No worker serves ${names.join(", ")}${more}.`;
  return [{ tone: "bad", icon: "workers", title: `${plural(tasks, "task")} without a worker`, text, link: "/queues" }];
}

function dead({ dead_letters_open: count }: Overview): Concern[] {
  if (!count) return [];
  const text = "Steps that gave up, kept until somebody requeues or discards them.";
  return [{ tone: "bad", icon: "dead", title: plural(count, "dead letter"), text, link: "/dead-letters" }];
}

function late(overview: Overview, queues: readonly Queue[]): Concern[] {
  // What nobody serves is told already; late is what somebody should have taken by now.
  const times = queues.filter((queue) => queue.workers > 0).flatMap((queue) => queue.oldest_ready_time ?? []);
  const oldest = times.sort()[0];
  const age = oldest ? Date.parse(overview.now) - Date.parse(oldest) : 0;
  if (age < OLD_MS) return [];
  const text = "More slots or more workers would take them sooner.";
  return [{ tone: "warn", icon: "queues", title: `Tasks wait since ${spanText(age)}`, text, link: "/queues" }];
}

function blocked({ runs_open: open }: Overview): Concern[] {
  const count = open?.BLOCKED ?? 0;
  if (!count) return [];
  const text = "They wait for a decision about a dead letter, or for code that fits their history.";
  return [{ tone: "warn", icon: "blocked", title: `${plural(count, "run")} blocked`, text, link: "/runs?state=BLOCKED" }];
}

/** "1 run", "3 runs", "12,000 runs". */
export function plural(count: number, noun: string): string {
  return `${count.toLocaleString("en")} ${noun}${count === 1 ? "" : "s"}`;
}
