// The signup worker: a workflow as code, which waits for an hour between two emails, and the handlers that send them.
//
//     node worker.js                   # serves 127.0.0.1:7400, or STELLWERK_ADDRESS

import { defineWorkflow, Worker } from "stellwerk";

// An hour, unless somebody who tries it has less patience.
const WAIT_MS = Number(process.env.STELLWERK_EXAMPLE_WAIT_S ?? 60 * 60) * 1000;

defineWorkflow("userSignupFlow", async (ctx) => {
  await ctx.step("sendWelcomeEmail");
  await ctx.wait(WAIT_MS); // a durable timer; the worker holds nothing meanwhile
  await ctx.step("sendFollowupEmail");
});

const worker = new Worker();

// A mail server that is asked twice under the same key sends once.
worker.register("sendWelcomeEmail", (_, ctx) => `welcome, sent as ${ctx.idempotencyKey}`);

worker.register("sendFollowupEmail", (_, ctx) => `how do you like it, sent as ${ctx.idempotencyKey}`);

await worker.start();
