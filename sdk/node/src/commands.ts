/**
 * What code asks for, as it is sent and as it was recorded, brought to one form in which the two can be compared.
 *
 * Must not know runs: `replayer.ts` feeds them.
 */

import { decodeJson, payloadBytes } from "./payload.js";
import { Failure, type Payload } from "./v1/stellwerk/v1/payload.js";
import type { Event } from "./v1/stellwerk/v1/run.js";
import type { Command } from "./v1/stellwerk/v1/worker.js";

const INPUT_CHARS_MAX = 40;
// What a command weighs beside its payload, generously.
const COMMAND_BYTES = 256;

/** The kinds of commands, named as in the proto. */
export type CommandKind = Exclude<keyof Command, "step">;

/** What two commands have in common when they are the same, and how people see it. */
export interface Sign {
  readonly kind: CommandKind;
  readonly step: string;
  /** The action, workflow, signal, key or patch id. */
  readonly about: string;
  /** Made only when there is a difference to tell. */
  shown(): string;
}

const ENDS: Readonly<Record<string, CommandKind>> = {
  RUN_SUCCEEDED: "succeed",
  RUN_FAILED: "fail",
  RUN_CANCELLED: "cancelled",
  RUN_CONTINUED: "continue",
};

/** The difference in words; `number` counts commands from 1. */
export function difference(number: number, recorded: Sign | undefined, now: Sign | undefined): string {
  const before = recorded?.shown() ?? "nothing";
  const after = now?.shown() ?? "nothing";
  if (before !== after) return `step ${number}: recorded ${before}, now ${after}`;
  return `step ${number}: recorded ${before} as ${named(recorded)}, now ${after} as ${named(now)}`;
}

/** True when a command is the recorded one; inputs are not compared. */
export function isSame(recorded: Sign, now: Sign): boolean {
  return recorded.kind === now.kind && recorded.step === now.step && recorded.about === now.about;
}

/** The sign of a command. */
export function signOfCommand(kind: CommandKind, command: Command): Sign {
  const { step } = command;
  switch (kind) {
    case "action":
      return called(kind, step, command.action?.action ?? "", command.action?.input);
    case "child":
      return called(kind, step, command.child?.workflow ?? "", command.child?.input);
    case "sleep":
      return slept(step, () => (command.sleep?.duration?.seconds ?? 0) + (command.sleep?.duration?.nanos ?? 0) / 1e9);
    case "signal":
      return plain(kind, step, command.signal?.signal ?? "");
    case "publish":
      return plain(kind, step, command.publish?.key ?? "");
    case "patch":
      return plain(kind, step, command.patch?.id ?? "");
    default:
      return plain(kind, step, "");
  }
}

/** The sign of an event that records a command; undefined for any other, and for what is not compared in order. */
export function signOfEvent(event: Event): Sign | undefined {
  const { step, type } = event;
  if (type === "STEP_SCHEDULED" ? event.attempt > 1 : !RECORDS.has(type)) return undefined;
  const facts = attributesOf(event);
  if (facts["decision"] === undefined) return undefined;
  switch (type) {
    case "STEP_SCHEDULED":
      if (facts["workflow"] !== undefined) return called("child", step, text(facts["workflow"]), event.payload);
      return called("action", step, text(facts["action"]), event.payload);
    case "STEP_SLEEPING":
      return slept(step, () => Number(facts["sleep_s"]));
    case "STEP_AWAITING":
      return plain("signal", step, text(facts["signal"]));
    case "RUN_PUBLISHED":
      return plain("publish", step, text(facts["key"]));
    case "RUN_ATTRIBUTES":
      return plain("attributes", step, "");
    case "RUN_PATCHED":
      return plain("patch", step, text(facts["id"]));
    default:
      return plain(ENDS[type] ?? "succeed", step, "");
  }
}

/** How a local step is told in a difference. */
export function localSign(step: string): Sign {
  return plain("local", step, "");
}

const NONE: Readonly<Record<string, unknown>> = {};

const RECORDS: ReadonlySet<string> = new Set([
  ...["STEP_SLEEPING", "STEP_AWAITING", "RUN_PUBLISHED", "RUN_ATTRIBUTES", "RUN_PATCHED"],
  ...Object.keys(ENDS),
]);

/** What an event carries beside its fields. */
export function attributesOf(event: Event): Readonly<Record<string, unknown>> {
  return event.attributes ? (decodeJson(event.attributes) as Record<string, unknown>) : NONE;
}

const SHOWN: Partial<Readonly<Record<CommandKind, (sign: Sign) => string>>> = {
  signal: ({ about }) => `signal ${about}`,
  local: ({ step }) => `run ${step}`,
  publish: ({ about }) => `publish ${about}`,
  attributes: () => "attributes",
  patch: ({ about }) => `patch ${about}`,
};

function plain(kind: CommandKind, step: string, about: string): Sign {
  return { kind, step, about, shown: () => SHOWN[kind]?.({ kind, step, about, shown: () => "" }) ?? "the end" };
}

function slept(step: string, seconds: () => number): Sign {
  return { kind: "sleep", step, about: "", shown: () => `sleep(${seconds()})` };
}

function called(kind: "action" | "child", step: string, about: string, input: Payload | undefined): Sign {
  const prefix = kind === "child" ? "child " : "";
  return { kind, step, about, shown: () => `${prefix}${about}(${inputText(input)})` };
}

function inputText(input: Payload | undefined): string {
  if (input?.data !== undefined) return `${input.data.length} bytes`;
  return (input?.json || "null").slice(0, INPUT_CHARS_MAX);
}

function named(sign: Sign | undefined): string {
  return sign?.step || sign?.kind || "nothing";
}

function text(value: unknown): string {
  return typeof value === "string" ? value : "";
}

/** About how large a command is on the wire, in bytes. */
export function commandBytes({ step, action, child, local, publish, attributes, succeed, fail, ...rest }: Command): number {
  const payload = action?.input ?? child?.input ?? local?.output ?? publish?.value ?? succeed?.output;
  const sent = payload ?? rest.continue?.input;
  const failure = local?.failure ?? fail?.failure;
  const size = sent === undefined ? 0 : payloadBytes(sent);
  const told = failure === undefined ? 0 : Failure.encode(failure).finish().length;
  return COMMAND_BYTES + 3 * step.length + size + told + 3 * (attributes?.values.length ?? 0);
}

/** The event that records the end of a local step, as far as who ran it knows it. */
export function ranEvent({ step, local }: Command, sequence: number): Event {
  const { output: payload, failure, startTime, attempts: attempt = 1 } = local ?? {};
  const who = { workerId: "", startTime, attributes: "" };
  return { sequence, time: undefined, type: "STEP_RAN", step, attempt, payload, failure, ...who };
}
