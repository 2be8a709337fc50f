/**
 * The spans of a client and a worker, over OpenTelemetry's API alone; made only where there is a provider.
 *
 * Must not fail or hold up what it tells about, and must not change the trace context the server sent.
 */

import {
  context,
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  trace,
  TraceFlags,
  type Attributes,
  type Context,
  type Link,
  type Span,
  type SpanContext,
  type Tracer,
  type TracerProvider,
} from "@opentelemetry/api";
import type { Client } from "@grpc/grpc-js";

import { tracedClient } from "./grpc_spans.js";
import { carrierOf, placeOf } from "./trace_context.js";
import type { Call } from "./unary.js";
import { VERSION } from "./version.js";
import type { Failure } from "./v1/stellwerk/v1/payload.js";
import type { StartRunRequest, StartRunResponse } from "./v1/stellwerk/v1/run.js";
import type { PollTaskResponse, Task, TaskResult } from "./v1/stellwerk/v1/worker.js";

const MESSAGE_CHARS_MAX = 1_024;

type Facts = (operation: string, type: string, destination: string) => Attributes;

/** Runs something with a span, or none, as the current one. */
export type Scope = <Result>(work: () => Result) => Result;

/** The scope of what belongs to no single trace. */
export const outside: Scope = (work) => context.with(ROOT_CONTEXT, work);

/** Spans of one client or worker in one namespace. */
export class Spans {
  readonly #tracer: Tracer;
  readonly #namespace: string;

  constructor(provider: TracerProvider, namespace: string) {
    this.#tracer = provider.getTracer("stellwerk", VERSION);
    this.#namespace = namespace;
  }

  /** For a connection: a client whose unary calls have the spans of OpenTelemetry's own instrumentation, if installed. */
  get grpcClient(): typeof Client {
    return tracedClient();
  }

  /** Send a start inside its span, which the run's trace goes on from; one span, however often it is sent. */
  async start(
    request: StartRunRequest,
    send: (scope: Scope) => Promise<StartRunResponse>,
  ): Promise<StartRunResponse> {
    const { workflow, version } = request;
    const parent = Object.keys(request.trace).length > 0 ? remote(request.trace) : context.active();
    const attributes = { ...this.#facts("start", "send", workflow), "stellwerk.workflow.name": workflow };
    if (version) Object.assign(attributes, { "stellwerk.workflow.version": version });
    const span = this.#tracer.startSpan(`start ${workflow}`, { kind: SpanKind.PRODUCER, attributes }, parent);
    const named = carrierOf(span.spanContext());
    if (named["traceparent"]) request.trace = named;
    try {
      const response = await send((work) => context.with(trace.setSpan(parent, span), work));
      span.setAttribute("messaging.message.conversation_id", response.runId);
      span.setAttribute("stellwerk.run.id", response.runId);
      return response;
    } catch (error) {
      failWith(span, error);
      throw error;
    } finally {
      span.end();
    }
  }

  /** The spans of a worker. */
  ofWorker(queue: string, workerId: string): WorkerSpans {
    return new WorkerSpans(this.#tracer, queue, workerId, (...what) => this.#facts(...what));
  }

  #facts(operation: string, type: string, destination: string): Attributes {
    return {
      "messaging.system": "stellwerk",
      "messaging.operation.name": operation,
      "messaging.operation.type": type,
      "messaging.destination.name": destination,
      "stellwerk.namespace": this.#namespace,
    };
  }
}

/** The span of one task in this worker's hands. */
export class TaskSpan {
  /** What the handler runs in. */
  readonly scope: Scope;
  readonly #span: Span;

  constructor(span: Span, parent: Context) {
    this.#span = span;
    const own = trace.setSpan(parent, span);
    this.scope = (work) => context.with(own, work);
  }

  /** The ids of the span. */
  get place(): SpanContext {
    return this.#span.spanContext();
  }

  /** The task has its result; undefined: the lease was lost, so there is nobody to tell it. */
  end(result: TaskResult | undefined): void {
    if (result === undefined) {
      fail(this.#span, "LeaseLost", "the lease was lost");
    } else if (result.failure !== undefined) {
      this.#span.addEvent("exception", exception(result.failure));
      fail(this.#span, result.failure.type, result.failure.message);
    }
    this.#span.end();
  }
}

/** Spans of tasks, of the polls that brought them and of the calls that told their results. */
export class WorkerSpans {
  readonly #tracer: Tracer;
  readonly #queue: string;
  readonly #process: Attributes;
  readonly #poll: Attributes;
  readonly #complete: Attributes;
  /** Spans that ended, whose results were not sent yet. */
  readonly #ended = new Map<string, SpanContext>();

  constructor(tracer: Tracer, queue: string, workerId: string, facts: Facts) {
    this.#tracer = tracer;
    this.#queue = queue;
    const who = { "messaging.client.id": workerId, "stellwerk.worker.id": workerId };
    this.#process = { ...facts("process", "process", queue), ...who };
    this.#poll = { ...facts("poll", "receive", queue), ...who };
    this.#complete = { ...facts("complete", "settle", queue), ...who };
  }

  /** A task has come: its span, a child of what the server named. */
  begin(task: Task): TaskSpan {
    const parent = remote(task.trace);
    const attributes = {
      ...this.#process,
      "messaging.message.conversation_id": task.runId,
      "messaging.message.id": `${task.runId}/${task.step}/${task.attempt}`,
      "stellwerk.workflow.name": task.workflow,
      "stellwerk.run.id": task.runId,
      "stellwerk.step.id": task.step,
      "stellwerk.attempt": task.attempt,
      "stellwerk.action": task.action,
    };
    const options = { kind: SpanKind.CONSUMER, attributes };
    return new TaskSpan(this.#tracer.startSpan(`process ${task.action}`, options, parent), parent);
  }

  /** The task has its result, which is sent next. */
  end(token: Buffer, span: TaskSpan, result: TaskResult | undefined): void {
    span.end(result);
    if (result !== undefined) this.#ended.set(keyOf(token), span.place);
  }

  /** The same poll, which will have a span if it brings tasks. */
  polling(call: Call<PollTaskResponse>): Call<PollTaskResponse> {
    const began = new Date();
    const answer = call.answer.then((response) => {
      if (response.tasks.length > 0) this.#polled(response.tasks, began);
      return response;
    });
    return {
      answer,
      cancel: () => {
        call.cancel();
      },
    };
  }

  /** Send a batch inside one span, however often it is sent; results that are sent again have had theirs. */
  async deliver(batch: readonly TaskResult[], send: () => Promise<void>): Promise<void> {
    const ended = batch.flatMap(({ token }) => this.#take(keyOf(token)));
    const links = ended.filter(isSampled).map((place) => ({ context: place }));
    const [first] = ended;
    if (links.length === 0) {
      // The spans of the call itself go by the flag of what it is about.
      await context.with(first === undefined ? ROOT_CONTEXT : trace.setSpanContext(ROOT_CONTEXT, first), send);
      return;
    }
    const span = this.#linked(`complete ${this.#queue}`, this.#complete, batch.length, links);
    try {
      await context.with(trace.setSpan(ROOT_CONTEXT, span), send);
    } catch (error) {
      failWith(span, error);
      throw error;
    } finally {
      span.end();
    }
  }

  /** It is left out when all of its tasks belong to traces that are not sampled. */
  #polled(tasks: readonly Task[], began: Date): void {
    const named = tasks.map((task) => placeOf(task.trace));
    const links = named.filter((place) => place !== undefined && isSampled(place)) as SpanContext[];
    if (links.length === 0 && !named.includes(undefined)) return;
    const about = links.map((place) => ({ context: place }));
    this.#linked(`poll ${this.#queue}`, this.#poll, tasks.length, about, began).end();
  }

  #linked(name: string, facts: Attributes, count: number, links: Link[], began?: Date): Span {
    const attributes = { ...facts, "messaging.batch.message_count": count };
    const options = { kind: SpanKind.CLIENT, attributes, links, ...(began && { startTime: began }) };
    return this.#tracer.startSpan(name, options, ROOT_CONTEXT);
  }

  #take(key: string): SpanContext[] {
    const place = this.#ended.get(key);
    if (place === undefined) return [];
    this.#ended.delete(key);
    return [place];
  }
}

/** The remote context a task or start names; an empty one when it names none. */
function remote(carrier: Readonly<Record<string, string>>): Context {
  const place = placeOf(carrier);
  return place === undefined ? ROOT_CONTEXT : trace.setSpanContext(ROOT_CONTEXT, place);
}

function keyOf(token: Buffer): string {
  return token.toString("latin1");
}

function isSampled(place: SpanContext): boolean {
  return (place.traceFlags & TraceFlags.SAMPLED) !== 0;
}

function failWith(span: Span, error: unknown): void {
  if (error instanceof Error) fail(span, error.constructor.name, error.message);
  else fail(span, "NonError", String(error));
}

function fail(span: Span, type: string, message: string): void {
  span.setAttribute("error.type", type);
  span.setStatus({ code: SpanStatusCode.ERROR, message: message.slice(0, MESSAGE_CHARS_MAX) });
}

function exception({ type, message, stack }: Failure): Attributes {
  const facts = { "exception.type": type, "exception.message": message };
  return stack ? { ...facts, "exception.stacktrace": stack } : facts;
}
