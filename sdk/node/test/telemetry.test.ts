/** When a program is traced: what the variables say, and what happens without the packages. */

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { test } from "node:test";

import { exportersWanted } from "../src/telemetry.js";
import { carrierOf, placeOf } from "../src/trace_context.js";

const INDEX = JSON.stringify(new URL("../src/index.js", import.meta.url).href);
const NOWHERE = { OTEL_EXPORTER_OTLP_ENDPOINT: "http://127.0.0.1:1" };
const MAKE = `const { Client, Worker } = await import(${INDEX}); new Client(); new Worker();`;
const HEAVY = `import { createRequire } from "node:module";
const loaded = Object.keys(createRequire(${INDEX}).cache).filter((file) => /opentelemetry.(sdk|exporter|instr)/.test(file));
console.log(loaded.length > 0 ? "heavy" : "light");`;

interface Ended {
  readonly stdout: string;
  readonly stderr: string;
}

/** A program of its own, with these variables and no other OTEL_*. */
function run(lines: string, variables: Record<string, string>): Promise<Ended> {
  const plain = Object.entries(process.env).filter(([name]) => !name.startsWith("OTEL_"));
  const env = { ...Object.fromEntries(plain), ...variables };
  return new Promise((resolve, reject) => {
    execFile(process.execPath, ["--input-type=module", "-e", lines], { env }, (error, stdout, stderr) => {
      if (error === null) resolve({ stdout, stderr });
      else reject(new Error(stderr, { cause: error }));
    });
  });
}

test("what the variables ask for", () => {
  const OTLP = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT";
  assert.deepEqual(exportersWanted({}), []);
  assert.deepEqual(exportersWanted({ OTEL_SERVICE_NAME: "x" }), []);
  assert.deepEqual(exportersWanted({ [OTLP]: "http://c:4317" }), ["otlp"]);
  assert.deepEqual(exportersWanted({ [OTLP]: "http://c:4317", OTEL_TRACES_EXPORTER: "none" }), []);
  assert.deepEqual(exportersWanted({ OTEL_TRACES_EXPORTER: " console, otlp,none" }), ["console", "otlp"]);
  assert.deepEqual(exportersWanted({ [OTLP]: "http://c:4317", OTEL_SDK_DISABLED: "TRUE" }), []);
});

test("trace context is read and written as W3C says", () => {
  const [id, span] = ["0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"];
  const carrier = { traceparent: `00-${id}-${span}-01`, tracestate: "a=1,b=2" };
  const place = placeOf(carrier);
  assert.ok(place);
  assert.deepEqual([place.traceId, place.spanId, place.traceFlags, place.isRemote], [id, span, 1, true]);
  assert.deepEqual(carrierOf(place), carrier);
  assert.deepEqual(placeOf({ traceparent: `cc-${id}-${span}-00-later` })?.traceFlags, 0);
  assert.deepEqual(carrierOf({ ...place, traceId: "0".repeat(32) }), {});
});

const ZEROS = [`00-${"0".repeat(32)}-b7ad6b7169203331-01`, `00-0af7651916cd43dd8448eb211c80319c-${"0".repeat(16)}-01`];
const ODD = ["", "nonsense", "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"];

for (const traceparent of [...ZEROS, ...ODD, "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more"]) {
  test(`a traceparent that names no place is none: '${traceparent}'`, () => {
    assert.equal(placeOf({ traceparent }), undefined);
  });
}

for (const variables of [{}, { OTEL_TRACES_EXPORTER: "none" }, { ...NOWHERE, OTEL_SDK_DISABLED: "true" }]) {
  test(`off is off: ${JSON.stringify(variables)}`, async () => {
    assert.deepEqual(await run(MAKE + HEAVY, variables), { stdout: "light\n", stderr: "" });
  });
}

test("on is on, and a program ends when nobody takes the spans", async () => {
  const start = `await new Client({ address: "127.0.0.1:1", retryMs: 0 }).start("wf").catch(() => undefined);`;
  const { stdout, stderr } = await run(MAKE + start + HEAVY, NOWHERE);
  assert.equal(stdout, "heavy\n");
  assert.equal(stderr.match(/traces cannot be sent/g)?.length, 1);
});

test("what is ended is sent at the end of the program, without a close", async () => {
  const start = `await new Client({ address: "127.0.0.1:1", retryMs: 0 }).start("wf").catch(() => undefined);`;
  const { stdout } = await run(MAKE + start, { OTEL_TRACES_EXPORTER: "console", OTEL_SERVICE_NAME: "mine" });
  assert.match(stdout, /start wf/);
  assert.match(stdout, /'service.name': 'mine'/);
});

test("a provider of the program is left alone", async () => {
  const own = `import { trace } from "@opentelemetry/api"; const mine = { getTracer: () => { console.log("asked"); } };
trace.setGlobalTracerProvider(mine);`;
  const ask = `new Client().stubs; console.log(trace.getTracerProvider().getDelegate() === mine);`;
  const { stdout, stderr } = await run(own + MAKE + ask, NOWHERE);
  // For the spans of the SDK, and for those of its gRPC calls.
  assert.deepEqual({ stdout, stderr }, { stdout: "asked\nasked\ntrue\n", stderr: "" });
});

test("without the packages work goes on, and one line says what to install", async () => {
  const hide = `import Module from "node:module"; const load = Module._load;
Module._load = (name, ...more) => {
  if (name.startsWith("@opentelemetry/sdk")) throw new Error("Cannot find module '" + name + "'");
  return load(name, ...more);
};`;
  const { stdout, stderr } = await run(`${hide}${MAKE}new Client().stubs;${HEAVY}`, NOWHERE);
  assert.equal(stdout, "light\n");
  assert.equal(stderr.match(/npm install @opentelemetry\/sdk-trace-node@2 /g)?.length, 1);
});

test("an exporter that cannot be had is named", async () => {
  const { stderr } = await run(MAKE, { OTEL_TRACES_EXPORTER: "pigeon" });
  assert.match(stderr, /OTEL_TRACES_EXPORTER: no exporter 'pigeon'/);
});
