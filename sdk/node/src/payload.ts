/**
 * JavaScript values to Payload messages and back: exact JSON text, or bytes as they are.
 *
 * Must not know gRPC or handlers. Integers keep every digit; what JSON cannot say is refused with its place.
 */

import { parse as parseExact, stringify as stringifyExact } from "lossless-json";

import { EncodeError, InputError } from "./errors.js";
import { Checker, circle } from "./json_check.js";
import type { Payload } from "./v1/stellwerk/v1/payload.js";

/** Above this a message would meet the transport's limit of 16 MiB; servers refuse payloads far earlier. */
export const PAYLOAD_BYTES_MAX = 15 * 1024 * 1024;

// Fewer digits always fit a number exactly.
const LONG_NUMBER = /\d{16}/;
const CAME_CHARS_MAX = 40;

/** JSON text that is written already and travels as it is. */
export class JsonText {
  constructor(readonly text: string) {}
}

/** Write a value as a payload: bytes as `data`, anything else as JSON. Throws EncodeError naming the place. */
export function encode(value: unknown): Payload {
  if (typeof value === "object" && value !== null) {
    if (ArrayBuffer.isView(value)) return dataPayload(Buffer.from(value.buffer, value.byteOffset, value.byteLength));
    if (value instanceof ArrayBuffer) return dataPayload(Buffer.from(value));
    if (value instanceof JsonText) return jsonPayload(value.text);
  }
  return jsonPayload(encodeJson(value));
}

/** Read a payload: the JSON value, the bytes, or null when it is empty. Throws InputError. */
export function decode(payload: Payload | undefined): unknown {
  if (payload === undefined) return null;
  if (payload.json) return decodeJson(payload.json);
  return payload.data ?? null;
}

/** The size of a payload's content in bytes. */
export function payloadBytes(payload: Payload): number {
  if (payload.json !== undefined) return Buffer.byteLength(payload.json);
  return payload.data?.length ?? 0;
}

/** Write a value as JSON text; nothing at all is null. Throws EncodeError naming the place. */
export function encodeJson(value: unknown): string {
  const checker = new Checker();
  const problem = checker.check(value, 0);
  if (problem !== undefined) {
    const { path, why } = problem.tooDeep ? (circle(value) ?? problem) : problem;
    throw new EncodeError(`value${path} cannot be written as JSON: ${why}`);
  }
  const text = checker.sawBigInt ? stringifyExact(value) : (JSON.stringify(value) as string | undefined);
  return text ?? "null";
}

/** Read JSON text. Throws InputError when it is no JSON or nested too deep. */
export function decodeJson(text: string): unknown {
  try {
    return LONG_NUMBER.test(text) ? parseExact(text, null, EXACT) : (JSON.parse(text) as unknown);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new InputError("input", "JSON", `'${text.slice(0, CAME_CHARS_MAX)}' (${why})`);
  }
}

const EXACT = {
  parseNumber: (text: string): number | bigint => {
    const number = Number(text);
    return Number.isSafeInteger(number) || !/^-?\d+$/.test(text) ? number : BigInt(text);
  },
  // The last one counts, as with JSON.parse.
  onDuplicateKey: ({ newValue }: { newValue: unknown }): unknown => newValue,
};

function jsonPayload(json: string): Payload {
  return { json, data: undefined, contentType: "", metadata: {} };
}

function dataPayload(data: Buffer): Payload {
  return { json: undefined, data, contentType: "", metadata: {} };
}
