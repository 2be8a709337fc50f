/**
 * Whether this program is traced, and setting that up once as the OTEL_* variables say.
 *
 * Must not load OpenTelemetry's SDK where nobody asked for it: without it every hook is one check for undefined.
 */

import { ProxyTracerProvider, trace, type TracerProvider } from "@opentelemetry/api";

import { setUp, type Pipeline } from "./exporting.js";
import type { Logger } from "./logger.js";
import { Spans } from "./spans.js";

// How long the end of a client, a worker or the program waits for spans to get out.
const FLUSH_MS = 2_000;
const ENDPOINTS = ["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"];

// What stands behind the API's provider before anybody has set one.
// eslint-disable-next-line @typescript-eslint/no-deprecated -- the API 1.x has no other way to ask
const NOBODY = new ProxyTracerProvider().getDelegate();

type Environment = Readonly<Record<string, string | undefined>>;

let looked = false;
let pipeline: Pipeline | undefined;

/** Send traces where the OTEL_* variables say, unless the program has a global provider of its own. */
export function configure(logger: Logger): void {
  if (looked) return;
  looked = true;
  const names = exportersWanted(process.env);
  if (names.length === 0 || globalProvider() !== undefined) return;
  pipeline = setUp(names, logger);
  if (pipeline !== undefined) process.once("beforeExit", () => void flush());
}

/** What makes the spans of a client or worker; undefined when nothing is traced. */
export function spans(namespace: string): Spans | undefined {
  const provider = isDisabled(process.env) ? undefined : globalProvider();
  return provider === undefined ? undefined : new Spans(provider, namespace);
}

/** Send what was ended so far, if it was us who set the sending up; waits a little, never long. */
export async function flush(): Promise<void> {
  await pipeline?.flush(FLUSH_MS);
}

/** Names of the exporters: those of OTEL_TRACES_EXPORTER, else "otlp" when an endpoint is named, else none. */
export function exportersWanted(environment: Environment): string[] {
  if (isDisabled(environment)) return [];
  const named = environment["OTEL_TRACES_EXPORTER"]?.trim();
  if (!named) return ENDPOINTS.some((name) => environment[name]?.trim()) ? ["otlp"] : [];
  return named
    .split(",")
    .map((name) => name.trim())
    .filter((name) => name !== "" && name !== "none");
}

function isDisabled(environment: Environment): boolean {
  return environment["OTEL_SDK_DISABLED"]?.trim().toLowerCase() === "true";
}

/** Undefined when nobody has set one. */
function globalProvider(): TracerProvider | undefined {
  const provider: TracerProvider & { getDelegate?(): TracerProvider } = trace.getTracerProvider();
  return provider.getDelegate?.() === NOBODY ? undefined : provider;
}
