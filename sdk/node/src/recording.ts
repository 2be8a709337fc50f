/** What a history says a run's code has asked for so far: the yardstick of its replay. Must not run the code. */

import { attributesOf, signOfEvent, type Sign } from "./commands.js";
import type { Event } from "./v1/stellwerk/v1/run.js";

const ENDED: ReadonlySet<string> = new Set(["STEP_SUCCEEDED", "STEP_FAILED", "STEP_CANCELLED"]);

/** Read once, before the first event is fed. */
export class Recording {
  /** Commands in the order the code gave them, without cancels and local steps. */
  readonly signs: Sign[] = [];
  /** Local steps that have ended. */
  readonly ran = new Set<string>();
  /** Steps a fork has taken over, with their outputs. */
  readonly kept = new Map<string, Event>();
  /** Steps that have ended or were cancelled: to cancel them would change nothing. */
  readonly over = new Set<string>();
  /** The largest sequence a recorded decision had seen; 0 when there was none. */
  readonly decided: number = 0;

  constructor(events: readonly Event[]) {
    for (const event of events) {
      const sign = signOfEvent(event);
      if (sign !== undefined) this.signs.push(sign);
      if (event.type === "STEP_KEPT") this.kept.set(event.step, event);
      else if (event.type === "STEP_RAN") this.ran.add(event.step);
      else if (ENDED.has(event.type)) this.over.add(event.step);
      this.decided = Math.max(this.decided, decisionOf(event));
    }
  }
}

/** What the decision behind an event had seen; 0 when there is none behind it. */
function decisionOf(event: Event): number {
  return event.attributes.includes('"decision"') ? Number(attributesOf(event)["decision"] ?? 0) : 0;
}
