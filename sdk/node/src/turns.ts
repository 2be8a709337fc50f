/**
 * Lets the code of many runs go on together: one event each, then one turn of the event loop for all of them.
 *
 * Must not know what an event means or where it comes from.
 */

import { blame, ignoreAll } from "./forgiveness.js";
import type { Replayer } from "./replayer.js";
import type { Event } from "./v1/stellwerk/v1/run.js";

/** A run that is fed. */
export interface Fed {
  /** Undefined when there is nothing to be fed after all. */
  readonly replayer: Replayer | undefined;
  readonly events: readonly Event[];
  /** It shares its turns with nobody, so that what it does there is its own doing. */
  readonly alone: boolean;
  /** Told when all is fed and the code can go no further. */
  done(): void;
}

/** Who watches for turns that do not end. */
export interface TurnWatch<Run extends Fed> {
  begin(runs: readonly Run[]): void;
  end(): void;
}

/** Runs that are fed now. */
export class Turns<Run extends Fed = Fed> {
  readonly #watch: TurnWatch<Run> | undefined;
  readonly #places = new Map<Run, number>();
  #turn: Run[] = [];
  #due = false;

  constructor(watch?: TurnWatch<Run>) {
    this.#watch = watch;
  }

  /** Feed a run its events, beginning with the next turn. */
  feed(run: Run): void {
    this.#places.set(run, 0);
    this.#schedule();
  }

  /** Feed a run no further; nobody is told. */
  forget(run: Run): void {
    this.#places.delete(run);
  }

  /** Both are put in one row at once, so that between them only the code itself runs. */
  #schedule(): void {
    if (this.#due) return;
    this.#due = true;
    setImmediate(() => {
      this.#begin();
    });
    setImmediate(() => {
      this.#end();
    });
  }

  #begin(): void {
    this.#turn = this.#next();
    this.#watch?.begin(this.#turn);
    ignoreAll();
    for (const run of this.#turn) this.#feed(run);
  }

  #end(): void {
    blame();
    this.#watch?.end();
    this.#due = false;
    for (const run of this.#turn) {
      run.replayer?.drained();
      const place = this.#places.get(run);
      if (place === undefined || place < run.events.length) continue;
      this.#places.delete(run);
      run.done();
    }
    this.#turn = [];
    if (this.#places.size > 0) this.#schedule();
  }

  #next(): Run[] {
    const runs = [...this.#places.keys()];
    const alone = runs.find((run) => run.alone);
    return alone === undefined ? runs : [alone];
  }

  /** Up to the next event that lets the code go on. */
  #feed(run: Run): void {
    let place = this.#places.get(run) ?? 0;
    for (; place < run.events.length; place++) {
      const event = run.events[place];
      if (event === undefined || run.replayer?.feed(event) !== true) continue;
      place += 1;
      break;
    }
    this.#places.set(run, place);
  }
}
