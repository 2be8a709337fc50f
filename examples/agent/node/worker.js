// The agent worker: a workflow that talks with a language model, and its tools; the model's words are streamed.
//
//     OPENAI_BASE_URL=http://127.0.0.1:8000/v1 node worker.js     # serves 127.0.0.1:7400, or STELLWERK_ADDRESS

import { StepFailed, Worker } from "stellwerk";

import { deltas } from "./model.js";

/** @typedef {import("stellwerk").WorkflowContext} WorkflowContext */
/** @typedef {{id: string, type: "function", function: {name: string, arguments: string}}} Call */
/** @typedef {{role: string, content: string, tool_calls?: Call[], tool_call_id?: string}} Message */

const worker = new Worker();

/**
 * `messages`: said before, in an earlier run. `turns`: of the model in one run; then the conversation goes on in a new
 * one, with a short history.
 * @typedef {{question?: string, messages?: Message[], turns?: number}} Task
 */
worker.workflow("agent", async (ctx, /** @type {Task} */ { question = "", messages: before = [], turns = 20 }) => {
  const messages = before.length > 0 ? before : [{ role: "user", content: question }];
  for (let turn = 0; turn < turns; turn++) {
    /** @type {Message} */
    const reply = await ctx.step("agent.think", messages);
    messages.push(reply);
    ctx.publish("conversation", messages);
    if (!reply.tool_calls) return reply.content;
    messages.push(...(await Promise.all(reply.tool_calls.map((call) => useTool(ctx, call)))));
    ctx.publish("conversation", messages);
  }
  return ctx.continueAsNew({ messages, turns });
});

/**
 * What a tool gives, or why it gives nothing: the model is told either.
 * @param {WorkflowContext} ctx
 * @param {Call} call
 * @returns {Promise<Message>}
 */
async function useTool(ctx, call) {
  let content;
  try {
    content = await runTool(ctx, call.function.name, JSON.parse(call.function.arguments), call.id);
  } catch (error) {
    if (!(error instanceof StepFailed || error instanceof SyntaxError)) throw error;
    content = `it failed: ${error.message}`;
  }
  return { role: "tool", tool_call_id: call.id, content };
}

/**
 * @param {WorkflowContext} ctx
 * @param {string} tool
 * @param {any} input
 * @param {string} callId
 */
async function runTool(ctx, tool, input, callId) {
  if (tool === "weather") return ctx.step("agent.weather", input);
  if (tool === "refund") return refund(ctx, input, callId);
  return `there is no tool '${tool}'`;
}

/**
 * Ask a person first: the question is published, the answer is a signal with the call's id.
 * @param {WorkflowContext} ctx
 * @param {{order: string}} input
 * @param {string} callId
 */
async function refund(ctx, input, callId) {
  ctx.publish(callId, `may order ${input.order} be refunded?`);
  const allowed = await ctx.waitSignal(callId);
  ctx.publish(callId, allowed ? "yes" : "no");
  return allowed ? ctx.step("agent.refund", input) : "a person has refused it";
}

// Give the conversation to the model and its words to whoever watches the run, then its whole message.
worker.register("agent.think", async function* (/** @type {Message[]} */ messages) {
  let content = "";
  /** @type {Call[]} */
  const calls = [];
  for await (const delta of deltas(messages)) {
    if (delta.content) {
      content += delta.content;
      yield delta.content;
    }
    for (const part of delta.tool_calls ?? []) add(calls, part);
  }
  return { role: "assistant", content, ...(calls.length > 0 ? { tool_calls: calls } : {}) };
});

/**
 * Put a piece of a tool call to its call: the first has id and name, all have some of the arguments.
 * @param {Call[]} calls
 * @param {{index: number, id: string, function: {name: string, arguments?: string}}} part
 */
function add(calls, part) {
  calls[part.index] ??= { id: part.id, type: "function", function: { name: part.function.name, arguments: "" } };
  calls[part.index].function.arguments += part.function.arguments ?? "";
}

worker.register(
  "agent.weather",
  (/** @type {{city: string}} */ { city }) => `${city.length * 3} °C and sunny in ${city}`,
);

worker.register("agent.refund", (/** @type {{order: string}} */ { order }) => `order ${order} is refunded`);

await worker.start();
