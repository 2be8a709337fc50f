// The language model as the worker sees it: OpenAI's chat completions, as server-sent events. Knows nothing of workflows.

import { readFileSync } from "node:fs";

import { TerminalError } from "stellwerk";

const BASE_URL = process.env.OPENAI_BASE_URL ?? "https://api.openai.com/v1";
const MODEL = process.env.OPENAI_MODEL ?? "gpt-4o-mini";
const KEY = process.env.OPENAI_API_KEY;
const TOOLS = JSON.parse(readFileSync(new URL("../tools.json", import.meta.url), "utf8"));

/**
 * The pieces of the model's message as they come. What fails in between fails the step, which is tried again.
 * @param {unknown[]} messages
 */
export async function* deltas(messages) {
  const response = await fetch(`${BASE_URL}/chat/completions`, {
    method: "POST",
    headers: { "content-type": "application/json", ...(KEY ? { authorization: `Bearer ${KEY}` } : {}) },
    body: JSON.stringify({ model: MODEL, messages, tools: TOOLS, stream: true }),
  });
  if (!response.ok || !response.body) throw refusal(response);
  for await (const chunk of events(response.body)) if (chunk.choices.length > 0) yield chunk.choices[0].delta;
}

/** @param {Response} response */
function refusal({ status, statusText }) {
  if (status === 429 || status >= 500) return new Error(`the model is busy: ${status} ${statusText}`);
  return new TerminalError(`the model refused: ${status} ${statusText}`, { type: "ModelRefused" });
}

/**
 * The documents of a stream; one that is cut off fails.
 * @param {ReadableStream<Uint8Array>} body
 */
async function* events(body) {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const bytes of body) {
    const lines = (rest + decoder.decode(bytes, { stream: true })).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) {
      const data = line.replace(/^data:/, "").trim();
      if (data === "[DONE]") return;
      if (line.startsWith("data:")) yield JSON.parse(data);
    }
  }
  throw new Error("the model's answer was cut off");
}
