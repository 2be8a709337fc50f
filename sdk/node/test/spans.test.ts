/** The spans of a worker and a client in a program that has set up a provider of its own. */

import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";

import { SpanKind, SpanStatusCode, trace } from "@opentelemetry/api";
import {
  InMemorySpanExporter,
  NodeTracerProvider,
  SimpleSpanProcessor,
  type ReadableSpan,
} from "@opentelemetry/sdk-trace-node";
import { status as Code } from "@grpc/grpc-js";

import { TerminalError, type TaskContext } from "../src/index.js";
import type { StartRunsRequest } from "../src/v1/stellwerk/v1/run.js";
import { Bench, Gate, refusing, task, type FakeServer } from "./fake.js";

const TRACE = "0af7651916cd43dd8448eb211c80319c";
const ATTEMPT = "b7ad6b7169203331";
const SAMPLED = { traceparent: `00-${TRACE}-${ATTEMPT}-01` };
const UNSAMPLED = { traceparent: `00-${TRACE}-${ATTEMPT}-00` };

const kept = new InMemorySpanExporter();
new NodeTracerProvider({ spanProcessors: [new SimpleSpanProcessor(kept)] }).register();

let bench: Bench;
let server: FakeServer;

beforeEach(async () => {
  kept.reset();
  bench = await Bench.open();
  ({ server } = bench);
});
afterEach(() => bench.close());

const mark = (name = "mine"): void => {
  trace.getTracer("user").startSpan(name).end();
};
const named = (name: string): ReadableSpan[] => kept.getFinishedSpans().filter((span) => span.name === name);
const one = (name: string): Promise<ReadableSpan> => server.until(() => named(name)[0]);
const about = (span: ReadableSpan): string[] => span.links.map(({ context }) => context.spanId);

async function nextTurn(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}

const HANDLERS = {
  plain: () => {
    mark();
  },
  async: async () => {
    await nextTurn();
    mark();
  },
  generator: function* () {
    yield 1;
    mark();
  },
  asyncGenerator: async function* () {
    await nextTurn();
    yield 1;
    await nextTurn();
    mark();
  },
  promised: async () => {
    await nextTurn();
    return HANDLERS.asyncGenerator();
  },
};

for (const action of Object.keys(HANDLERS)) {
  test(`what a handler makes is a child of its task (${action})`, async () => {
    bench.work(HANDLERS);
    server.offer(task(action, null, { trace: SAMPLED }));
    const span = await one(`process ${action}`);
    assert.equal(span.parentSpanContext?.spanId, ATTEMPT);
    assert.equal(span.kind, SpanKind.CONSUMER);
    assert.equal((await one("mine")).parentSpanContext?.spanId, span.spanContext().spanId);
  });
}

test("polls and completes are linked, and only the complete is a gRPC call with a span", async () => {
  bench.work({ noop: async function* () { yield 1; } }, { queue: "q" });
  server.offer(task("noop", null, { trace: SAMPLED }));
  const complete = await one("complete q");
  const [poll, work, call] = [await one("poll q"), await one("process noop"), await one("grpc.stellwerk.v1.WorkerService/CompleteTask")];
  assert.deepEqual(about(poll), [ATTEMPT]);
  assert.deepEqual(about(complete), [work.spanContext().spanId]);
  assert.deepEqual([poll.parentSpanContext, complete.parentSpanContext], [undefined, undefined]);
  assert.equal(call.parentSpanContext?.spanId, complete.spanContext().spanId);
  const calls = kept.getFinishedSpans().filter((span) => span.name.startsWith("grpc."));
  assert.deepEqual(calls, [call]);
  assert.match(String(server.metadata.get("traceparent")[0]), new RegExp(call.spanContext().traceId));
});

test("a batch that is sent again has one span", async () => {
  server.play("CompleteTask", refusing(Code.UNAVAILABLE), refusing(Code.UNAVAILABLE));
  bench.work({ noop: () => 1 });
  server.offer(task("noop", null, { trace: SAMPLED }));
  await one("complete default");
  assert.equal(server.seen["CompleteTask"]?.length, 3);
  assert.equal(named("complete default").length, 1);
});

test("of a trace that is not sampled nothing is told", async () => {
  bench.work({ noop: () => 1 });
  server.offer(task("noop", null, { trace: UNSAMPLED, runId: "quiet" }));
  await server.result("quiet");
  server.offer(task("noop", null, { trace: SAMPLED, runId: "loud" }));
  await one("complete default");
  const runs = kept.getFinishedSpans().map((span) => span.attributes["stellwerk.run.id"]);
  assert.deepEqual(runs.filter(Boolean), ["loud"]);
  assert.deepEqual([named("poll default").length, named("complete default").length], [1, 1]);
});

test("a failure is told, a lost lease too", async () => {
  const began = new Gate();
  bench.work({
    fails: () => {
      throw new TerminalError("no", { type: "Never" });
    },
    hold: async (_: unknown, ctx: TaskContext) => {
      began.open();
      await new Promise((resolve) => {
        ctx.signal.addEventListener("abort", resolve);
      });
    },
  });
  server.offer(task("fails", null, { runId: "r1" }), task("hold", null, { runId: "r2" }));
  await began.opened;
  await server.tellLines({ cancelled: [{ token: Buffer.from("r2"), reason: "LEASE_LOST" }] });
  const [failed, lost] = [await one("process fails"), await one("process hold")];
  assert.deepEqual(failed.status, { code: SpanStatusCode.ERROR, message: "no" });
  assert.equal(failed.attributes["error.type"], "Never");
  assert.equal(failed.events[0]?.attributes?.["exception.type"], "Never");
  assert.equal(lost.attributes["error.type"], "LeaseLost");
});

test("the log of a task names its trace", async () => {
  const say = (_: unknown, ctx: TaskContext): void => {
    ctx.logger.info("seen", {});
  };
  bench.work({ say });
  server.offer(task("say", null, { trace: SAMPLED, runId: "r1" }), task("say", null, { runId: "r2" }));
  await server.until(() => named("process say").length === 2);
  const seen = bench.records.all.filter(({ message }) => message === "seen").map(({ fields }) => fields);
  const own = named("process say").find((span) => span.attributes["stellwerk.run.id"] === "r2");
  assert.deepEqual(seen[0], { run_id: "r1", step: "s1", attempt: 1, trace_id: TRACE });
  assert.equal(seen[1]?.["trace_id"], own?.spanContext().traceId);
});

test("a start is a child of the current span, and the run's trace goes on from it", async () => {
  const client = bench.client();
  const { runId } = await trace.getTracer("user").startActiveSpan("mine", async (mine) => {
    try {
      return await client.start("wf");
    } finally {
      mine.end();
    }
  });
  const [mine, start] = [await one("mine"), await one("start wf")];
  assert.equal(start.parentSpanContext?.spanId, mine.spanContext().spanId);
  assert.equal(start.attributes["stellwerk.run.id"], runId);
  const { traceId, spanId } = start.spanContext();
  const [sent] = server.seen["StartRuns"] as StartRunsRequest[];
  assert.deepEqual(sent?.starts[0]?.trace, { traceparent: `00-${traceId}-${spanId}-01` });
  const call = await one("grpc.stellwerk.v1.RunService/StartRuns");
  assert.equal(call.parentSpanContext?.spanId, spanId);
});

test("a given trace is the parent, whatever is current", async () => {
  const client = bench.client();
  await trace.getTracer("user").startActiveSpan("mine", async (mine) => {
    await client.start("wf", null, { trace: { ...SAMPLED, tracestate: "vendor=x" } });
    mine.end();
  });
  const { traceId, spanId } = (await one("start wf")).spanContext();
  assert.equal((await one("start wf")).parentSpanContext?.spanId, ATTEMPT);
  const [sent] = server.seen["StartRuns"] as StartRunsRequest[];
  assert.equal(traceId, TRACE);
  assert.deepEqual(sent?.starts[0]?.trace, { traceparent: `00-${TRACE}-${spanId}-01`, tracestate: "vendor=x" });
});

test("the call for several starts belongs to none of them", async () => {
  const client = bench.client();
  await Promise.all([client.start("wf"), client.start("wf")]);
  const call = await one("grpc.stellwerk.v1.RunService/StartRuns");
  assert.equal(call.parentSpanContext, undefined);
  assert.equal(named("start wf").length, 2);
});

test("a start that fails says so", async () => {
  server.play("StartRuns", refusing(Code.NOT_FOUND, "no such workflow"));
  await assert.rejects(bench.client().start("wf"));
  const start = await one("start wf");
  assert.equal(start.attributes["error.type"], "NotFound");
  assert.equal(start.status.code, SpanStatusCode.ERROR);
});
