// The twin of tests/bench/worker.py, which says what a bench worker is. Must not measure by itself.

import { Worker } from "stellwerk";

const ITEM = { hello: "world", n: 1, text: "a".repeat(70) };
const { address, slots, polls, tell_every: tellEvery } = JSON.parse(process.argv[2]);
let handled = 0;

/** One message to the parent; the clock is CLOCK_MONOTONIC, as Python's. */
function say(message) {
  const [seconds, nanos] = process.hrtime();
  process.stdout.write(`${JSON.stringify({ ...message, at_s: seconds + nanos / 1e9 })}\n`);
}

const worker = new Worker({ address, slots, polls, drainMs: 2_000 });
worker.register("bench.noop", async (given) => {
  handled += 1;
  if (tellEvery && handled % tellEvery === 0) say({ handled });
  return given;
});
worker.register("bench.split", async ({ items }) => Array.from({ length: items }, () => ITEM));
worker.register("bench.join", async (given) => ({ items: given.length }));


worker.workflow("code-seq3", async (ctx, given) => {
  for (let n = 0; n < 3; n += 1) given = await ctx.step("bench.noop", given);
  return given;
});
worker.workflow("local-seq3", async (ctx, given) => {
  for (let n = 0; n < 3; n += 1) {
    const last = given;
    given = await ctx.run("noop", async () => last);
  }
  return given;
});
worker.workflow("code-long", async (ctx, { steps }) => {
  for (let n = 0; n < steps; n += 1) await ctx.step("bench.noop", ITEM);
});
worker.workflow("code-sleep", async (ctx, { seconds }) => {
  await ctx.sleep(seconds * 1_000);
});

process.stdin.on("end", () => worker.stop());
process.stdin.resume();
process.stdin.unref();
say({ worker_id: worker.workerId });
await worker.start();
