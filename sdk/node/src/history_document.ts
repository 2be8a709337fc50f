/** Histories as `stellwerk run history --json` writes them, to events and back. Must not interpret an event. */

import { durationMessage, messageMs } from "./duration.js";
import { InputError } from "./errors.js";
import { Failure, FailureCategory, type Payload } from "./v1/stellwerk/v1/payload.js";
import type { Event } from "./v1/stellwerk/v1/run.js";

const CATEGORIES = new Map(Object.entries(FailureCategory)) as ReadonlyMap<string, FailureCategory>;

/** A run's history as a JSON document. */
export interface HistoryDocument {
  readonly run_id: string;
  readonly workflow: string;
  readonly version: number;
  /** Protobuf's own JSON form: what has no value is left out. */
  readonly events: readonly EventDocument[];
}

/** One event of a history; numbers of 64 bits are text. */
export type EventDocument = Readonly<Record<string, unknown>>;

/** The events of a document. Throws InputError when it is none. */
export function eventsOf(document: HistoryDocument): Event[] {
  if (!Array.isArray(document.events)) {
    throw new InputError("events", "a list (a parsed `stellwerk run history --json`)", typeof document.events);
  }
  return document.events.map(readEvent);
}

/** The document of an event. */
export function eventDocument(event: Event): EventDocument {
  const { sequence, time, startTime, type, step, attempt, payload, failure, workerId, attributes } = event;
  return filled({
    sequence: String(sequence),
    time: time?.toISOString(),
    ...{ type, step, attempt },
    payload: payload && payloadDocument(payload),
    failure: failure && failureDocument(failure),
    workerId,
    startTime: startTime?.toISOString(),
    attributes,
  });
}

function readEvent(event: EventDocument): Event {
  const { payload, failure } = event;
  return {
    sequence: Number(event["sequence"]),
    time: moment(event["time"]),
    type: text(event["type"]),
    step: text(event["step"]),
    attempt: Number(event["attempt"] ?? 0),
    payload: isObject(payload) ? readPayload(payload) : undefined,
    failure: isObject(failure) ? readFailure(failure) : undefined,
    workerId: text(event["workerId"]),
    startTime: moment(event["startTime"]),
    attributes: text(event["attributes"]),
  };
}

function payloadDocument({ json, data, contentType, metadata }: Payload): EventDocument {
  return filled({ json, data: data?.toString("base64"), contentType, metadata });
}

function readPayload(payload: EventDocument): Payload {
  const { json, data, metadata } = payload;
  return {
    json: typeof json === "string" ? json : undefined,
    data: typeof data === "string" ? Buffer.from(data, "base64") : undefined,
    contentType: text(payload["contentType"]),
    metadata: isObject(metadata) ? (metadata as Record<string, string>) : {},
  };
}

function failureDocument(failure: Failure): EventDocument {
  const { type, message, stack, category, terminal, retryAfter, details, cause, step, attempt, workerId } = failure;
  return filled({
    ...{ type, message, stack },
    category: category === FailureCategory.FAILURE_CATEGORY_UNSPECIFIED ? "" : FailureCategory[category],
    terminal,
    retryAfter: retryAfter && `${messageMs(retryAfter) / 1_000}s`,
    details: details && payloadDocument(details),
    cause: cause && failureDocument(cause),
    ...{ step, attempt, workerId },
    occurTime: failure.occurTime?.toISOString(),
  });
}

function readFailure(failure: EventDocument): Failure {
  const { retryAfter, details, cause, category } = failure;
  return {
    type: text(failure["type"]),
    message: text(failure["message"]),
    stack: text(failure["stack"]),
    category: CATEGORIES.get(text(category)) ?? FailureCategory.FAILURE_CATEGORY_UNSPECIFIED,
    terminal: failure["terminal"] === true,
    retryAfter: typeof retryAfter === "string" ? durationMessage(Number.parseFloat(retryAfter) * 1_000) : undefined,
    details: isObject(details) ? readPayload(details) : undefined,
    cause: isObject(cause) ? readFailure(cause) : undefined,
    step: text(failure["step"]),
    attempt: Number(failure["attempt"] ?? 0),
    workerId: text(failure["workerId"]),
    occurTime: moment(failure["occurTime"]),
  };
}

/** Without what says nothing. */
function filled(fields: Record<string, unknown>): EventDocument {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => !isEmpty(value)));
}

function isEmpty(value: unknown): boolean {
  if (value === undefined || value === "" || value === 0 || value === false) return true;
  return isObject(value) && Object.keys(value).length === 0;
}

function isObject(value: unknown): value is EventDocument {
  return typeof value === "object" && value !== null;
}

function text(value: unknown): string {
  return typeof value === "string" ? value : "";
}

function moment(value: unknown): Date | undefined {
  return typeof value === "string" ? new Date(value) : undefined;
}
