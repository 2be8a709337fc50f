/** A worker that decides: what it answers to a journal, whatever the server makes of the answer. */

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { status as Code } from "@grpc/grpc-js";

import type { Worker, WorkflowContext } from "../src/index.js";
import { Event, GetHistoryResponse } from "../src/v1/stellwerk/v1/run.js";
import type { CompleteTaskRequest, Decision, Task, TaskResult } from "../src/v1/stellwerk/v1/worker.js";
import { Bench, Gate, json, refusal, task } from "./fake.js";

let bench: Bench;
before(async () => {
  bench = await Bench.open();
});
after(() => bench.close());

let runs = 0;
let worker: Worker | undefined;
let gate: Gate;
const ran: string[] = [];
const aborted: string[] = [];

const CODE: Record<string, (ctx: WorkflowContext, input: any) => unknown> = {
  steps: async (ctx, input) => [await ctx.step("a", input), await ctx.step("b")],
  local: async (ctx) => {
    const a = await ctx.run("one", () => ran.push("one"));
    return [a, await ctx.run("two", () => ran.push("two"))];
  },
  many: (ctx) => Promise.all(Array.from({ length: 1_500 }, (_, n) => ctx.step("x", n))),
  foreign: () => new Promise(() => undefined),
  slow: (ctx) =>
    ctx.run("slow", async (signal: AbortSignal) => {
      signal.addEventListener("abort", () => aborted.push("slow"));
      ran.push("slow");
      await gate.opened;
    }),
};

/** One worker for all: its code is what `CODE` has. */
function decide(): void {
  if (worker !== undefined) return;
  worker = bench.work({}, { build: "b1", drainMs: 50 }, CODE);
}

function event(sequence: number, type: string, fields: object = {}): Event {
  return Event.fromPartial({ sequence, type, time: new Date(sequence), ...fields });
}

const begun = event(1, "RUN_STARTED");

function decision(name: string, after: number, sequence: number, events: Event[], fields: Partial<Task> = {}): Task {
  const runId = fields.runId ?? `run_d${++runs}`;
  const token = Buffer.from(`${runId}/${sequence}/${fields.attempt ?? 1}`);
  const journal = { afterSequence: after, sequence, events };
  return task(`workflow:${name}`, 1, { runId, workflow: name, step: "$decision", journal, token, ...fields });
}

async function answered(offered: Task): Promise<TaskResult> {
  decide();
  bench.server.offer(offered);
  return bench.server.result(offered.token.toString());
}

async function decided(offered: Task): Promise<Decision> {
  const { decision: made } = await answered(offered);
  assert.ok(made !== undefined);
  return made;
}

test("it says what it decides, and polls for that", async () => {
  decide();
  const hello = await bench.server.until(() => bench.server.seen["beat"]?.[0]);
  assert.deepEqual([hello.workflows.includes("steps"), hello.build, hello.pinRuns], [true, "b1", false]);
  const poll = await bench.server.until(() => bench.server.seen["PollTask"]?.[0]);
  assert.ok(poll.actions.includes("workflow:steps"));
});

test("a run that it remembers is told only what is new", async () => {
  const first = decision("steps", 0, 1, [begun]);
  const one = await decided(first);
  assert.deepEqual([one.sequence, one.keep, one.build, one.commands.map(({ step }) => step)], [1, false, "b1", ["a"]]);
  assert.equal(one.commands[0]?.action?.input?.json, "1");
  const { runId } = first;
  const two = await decided(decision("steps", 1, 3, [event(3, "STEP_SUCCEEDED", { step: "a", payload: json("A") })], { runId }));
  assert.deepEqual([two.sequence, two.commands.map(({ step }) => step)], [3, ["b"]]);
  const three = await decided(decision("steps", 3, 5, [event(5, "STEP_SUCCEEDED", { step: "b", payload: json("B") })], { runId }));
  assert.equal(three.commands[0]?.succeed?.output?.json, '["A","B"]');
  assert.equal(bench.server.seen["GetHistory"], undefined);
});

test("any other run is read whole, page after page", async () => {
  const scheduled = event(2, "STEP_SCHEDULED", { step: "a", attempt: 1, attributes: '{"action":"a","decision":1}' });
  const pages = [
    { events: [{ ...begun, payload: json(1) }, scheduled], nextPageToken: "2" },
    { events: [event(3, "STEP_SUCCEEDED", { step: "a", payload: json("A") })], nextPageToken: "" },
  ];
  bench.server.play("GetHistory", ...pages.map((page) => () => GetHistoryResponse.fromPartial(page)));
  const made = await decided(decision("steps", 1, 3, [event(3, "STEP_SUCCEEDED", { step: "a" })]));
  assert.deepEqual([made.sequence, made.commands.map(({ step }) => step)], [3, ["b"]]);
});

test("other commands than recorded fail the decision for good", async () => {
  const scheduled = event(2, "STEP_SCHEDULED", { step: "z", attempt: 1, payload: json(1), attributes: '{"action":"z","decision":1}' });
  const { failure } = await answered(decision("steps", 0, 2, [begun, scheduled]));
  assert.deepEqual([failure?.type, failure?.message, failure?.terminal], ["NonDeterminism", "step 1: recorded z(1), now a(1)", true]);
});

test("local steps are recorded one by one before the code goes on", async () => {
  const answers: Decision[] = [];
  const record = (request: unknown): unknown => {
    const { results } = request as CompleteTaskRequest;
    const made = results[0]?.decision;
    if (made !== undefined) answers.push(made);
    const at = made?.sequence ?? 0;
    const journal = made?.keep ? { afterSequence: at, sequence: at + 1, events: [] } : undefined;
    return { verdicts: [{ refusal: undefined, journal }] };
  };
  bench.server.play("CompleteTask", record, record, record);
  decide();
  bench.server.offer(decision("local", 0, 1, [begun]));
  await bench.server.until(() => answers.length === 3);
  assert.deepEqual(answers.map(({ sequence, keep }) => [sequence, keep]), [[1, true], [2, true], [3, false]]);
  assert.deepEqual(answers.map(({ commands }) => commands[0]?.step), ["one", "two", ""]);
  assert.deepEqual(ran, ["one", "two"]);
});

test("a large decision is sent in parts", async () => {
  const sizes: [number, boolean | undefined][] = [];
  const record = (request: unknown): unknown => {
    const made = (request as CompleteTaskRequest).results[0]?.decision;
    sizes.push([made?.commands.length ?? 0, made?.keep]);
    return { verdicts: [{ refusal: undefined, journal: made?.keep ? { afterSequence: 1, sequence: 1_001, events: [] } : undefined }] };
  };
  bench.server.play("CompleteTask", record, record);
  decide();
  bench.server.offer(decision("many", 0, 1, [begun]));
  await bench.server.until(() => sizes.length === 2);
  assert.deepEqual(sizes, [[1_000, true], [500, false]]);
});

test("code that waits for what is not ctx's fails the decision", async () => {
  const { failure } = await answered(decision("foreign", 0, 1, [begun]));
  assert.deepEqual([failure?.type, failure?.terminal], ["WaitsForNothing", false]);
});

test("a refused decision is sent back as its failure", async () => {
  const offered = decision("steps", 0, 1, [begun]);
  const refused = refusal("PAYLOAD_TOO_LARGE", Code.INVALID_ARGUMENT, "commands[0].action.input: too large");
  bench.server.verdicts.set(offered.token.toString(), [refused]);
  const { failure } = await answered(offered);
  const expected = ["PAYLOAD_TOO_LARGE", "commands[0].action.input: too large", true];
  assert.deepEqual([failure?.type, failure?.message, failure?.terminal], expected);
});

test("a decision over which the server broke is tried again", async () => {
  const offered = decision("steps", 0, 1, [begun]);
  bench.server.verdicts.set(offered.token.toString(), [refusal("INTERNAL", Code.INTERNAL, "a bug")]);
  const { failure } = await answered(offered);
  assert.deepEqual([failure?.type, failure?.message, failure?.terminal], ["INTERNAL", "a bug", false]);
});

test("a lost lease drops the run, and nothing is said", async () => {
  const offered = decision("steps", 0, 1, [begun]);
  bench.server.verdicts.set(offered.token.toString(), [refusal("LEASE_LOST", Code.FAILED_PRECONDITION)]);
  decide();
  bench.server.offer(offered);
  await bench.server.until(() => bench.records.all.find(({ message }) => message.startsWith("a decision came too late")));
  assert.equal(bench.server.results.get(offered.token.toString()), undefined);
});

test("a decision that is cut off by the worker's stop is given back", async () => {
  decide();
  gate = new Gate();
  const offered = decision("slow", 0, 1, [begun]);
  bench.server.offer(offered);
  await bench.server.until(() => ran.includes("slow"));
  worker?.stop();
  const { release } = await bench.server.result(offered.token.toString());
  assert.ok(release !== undefined);
  assert.deepEqual(aborted, ["slow"]);
  gate.open();
});
