/** The line that shows a worker is alive, and how a worker leaves. */

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { afterEach, beforeEach, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { Worker as Thread } from "node:worker_threads";

import { status as Code } from "@grpc/grpc-js";

import { Worker, type TaskContext } from "../src/index.js";
import { Poller } from "../src/poller.js";
import { targetOf } from "../src/channel.js";
import { LeaseTable, readLeases, type Shared } from "../src/lease_table.js";
import { FailureCategory } from "../src/v1/stellwerk/v1/payload.js";
import type { HeartbeatRequest, PollTaskResponse, Task } from "../src/v1/stellwerk/v1/worker.js";
import { Bench, Gate, refusing, task, type FakeServer } from "./fake.js";

let bench: Bench;
let server: FakeServer;

beforeEach(async () => {
  bench = await Bench.open();
  ({ server } = bench);
});
afterEach(() => bench.close());

const echo = (value: unknown): unknown => value;
const beats = (): HeartbeatRequest[] => server.seen["beat"] ?? [];

test("the first beat introduces the worker and the last says good-bye", async () => {
  const worker = bench.work({ b: echo, a: echo }, { slots: 7, queue: "fast" });
  const hello = await server.until(() => beats()[0]);
  assert.deepEqual([hello.workerId, hello.queue, hello.actions], [worker.workerId, "fast", ["a", "b"]]);
  assert.deepEqual([hello.slots, hello.namespace, hello.sdk.split(" ")[0]], [7, "default", "node"]);
  worker.stop();
  await server.until(() => beats().at(-1)?.leaving);
});

test("nothing is polled before the line is open", async () => {
  const [before, open] = [[] as number[], new Gate()];
  server.play("Heartbeat", () => open.opened);
  bench.work({ noop: echo });
  server.offer(task());
  await server.until(() => server.seen["Heartbeat"]);
  before.push(server.seen["PollTask"]?.length ?? 0);
  open.open();
  await server.result();
  assert.deepEqual(before, [0]);
});

test("a server without the line is polled all the same", async () => {
  server.play("Heartbeat", ...Array.from({ length: 100 }, () => refusing(Code.UNIMPLEMENTED)));
  bench.work({ noop: echo });
  server.offer(task("noop", 1));
  assert.equal((await server.result()).output?.json, "1");
});

test("progress travels soon", async () => {
  const done = new Gate();
  server.intervalMs = 60_000;
  bench.work({
    noop: async (_: unknown, ctx: TaskContext) => {
      ctx.heartbeat({ done: 3 });
      await done.opened;
    },
  });
  server.offer(task());
  const reported = await server.until(() => beats().flatMap(({ held }) => held).find(({ progress }) => progress));
  assert.deepEqual([reported.token.toString(), reported.progress?.json], ["run_1", '{"done":3}']);
  done.open();
  await server.result();
});

test("a draining server is left for a new line that names what is held", async () => {
  const [begun, end] = [new Gate(), new Gate()];
  bench.work({
    noop: async () => {
      begun.open();
      await end.opened;
    },
  });
  server.offer(task());
  await begun.opened;
  await server.until(() => beats().length > 0);
  await server.tellLines({ draining: true });
  const hello = await server.until(() => beats().filter(({ actions }) => actions.length > 0)[1]);
  assert.deepEqual(hello.held.map(({ token }) => token.toString()), ["run_1"]);
  end.open();
  await server.result();
});

// The server of the other tests would be blocked with the handler: this one is a process of its own.
const SERVER = `
  import { FakeServer, task } from "./fake.js";
  const server = new FakeServer();
  await server.start();
  process.send(server.port);
  process.once("message", () => server.offer(task()));
  const ended = await server.result();
  const held = server.seen.beat.filter((beat) => beat.held.some(({ token }) => token.toString() === "run_1"));
  process.send({ beats: held.length, output: ended.output.json });
  process.disconnect();
  server.stop();
`;

test("the heart beats while a handler blocks the event loop", async () => {
  const folder = new URL(".", import.meta.url);
  const child = spawn(process.execPath, ["--input-type=module", "-e", SERVER], {
    cwd: folder,
    stdio: ["ignore", "inherit", "inherit", "ipc"],
  });
  try {
    const [port] = (await once(child, "message")) as [number];
    const worker = new Worker({ address: `127.0.0.1:${port}`, polls: 1 });
    worker.register("noop", () => {
      const endMs = performance.now() + 2_500;
      while (performance.now() < endMs);
      return "spun";
    });
    const running = worker.run();
    child.send("offer");
    const [told] = (await once(child, "message")) as [{ beats: number; output: string }];
    worker.stop();
    await running;
    assert.equal(told.output, '"spun"');
    assert.ok(told.beats >= 4, `${told.beats} beats`);
  } finally {
    child.kill();
  }
});

test("a stop lets running handlers end and their results out", async () => {
  const [begun, end] = [new Gate(), new Gate()];
  const ran: unknown[] = [];
  const slow = async (value: unknown): Promise<string> => {
    ran.push(value);
    begun.open();
    await end.opened;
    return "done";
  };
  const worker = bench.work({ noop: slow }, { drainMs: 10_000 });
  server.offer(task("noop", 1));
  await begun.opened;
  worker.stop();
  await sleep(50);
  server.offer(task("noop", 2, { runId: "too late" }));
  end.open();
  assert.equal((await server.result()).output?.json, '"done"');
  await server.until(() => beats().at(-1)?.leaving);
  assert.deepEqual(ran, [1]);
  assert.ok(!server.results.has("too late"));
});

test("tasks that come during the stop are given back", async () => {
  // Wired by hand: whether a cancelled poll still brings something is the network's to decide.
  const answer = new Gate();
  const givenBack: Task[] = [];
  let polled = false;
  const response: Promise<PollTaskResponse> = answer.opened.then(() => ({ tasks: [task()] }));
  const poller = new Poller({
    polls: 1,
    target: targetOf({ address: server.address }),
    logger: bench.records,
    poll: () => {
      polled = true;
      return { answer: response, cancel: () => undefined };
    },
    freeSlots: () => 1,
    accept: () => assert.fail("accepted"),
    giveBack: (tasks) => givenBack.push(...tasks),
  });
  poller.start();
  poller.lineOpened();
  await server.until(() => polled);
  const stopping = poller.stop();
  answer.open();
  await stopping;
  assert.deepEqual(givenBack.map(({ runId }) => runId), ["run_1"]);
});

test("handlers that outlast the drain are cancelled and reported", async () => {
  const begun = [new Gate(), new Gate()];
  const worker = bench.work(
    {
      listens: async (_: unknown, ctx: TaskContext) => {
        begun[0]?.open();
        await sleep(60_000, undefined, { signal: ctx.signal });
      },
      deaf: async () => {
        begun[1]?.open();
        await new Promise(() => undefined);
      },
    },
    { drainMs: 50 },
  );
  server.offer(task("listens", null, { runId: "r1" }), task("deaf", null, { runId: "r2" }));
  await Promise.all(begun.map(({ opened }) => opened));
  worker.stop();
  for (const token of ["r1", "r2"]) {
    const { failure } = await server.result(token);
    assert.deepEqual([failure?.type, failure?.terminal], ["WorkerStopped", false]);
    assert.equal(failure?.category, FailureCategory.FAILURE_CATEGORY_WORKER_LOST);
  }
});

test("aborting run ends the worker quickly and rejects with the reason", async () => {
  const begun = new Gate();
  const worker = new Worker({ address: server.address, drainMs: 60_000, logger: bench.records });
  worker.register("noop", async (_: unknown, ctx: TaskContext) => {
    begun.open();
    await sleep(60_000, undefined, { signal: ctx.signal });
  });
  const leave = new AbortController();
  const running = worker.run({ signal: leave.signal });
  server.offer(task());
  await begun.opened;
  leave.abort(new Error("enough"));
  await assert.rejects(running, /enough/);
  assert.equal((await server.result()).failure?.type, "WorkerStopped");
});

const WORKER = `
  import { Worker } from "../src/index.js";
  const worker = new Worker({ address: process.argv[1] });
  worker.register("noop", (value) => value * 2);
  await worker.start();
  console.log("drained", process.listenerCount("SIGTERM"));
`;

test("SIGTERM drains a worker that was started, and the process ends by itself", async () => {
  const folder = new URL(".", import.meta.url);
  const child = spawn(process.execPath, ["--input-type=module", "-e", WORKER, server.address], { cwd: folder });
  const said: string[] = [];
  child.stdout.on("data", (text) => said.push(String(text)));
  try {
    server.offer(task("noop", 21));
    assert.equal((await server.result()).output?.json, "42");
    await server.until(() => beats().length > 0);
    child.kill("SIGTERM");
    const [code] = (await once(child, "exit")) as [number];
    assert.deepEqual([code, said.join("")], [0, "drained 0\n"]);
    assert.ok(beats().at(-1)?.leaving);
  } finally {
    child.kill("SIGKILL");
  }
});

test("the lease table is read by another thread as it is, and grows", async () => {
  let shared: Shared | undefined;
  const table = new LeaseTable(2, (moved) => {
    shared = moved;
  });
  const place = table.hold(Buffer.from("gone"), 0);
  for (const token of ["a", "b", "c", "x".repeat(300)]) table.hold(Buffer.from(token), 1_234);
  table.release(place);
  assert.ok(shared);
  const reader = `
    import { parentPort, workerData } from "node:worker_threads";
    const { readLeases } = await import(workerData.module);
    parentPort.postMessage(readLeases(workerData.shared).map(({ token, sinceMs }) => [token.toString(), sinceMs]));
  `;
  const thread = new Thread(new URL(`data:text/javascript,${encodeURIComponent(reader)}`), {
    workerData: { shared, module: new URL("../src/lease_table.js", import.meta.url).href },
  });
  const [leases] = (await once(thread, "message")) as [unknown[]];
  const expected = ["a", "b", "c", "x".repeat(300)].map((token) => [token, 1_200]);
  assert.deepEqual([...leases].sort(), expected);
  assert.equal(readLeases(shared).length, 4);
});
