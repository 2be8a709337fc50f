// What went wrong with a request, in the words of the server or, when it is away, in ours.
// It must not decide how an error is shown.

import type { Problem } from "./types.js";

/** A refused request; `message` is fit to be shown. */
export class ApiError extends Error {
  readonly problem: Problem;

  constructor(problem: Problem) {
    super(problem.detail || problem.title || problem.reason);
    this.name = "ApiError";
    this.problem = problem;
  }

  get reason(): string {
    return this.problem.reason;
  }

  get status(): number {
    return this.problem.status;
  }

  /** Nobody answered, or who answered cannot serve now: trying again later is right. */
  get isAway(): boolean {
    return this.status === 0 || this.status === 502 || this.status === 503 || this.status === 504;
  }
}

/** No answer at all. */
export function unreachable(cause: unknown): ApiError {
  const detail = "Nothing answers at its address. This page goes on by itself when it is back.";
  const error = new ApiError({ status: 0, reason: "UNREACHABLE", title: "Unreachable", detail });
  error.cause = cause;
  return error;
}

/** An answer that is no success: a problem+json, or whatever a proxy in between made of it. */
export async function refusal(response: Response): Promise<ApiError> {
  const fallback: Problem = {
    status: response.status,
    reason: "HTTP_ERROR",
    title: response.statusText,
    detail: `The server answered ${response.status} ${response.statusText}`.trim(),
  };
  try {
    const body: unknown = await response.json();
    return new ApiError({ ...fallback, ...(isObject(body) ? body : {}) });
  } catch {
    return new ApiError(fallback);
  }
}

/** Whatever was thrown, as something that can be shown. */
export function asApiError(error: unknown): ApiError {
  if (error instanceof ApiError) return error;
  const detail = error instanceof Error ? error.message : String(error);
  return new ApiError({ status: -1, reason: "PAGE_ERROR", title: "This page failed", detail });
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
