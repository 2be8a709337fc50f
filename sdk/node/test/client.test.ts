/** The client against a server that refuses, cuts, restarts and answers late. */

import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { pathToFileURL } from "node:url";

import { status as Code } from "@grpc/grpc-js";

import * as stellwerk from "../src/index.js";
import { Client, RunCancelled, RunFailed, RunTerminated, RunTimedOut, StellwerkError } from "../src/index.js";
import { BadRequest, ErrorInfo, RetryInfo } from "../src/v1/google/rpc/error_details.js";
import * as runs from "../src/v1/stellwerk/v1/run.js";
import { Bench, Gate, json, refusal, refusing, type FakeServer } from "./fake.js";

let bench: Bench;
let server: FakeServer;
let client: Client;

beforeEach(async () => {
  bench = await Bench.open();
  ({ server } = bench);
  client = bench.client();
});
afterEach(() => bench.close());

const detail = (name: string, message: { finish(): Uint8Array }) => ({
  typeUrl: `type.googleapis.com/google.rpc.${name}`,
  value: Buffer.from(message.finish()),
});
const errorInfo = (reason: string, metadata: Record<string, string> = {}) =>
  detail("ErrorInfo", ErrorInfo.encode({ reason, domain: "stellwerk", metadata }));
const sizes = (): number[] => (server.seen["StartRuns"] ?? []).map(({ starts }) => starts.length);
const range = (n: number): number[] => [...Array(n).keys()];

async function listed<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}

test("run gives the output of the run", async () => {
  server.endAtOnce = true;
  const value = { n: 10n ** 40n, x: 1.5, s: "ü" };
  assert.deepEqual(await client.run("wf", value), value);
});

test("a lone start carries its options", async () => {
  const trace = { traceparent: "t" };
  const options = { idempotencyKey: "k", timeout: "2m", version: 3, trace };
  const handle = await client.start("wf", Buffer.from("\0raw"), options);
  const [{ namespace, starts }] = server.seen["StartRuns"] as [runs.StartRunsRequest];
  const [start] = starts;
  assert.equal(handle.runId, `run_${start?.requestId}`);
  assert.deepEqual([namespace, start?.workflow, start?.idempotencyKey, start?.version], ["default", "wf", "k", 3]);
  assert.deepEqual([start?.timeout?.seconds, start?.input?.data, start?.trace], [120, Buffer.from("\0raw"), trace]);
});

test("concurrent starts travel in batches of at most 1000", async () => {
  const handles = await Promise.all(range(2_500).map((n) => client.start("wf", n)));
  assert.deepEqual([sizes().reduce((a, b) => a + b), Math.max(...sizes())], [2_500, 1_000]);
  assert.ok(sizes().length <= 4);
  assert.equal(new Set(handles.map(({ runId }) => runId)).size, 2_500);
});

test("batches are bounded by bytes", async () => {
  await Promise.all(range(10).map(() => client.start("wf", "x".repeat(1_000_000))));
  const requests: runs.StartRunsRequest[] = server.seen["StartRuns"] ?? [];
  const bytes = requests.map((request) => runs.StartRunsRequest.encode(request).finish().length);
  assert.ok(Math.max(...bytes) <= 4 * 1024 * 1024);
  assert.equal(sizes().reduce((a, b) => a + b), 10);
});

test("the next batch fills while calls are in flight", async () => {
  const release = new Gate();
  server.play("StartRuns", () => release.opened, () => release.opened);
  const starts = [];
  for (const n of range(2)) {
    starts.push(client.start("wf", n));
    await server.until(() => sizes().length === n + 1);
  }
  starts.push(...range(50).map((n) => client.start("wf", n)));
  await sleep(5);
  release.open();
  await Promise.all(starts);
  assert.deepEqual(sizes(), [1, 1, 50]);
});

test("a start is sent again with the same request id", async () => {
  const later = detail("RetryInfo", RetryInfo.encode({ retryDelay: { seconds: 0, nanos: 1 } }));
  const busy = refusing(Code.RESOURCE_EXHAUSTED, "slow down", later, errorInfo("RATE"));
  server.play("StartRuns", refusing(Code.UNAVAILABLE), refusing(Code.ABORTED), busy);
  const handle = await client.start("wf", 1);
  const ids = (server.seen["StartRuns"] ?? []).map(({ starts }) => `run_${starts[0].requestId}`);
  assert.deepEqual(ids, Array(4).fill(handle.runId));
});

test("a refused item fails alone and a busy one is sent again", async () => {
  const reused = refusal("IDEMPOTENCY_KEY_REUSED", Code.FAILED_PRECONDITION, "other input");
  server.startRefusals.push(undefined, reused, refusal("SYSTEM_OVERLOADED", Code.RESOURCE_EXHAUSTED));
  const starts = range(3).map((n) => client.start("wf", n, { idempotencyKey: String(n) }));
  const [first, second, third] = await Promise.allSettled(starts);
  assert.deepEqual([first?.status, third?.status], ["fulfilled", "fulfilled"]);
  assert.ok(second?.status === "rejected" && second.reason instanceof stellwerk.IdempotencyKeyReused);
  assert.equal(String(second.reason), "other input [IDEMPOTENCY_KEY_REUSED]");
});

test("retrying ends with the budget and names the address", async () => {
  const away = bench.client({ address: "127.0.0.1:1", retryMs: 300 });
  const words = /^no Stellwerk server answers at 127\.0\.0\.1:1 \(TLS off\): ./;
  await assert.rejects(away.start("wf", 1), { name: "Unavailable", message: words });
  await assert.rejects(away.server(), { name: "Unavailable", message: words });
  await assert.rejects(away.handle("run_1").result(), { name: "Unavailable", message: words });
  await assert.rejects(listed(away.handle("run_1").watch()), { name: "Unavailable", message: words });
});

test("results survive a restart of the server", async () => {
  const handle = await client.start("wf", 1);
  const waiting = range(3).map(() => handle.result());
  await server.until(() => server.seen["ids"]);
  server.stop();
  await server.start();
  await server.until(() => server.seen["ids"]?.length === 2);
  server.end(handle.runId, undefined, "done");
  assert.deepEqual(await Promise.all(waiting), ["done", "done", "done"]);
});

test("many waiting callers share one stream and batch their ids", async () => {
  server.endAtOnce = true;
  assert.deepEqual(await Promise.all(range(1_500).map((n) => client.run("wf", n))), range(1_500));
  assert.equal(server.seen["AwaitRuns"]?.length, 1);
  assert.ok((server.seen["ids"]?.length ?? 0) < 20);
});

test("a timeout or a signal ends the wait and not the stream", async () => {
  const handle = client.handle("run_slow");
  await assert.rejects(handle.result({ timeout: 50 }), { name: "TimeoutError" });
  const giveUp = new AbortController();
  const waiting = handle.result({ signal: giveUp.signal });
  giveUp.abort(new Error("enough"));
  await assert.rejects(waiting, /enough/);
  server.end("run_slow", undefined, 2);
  assert.equal(await handle.result({ timeout: "5s", signal: new AbortController().signal }), 2);
  assert.equal(server.seen["AwaitRuns"]?.length, 1);
});

test("an unknown run is not found", async () => {
  const expected = { name: "NotFound", message: "run unknown_1 does not exist" };
  await assert.rejects(client.handle("unknown_1").result(), expected);
});

for (const [state, kind] of [
  ["FAILED", RunFailed],
  ["CANCELLED", RunCancelled],
  ["TERMINATED", RunTerminated],
  ["TIMED_OUT", RunTimedOut],
] as const) {
  test(`a run that ended as ${state} rejects`, async () => {
    const failure = { type: "CardDeclined", message: "no money", step: "charge", attempt: 4 };
    server.end("run_bad", runs.RunState[`RUN_STATE_${state}`], null, failure);
    const error: unknown = await client.handle("run_bad").result().catch((caught: unknown) => caught);
    assert.ok(error instanceof RunFailed);
    assert.equal(error.constructor, kind);
    assert.deepEqual([error.state, error.failure?.type], [state, "CardDeclined"]);
    assert.equal(error.message, `run run_bad ended as ${state} in step charge, attempt 4: CardDeclined: no money`);
  });
}

test("final errors of the await stream reach the callers", async () => {
  server.play("AwaitRuns", refusing(Code.UNAUTHENTICATED, "who are you"));
  await assert.rejects(client.handle("run_1").result(), { name: "Unauthenticated", message: "who are you" });
});

test("closing the client wakes those who wait", async () => {
  const waiting = client.handle("run_1").result();
  const watching = listed(client.handle("run_1").watch());
  const release = new Gate();
  server.play("StartRuns", () => release.opened);
  const starting = client.start("wf");
  await server.until(() => server.seen["ids"] && server.seen["StartRuns"]);
  const ends = Promise.allSettled([waiting, watching, starting]);
  await client.close();
  await client.close();
  const reasons = (await ends).map((end) => (end.status === "rejected" ? String(end.reason) : end.status));
  assert.match(reasons[0] ?? "", /StellwerkError: the client was closed before the run ended/);
  assert.match(reasons[2] ?? "", /StellwerkError: the client was closed before the start was acknowledged/);
  for (const call of [client.start("wf"), client.server(), listed(client.listRuns())]) {
    await assert.rejects(call, new StellwerkError("the client is closed"));
  }
  release.open();
});

test("errors carry reason, metadata and every field", async () => {
  const fieldViolations = [
    { field: "steps[0].id", description: "missing" },
    { field: "steps[1].when", description: "bad CEL" },
  ];
  const bad = detail("BadRequest", BadRequest.encode(BadRequest.fromPartial({ fieldViolations })));
  const info = errorInfo("INVALID_WORKFLOW", { name: "wf" });
  server.play("ApplyWorkflow", refusing(Code.INVALID_ARGUMENT, "bad definition", info, bad));
  const error: unknown = await client.applyWorkflow({ name: "wf" }).catch((caught: unknown) => caught);
  assert.ok(error instanceof stellwerk.InvalidArgument);
  assert.deepEqual([error.code, error.reason], ["INVALID_ARGUMENT", "INVALID_WORKFLOW"]);
  assert.deepEqual(error.metadata, { name: "wf" });
  assert.deepEqual(error.fields, fieldViolations);
  assert.match(String(error), /steps\[1\]\.when: bad CEL/);
});

test("the reason decides the class", async () => {
  server.play("CancelRun", refusing(Code.FAILED_PRECONDITION, "it has ended", errorInfo("RUN_TERMINAL")));
  await assert.rejects(client.handle("run_1").cancel("why not"), { name: "RunTerminal", message: "it has ended" });
});

test("unary calls are sent again with the same request id", async () => {
  server.play("TerminateRun", refusing(Code.UNAVAILABLE), refusing(Code.DEADLINE_EXCEEDED), refusing(Code.CANCELLED));
  assert.equal(await client.handle("run_1").terminate("enough"), "TERMINATED");
  const ids = (server.seen["TerminateRun"] ?? []).map(({ requestId }) => requestId as string);
  assert.equal(ids.length, 4);
  assert.equal(new Set(ids).size, 1);
  assert.match(ids[0] ?? "", /^[0-9a-f]{32}$/);
});

test("what cannot be sent is refused before it is", async () => {
  await assert.rejects(client.start("wf", { a: [1, Number.NaN] }), { name: "EncodeError", message: /^value\.a\[1\] / });
  const large = "x".repeat(16_000_000);
  await assert.rejects(client.start("wf", large), { name: "PayloadTooLarge", message: /came 16000002/ });
  await assert.rejects(client.start("wf", null, { timeout: 0 }), /timeout: expected more than 0 seconds, came 0/);
  await assert.rejects(client.start("wf", null, { timeout: "soon" }), /timeout: expected a number >= 0, came soon/);
  assert.equal(server.seen["StartRuns"], undefined);
});

test("watch goes on where it broke and gives nothing twice", async () => {
  const message = (events: number[], chunks: number[]) => ({
    events: events.map((sequence) => runs.Event.fromPartial({ sequence, type: "X", attributes: '{"a":1}' })),
    chunks: chunks.map((n) => runs.Chunk.fromPartial({ step: "s", attempt: 1, sequence: n, payload: json(n) })),
  });
  server.watches.push([message([1, 2], [1, 2])], [message([2, 3], [2, 3])]);
  server.play("WatchRun", refusing(Code.UNAVAILABLE));
  const seen = (await listed(client.handle("run_1").watch())).map(({ kind, sequence }) => `${kind} ${sequence}`);
  assert.deepEqual(seen, ["chunk 1", "chunk 2", "event 1", "event 2", "chunk 3", "event 3"]);
  assert.deepEqual(server.seen["WatchRun"]?.map(({ afterSequence }) => afterSequence as number), [0, 2]);
});

test("a watch may be left, or given up by a signal", async () => {
  const events = [1, 2].map((sequence) => runs.Event.fromPartial({ sequence }));
  const hold = new Gate();
  server.watches.push([{ events, chunks: [] }], [{ events, chunks: [] }]);
  server.play("WatchRun", () => hold.opened, () => hold.opened);
  for await (const item of client.handle("run_1").watch()) {
    assert.equal(item.sequence, 1);
    break;
  }
  const giveUp = new AbortController();
  const watch = client.handle("run_1").watch({ signal: giveUp.signal });
  await watch.next();
  await watch.next();
  giveUp.abort(new Error("enough"));
  await assert.rejects(watch.next(), /enough/);
  hold.open();
});

test("reading calls give plain values", async () => {
  const handle = client.handle("run_1");
  const run = await handle.get({ includeSteps: true });
  assert.deepEqual([run.runId, run.state, run.steps[0]?.state], ["run_1", "FAILED", "DEAD"]);
  assert.deepEqual(run.createTime, new Date("2001-09-09T01:46:40Z"));
  assert.ok(stellwerk.isTerminal(run.state));
  assert.deepEqual((await listed(handle.history())).map(({ type }) => type), ["RUN_STARTED"]);
  assert.equal((await client.server()).version, "9");
  assert.equal((await client.workers())[0]?.slots, 3);
  assert.equal((await client.queues())[0]?.ready, 2);
  const kinds: string[] = [];
  for await (const { runId, kind } of client.timers()) kinds.push(`${runId} ${kind}`);
  assert.deepEqual(kinds, ["run_1 ", "run_2 SLEEP"]);
  const { runsOpen, tasksReady, activity } = await client.overview();
  assert.deepEqual([runsOpen["RUNNING"], tasksReady, activity[0]?.started, activity[0]?.failed], [2, 5, 3, 1]);
  assert.deepEqual((await listed(client.deadLetters({ states: ["OPEN"] }))).map(({ state }) => state), ["OPEN"]);
  assert.equal((await client.requeue("d1")).runId, "run_again");
  await client.discard("d1", "no use");
  assert.equal((await handle.retry("s1")).runId, "run_fork");
  assert.equal((await client.getWorkflow("wf")).name, "wf");
  assert.deepEqual(await listed(client.listWorkflows()), []);
});

test("an explanation has typed causes", async () => {
  const found = await client.handle("run_1").explain();
  assert.deepEqual(
    [found.runId, found.state, found.summary, found.moreCauses, found.now, found.deadline],
    ["run_1", "RUNNING", "it backs off", 4, undefined, undefined],
  );
  const [again, child, later] = found.causes;
  assert.deepEqual(
    [again?.kind, again?.step, again?.attempt, again?.failure?.type, again?.dueTime],
    ["BACKING_OFF", "s1", 3, "Boom", new Date("2001-09-09T01:46:40Z")],
  );
  assert.deepEqual([child?.kind, child?.childState, child?.failure], ["CHILD_RUN", "BLOCKED", undefined]);
  assert.deepEqual([later?.kind, later?.sentence], ["UNSPECIFIED", "of a newer server"]);
});

test("signals go to a run, to the run of a key, and with a start", async () => {
  assert.equal(await client.handle("run_1").signal("approval", { by: "me" }, { signalId: "s" }), true);
  const found = await client.signal("wf", "key", "approval");
  assert.deepEqual([found.runId, found.deduplicated], ["run_of_key", true]);
  await client.start("wf", null, { signal: { name: "first" } });
  const told = [...(server.seen["SignalRun"] ?? []), server.seen["StartRuns"]?.[0].starts[0]];
  const seen = told.map(({ runId, idempotencyKey, signal }) => {
    return [runId, idempotencyKey, signal.name, signal.payload.json];
  });
  assert.deepEqual(seen, [
    ["run_1", "", "approval", '{"by":"me"}'],
    ["", "key", "approval", "null"],
    [undefined, "", "first", "null"],
  ]);
});

test("lists read page after page up to the limit", async () => {
  const ids = (await listed(client.listRuns("wf", { states: ["FAILED"] }))).map(({ runId }) => runId);
  assert.deepEqual(ids, ["run_00", "run_01", "run_10", "run_11", "run_20", "run_21"]);
  assert.deepEqual(server.seen["ListRuns"]?.[0].states, [runs.RunState.RUN_STATE_FAILED]);
  const before = server.seen["ListRuns"].length;
  assert.equal((await listed(client.listRuns("", { limit: 3 }))).length, 3);
  assert.equal(server.seen["ListRuns"].length - before, 2);
  const wrong = client.listRuns("", { states: ["LOST" as never] });
  await assert.rejects(listed(wrong), /states: expected the name of a state, came 'LOST'/);
});

test("a definition may be a path, a URL, a text or an object", async () => {
  const folder = await mkdtemp(join(tmpdir(), "stellwerk-"));
  const file = join(folder, "wf.yaml");
  await writeFile(file, "name: wf\n");
  const given = [file, pathToFileURL(file), "name: wf\n", { name: "wf" }];
  const texts = await Promise.all(given.map(async (one) => (await client.applyWorkflow(one)).definition));
  await rm(folder, { recursive: true });
  assert.deepEqual(texts, ["name: wf\n", "name: wf\n", "name: wf\n", '{"name":"wf"}']);
  assert.equal((await client.validateWorkflow('{"steps": []}'))[0]?.field, "steps[0].id");
});

test("every call carries token and client name", async () => {
  await bench.client({ token: "secret" }).server();
  assert.deepEqual(server.metadata.get("authorization"), ["Bearer secret"]);
  assert.deepEqual(server.metadata.get("x-client-name"), ["stellwerk-node"]);
});

test("the stubs make bare calls", async () => {
  const answered = await new Promise<string>((resolve, reject) => {
    client.stubs.admin.getServer({}, client.metadata, (error, response) => {
      if (error === null) resolve(response.version);
      else reject(error);
    });
  });
  assert.equal(answered, "9");
});
