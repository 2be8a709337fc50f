/**
 * Looks for what JSON cannot say in a value, in one walk, before JSON.stringify would drop or mangle it silently.
 *
 * Must not write anything. The path of a problem is put together on the way back, so that a good value costs no text.
 */

// The least of what the three languages can read back.
const DEPTH_MAX = 1_000;
const WITHOUT_FORM = [Map, Set, WeakMap, WeakSet, Promise];

/** What is wrong and where: the path below the value (".a[3]"). */
export interface Problem {
  readonly path: string;
  readonly why: string;
  readonly tooDeep?: boolean;
}

/** One check of one value; afterwards `sawBigInt` says whether JSON.stringify would refuse it. */
export class Checker {
  sawBigInt = false;

  /** The first problem of a value, if it has one. */
  check(value: unknown, depth: number): Problem | undefined {
    switch (typeof value) {
      case "string":
        return value.isWellFormed() ? undefined : { path: "", why: "its text is not valid Unicode" };
      case "number":
        return Number.isFinite(value) ? undefined : { path: "", why: `${value} is not JSON` };
      case "object":
        return value === null ? undefined : this.#object(value, depth);
      case "bigint":
        this.sawBigInt = true;
        return undefined;
      case "function":
      case "symbol":
        return { path: "", why: `a ${typeof value} has no JSON form` };
      default:
        return undefined;
    }
  }

  #object(value: object, depth: number): Problem | undefined {
    if (depth >= DEPTH_MAX) return { path: "", why: "it is nested too deep", tooDeep: true };
    if (Array.isArray(value)) return this.#items(value, depth);
    const prototype: unknown = Object.getPrototypeOf(value);
    if (prototype !== Object.prototype && prototype !== null) {
      if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) {
        return { path: "", why: "bytes travel only as the whole value, not inside JSON" };
      }
      if (WITHOUT_FORM.some((kind) => value instanceof kind)) {
        return { path: "", why: `a ${value.constructor.name} has no JSON form` };
      }
    }
    if ("toJSON" in value && typeof value.toJSON === "function") {
      return this.check((value.toJSON as () => unknown)(), depth + 1);
    }
    return this.#properties(value, depth);
  }

  #items(items: readonly unknown[], depth: number): Problem | undefined {
    for (let index = 0; index < items.length; index++) {
      const problem = this.check(items[index], depth + 1);
      if (problem !== undefined) return below(`[${index}]`, problem);
    }
    return undefined;
  }

  #properties(value: object, depth: number): Problem | undefined {
    for (const key of Object.keys(value)) {
      const problem = this.check((value as Record<string, unknown>)[key], depth + 1);
      if (problem !== undefined) return below(`.${key}`, problem);
      if (!key.isWellFormed()) return { path: "", why: "its text is not valid Unicode" };
    }
    return undefined;
  }
}

/** Where a value that is too deep contains itself, if that is why. */
export function circle(value: unknown): Problem | undefined {
  return new CircleFinder().find(value);
}

/** Looks at each object once, however many ways lead to it. */
class CircleFinder {
  readonly #above = new Set<unknown>();
  readonly #done = new Set<unknown>();

  find(value: unknown): Problem | undefined {
    if (typeof value !== "object" || value === null || this.#done.has(value)) return undefined;
    if (this.#above.has(value)) return { path: "", why: "it contains itself" };
    if (this.#above.size > DEPTH_MAX) return undefined;
    this.#above.add(value);
    for (const [key, child] of Object.entries(value)) {
      const found = this.find(child);
      if (found !== undefined) return below(Array.isArray(value) ? `[${key}]` : `.${key}`, found);
    }
    this.#above.delete(value);
    this.#done.add(value);
    return undefined;
  }
}

/** Longer paths help nobody: of a value that is too deep the place is the whole value. */
function below(step: string, problem: Problem): Problem {
  return problem.tooDeep ? problem : { path: step + problem.path, why: problem.why };
}
