/** The worker against a server that cuts polls, refuses results and goes away. */

import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";

import { status as Code } from "@grpc/grpc-js";

import { RetryableError, StellwerkError, TerminalError, Worker, type TaskContext } from "../src/index.js";
import { FailureCategory } from "../src/v1/stellwerk/v1/payload.js";
import type { CompleteTaskRequest } from "../src/v1/stellwerk/v1/worker.js";
import { Bench, Gate, refusal, Refused, refusing, task, type FakeServer } from "./fake.js";

let bench: Bench;
let server: FakeServer;

beforeEach(async () => {
  bench = await Bench.open();
  ({ server } = bench);
});
afterEach(() => bench.close());

const echo = async (value: unknown): Promise<unknown> => value;

test("plain and async handlers answer", async () => {
  bench.work({
    up: async (text: string, ctx) => `${text.toUpperCase()} ${ctx.idempotencyKey}`,
    down: (text: string) => text.toLowerCase(),
    promised: (value: number) => echo(value + 1),
  });
  server.offer(task("up", "a", { runId: "r1" }), task("down", "B", { runId: "r2" }));
  server.offer(task("promised", 1, { runId: "r3" }));
  assert.equal((await server.result("r1")).output?.json, '"A r1/s1"');
  assert.equal((await server.result("r2")).output?.json, '"b"');
  assert.equal((await server.result("r3")).output?.json, "2");
});

test("bytes go in and out as bytes", async () => {
  bench.work({ flip: (data: Uint8Array) => new Uint8Array(data).reverse() });
  const input = { json: undefined, data: Buffer.from([0, 255]), contentType: "", metadata: {} };
  server.offer(task("flip", null, { input }));
  assert.deepEqual((await server.result()).output?.data, Buffer.from([255, 0]));
});

test("results of one turn travel together", async () => {
  bench.work({ noop: echo }, { slots: 500, polls: 1 });
  server.offer(...Array.from({ length: 450 }, (_, n) => task("noop", n, { runId: `r${n}` })));
  await server.until(() => server.results.size === 450);
  const sizes = (server.seen["CompleteTask"] as CompleteTaskRequest[]).map(({ results }) => results.length);
  assert.equal(Math.max(...sizes), 200);
  assert.ok(sizes.length <= 6, String(sizes));
});

test("no more tasks are asked for than slots are free", async () => {
  const go = new Gate();
  let [running, most] = [0, 0];
  const hold = async (): Promise<void> => {
    most = Math.max(most, ++running);
    await go.opened;
    running -= 1;
  };
  bench.work({ noop: hold }, { slots: 3, polls: 2 });
  server.offer(...Array.from({ length: 10 }, (_, n) => task("noop", n, { runId: `r${n}` })));
  await server.until(() => running === 3);
  go.open();
  await server.until(() => server.results.size === 10);
  assert.equal(most, 3);
});

const CODES = ["CANCELLED", "UNAVAILABLE", "INTERNAL", "UNKNOWN", "DEADLINE_EXCEEDED", "UNAUTHENTICATED"] as const;

for (const name of CODES) {
  test(`the poll loop goes on after ${name}`, async () => {
    server.play("PollTask", refusing(Code[name]), refusing(Code[name]), refusing(Code[name]));
    bench.work({ noop: echo });
    server.offer(task("noop", 1));
    assert.equal((await server.result()).output?.json, "1");
    assert.ok((server.seen["PollTask"]?.length ?? 0) >= 4);
  });
}

test("the worker finds a restarted server", async () => {
  bench.work({ noop: echo });
  await server.until(() => server.seen["PollTask"] && server.seen["beat"]);
  server.stop();
  await server.until(() => bench.records.all.some(({ level }) => level === "warn"));
  delete server.seen["beat"];
  await server.start();
  server.offer(task("noop", 2));
  assert.equal((await server.result()).output?.json, "2");
  await server.until(() => server.seen["beat"]);
});

test("results are sent again until they are acknowledged", async () => {
  const codes = [Code.UNAVAILABLE, Code.CANCELLED, Code.UNAUTHENTICATED];
  server.play("CompleteTask", ...codes.map((code) => refusing(code)));
  bench.work({ noop: echo });
  server.offer(task("noop", 3));
  assert.equal((await server.result()).output?.json, "3");
  assert.equal(server.seen["CompleteTask"]?.length, 4);
});

test("a result that is not taken now is sent again", async () => {
  const away = refusal("DATABASE_DOWN", Code.UNAVAILABLE);
  server.verdicts.set("run_1", [away, away]);
  bench.work({ noop: echo });
  server.offer(task("noop", 3));
  assert.equal((await server.result()).output?.json, "3");
  assert.equal(server.seen["CompleteTask"]?.length, 3);
});

test("a lost lease is dropped", async () => {
  server.verdicts.set("run_1", [refusal("LEASE_LOST", Code.FAILED_PRECONDITION)]);
  bench.work({ noop: echo });
  server.offer(task("noop", 1), task("noop", 2, { runId: "run_2" }));
  await server.result("run_2");
  assert.ok(!server.results.has("run_1"));
});

for (const [reason, expected] of [
  ["PAYLOAD_TOO_LARGE", "PayloadTooLarge"],
  ["BAD_JSON", "EncodeError"],
] as const) {
  test(`an output refused as ${reason} becomes a terminal failure`, async () => {
    server.verdicts.set("run_1", [refusal(reason, Code.INVALID_ARGUMENT, "not that")]);
    bench.work({ noop: echo });
    server.offer(task("noop", 1));
    const { failure } = await server.result();
    assert.deepEqual([failure?.type, failure?.terminal], [expected, true]);
    assert.match(failure?.message ?? "", /not that/);
  });
}

test("a batch the server cannot take is cut up", async () => {
  const takeAllButTheBad = (request: unknown): unknown => {
    const bad = (request as CompleteTaskRequest).results.some(({ output }) => output?.json === "3");
    return bad ? new Refused(Code.INVALID_ARGUMENT, "one of them is bad", []) : undefined;
  };
  server.play("CompleteTask", ...Array.from({ length: 20 }, () => takeAllButTheBad));
  bench.work({ noop: echo }, { polls: 1 });
  server.offer(...Array.from({ length: 8 }, (_, n) => task("noop", n, { runId: `r${n}` })));
  await server.until(() => server.results.size === 8);
  assert.equal(server.results.get("r3")?.failure?.type, "EncodeError");
  const others = [0, 1, 2, 4, 5, 6, 7];
  assert.ok(others.every((n) => server.results.get(`r${n}`)?.output?.json === String(n)));
});

class CardProblem extends Error {}

test("a handler that throws is a failure with stack and cause", async () => {
  const fail = (): void => {
    throw new CardProblem("outer \ud800", { cause: new TypeError("inner") });
  };
  bench.work({ noop: fail });
  server.offer(task());
  const { failure } = await server.result();
  assert.deepEqual([failure?.type, failure?.message, failure?.terminal], ["CardProblem", "outer \ufffd", false]);
  assert.equal(failure?.category, FailureCategory.FAILURE_CATEGORY_USER);
  assert.equal(failure.cause?.type, "TypeError");
  assert.match(failure.stack, /at .*fail/);
  assert.doesNotMatch(failure.stack, /runner\.js|node:internal/);
});

test("what is thrown and no error is a failure too", async () => {
  class Odd {
    constructor(readonly message: string) {}
  }
  const odd = new Odd("strange");
  const thrown: Record<string, unknown> = { text: "just text", nothing: undefined, odd, plain: { a: 1 } };
  bench.work({
    noop: (name: string) => {
      throw thrown[name];
    },
    late: async (name: string) => {
      await sleep(1);
      throw thrown[name];
    },
  });
  const names = Object.keys(thrown);
  server.offer(...names.map((name) => task("noop", name, { runId: name })));
  server.offer(...names.map((name) => task("late", name, { runId: `late ${name}` })));
  await server.until(() => server.results.size === 2 * names.length);
  for (const prefix of ["", "late "]) {
    const told = names.map((name) => server.results.get(prefix + name)?.failure);
    assert.deepEqual(
      told.map((failure) => [failure?.type, failure?.message, failure?.terminal]),
      [
        ["NonError", "just text", false],
        ["NonError", "undefined", false],
        ["Odd", "strange", false],
        ["NonError", "{ a: 1 }", false],
      ],
    );
  }
});

test("terminal and retryable errors", async () => {
  class CardDeclined extends TerminalError {}
  bench.work({
    declined: () => {
      throw new CardDeclined("no money", { details: { code: 51 } });
    },
    later: async () => {
      throw new RetryableError("busy", { retryAfter: "1.5s", type: "Busy" });
    },
  });
  server.offer(task("declined", null, { runId: "r1" }), task("later", null, { runId: "r2" }));
  const first = (await server.result("r1")).failure;
  const second = (await server.result("r2")).failure;
  assert.deepEqual([first?.type, first?.terminal, first?.details?.json], ["CardDeclined", true, '{"code":51}']);
  assert.deepEqual([second?.type, second?.terminal], ["Busy", false]);
  assert.deepEqual(second?.retryAfter, { seconds: 1, nanos: 500_000_000 });
});

test("what cannot be encoded is a terminal failure", async () => {
  bench.work({ nan: () => ({ rate: Number.NaN }), late: async () => [1, new Map()] });
  server.offer(task("nan", null, { runId: "r1" }), task("late", null, { runId: "r2" }));
  const messages: Record<string, string> = {
    r1: "value.rate cannot be written as JSON: NaN is not JSON",
    r2: "value[1] cannot be written as JSON: a Map has no JSON form",
  };
  for (const [token, message] of Object.entries(messages)) {
    const { failure } = await server.result(token);
    assert.deepEqual([failure?.type, failure?.terminal, failure?.message], ["EncodeError", true, message]);
  }
});

test("an output that no message can hold fails before it is sent", async () => {
  bench.work({ noop: () => "x".repeat(16_000_000) });
  server.offer(task());
  const { failure } = await server.result();
  assert.equal(failure?.message, "output: expected at most 15728640 bytes, came 16000002");
  assert.deepEqual([failure.type, failure.terminal], ["PayloadTooLarge", true]);
  assert.equal(failure.category, FailureCategory.FAILURE_CATEGORY_LIMIT);
});

test("an input that is no JSON is an InputError", async () => {
  bench.work({ noop: echo });
  const input = { json: "{", data: undefined, contentType: "", metadata: {} };
  server.offer(task("noop", null, { input }));
  const { failure } = await server.result();
  assert.deepEqual([failure?.type, failure?.terminal], ["InputError", true]);
});

test("a task nobody can run is given back", async () => {
  bench.work({ noop: echo });
  server.offer(task("other"));
  assert.ok((await server.result()).release);
});

test("slow handlers let results leave between them", async () => {
  const burn = (): number => {
    const endMs = performance.now() + 30;
    while (performance.now() < endMs);
    return server.results.size;
  };
  bench.work({ noop: burn }, { polls: 1 });
  server.offer(...Array.from({ length: 10 }, (_, n) => task("noop", n, { runId: `r${n}` })));
  await server.until(() => server.results.size === 10);
  assert.notEqual(server.results.get("r9")?.output?.json, "0");
});

test("the context tells what the task is", async () => {
  bench.work({
    look: (_: unknown, ctx: TaskContext) => {
      ctx.logger.error("looking", { mine: 1 });
      return [ctx.runId, ctx.step, ctx.attempt, ctx.maxAttempts, ctx.workflow, ctx.action, ctx.deadline, ctx.trace];
    },
  });
  const trace = { traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01" };
  server.offer(task("look", null, { attempt: 2, deadline: new Date(1e12), trace }));
  const seen = JSON.parse((await server.result()).output?.json ?? "") as unknown;
  assert.deepEqual(seen, ["run_1", "s1", 2, 4, "wf", "look", "2001-09-09T01:46:40.000Z", trace]);
  const record = bench.records.all.find(({ message }) => message === "looking");
  const traceId = "0af7651916cd43dd8448eb211c80319c";
  assert.deepEqual(record?.fields, { run_id: "run_1", step: "s1", attempt: 2, trace_id: traceId, mine: 1 });
});

test("a cancel reaches the handler as a signal and is its outcome", async () => {
  const begun = new Gate();
  let seen: unknown[] = [];
  const wait = async (_: unknown, ctx: TaskContext): Promise<void> => {
    begun.open();
    try {
      await sleep(60_000, undefined, { signal: ctx.signal });
    } finally {
      seen = [ctx.cancelled, ctx.cancelReason];
    }
  };
  bench.work({ noop: wait });
  server.offer(task());
  await begun.opened;
  await server.tellLines({ cancelled: [{ token: Buffer.from("run_1"), reason: "RUN_CANCELLED" }] });
  const { failure } = await server.result();
  assert.deepEqual([failure?.type, failure?.terminal], ["TaskCancelled", true]);
  assert.equal(failure?.message, "the task was cancelled: RUN_CANCELLED");
  assert.equal(failure.category, FailureCategory.FAILURE_CATEGORY_CANCELLED);
  assert.deepEqual(seen, [true, "RUN_CANCELLED"]);
});

test("a cancelled handler hears of it from heartbeat, and may still answer", async () => {
  const begun = new Gate();
  const stubborn = async (_: unknown, ctx: TaskContext): Promise<string> => {
    begun.open();
    for (;;) {
      try {
        ctx.heartbeat("at work");
        await sleep(2);
      } catch (error) {
        return String(error);
      }
    }
  };
  bench.work({ noop: stubborn });
  server.offer(task());
  await begun.opened;
  await server.tellLines({ cancelled: [{ token: Buffer.from("run_1"), reason: "STEP_TIMED_OUT" }] });
  const { output } = await server.result();
  assert.equal(output?.json, '"TaskCancelled: the task was cancelled: STEP_TIMED_OUT"');
});

test("nothing is told of a task whose lease is lost", async () => {
  const begun = new Gate();
  const ended = new Gate();
  const wait = async (_: unknown, ctx: TaskContext): Promise<string> => {
    begun.open();
    while (!ctx.cancelled) await sleep(2);
    ended.open();
    return "too late";
  };
  bench.work({ noop: wait, next: echo });
  server.offer(task());
  await begun.opened;
  await server.tellLines({ cancelled: [{ token: Buffer.from("run_1"), reason: "LEASE_LOST" }] });
  await ended.opened;
  server.offer(task("next", 1, { runId: "r2" }));
  await server.result("r2");
  assert.ok(!server.results.has("run_1"));
});

test("a cancel that comes before its task is kept", async () => {
  let ran = false;
  bench.work({
    noop: () => {
      ran = true;
    },
  });
  await server.tellLines({ cancelled: [{ token: Buffer.from("run_1"), reason: "RUN_CANCELLED" }] });
  // Said on the same stream, and answered with the next beat: what came before it has been read then.
  await server.tellLines({ draining: true });
  await server.until(() => server.seen["Heartbeat"]?.length === 2);
  server.offer(task());
  assert.equal((await server.result()).failure?.type, "TaskCancelled");
  assert.equal(ran, false);
});

test("a running worker takes no more handlers and runs once", async () => {
  const worker = bench.work({ noop: echo });
  assert.throws(() => { worker.register("late", echo); }, /before the worker is started/);
  await assert.rejects(worker.run(), new StellwerkError("the worker runs already"));
});

test("bad options and handlers are named", async () => {
  const worker = new Worker({ address: "127.0.0.1:1" });
  const none = "handlers: expected at least one (worker.register), came none";
  await assert.rejects(worker.run(), new StellwerkError(none));
  worker.register("a", echo);
  assert.deepEqual(worker.actions, ["a"]);
  assert.throws(() => { worker.register("a", echo); }, new RangeError("handler of 'a': expected one, came a second"));
  assert.throws(() => { worker.register("", echo); }, /action: expected a non-empty string/);
  assert.throws(() => { worker.register("b", 3 as never); }, /handler of 'b': expected a function, came number/);
  assert.throws(() => new Worker({ slots: 0 }), new RangeError("slots: expected a number >= 1, came 0"));
  assert.throws(() => new Worker({ polls: 0 }), new RangeError("polls: expected a number >= 1, came 0"));
  assert.throws(() => new Worker({ drainMs: -1 }), new RangeError("drainMs: expected a number >= 0, came -1"));
});
