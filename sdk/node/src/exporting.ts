/**
 * OpenTelemetry's provider and exporters for programs that have set up none; needs the optional peer packages.
 *
 * Must not load them before it is asked to, and must not hold a program's end up.
 */

import { createRequire } from "node:module";

import type { BatchSpanProcessor, ReadableSpan, SpanExporter } from "@opentelemetry/sdk-trace-node";

import type { Logger } from "./logger.js";
import { pause } from "./retry.js";

type Report = Parameters<SpanExporter["export"]>[1];
type Sdk = typeof import("@opentelemetry/sdk-trace-node");

const SDK = "@opentelemetry/sdk-trace-node";
const RESOURCES = "@opentelemetry/resources";
const INSTRUMENTATION = "@opentelemetry/instrumentation-grpc";
const GRPC_EXPORTER = "@opentelemetry/exporter-trace-otlp-grpc";
const HTTP_EXPORTERS: Readonly<Record<string, string>> = {
  "http/protobuf": "@opentelemetry/exporter-trace-otlp-proto",
  "http/json": "@opentelemetry/exporter-trace-otlp-http",
};

// OpenTelemetry's ExportResultCode, whose package need not be where we can load it.
const SUCCESS = 0;

// `import()` would come too late: a program's first start is to be traced, and a constructor cannot wait.
const load = createRequire(import.meta.url);

/** The provider we have set up, with its queues and exporters. */
export interface Pipeline {
  /** Send what is queued; waits at most that long. Not tried where the last try failed. */
  flush(limitMs: number): Promise<void>;
}

/** A global provider with these exporters; undefined when no exporter can be had, which the log says. */
export function setUp(names: readonly string[], logger: Logger): Pipeline | undefined {
  const known: string[] = names.filter((name) => name === "otlp" || name === "console");
  for (const name of names) {
    if (known.includes(name)) continue;
    const problem = `no exporter '${name}' can be made, it gets no traces: expected otlp, console or none`;
    logger.warn(`OTEL_TRACES_EXPORTER: ${problem}`, {});
  }
  if (known.length === 0) return undefined;
  try {
    return register(known, logger);
  } catch (error) {
    const [why = ""] = String(error).split("\n");
    const packages = `${SDK}@2 ${RESOURCES}@2 ${otlpPackage()}@0.223 ${INSTRUMENTATION}@0.223`;
    const cure = why.includes("Cannot find") ? `that needs npm install ${packages}` : "that cannot be set up";
    logger.warn(`OTEL_* variables ask for traces; ${cure} (${why})`, {});
    return undefined;
  }
}

function register(names: readonly string[], logger: Logger): Pipeline {
  const sdk = load(SDK) as Sdk;
  const resources = load(RESOURCES) as typeof import("@opentelemetry/resources");
  const lines = names.map((name) => new Line(exporterOf(name, sdk), sdk, logger));
  const { envDetector } = resources;
  const told = resources.detectResources({ detectors: [envDetector] });
  const provider = new sdk.NodeTracerProvider({
    resource: resources.defaultResource().merge(told),
    spanProcessors: lines.map((line) => line.processor),
  });
  provider.register();
  return {
    flush: async (limitMs) => {
      await Promise.all(lines.map((line) => line.flush(limitMs)));
    },
  };
}

function exporterOf(name: string, sdk: Sdk): SpanExporter {
  if (name === "console") return new sdk.ConsoleSpanExporter();
  const { OTLPTraceExporter } = load(otlpPackage()) as { OTLPTraceExporter: new () => SpanExporter };
  return new OTLPTraceExporter();
}

function otlpPackage(): string {
  const { env } = process;
  const protocol = env["OTEL_EXPORTER_OTLP_TRACES_PROTOCOL"] || env["OTEL_EXPORTER_OTLP_PROTOCOL"] || "grpc";
  return HTTP_EXPORTERS[protocol] ?? GRPC_EXPORTER;
}

/** The queue of one exporter. */
class Line {
  readonly processor: BatchSpanProcessor;
  readonly #exporter: Watched;

  constructor(exporter: SpanExporter, sdk: Sdk, logger: Logger) {
    this.#exporter = new Watched(exporter, logger);
    this.processor = new sdk.BatchSpanProcessor(this.#exporter);
  }

  async flush(limitMs: number): Promise<void> {
    if (this.#exporter.broken) return;
    const patience = new AbortController();
    const late = pause(limitMs, patience.signal).then((over) => {
      // Whoever ends next does not wait for it again.
      if (over) this.#exporter.broken = true;
    });
    await Promise.race([this.#flushAll(), late]);
    patience.abort();
  }

  async #flushAll(): Promise<void> {
    try {
      await this.processor.forceFlush();
      // What was on its way before is not in the queue any more.
      await this.#exporter.forceFlush();
    } catch {
      return; // the exporter has said so
    }
  }
}

/** Knows whether the last spans got out, and says once that they do not. */
class Watched implements SpanExporter {
  broken = false;
  #told = false;
  readonly #exporter: SpanExporter;
  readonly #logger: Logger;

  constructor(exporter: SpanExporter, logger: Logger) {
    this.#exporter = exporter;
    this.#logger = logger;
  }

  /** Send them or lose them. */
  export(spans: ReadableSpan[], report: Report): void {
    this.#exporter.export(spans, (result) => {
      const code: number = result.code;
      this.broken = code !== SUCCESS;
      if (this.broken && !this.#told) {
        this.#logger.warn(`traces cannot be sent, they are dropped until that works: ${String(result.error)}`, {});
      }
      this.#told = this.broken;
      report(result);
    });
  }

  async forceFlush(): Promise<void> {
    await this.#exporter.forceFlush?.();
  }

  async shutdown(): Promise<void> {
    await this.#exporter.shutdown();
  }
}
