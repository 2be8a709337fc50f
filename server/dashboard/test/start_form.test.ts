// A schema as a form, and what was typed as JSON: defaults, what is left out, what is wrong and where.

import assert from "node:assert/strict";
import { test } from "node:test";

import { childPath, draftOf, valueOf } from "../src/pages/workflow/draft.js";
import type { Draft } from "../src/pages/workflow/draft.js";
import { formOf } from "../src/pages/workflow/schema.js";

const SCHEMA = {
  type: "object",
  required: ["total", "customer"],
  properties: {
    note: { type: "string" },
    total: { type: "number", minimum: 0, description: "What it costs" },
    count: { type: "integer", default: 2 },
    express: { type: "boolean" },
    size: { enum: ["s", 1, null], default: 1 },
    customer: { $ref: "#/$defs/person" },
    tags: { type: "array", items: { type: "string" } },
    extra: { oneOf: [{ type: "string" }, { type: "object" }] },
    maybe: { type: ["string", "null"] },
  },
  $defs: { person: { type: "object", required: ["email"], properties: { email: { type: "string", format: "email" }, age: { type: "integer" } } } },
};

const form = formOf(SCHEMA);
const field = (name: string) => form.fields.find((each) => each.name === name);

function typed(more: Record<string, Draft>): Draft {
  return { ...(draftOf(form) as Record<string, Draft>), ...more };
}

test("each type has its kind, references are followed, what is needed comes first", () => {
  const kinds = Object.fromEntries(form.fields.map((each) => [each.name, each.kind]));
  assert.deepEqual(kinds, { total: "number", customer: "object", note: "text", count: "integer", express: "boolean", size: "choice", tags: "list", extra: "json", maybe: "text" });
  assert.deepEqual(form.fields.slice(0, 2).map((each) => each.required), [true, true]);
  assert.equal(field("total")?.description, "What it costs");
  assert.equal(field("customer")?.fields[0]?.rules.format, "email");
  assert.equal(field("maybe")?.rules.nullable, true);
});

test("schemas a form cannot say are JSON, and references that never end do end", () => {
  assert.equal(formOf(undefined).kind, "json");
  assert.equal(formOf(true).kind, "json");
  assert.equal(formOf({ type: ["string", "number"] }).kind, "json");
  assert.equal(formOf({ type: "object", additionalProperties: { type: "string" } }).kind, "json");
  const endless = { type: "object", properties: { next: { $ref: "#" } } };
  assert.equal(formOf(endless).kind, "object");
  assert.equal(formOf({ $ref: "#/a", a: { $ref: "#/a" } }).kind, "json");
});

test("defaults are there, what nobody typed is left out", () => {
  const outcome = valueOf(form, typed({ total: "12.5", customer: { email: "a@b.c", age: "" } }), "input");
  assert.deepEqual(outcome, { value: { total: 12.5, customer: { email: "a@b.c" }, count: 2, size: 1 }, problems: [] });
});

test("everything typed arrives with its type", () => {
  const draft = typed({ total: " 1e3 ", customer: { email: "x" }, count: "0", express: false, size: "2", tags: ["a", "b"], extra: '{"deep": [1]}', note: "0", maybe: "m" });
  assert.deepEqual(valueOf(form, draft, "input").value, { total: 1000, customer: { email: "x" }, count: 0, express: false, size: null, tags: ["a", "b"], extra: { deep: [1] }, note: "0", maybe: "m" });
});

test("what is wrong is named by the path the server would use", () => {
  const draft = typed({ total: "much", customer: { age: "1.5" }, count: "9007199254740993", tags: ["a", ""], extra: "{" });
  const paths = valueOf(form, draft, "input").problems.map((problem) => problem.field).sort();
  assert.deepEqual(paths, ["input.count", "input.customer.age", "input.customer.email", "input.extra", "input.tags[1]", "input.total"]);
  assert.equal(childPath("input", "a b"), 'input["a b"]');
});

test("an optional object nobody began is left out, one that was begun needs its fields", () => {
  const inner = formOf({ type: "object", properties: { who: { type: "object", required: ["id"], properties: { id: { type: "string" }, name: { type: "string" } } } } });
  assert.deepEqual(valueOf(inner, draftOf(inner), "input"), { value: {}, problems: [] });
  assert.deepEqual(valueOf(inner, { who: { id: "", name: "Ada" } }, "input").problems.map((problem) => problem.field), ["input.who.id"]);
});

test("a form goes to JSON and back", () => {
  const value = { total: 3, customer: { email: "x", age: 4 }, tags: ["t"], size: "s" };
  assert.deepEqual(valueOf(form, draftOf(form, value), "input").value, { ...value, count: 2 });
});

test("fields named like parts of objects are fields", () => {
  const odd = formOf({ type: "object", properties: { constructor: { type: "string" }, toString: { type: "integer" } } });
  assert.deepEqual(odd.fields.map((each) => each.name), ["constructor", "toString"]);
  assert.deepEqual(valueOf(odd, draftOf(odd), "input").value, {});
});

test("JSON that is none says so, an empty box is no input", () => {
  const json = formOf({});
  assert.deepEqual(valueOf(json, "", "input"), { problems: [] });
  assert.equal(valueOf(json, "{", "input").problems.length, 1);
  assert.deepEqual(valueOf(json, "null", "input").value, null);
});
