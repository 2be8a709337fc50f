// The code workflow of the conformance cases: it runs the program it gets as input.
// Must not know any case, nor do anything but through ctx: tests/conformance/README.md says what a program may say.

import { appendFileSync, existsSync } from "node:fs";
import { join } from "node:path";

import { RunCancelled, StepFailed } from "stellwerk";

import { breaks } from "./breaking.mjs";
import { dieOnce, Local } from "./local.mjs";
import { fail, MAKE } from "./programs.mjs";

/** What a block of ops sees: the outcomes kept so far, and which turn of a loop it is. */
class Scope {
  constructor(outcomes = [], turn = null) {
    this.outcomes = outcomes;
    this.turn = turn;
  }

  inner(turn = this.turn) {
    return new Scope([...this.outcomes], turn);
  }

  keep(value) {
    this.outcomes.push({ ok: value ?? null });
  }

  get last() {
    return this.outcomes.at(-1)?.ok ?? null;
  }
}

/** What the runs of one worker share: where latches and notes are, the queue of its steps, its build. */
export class Decider {
  constructor(folder, { queue, build }) {
    this.folder = folder;
    this.queue = queue;
    this.build = build;
    this.local = new Local(folder);
  }

  /** The workflow's code. */
  async decide(ctx, program) {
    const ended = await new Code(ctx, program, this).allOf(program.do, new Scope());
    return ended?.value ?? null;
  }
}

/** One life of one run. */
class Code {
  #ctx;
  #program;
  #decider;
  #begun = new Map();
  #caught = [];

  constructor(ctx, program, decider) {
    this.#ctx = ctx;
    this.#program = program;
    this.#decider = decider;
  }

  /** Run the ops in order; gives the value of the one that ends the code, as `{ value }`. */
  async allOf(ops, scope) {
    for (const op of ops) {
      if (CALLS.has(op.op)) await this.#kept(op, scope);
      else if (VALUES.has(op.op)) return { value: this.#value(op, scope) };
      else if (FACTS[op.op] !== undefined) scope.keep(FACTS[op.op](this.#ctx, op));
      else {
        const ended = await this.#doing(op, scope);
        if (ended !== undefined) return ended;
      }
    }
    return undefined;
  }

  /** Wait for the call and keep what it gives; `caught` keeps an error, too. */
  async #kept(op, scope) {
    try {
      scope.keep(await this.#asked(op, scope));
    } catch (error) {
      if (!op.caught || error instanceof RunCancelled) throw error;
      scope.outcomes.push({ error: described(error) });
    }
  }

  /** The value of a block: what it returns, else its last outcome's. */
  async #block(ops, scope) {
    const ended = await this.allOf(ops, scope);
    return ended === undefined ? scope.last : ended.value;
  }

  /** What ctx gives for a call that is waited for. */
  #asked(op, scope) {
    const ctx = this.#ctx;
    switch (op.op) {
      case "step": {
        const options = { ...given(op, "name", "priority", "retry", "timeout"), queue: op.queue ?? this.#decider.queue };
        return ctx.step(op.action ?? "perform", this.#input(op, scope), options);
      }
      case "run": {
        const value = this.#filled(op, scope);
        return ctx.run(op.name, this.#decider.local.performed(ctx.runId, op, value), given(op, "retry"));
      }
      case "sleep":
        return ctx.sleep(op.s * 1_000);
      case "wait_signal":
        return ctx.waitSignal(op.name, op.timeout_s === undefined ? {} : { timeout: op.timeout_s * 1_000 });
      case "child":
        return ctx.child(op.workflow, this.#input(op, scope), given(op, "name", "parent_close", "retry"));
      case "gather":
        return this.#gather(op, scope);
      case "select":
        return this.#select(op, scope);
      default:
        return this.#begun.get(op.as);
    }
  }

  #gather(op, scope) {
    const turns = op.times === undefined ? [scope.turn] : Array.from({ length: op.times }, (_, turn) => turn);
    return Promise.all(turns.flatMap((turn) => op.of.map((ops) => this.#block(ops, scope.inner(turn)))));
  }

  async #select(op, scope) {
    const calls = op.of.map((call) => this.#asked(call, scope));
    const [index, value] = await this.#ctx.select(calls);
    if (op.cancel) for (const [place, call] of calls.entries()) if (place !== index) call.cancel();
    return [index, value ?? null];
  }

  /** What keeps nothing. */
  async #doing(op, scope) {
    const ctx = this.#ctx;
    switch (op.op) {
      case "note":
        if (op.always || !ctx.replaying) {
          appendFileSync(join(this.#decider.folder, "notes"), `node ${ctx.runId} $code 0 ${op.text}\n`);
        }
        return undefined;
      case "log":
        return void ctx.logger.warn(op.text);
      case "publish":
        return void ctx.publish(op.key, this.#filled(op, scope));
      case "attributes":
        return void ctx.setAttributes(op.values);
      case "continue_as_new":
        return await ctx.continueAsNew(this.#input(op, scope), given(op, "workflow"));
      case "begin":
        return void this.#begun.set(op.as, this.#asked(op.of, scope.inner()));
      case "give_up":
        return void this.#begun.get(op.as).cancel();
      case "die":
        return void dieOnce(join(this.#decider.folder, op.once));
      case "break":
        return void scope.outcomes.push(...(await breaks(op, ctx)));
      default:
        return await this.#branching(op, scope);
    }
  }

  /** What decides which ops come next. */
  async #branching(op, scope) {
    switch (op.op) {
      case "fail":
        return fail(op);
      case "rethrow":
        throw this.#caught.at(-1);
      case "try":
        return await this.#try(op, scope);
      case "loop":
        return await this.#loop(op, scope);
      case "build":
        return await this.allOf(this.#decider.build === op.is ? op.do : (op.else ?? []), scope);
      case "if":
        return await this.allOf(existsSync(join(this.#decider.folder, op.latch)) ? op.do : (op.else ?? []), scope);
      default:
        throw new TypeError(`op: expected one the README names, came '${op.op}'`);
    }
  }

  async #try(op, scope) {
    try {
      return await this.allOf(op.do, scope);
    } catch (error) {
      const ops = error instanceof RunCancelled ? op.cancelled : op.catch;
      if (ops === undefined) throw error;
      this.#caught.push(error);
      scope.outcomes.push({ error: described(error) });
      return await this.allOf(ops, scope);
    } finally {
      await this.allOf(op.finally ?? [], scope);
    }
  }

  async #loop(op, scope) {
    const values = [];
    for (let turn = 0; turn < op.times; turn++) {
      const inner = scope.inner(turn);
      const ended = await this.allOf(op.do, inner);
      if (ended !== undefined) return ended;
      values.push(inner.last);
    }
    scope.keep(op.quiet ? null : values);
    return undefined;
  }

  #value(op, scope) {
    switch (op.op) {
      case "return":
        return this.#filled(op, scope);
      case "echo":
        return this.#program.value ?? null;
      case "make":
        return MAKE[op.kind](Number(op.size ?? 0));
      default:
        return scope.outcomes;
    }
  }

  /** The input of a step, a child or the next run. */
  #input(op, scope) {
    if (op.make !== undefined) return MAKE[op.make](Number(op.size ?? 0));
    return op.do === undefined ? (op.input ?? null) : { do: op.do, value: this.#filled(op, scope) };
  }

  /** The op's `value` with what `=…` stands for. */
  #filled(op, scope) {
    const names = { value: this.#program.value ?? null, i: scope.turn, run_id: this.#ctx.runId };
    return filled(op.value ?? null, names, scope.outcomes);
  }
}

const CALLS = new Set(["step", "run", "sleep", "wait_signal", "child", "gather", "select", "finish"]);
const VALUES = new Set(["return", "echo", "make", "outcomes"]);

/** What is known at once. */
const FACTS = {
  now: (ctx) => ctx.now().getTime(),
  random: (ctx) => ctx.random(),
  uuid: (ctx) => ctx.uuid(),
  patched: (ctx, op) => ctx.patched(op.id),
  context: ({ runId, workflow, parent, cancelled, trace }) => {
    return { run_id: runId, workflow, parent: parent ?? null, cancelled, trace };
  },
};

/** Those of the op's fields that are there, in Node's terms: `initial_s` is `initial`, in milliseconds. */
function given(op, ...names) {
  const there = names.filter((name) => op[name] !== undefined);
  return Object.fromEntries(there.map((name) => [camel(name), camelled(op[name])]));
}

function camelled(options) {
  if (typeof options !== "object" || options === null) return options;
  const fields = Object.entries(options).map(([name, value]) => {
    return name.endsWith("_s") ? [name.slice(0, -2), value * 1_000] : [camel(name), value];
  });
  return Object.fromEntries(fields);
}

const camel = (name) => name.replace(/_(\w)/g, (_, letter) => letter.toUpperCase());

/** The value with `=0.path`, `=value.path`, `=i` and `=run_id` replaced, wherever they stand. */
function filled(value, names, outcomes) {
  if (Array.isArray(value)) return value.map((child) => filled(child, names, outcomes));
  if (typeof value === "object" && value !== null) {
    return Object.fromEntries(Object.entries(value).map(([key, child]) => [key, filled(child, names, outcomes)]));
  }
  if (typeof value !== "string" || !value.startsWith("=")) return value;
  const [first, ...path] = value.slice(1).split(".");
  const found = /^\d+$/.test(first) ? (outcomes[Number(first)].ok ?? null) : names[first];
  return path.reduce((child, part) => child[part], found);
}

/** The error as an outcome holds it. */
function described(error) {
  if (error instanceof RunCancelled) return { kind: "Cancelled", message: "" };
  const found = { kind: error.constructor.name, message: error.message };
  if (!(error instanceof StepFailed)) return found;
  const { step, attempt, type, message, category, details, cause } = error;
  const deeper = cause && { type: cause.type, message: cause.message };
  return { ...found, failure: { step, attempt, type, message, category, details: details ?? null, cause: deeper ?? null } };
}
