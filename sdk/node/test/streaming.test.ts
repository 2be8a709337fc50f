/** Chunks: in order, acknowledged, sent again, and never without bound. */

import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import { setImmediate as nextTurn, setTimeout as sleep } from "node:timers/promises";

import { status as Code } from "@grpc/grpc-js";

import type { Handler, TaskContext } from "../src/index.js";
import type { StreamResultRequest } from "../src/v1/stellwerk/v1/worker.js";
import { Bench, Gate, refusal, refusing, task, type FakeServer } from "./fake.js";

let bench: Bench;
let server: FakeServer;

beforeEach(async () => {
  bench = await Bench.open();
  ({ server } = bench);
});
afterEach(() => bench.close());

const sent = (): StreamResultRequest[] => server.seen["chunk"] ?? [];

async function* words(text: string): AsyncGenerator<string, void> {
  yield* text.split(" ");
}

function* count(n: number): Generator<number, void> {
  for (let i = 0; i < n; i++) yield i;
}

function* countAndSum(n: number): Generator<number, number> {
  yield* count(n);
  return (n * (n - 1)) / 2;
}

const GENERATORS: [string, Handler<any, unknown>, unknown, string[], string][] = [
  ["an async generator", words, "a b", ['"a"', '"b"'], '["a","b"]'],
  ["a generator", count, 3, ["0", "1", "2"], "[0,1,2]"],
  ["a generator that returns", countAndSum, 4, ["0", "1", "2", "3"], "6"],
  ["a generator without yields", count, 0, [], "[]"],
  ["a function that gives a generator", (n: number) => count(n), 1, ["0"], "[0]"],
  ["a promise of a generator", async (text: string) => words(text), "a", ['"a"'], '["a"]'],
];

for (const [name, handler, value, chunks, output] of GENERATORS) {
  test(`${name} streams each yield`, async () => {
    bench.work({ noop: handler });
    server.offer(task("noop", value));
    assert.equal((await server.result()).output?.json, output);
    assert.deepEqual(sent().map(({ chunk }) => chunk?.json), chunks);
    assert.deepEqual(sent().map(({ sequence }) => sequence), chunks.map((_, index) => index + 1));
  });
}

test("chunks of bytes are joined, and a mixture is refused", async () => {
  bench.work({
    bytes: function* () {
      yield Buffer.from("ab");
      yield new Uint8Array([0]);
    },
    mixed: function* () {
      yield Buffer.from("ab");
      yield "text";
    },
  });
  server.offer(task("bytes", null, { runId: "r1" }), task("mixed", null, { runId: "r2" }));
  assert.deepEqual((await server.result("r1")).output?.data, Buffer.from("ab\0"));
  const { failure } = await server.result("r2");
  assert.equal(failure?.message, "chunks: expected all JSON or all bytes, came both; return a value instead");
  assert.equal(failure.type, "EncodeError");
});

test("ctx.stream keeps the order, awaited or not", async () => {
  bench.work({
    awaited: async (_: unknown, ctx: TaskContext) => {
      for (let n = 0; n < 600; n++) await ctx.stream(n);
      return "awaited";
    },
    not: (_: unknown, ctx: TaskContext) => {
      for (let n = 0; n < 600; n++) void ctx.stream(n);
      return "not";
    },
  });
  server.offer(task("awaited", null, { runId: "r1" }), task("not", null, { runId: "r2" }));
  assert.equal((await server.result("r1")).output?.json, '"awaited"');
  assert.equal((await server.result("r2")).output?.json, '"not"');
  for (const run of ["r1", "r2"]) {
    const numbers = sent().filter(({ token }) => token.toString() === run);
    const expected = [...count(600)].map((n) => [n + 1, String(n)]);
    assert.deepEqual(numbers.map(({ sequence, chunk }) => [sequence, chunk?.json]), expected);
  }
  assert.equal(server.seen["StreamResult"]?.length, 1);
});

test("chunks without acknowledgement are sent again", async () => {
  server.play("chunk", ...Array.from({ length: 5 }, () => () => undefined), refusing(Code.UNAVAILABLE));
  bench.work({ noop: count });
  server.offer(task("noop", 20));
  assert.equal((await server.result()).output?.json, JSON.stringify([...count(20)]));
  assert.equal(server.seen["StreamResult"]?.length, 2);
  assert.deepEqual(new Set(sent().map(({ sequence }) => sequence)).size, 20);
});

test("the result waits for the last acknowledgement", async () => {
  const release = new Gate();
  server.play("chunk", () => release.opened);
  bench.work({ noop: count });
  server.offer(task("noop", 1));
  await server.until(() => server.seen["chunk"]);
  await sleep(20);
  assert.equal(server.seen["CompleteTask"], undefined);
  release.open();
  assert.equal((await server.result()).output?.json, "[0]");
});

test("a stream that is not read slows its handler down", async () => {
  const release = new Gate();
  let given = 0;
  server.play("chunk", () => release.opened);
  bench.work({
    noop: async function* () {
      for (; given < 2_000; given++) yield given;
    },
  });
  server.offer(task());
  await server.until(() => server.seen["chunk"]);
  for (let turn = 0; turn < 200; turn++) await nextTurn();
  assert.ok(given > 0 && given <= 300, `${given} given`);
  release.open();
  await server.result();
  assert.equal(given, 2_000);
});

test("a refused chunk fails the task", async () => {
  server.chunkRefusal = refusal("PAYLOAD_TOO_LARGE", Code.INVALID_ARGUMENT, "2 MiB at most");
  bench.work({ noop: count });
  server.offer(task("noop", 2));
  const { failure } = await server.result();
  assert.deepEqual([failure?.type, failure?.terminal], ["PayloadTooLarge", true]);
});

test("a lost lease stops the stream and sends no result", async () => {
  const stopped = new Gate();
  server.chunkRefusal = refusal("LEASE_LOST", Code.FAILED_PRECONDITION);
  bench.work({
    noop: async function* () {
      try {
        for (;;) {
          yield 1;
          await sleep(1);
        }
      } finally {
        stopped.open();
      }
    },
    next: (value: unknown) => value,
  });
  server.offer(task());
  await stopped.opened;
  server.offer(task("next", 1, { runId: "r2" }));
  await server.result("r2");
  assert.ok(!server.results.has("run_1"));
});
