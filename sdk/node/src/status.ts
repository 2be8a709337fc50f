/**
 * gRPC statuses and per-item refusals to the errors of `errors.ts`.
 *
 * The only place that reads google.rpc details; must not decide what is sent again.
 */

import { status as Code, type StatusObject } from "@grpc/grpc-js";

import { described, type Target } from "./channel.js";
import { messageMs } from "./duration.js";
import * as errors from "./errors.js";
import type { Any } from "./v1/google/protobuf/any.js";
import { BadRequest, ErrorInfo, RetryInfo } from "./v1/google/rpc/error_details.js";
import { Status } from "./v1/google/rpc/status.js";
import type { Refusal } from "./v1/stellwerk/v1/payload.js";

type Kind = new (message: string, facts: errors.RequestFacts) => errors.RequestError;
type Facts = { -readonly [Name in keyof errors.RequestFacts]: errors.RequestFacts[Name] };

const BY_REASON: Readonly<Record<string, Kind>> = {
  LEASE_LOST: errors.LeaseLost,
  RUN_TERMINAL: errors.RunTerminal,
  IDEMPOTENCY_KEY_REUSED: errors.IdempotencyKeyReused,
  PAYLOAD_TOO_LARGE: errors.PayloadTooLarge,
};
const BY_CODE: Readonly<Record<string, Kind>> = {
  INVALID_ARGUMENT: errors.InvalidArgument,
  OUT_OF_RANGE: errors.InvalidArgument,
  NOT_FOUND: errors.NotFound,
  ALREADY_EXISTS: errors.AlreadyExists,
  FAILED_PRECONDITION: errors.FailedPrecondition,
  RESOURCE_EXHAUSTED: errors.ResourceExhausted,
  UNAUTHENTICATED: errors.Unauthenticated,
  PERMISSION_DENIED: errors.PermissionDenied,
  DEADLINE_EXCEEDED: errors.DeadlineExceeded,
  UNAVAILABLE: errors.Unavailable,
};

/** The error of a failed call; the target is named when the server could not be reached. Anything else is INTERNAL. */
export function fromCall(error: unknown, target: Target): errors.RequestError {
  if (!isStatus(error)) {
    const text = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
    return new errors.RequestError(text, { code: "INTERNAL" });
  }
  const facts: Facts = { code: codeName(error.code) };
  for (const detail of details(error)) Object.assign(facts, factsOf(detail));
  const unreached = facts.code === "UNAVAILABLE" && !facts.reason;
  // grpc-js adds the name resolver's note to every message, also when there is none.
  const said = error.details.replace(/ Resolution note: *$/, "") || facts.code || "";
  const message = unreached ? `no Stellwerk server answers at ${described(target)}: ${said}` : said;
  return new (kindOf(facts))(message, facts);
}

/** The error of one refused item of a batch. */
export function fromRefusal(refusal: Refusal): errors.RequestError {
  const facts = {
    code: codeName(refusal.code),
    reason: refusal.reason,
    metadata: refusal.metadata,
    fields: refusal.fields,
  };
  return new (kindOf(facts))(refusal.message || refusal.reason, facts);
}

function isStatus(error: unknown): error is StatusObject {
  return typeof error === "object" && error !== null && "code" in error && "details" in error && "metadata" in error;
}

function kindOf(facts: errors.RequestFacts): Kind {
  return BY_REASON[facts.reason ?? ""] ?? BY_CODE[facts.code ?? ""] ?? errors.RequestError;
}

function codeName(code: number): string {
  return (Code[code]) ?? "UNKNOWN";
}

function details(status: StatusObject): Any[] {
  const [packed] = status.metadata.get("grpc-status-details-bin");
  if (!Buffer.isBuffer(packed)) return [];
  try {
    return Status.decode(packed).details;
  } catch {
    return []; // a proxy's own idea of details must not hide the status
  }
}

/** What one google.rpc detail says. */
function factsOf(detail: Any): errors.RequestFacts {
  switch (detail.typeUrl.slice(detail.typeUrl.lastIndexOf("/") + 1)) {
    case "google.rpc.ErrorInfo": {
      const { reason, metadata } = ErrorInfo.decode(detail.value);
      return { reason, metadata };
    }
    case "google.rpc.BadRequest": {
      const violations = BadRequest.decode(detail.value).fieldViolations;
      return { fields: violations.map(({ field, description }) => ({ field, description })) };
    }
    case "google.rpc.RetryInfo": {
      const delay = RetryInfo.decode(detail.value).retryDelay;
      return delay === undefined ? {} : { retryAfterMs: messageMs(delay) };
    }
    default:
      return {};
  }
}
