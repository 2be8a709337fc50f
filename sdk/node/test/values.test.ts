/** Values, options and durations: what travels, what is refused, and how the refusal reads. */

import assert from "node:assert/strict";
import { afterEach, test } from "node:test";

import { described, targetOf } from "../src/channel.js";
import { durationMessage, milliseconds } from "../src/duration.js";
import * as stellwerk from "../src/index.js";
import { decode, decodeJson, encode, encodeJson } from "../src/payload.js";
import { Backoff, isRetryable } from "../src/retry.js";
import { Payload } from "../src/v1/stellwerk/v1/payload.js";

const environment = { ...process.env };

afterEach(() => {
  process.env = { ...environment };
});

const overTheWire = (value: unknown): unknown => decode(Payload.decode(Payload.encode(encode(value)).finish()));

function nested(levels: number): unknown {
  let value: unknown = [];
  for (let level = 1; level < levels; level++) value = [value];
  return value;
}

test("values come back as they went", () => {
  const values = [
    ...[null, true, false, 0, -1, 1.5, 5e-324, Number.MAX_SAFE_INTEGER, "", "ü 😀 \u2028 \0", [], {}, [[{ a: [] }]]],
    ...[2n ** 53n + 1n, -(2n ** 80n), { n: 2n ** 64n, text: "1234567890123456789", x: 0.12345678901234567 }],
    ...[{ "": 1, constructor: 2, "a.b": 3 }, JSON.parse('{"__proto__": {"a": 1}}') as unknown, nested(1_000)],
  ];
  for (const value of values) assert.deepEqual(overTheWire(value), value);
});

test("bytes, nothing and null", () => {
  assert.deepEqual(overTheWire(new Uint8Array([0, 255])), Buffer.from([0, 255]));
  assert.deepEqual(overTheWire(new Uint8Array([1, 2, 3, 4]).subarray(1, 3)), Buffer.from([2, 3]));
  assert.deepEqual(overTheWire(new ArrayBuffer(2)), Buffer.alloc(2));
  assert.deepEqual(overTheWire(Buffer.alloc(0)), Buffer.alloc(0));
  assert.equal(overTheWire(undefined), null);
  assert.equal(decode(undefined), null);
});

test("rich values are written as JSON.stringify does", () => {
  class Money {
    constructor(readonly amount: bigint) {}
    toJSON(): unknown {
      return { amount: this.amount };
    }
  }
  const value = { day: new Date("2026-01-02T03:04:05Z"), none: undefined, list: [undefined, 1], money: new Money(3n) };
  const text = '{"day":"2026-01-02T03:04:05.000Z","list":[null,1],"money":{"amount":3}}';
  assert.equal(encodeJson(value), text);
  const shared = { a: 1 };
  assert.equal(encodeJson([shared, shared]), '[{"a":1},{"a":1}]');
});

const circular: Record<string, unknown> = { fine: [1] };
circular["self"] = { again: circular };

const REFUSED: [unknown, string][] = [
  [Number.NEGATIVE_INFINITY, "value cannot be written as JSON: -Infinity is not JSON"],
  [{ a: [0, { b: Number.NaN }] }, "value.a[1].b cannot be written as JSON: NaN is not JSON"],
  [{ a: Buffer.from("x") }, "value.a cannot be written as JSON: bytes travel only as the whole value, not inside JSON"],
  [{ f: () => 1 }, "value.f cannot be written as JSON: a function has no JSON form"],
  [Symbol("s"), "value cannot be written as JSON: a symbol has no JSON form"],
  [[new Set([1])], "value[0] cannot be written as JSON: a Set has no JSON form"],
  [{ p: Promise.resolve(1) }, "value.p cannot be written as JSON: a Promise has no JSON form"],
  [["\udc00"], "value[0] cannot be written as JSON: its text is not valid Unicode"],
  [{ a: { "\ud800": 1 } }, "value.a cannot be written as JSON: its text is not valid Unicode"],
  [circular, "value.self.again cannot be written as JSON: it contains itself"],
  [nested(100_000), "value cannot be written as JSON: it is nested too deep"],
];

for (const [value, message] of REFUSED) {
  test(`refused: ${message}`, () => {
    assert.throws(() => encode(value), new stellwerk.EncodeError(message));
  });
}

test("what is no JSON is an input error", () => {
  for (const text of ["{", "NaN", "1".repeat(20) + "x", ""]) {
    assert.throws(() => decodeJson(text), { name: "InputError", message: /^input: expected JSON, came '/ });
  }
});

test("options come from the environment", () => {
  Object.assign(process.env, { STELLWERK_ADDRESS: "example.org", STELLWERK_NAMESPACE: "team", STELLWERK_TOKEN: "t" });
  const { address, namespace, token, tls } = targetOf({});
  assert.deepEqual([address, namespace, token], ["example.org:7400", "team", "t"]);
  assert.ok(tls);
  process.env["STELLWERK_TLS"] = "off";
  assert.equal(described(targetOf({})), "example.org:7400 (TLS off)");
  process.env["STELLWERK_TLS"] = "maybe";
  assert.throws(() => targetOf({}), new RangeError("STELLWERK_TLS: expected on, off or auto, came 'maybe'"));
});

test("plain text is the default on loopback and unix sockets only", () => {
  for (const address of ["127.0.0.1:1", "127.9.9.9:1", "localhost:1", "[::1]:1", "[::1]", "unix:socket"]) {
    assert.equal(targetOf({ address }).tls, undefined, address);
    assert.ok(targetOf({ address, tls: true }).tls, address);
  }
  assert.ok(targetOf({ address: "10.0.0.1:1" }).tls);
  assert.deepEqual(targetOf({ address: "10.0.0.1:1", tls: { caFile: "ca.pem" } }).tls, { caFile: "ca.pem" });
});

for (const address of ["http://x:1", "host:port", ":7400", "host:70000", "a b:1"]) {
  test(`a bad address is named: ${address}`, () => {
    const message = `address: expected host:port (STELLWERK_ADDRESS), came '${address}'`;
    assert.throws(() => new stellwerk.Client({ address }), new RangeError(message));
  });
}

test("durations are milliseconds or text", () => {
  const read = ["500ms", "30s", "1.5s", "5m", "1h30m", "2d"].map((text) => milliseconds("x", text, 0));
  assert.deepEqual(read, [500, 30_000, 1_500, 300_000, 5_400_000, 172_800_000]);
  assert.deepEqual(durationMessage(1_234.5), { seconds: 1, nanos: 234_500_000 });
  for (const bad of ["", "soon", "1", "-1s", Number.NaN, Number.POSITIVE_INFINITY, -1]) {
    assert.throws(() => new stellwerk.RetryableError("x", { retryAfter: bad }), /^RangeError: retryAfter: expected/);
  }
  assert.equal(new stellwerk.RetryableError("x", { retryAfter: "1m" }).retryAfterMs, 60_000);
});

test("backoff doubles up to its limit, between half of a step and all of it", () => {
  const backoff = new Backoff(100, 5_000);
  for (const step of [100, 200, 400, 800, 1_600, 3_200, 5_000, 5_000]) {
    const ms = backoff.nextMs();
    assert.ok(ms >= step / 2 && ms <= step, `${ms} of ${step}`);
  }
});

test("what is sent again", () => {
  const error = (code: string, message = "", reason = "") => new stellwerk.RequestError(message, { code, reason });
  for (const code of ["UNAVAILABLE", "ABORTED", "RESOURCE_EXHAUSTED", "DEADLINE_EXCEEDED", "CANCELLED"]) {
    assert.ok(isRetryable(error(code)), code);
  }
  assert.ok(isRetryable(error("INTERNAL", "Received RST_STREAM with code 2")));
  assert.ok(!isRetryable(error("INTERNAL", "a bug")));
  assert.ok(!isRetryable(error("RESOURCE_EXHAUSTED", "", "PAYLOAD_TOO_LARGE")));
  assert.ok(!isRetryable(error("NOT_FOUND")));
});

test("errors are named after their class, and subclasses of handlers' errors name themselves", () => {
  class CardDeclined extends stellwerk.TerminalError {}
  assert.equal(new stellwerk.NotFound("x").name, "NotFound");
  assert.ok(new stellwerk.PayloadTooLarge("x") instanceof stellwerk.InvalidArgument);
  assert.equal(new CardDeclined("x").type, "CardDeclined");
  assert.equal(new CardDeclined("x", { type: "Other" }).type, "Other");
  const cancelled = new stellwerk.TaskCancelled("RUN_CANCELLED");
  assert.equal(String(cancelled), "TaskCancelled: the task was cancelled: RUN_CANCELLED");
});
